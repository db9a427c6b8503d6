"""What is known of an account in every audience about accounts, and what is read for it.

`sql/facts/account_facts.sql` makes it, once for all of them.
"""

from automation_pipelines.catalogue.audiences.shared import CURRENCY, NAMES, customers_of
from automation_pipelines.catalogue.types import Column, Read, Type

ACCOUNT = (
    "id",
    "tenant_id",
    "name",
    "industry",
    "size",
    "arr",
    "currency",
    "health_score",
    "churn_risk",
    "status",
    "owner_id",
    "csm_id",
    "customer_id",
    "product_name",
    "contract_ends_on",
    "next_meeting_at",
    "created_at",
)
ENGAGEMENT = (
    "id",
    "tenant_id",
    "account_id",
    "customer_id",
    "user_id",
    "type",
    "status",
    "outcome",
    "at",
)
GOAL = ("id", "tenant_id", "account_id", "title", "status", "due_on", "created_at")
_CONTACT = (
    "id",
    "tenant_id",
    "account_id",
    "name",
    "first_name",
    "email",
    "phone",
    "role",
    "locale",
    "time_zone",
    "email_opt_out",
    "active",
)
ACCOUNT_COLUMNS = (
    Column("account_id", Type.ID, "The account."),
    Column("account_key", Type.TEXT, "The account's key as the CRM writes it."),
    Column("account_name", Type.TEXT, "Name of the company.", variable="account.name"),
    Column("industry", Type.TEXT, "Industry.", variable="account.industry"),
    Column("size", Type.INTEGER, "Employees.", variable="account.size"),
    Column("arr", Type.MONEY, "Annual recurring revenue, minor units.", variable="account.arr"),
    CURRENCY,
    Column("health_score", Type.INTEGER, "0 (poor) to 100, now.", variable="account.health_score"),
    Column("churn_risk", Type.INTEGER, "0 to 100 (about to leave), now.", variable="account.churn_risk"),
    Column(
        "account_status",
        Type.TEXT,
        "trial, onboarding, active, at_risk or churned, now.",
        variable="account.status",
    ),
    Column("product_name", Type.TEXT, "What they bought."),
    Column("contract_ends_on", Type.DATE, "Last day of the contract."),
    Column("account_created_at", Type.INSTANT, "When the account was opened."),
    Column("last_engagement_at", Type.INSTANT, "The last contact that took place."),
    Column(
        "last_engagement_type",
        Type.TEXT,
        "meeting, call, email, support or training.",
        variable="engagement.last_engagement_type",
    ),
    Column("last_engagement_outcome", Type.TEXT, "positive, neutral, negative or no_response."),
    Column(
        "last_meeting_date",
        Type.DATE,
        "Day of the last meeting that took place, tenant's zone.",
        variable="engagement.last_meeting_date",
    ),
    Column(
        "next_meeting_date",
        Type.DATE,
        "Day of the next meeting agreed, tenant's zone.",
        variable="engagement.next_meeting_date",
    ),
    Column("days_silent", Type.INTEGER, "Whole days since the last contact; null: there was none."),
    Column("engagements_30_days", Type.INTEGER, "Contacts that took place in the last 30 days."),
    Column("engagements_90_days", Type.INTEGER, "Contacts that took place in the last 90 days."),
    Column("missed_90_days", Type.INTEGER, "Contacts missed in the last 90 days."),
    Column("negative_90_days", Type.INTEGER, "Contacts that went badly in the last 90 days."),
    Column("goals_active", Type.INTEGER, "Goals under way.", variable="goals.active"),
    Column("goals_completed", Type.INTEGER, "Goals achieved.", variable="goals.completed"),
    Column("goals_at_risk", Type.INTEGER, "Goals at risk.", variable="goals.at_risk"),
    Column("goals_missed", Type.INTEGER, "Goals missed.", variable="goals.missed"),
    Column(
        "contact_name", Type.TEXT, "Full name of the main contact.", personal=True, variable="contact.name"
    ),
    Column(
        "contact_email", Type.TEXT, "Address of the main contact.", personal=True, variable="contact.email"
    ),
    Column("contact_role", Type.TEXT, "Position of the main contact.", variable="contact.role"),
    *NAMES,
)

KNOWN = (
    Read("engagements", ENGAGEMENT, of=("accounts", "id"), by="account_id"),
    Read("goals", GOAL, of=("accounts", "id"), by="account_id"),
    Read("contacts", _CONTACT, of=("accounts", "id"), by="account_id"),
    *customers_of("accounts"),
)
"""What belongs to the accounts that an audience reads."""
