"""The sources of customer success: accounts, what happens with them, and who to talk to there."""

from automation_pipelines.catalogue.shared import TENANT, UPDATED, key
from automation_pipelines.catalogue.types import Column, Format, Source, Type

_ACCOUNT = key("account_id", "accounts")

ACCOUNTS = Source(
    "accounts",
    "one company that is a customer",
    (
        key("id"),
        TENANT,
        Column("name", Type.TEXT, "Name of the company.", required=True),
        Column("industry", Type.TEXT, "Industry, free text."),
        Column("size", Type.INTEGER, "Employees."),
        Column("arr", Type.MONEY, "Annual recurring revenue, minor units."),
        Column("currency", Type.TEXT, "ISO 4217 code of `arr`."),
        Column("health_score", Type.INTEGER, "0 (poor) to 100.", between=(0, 100)),
        Column("churn_risk", Type.INTEGER, "0 to 100 (about to leave).", between=(0, 100)),
        Column(
            "status",
            Type.TEXT,
            "Where the relationship stands.",
            required=True,
            values=("trial", "onboarding", "active", "at_risk", "churned"),
        ),
        key("owner_id", "users", required=False, doc="The account owner."),
        key("csm_id", "users", required=False, doc="The customer-success manager."),
        key("customer_id", "customers", required=False, doc="The main contact, if it is a customer."),
        Column("product_name", Type.TEXT, "What they bought."),
        Column("contract_ends_on", Type.DATE, "Last day of the contract."),
        Column("next_meeting_at", Type.INSTANT, "The next meeting agreed."),
        Column("created_at", Type.INSTANT, "When the account was opened.", required=True),
        UPDATED,
    ),
    watermark="updated_at",
    track=("health_score", "churn_risk", "status"),
    optional=True,
)

ENGAGEMENTS = Source(
    "engagements",
    "one meeting, call or other contact with an account",
    (
        key("id"),
        TENANT,
        _ACCOUNT,
        key("customer_id", "customers", required=False, doc="The customer it was with, if known."),
        key("user_id", "users", required=False, doc="The member of staff who held it."),
        Column(
            "type",
            Type.TEXT,
            "What it was.",
            required=True,
            values=("meeting", "call", "email", "support", "training"),
        ),
        Column(
            "status",
            Type.TEXT,
            "Whether it took place.",
            required=True,
            values=("scheduled", "completed", "missed", "cancelled"),
        ),
        Column(
            "outcome",
            Type.TEXT,
            "How it went; null while nobody said.",
            values=("positive", "neutral", "negative", "no_response"),
        ),
        Column("at", Type.INSTANT, "When it takes or took place.", required=True),
        UPDATED,
    ),
    watermark="updated_at",
    optional=True,
)

GOALS = Source(
    "goals",
    "one goal agreed with an account",
    (
        key("id"),
        TENANT,
        _ACCOUNT,
        Column("title", Type.TEXT, "What is to be reached.", required=True),
        Column(
            "status",
            Type.TEXT,
            "How it stands.",
            required=True,
            values=("active", "achieved", "missed", "at_risk"),
        ),
        Column("due_on", Type.DATE, "By when."),
        Column("created_at", Type.INSTANT, "When it was agreed.", required=True),
        UPDATED,
    ),
    watermark="updated_at",
    track=("status",),
    optional=True,
)

CONTACTS = Source(
    "contacts",
    "one person to write to at an account",
    (
        key("id"),
        TENANT,
        _ACCOUNT,
        Column("name", Type.TEXT, "Full name.", personal=True),
        Column("first_name", Type.TEXT, "Given name used in greetings.", personal=True),
        Column("email", Type.TEXT, "E-mail address as entered.", personal=True),
        Column("phone", Type.TEXT, "Phone number as entered.", personal=True),
        Column("role", Type.TEXT, "What they do there, free text."),
        Column("locale", Type.TEXT, "BCP 47 tag; null: the tenant's."),
        Column("time_zone", Type.TEXT, "IANA zone; null: the tenant's.", format=Format.TIME_ZONE),
        Column("email_opt_out", Type.BOOLEAN, "True: no marketing e-mail.", required=True),
        Column("active", Type.BOOLEAN, "False: left the company; gets nothing.", required=True),
    ),
    optional=True,
)
