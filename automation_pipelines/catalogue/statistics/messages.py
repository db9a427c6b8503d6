"""What is known of each message, row by row: what other statistics are computed from."""

from automation_pipelines.catalogue.statistics.columns import CAMPAIGN, CHANNEL, DAY, STEP, TENANT, count
from automation_pipelines.catalogue.types import Column, Statistic, Type
from automation_pipelines.model import Purpose, Reason, State


def _first(name: str, doc: str) -> Column:
    return Column(name, Type.INSTANT, f"{doc} (the first time); null: never, as far as is known.")


def _whether(name: str, doc: str) -> Column:
    return Column(name, Type.BOOLEAN, doc, required=True)


MESSAGE_FACTS = Statistic(
    "message_facts",
    "a moment that the ledger settled, of the UTC day it was due: ids and times, nothing personal",
    (
        DAY,
        Column("job_id", Type.ID, "Number of the job in the ledger.", required=True),
        Column("occurrence", Type.INTEGER, "Which time this is: UTC whole minutes, by grain.", required=True),
        TENANT,
        CAMPAIGN,
        STEP,
        Column("variant", Type.TEXT, "Arm of the campaign's experiment; null: it has none."),
        Column("campaign_version", Type.INTEGER, "Version it was planned with.", required=True),
        Column("purpose", Type.TEXT, "What it is for.", required=True, values=tuple(map(str, Purpose))),
        CHANNEL,
        Column("subject_id", Type.ID, "Subject of the audience.", required=True),
        Column("recipient_id", Type.ID, "Member of staff; 0: the subject's own contact.", required=True),
        Column("customer_id", Type.ID, "The customer it is about; null: about none."),
        Column("state", Type.TEXT, "Where the job is.", required=True, values=tuple(map(str, State))),
        Column(
            "reason",
            Type.TEXT,
            "Why it is skipped: decided against when planned, or `expired` or `suppressed` before hand-off.",
            values=(*(str(reason) for reason in Reason if reason is not Reason.PLANNED), "expired"),
        ),
        Column("held_by", Type.TEXT, "What had held a moment that went stale."),
        count("attempts", "Hand-offs tried."),
        Column("tick_id", Type.ID, "The planning run.", required=True),
        Column("due_at", Type.INSTANT, "When it fell due.", required=True),
        Column("finished_at", Type.INSTANT, "When it was handed off, or given up; null: not yet."),
        Column("sender_domain", Type.TEXT, "Domain of an e-mail's From address."),
        Column("mailbox", Type.TEXT, "Provider of the receiver's mailbox: gmail, outlook, …, other."),
        _first("delivered_at", "When it reached the mailbox or phone"),
        _first("opened_at", "When a person opened it"),
        _first("clicked_at", "When a person clicked a link"),
        _whether("machine_opened", "Whether a scanner or prefetcher opened it."),
        _whether("machine_clicked", "Whether a scanner clicked in it."),
        _first("replied_at", "When it was answered"),
        _first("told_converted_at", "When an event said that it converted"),
        _first("bounced_at", "When it bounced"),
        Column("bounce", Type.TEXT, "The worst bounce told.", values=("hard", "block", "soft")),
        _first("complained_at", "When it was marked as spam"),
        _first("unsubscribed_at", "When the reader unsubscribed"),
        count("deferrals", "How often the receiver put it off."),
    ),
    key=("job_id",),
    inputs=("ledger", "events"),
    published=False,
)
