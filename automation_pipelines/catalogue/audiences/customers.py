"""The audiences of customers: who they are, what day it is for them, where they stand, what they heard.

Those who fell silent are in `silence`.
"""

from automation_pipelines.catalogue.audiences.shared import (
    CONTACT,
    NAMES,
    PROFILE,
    PROFILE_COLUMNS,
    customers_of,
)
from automation_pipelines.catalogue.types import (
    Among,
    Anchor,
    Audience,
    Column,
    Grain,
    InRange,
    OnMonthDay,
    Predicate,
    Read,
    Type,
)

_CREATED_AT = Column("created_at", Type.INSTANT, "When they were added.")


def some_customers(*more: str, where: tuple[Predicate, ...] = ()) -> Read:
    """Customers with what their audiences tell of them."""
    return Read("customers", (*CONTACT, *PROFILE, "created_at", *more), where)


CUSTOMERS = Audience(
    "customers",
    "a customer: the segment of a broadcast, which brings its own schedule",
    subject="customers",
    anchor=Anchor.SCHEDULE,
    grain=Grain.DAY,
    reads=(some_customers(),),
    columns=(
        Column("customer_key", Type.TEXT, "The customer's key as the CRM writes it."),
        *PROFILE_COLUMNS,
        _CREATED_AT,
    ),
)

NEW_CUSTOMERS = Audience(
    "new_customers",
    "a customer; the moment they were added is the anchor, and it counts once whatever an import does to it",
    subject="customers",
    anchor=Anchor.INSTANT,
    grain=Grain.ONCE,
    reads=(some_customers(where=(InRange("created_at"),)),),
    columns=(*PROFILE_COLUMNS, _CREATED_AT),
)

BIRTHDAYS = Audience(
    "birthdays",
    "a customer and their birthday of a year; 29 February is observed on the day the settings say",
    subject="customers",
    anchor=Anchor.DATE,
    grain=Grain.YEAR,
    reads=(some_customers("birthday", where=(OnMonthDay("birthday"),)),),
    columns=(*PROFILE_COLUMNS, Column("age", Type.INTEGER, "Years completed on that day.")),
)

ANNIVERSARIES = Audience(
    "anniversaries",
    "a customer and the day of a year on which they became one",
    subject="customers",
    anchor=Anchor.DATE,
    grain=Grain.YEAR,
    reads=(some_customers(where=(OnMonthDay("created_at"),)),),
    columns=(*PROFILE_COLUMNS, Column("years", Type.INTEGER, "Whole years as a customer.")),
)

STAGE_ENTRIES = Audience(
    "stage_entries",
    "a customer entering a stage of the pipeline, also one they have left again; the entry is the anchor",
    subject="customers",
    anchor=Anchor.INSTANT,
    grain=Grain.INSTANT,
    reads=(
        Read(
            "changes",
            ("tenant_id", "source", "row_id", "column", "old", "new", "at"),
            (
                Among("source", ("customers",)),
                Among("column", ("pipeline_stage", "stage_entered_at")),
                # Whoever entered in a range left since it began.
                InRange("at", onwards=True),
            ),
        ),
        some_customers("stage_entered_at", where=(InRange("stage_entered_at"),)),
        Read(
            "customers",
            (*CONTACT, *PROFILE, "created_at", "stage_entered_at"),
            of=("changes", "row_id"),
        ),
    ),
    columns=(
        Column("stage", Type.TEXT, "The stage they entered."),
        Column("still_there", Type.BOOLEAN, "False: they have left it since."),
        Column("entered_at", Type.INSTANT, "When they entered it."),
        Column("left_at", Type.INSTANT, "When they left it, as far as that is known."),
        Column("days_in_stage", Type.INTEGER, "Whole days they have been, or were, in it."),
        *PROFILE_COLUMNS,
    ),
)

STARTED_CUSTOMERS = Audience(
    "started_customers",
    "a customer for whom somebody started a campaign by hand; that moment is the anchor",
    subject="customers",
    anchor=Anchor.INSTANT,
    grain=Grain.INSTANT,
    reads=(
        Read(
            "interventions",
            ("tenant_id", "campaign", "subject_id", "kind", "at"),
            (Among("kind", ("start",)), InRange("at")),
        ),
        Read("customers", (*CONTACT, *PROFILE, "created_at"), of=("interventions", "subject_id")),
    ),
    columns=(
        Column("campaign", Type.TEXT, "The campaign that was started for them."),
        Column("started_at", Type.INSTANT, "When."),
        *PROFILE_COLUMNS,
        _CREATED_AT,
    ),
)

MESSAGES_SENT = Audience(
    "messages_sent",
    "a message that went out about a customer; that moment is the anchor",
    subject="message_events",
    anchor=Anchor.INSTANT,
    grain=Grain.INSTANT,
    reads=(
        Read(
            "message_events",
            (
                "id",
                "tenant_id",
                "customer_id",
                "subject_id",
                "campaign",
                "step",
                "channel",
                "purpose",
                "type",
                "at",
            ),
            (Among("type", ("sent",)), InRange("at")),
        ),
        *customers_of("message_events"),
    ),
    columns=(
        Column("campaign", Type.TEXT, "The `id` of its campaign."),
        Column("step", Type.TEXT, "The `id` of its step."),
        Column("channel", Type.TEXT, "How it went."),
        Column("purpose", Type.TEXT, "marketing, transactional or internal."),
        Column("sent_at", Type.INSTANT, "When it went out."),
        *NAMES,
    ),
)

ABOUT_CUSTOMERS = (
    CUSTOMERS,
    NEW_CUSTOMERS,
    BIRTHDAYS,
    ANNIVERSARIES,
    STAGE_ENTRIES,
    STARTED_CUSTOMERS,
    MESSAGES_SENT,
)
