"""The optional sources around customers: what they did, allow and carry; staff's tasks; settings."""

from automation_pipelines.catalogue.shared import CUSTOMER, TENANT, key
from automation_pipelines.catalogue.types import Column, Source, Type

_BOOKING = key("booking_id", "bookings", required=False)
_SOMEBODY = key("customer_id", "customers", required=False, doc="The customer it concerns, if any.")

DOCUMENTS = Source(
    "documents",
    "one document a customer uploaded",
    (
        key("id"),
        TENANT,
        CUSTOMER,
        _BOOKING,
        Column("kind", Type.TEXT, "What it is, for example passport.", required=True),
        Column("uploaded_at", Type.INSTANT, "When it arrived.", required=True),
    ),
    watermark="uploaded_at",
    optional=True,
)

REVIEWS = Source(
    "reviews",
    "one review a customer wrote",
    (
        key("id"),
        TENANT,
        CUSTOMER,
        _BOOKING,
        Column("rating", Type.INTEGER, "Usually 1 to 5 stars."),
        Column("submitted_at", Type.INSTANT, "When it was submitted.", required=True),
    ),
    watermark="submitted_at",
    optional=True,
)

WALLET_PASSES = Source(
    "wallet_passes",
    "one pass in the wallet of a customer's phone",
    (
        key("id"),
        TENANT,
        CUSTOMER,
        Column("serial", Type.TEXT, "Serial number of the pass.", required=True, personal=True),
        Column("active", Type.BOOLEAN, "False: removed from the phone.", required=True),
        Column("installed_at", Type.INSTANT, "When the customer added it.", required=True),
        Column("updated_at", Type.INSTANT, "When the customer last used it or it was last renewed."),
    ),
    watermark="updated_at",
    optional=True,
)

CONSENTS = Source(
    "consents",
    "one statement of a customer on being written to; the latest per channel and topic holds",
    (
        key("id"),
        TENANT,
        CUSTOMER,
        Column(
            "channel",
            Type.TEXT,
            "The channel it is about.",
            required=True,
            values=("email", "sms", "whatsapp", "push", "wallet", "phone", "in_app"),
        ),
        Column("topic", Type.TEXT, "The topic it is about; empty or null: all topics."),
        Column(
            "state",
            Type.TEXT,
            "`pending`: asked to confirm (double opt-in) and not yet done.",
            required=True,
            values=("opted_in", "opted_out", "pending"),
        ),
        Column("at", Type.INSTANT, "When it was said.", required=True),
    ),
    watermark="at",
    optional=True,
)

TASKS = Source(
    "tasks",
    "one piece of work for a member of staff",
    (
        key("id"),
        TENANT,
        Column("title", Type.TEXT, "What is to be done.", required=True),
        Column("description", Type.TEXT, "More about it.", personal=True),
        key("assignee_id", "users", required=False, doc="Who is to do it."),
        _SOMEBODY,
        key("account_id", "accounts", required=False, doc="The account it concerns, if any."),
        Column("priority", Type.TEXT, "Urgency.", values=("low", "medium", "high")),
        Column("status", Type.TEXT, "Open until done.", required=True, values=("open", "done", "cancelled")),
        Column("due_on", Type.DATE, "By when."),
        Column("created_at", Type.INSTANT, "When it was created.", required=True),
    ),
    watermark="created_at",
    optional=True,
)

LEADS = Source(
    "leads",
    "one person who might become a customer",
    (
        key("id"),
        TENANT,
        key("customer_id", "customers", required=False, doc="The customer they became or already are."),
        Column("name", Type.TEXT, "Full name.", personal=True),
        Column("email", Type.TEXT, "E-mail address as entered.", personal=True),
        Column("origin", Type.TEXT, "Where they came from, free text."),
        Column("status", Type.TEXT, "For example new, contacted, qualified, converted, lost."),
        Column("created_at", Type.INSTANT, "When they were added.", required=True),
    ),
    watermark="created_at",
    optional=True,
)

TENANT_SETTINGS = Source(
    "tenant_settings",
    "one setting of one tenant, overriding that of the environment",
    (
        key("id"),
        TENANT,
        Column("name", Type.TEXT, "Name of the setting.", required=True),
        Column("value", Type.TEXT, "Its value, written as text."),
    ),
    optional=True,
)
