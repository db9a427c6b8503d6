"""The audiences: who is in scope of a campaign and what its steps count from.

Each has `sql/audiences/<name>.sql` and cases in `tests/cases/audiences/<name>.yaml`.
"""

from automation_pipelines.catalogue.types import (
    Among,
    Anchor,
    Audience,
    Column,
    Grain,
    InRange,
    OnMonthDay,
    Read,
    Type,
)

CONTACT = ("id", "tenant_id", "name", "first_name", "email", "locale", "time_zone", "email_opt_out")
"""What planning needs of the customer a message goes to."""

_PROFILE = ("segment", "country", "status", "lifetime_value")

_CUSTOMER_NAME = Column("customer_name", Type.TEXT, "Full name of the customer.", personal=True)
_AGENT_NAME = Column("agent_name", Type.TEXT, "Full name of the agent in charge.", personal=True)
_FIRST_NAME = Column("first_name", Type.TEXT, "Given name of the customer.", personal=True)
_PROFILE_COLUMNS = (
    Column("segment", Type.TEXT, "Marketing segment."),
    Column("country", Type.TEXT, "ISO 3166 alpha-2 code."),
    Column("status", Type.TEXT, "lead, active or past."),
    Column("lifetime_value", Type.MONEY, "Paid so far, minor units of the tenant's currency."),
)
_QUOTE_COLUMNS = (
    Column("number", Type.TEXT, "Number printed on the quote."),
    Column("destination", Type.TEXT, "What is offered."),
    Column("amount", Type.MONEY, "Total, minor units."),
    Column("currency", Type.TEXT, "ISO 4217 code."),
    Column("status", Type.TEXT, "sent or viewed."),
    Column("sent_at", Type.INSTANT, "When the customer got the quote."),
    Column("expires_at", Type.INSTANT, "Until when it holds."),
    _CUSTOMER_NAME,
    _AGENT_NAME,
)
_QUOTE_READ = (
    "id",
    "tenant_id",
    "customer_id",
    "agent_id",
    "number",
    "destination",
    "amount",
    "currency",
    "status",
    "sent_at",
    "expires_at",
)
_OPEN_QUOTE = Among("status", ("sent", "viewed"))

OPEN_QUERIES = Audience(
    "open_queries",
    "an unresolved enquiry; its deadline is the anchor",
    subject="queries",
    anchor=Anchor.INSTANT,
    grain=Grain.INSTANT,
    reads=(
        Read(
            "queries",
            (
                "id",
                "tenant_id",
                "customer_id",
                "agent_id",
                "title",
                "destination",
                "status",
                "priority",
                "escalation_level",
                "created_at",
                "sla_due_at",
            ),
            (Among("status", ("open", "in_progress")), InRange("sla_due_at")),
        ),
        Read("customers", CONTACT, of=("queries", "customer_id")),
    ),
    columns=(
        Column("title", Type.TEXT, "Subject line of the enquiry."),
        Column("destination", Type.TEXT, "Where the customer wants to go."),
        Column("priority", Type.TEXT, "low, normal, high or urgent."),
        Column("status", Type.TEXT, "open or in_progress."),
        Column("escalation_level", Type.INTEGER, "0-4 as the CRM has it now."),
        Column("sla_due_at", Type.INSTANT, "The deadline."),
        _CUSTOMER_NAME,
        _AGENT_NAME,
    ),
)

OPEN_QUOTES = Audience(
    "open_quotes",
    "a quote the customer has not answered; the day it was sent is the anchor",
    subject="quotes",
    anchor=Anchor.INSTANT,
    grain=Grain.ONCE,
    reads=(
        Read("quotes", _QUOTE_READ, (_OPEN_QUOTE, InRange("sent_at"))),
        Read("customers", CONTACT, of=("quotes", "customer_id")),
    ),
    columns=_QUOTE_COLUMNS,
)

EXPIRING_QUOTES = Audience(
    "expiring_quotes",
    "a quote the customer has not answered; its expiry is the anchor",
    subject="quotes",
    anchor=Anchor.INSTANT,
    grain=Grain.INSTANT,
    reads=(
        Read("quotes", _QUOTE_READ, (_OPEN_QUOTE, InRange("expires_at"))),
        Read("customers", CONTACT, of=("quotes", "customer_id")),
    ),
    columns=_QUOTE_COLUMNS,
)

