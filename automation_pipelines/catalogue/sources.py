"""The canonical tables, listed. Each has one entry in a module beside this one.

One of the CRM has `sql/sources/<name>.sql`; adopting the system is editing those. One of the ledger is
read from the automation database in the same form. All instants are UTC, all money is integer minor
units of `currency`.
"""

from automation_pipelines.catalogue.contacting import (
    CONSENTS,
    DOCUMENTS,
    LEADS,
    REVIEWS,
    TASKS,
    TENANT_SETTINGS,
    WALLET_PASSES,
)
from automation_pipelines.catalogue.conversions import CONVERSIONS
from automation_pipelines.catalogue.recorded import CHANGES, INTERVENTIONS, MESSAGE_EVENTS
from automation_pipelines.catalogue.success import ACCOUNTS, CONTACTS, ENGAGEMENTS, GOALS
from automation_pipelines.catalogue.travel import (
    BOOKINGS,
    CUSTOMERS,
    EVENTS,
    PAYMENTS,
    QUERIES,
    QUOTES,
    TENANTS,
    USERS,
)
from automation_pipelines.catalogue.types import Keeper, Source

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        *(TENANTS, USERS, CUSTOMERS, QUERIES, QUOTES, BOOKINGS, PAYMENTS, EVENTS, CONVERSIONS),
        *(ACCOUNTS, ENGAGEMENTS, GOALS, CONTACTS),
        *(DOCUMENTS, REVIEWS, WALLET_PASSES, CONSENTS, TASKS, LEADS, TENANT_SETTINGS),
        *(CHANGES, INTERVENTIONS, MESSAGE_EVENTS),
    )
}
"""Every source; those that others refer to come first."""

CRM_SOURCES: dict[str, Source] = {
    name: source for name, source in SOURCES.items() if source.origin is Keeper.CRM
}
"""The sources that are read from the CRM."""

CRM_TABLES: dict[str, Source] = {name: source for name, source in CRM_SOURCES.items() if source.table is None}
"""Those with a table of their own; the others are selected from one of these."""
