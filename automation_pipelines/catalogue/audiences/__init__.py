"""The audiences: who is in scope of a campaign and what its steps count from, by group.

Each has `sql/audiences/<name>.sql` and cases in `tests/cases/audiences/<name>.yaml`.
"""

from automation_pipelines.catalogue.audiences.account_facts import ACCOUNT_COLUMNS
from automation_pipelines.catalogue.audiences.accounts import ABOUT_ACCOUNTS
from automation_pipelines.catalogue.audiences.customers import ABOUT_CUSTOMERS
from automation_pipelines.catalogue.audiences.sales import ABOUT_SALES
from automation_pipelines.catalogue.audiences.shared import CONTACT
from automation_pipelines.catalogue.audiences.silence import INACTIVE_CUSTOMERS
from automation_pipelines.catalogue.audiences.trips import ABOUT_TRIPS
from automation_pipelines.catalogue.types import Audience

__all__ = ["ACCOUNT_COLUMNS", "AUDIENCES", "CONTACT"]

AUDIENCES: dict[str, Audience] = {
    audience.name: audience
    for audience in (*ABOUT_SALES, *ABOUT_TRIPS, *ABOUT_CUSTOMERS, INACTIVE_CUSTOMERS, *ABOUT_ACCOUNTS)
}