BIRTHDAYS = Audience(
    "birthdays",
    "a customer and their birthday of a year; 29 February is observed on the day the settings say",
    subject="customers",
    anchor=Anchor.DATE,
    grain=Grain.YEAR,
    reads=(Read("customers", (*CONTACT, *_PROFILE, "birthday"), (OnMonthDay("birthday"),)),),
    columns=(_FIRST_NAME, *_PROFILE_COLUMNS, Column("age", Type.INTEGER, "Years completed on that day.")),
)

ANNIVERSARIES = Audience(
    "anniversaries",
    "a customer and the day of a year on which they became one",
    subject="customers",
    anchor=Anchor.DATE,
    grain=Grain.YEAR,
    reads=(Read("customers", (*CONTACT, *_PROFILE, "created_at"), (OnMonthDay("created_at"),)),),
    columns=(_FIRST_NAME, *_PROFILE_COLUMNS, Column("years", Type.INTEGER, "Whole years as a customer.")),
)

INACTIVE_CUSTOMERS = Audience(
    "inactive_customers",
    "a customer of a tenant that re-engages; the last activity is the anchor",
    subject="customers",
    anchor=Anchor.INSTANT,
    grain=Grain.DAY,
    reads=(
        Read(
            "customers",
            (*CONTACT, *_PROFILE, "created_at", "last_activity_at"),
            (InRange("last_activity_at"),),
        ),
    ),
    columns=(
        _FIRST_NAME,
        *_PROFILE_COLUMNS,
        Column("last_activity_on", Type.DATE, "Day of the last activity, tenant's zone."),
        Column("inactivity_days", Type.INTEGER, "The tenant's threshold."),
    ),
)

CUSTOMERS = Audience(
    "customers",
    "a customer: the segment of a broadcast, which brings its own schedule",
    subject="customers",
    anchor=Anchor.SCHEDULE,
    grain=Grain.DAY,
    reads=(Read("customers", (*CONTACT, *_PROFILE, "created_at")),),
    columns=(_FIRST_NAME, *_PROFILE_COLUMNS, Column("created_at", Type.INSTANT, "When they were added.")),
)

NEW_CUSTOMERS = Audience(
    "new_customers",
    "a customer; the moment they were added is the anchor, and it counts once whatever an import does to it",
    subject="customers",
    anchor=Anchor.INSTANT,
    grain=Grain.ONCE,
    reads=(Read("customers", (*CONTACT, *_PROFILE, "created_at"), (InRange("created_at"),)),),
    columns=(_FIRST_NAME, *_PROFILE_COLUMNS, Column("created_at", Type.INSTANT, "When they were added.")),
)

PAYMENTS_RECEIVED = Audience(
    "payments_received",
    "a payment that arrived; its instant is the anchor",
    subject="payments",
    anchor=Anchor.INSTANT,
    grain=Grain.INSTANT,
    reads=(
        Read(
            "payments",
            ("id", "tenant_id", "customer_id", "booking_id", "amount", "currency", "status", "paid_at"),
            (Among("status", ("paid",)), InRange("paid_at")),
        ),
        Read("customers", CONTACT, of=("payments", "customer_id")),
        Read("bookings", ("id", "tenant_id", "reference"), of=("payments", "booking_id")),
    ),
    columns=(
        Column("amount", Type.MONEY, "Amount, minor units."),
        Column("currency", Type.TEXT, "ISO 4217 code."),
        Column("paid_at", Type.INSTANT, "When it arrived."),
        Column("booking_reference", Type.TEXT, "Reference of the booking it pays for, if any."),
    ),
)

AUDIENCES: dict[str, Audience] = {
    audience.name: audience
    for audience in (
        OPEN_QUERIES,
        OPEN_QUOTES,
        EXPIRING_QUOTES,
        BIRTHDAYS,
        ANNIVERSARIES,
        INACTIVE_CUSTOMERS,
        CUSTOMERS,
        NEW_CUSTOMERS,
        PAYMENTS_RECEIVED,
    )
}
