"""The sources kept in the automation database: what the system saw change, was told, and did."""

from automation_pipelines.catalogue.shared import TENANT, key
from automation_pipelines.catalogue.types import Column, Keeper, Source, Type

_CAMPAIGN = Column("campaign", Type.TEXT, "The `id` of the campaign.", required=True)

CHANGES = Source(
    "changes",
    "one value of a tracked column of a source that differs from the last one seen",
    (
        key("id"),
        TENANT,
        Column("source", Type.TEXT, "The source whose row changed.", required=True),
        key("row_id", doc="Key of the row that changed."),
        Column("column", Type.TEXT, "The column that changed.", required=True),
        Column("old", Type.TEXT, "The value before."),
        Column("new", Type.TEXT, "The value since."),
        Column(
            "at",
            Type.INSTANT,
            "When the CRM wrote the row; where it does not say, when the change was seen.",
            required=True,
        ),
    ),
    watermark="at",
    origin=Keeper.LEDGER,
)

INTERVENTIONS = Source(
    "interventions",
    "one order about one subject of a campaign, given by a person",
    (
        key("id"),
        TENANT,
        _CAMPAIGN,
        key("subject_id", doc="The subject it is about."),
        Column("occurrence", Type.INTEGER, "Which time, as in the key of a job; null: every time."),
        Column(
            "kind", Type.TEXT, "What was ordered.", required=True, values=("start", "pause", "resume", "stop")
        ),
        Column("at", Type.INSTANT, "When.", required=True),
        Column("by", Type.TEXT, "Who ordered it.", personal=True),
    ),
    watermark="at",
    origin=Keeper.LEDGER,
)

MESSAGE_EVENTS = Source(
    "message_events",
    "one thing that became of a message; that it was sent is one of them",
    (
        key("id"),
        TENANT,
        key("customer_id", "customers", required=False, doc="The customer it went to, if any."),
        key("subject_id", required=False, doc="The subject of the message."),
        _CAMPAIGN,
        Column("step", Type.TEXT, "The `id` of the step.", required=True),
        Column("channel", Type.TEXT, "How it went.", required=True),
        Column("purpose", Type.TEXT, "marketing, transactional or internal.", required=True),
        Column("type", Type.TEXT, "sent, delivered, opened, clicked, replied and so on.", required=True),
        Column("machine", Type.BOOLEAN, "True: a program did it, such as a mail scanner."),
        Column("at", Type.INSTANT, "When.", required=True),
    ),
    watermark="at",
    origin=Keeper.LEDGER,
)
