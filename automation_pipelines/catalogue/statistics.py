"""The statistics analysts get: one published table each, every column with its type and unit.

Each has `sql/stats/<name>.sql`. A count is a number of moments, jobs or enquiries, never of messages told
twice; columns that add up say so.
"""

from automation_pipelines.catalogue.types import Column, Statistic, Type
from automation_pipelines.model import SETTLED, Reason


def _count(name: str, doc: str) -> Column:
    return Column(name, Type.INTEGER, doc, required=True)


_DAY = Column("day", Type.DATE, "UTC day of `due_at`; the partition.", required=True)
_TENANT = Column("tenant_id", Type.ID, "The tenant; join `tenants` for its name.", required=True)
_CHANNEL = Column("channel", Type.TEXT, "How it went out: email, crm, ….", required=True)
_CAMPAIGN = (
    _TENANT,
    Column("campaign", Type.TEXT, "Id of the campaign.", required=True),
    Column("step", Type.TEXT, "Id of the step.", required=True),
    _CHANNEL,
)

_SKIPPED: dict[Reason, str] = {
    Reason.STALE: "first seen too late (`max_lateness`), held for no other reason before.",
    Reason.INACTIVE: "tenant inactive, or campaign paused or out of its validity.",
    Reason.WAITING: "a step they depend on is not final.",
    Reason.CONDITION: "the step's own condition does not hold.",
    Reason.NO_RECIPIENT: "nobody to send to, or no usable address.",
    Reason.SUPPRESSED: "the recipient opted out, or the address bounced or complained.",
    Reason.DUPLICATE: "the step was already planned for the subject recently.",
    Reason.SUPERSEDED: "a later step of the same subject was late as well and went instead.",
    Reason.HOLDOUT: "drawn into the control group that gets nothing.",
    Reason.MERGED: "said in the message of another row of the same person.",
    Reason.GUARDED: "held until somebody approves an unusually large day.",
    Reason.CAPPED: "the recipient's daily limit was taken by something more important.",
    Reason.LIMITED: "the campaign's maximum of executions was reached.",
}

_HOW = {True: "Moments settled for good", False: "Moments held, or gone stale while held"}

_COUNTS = (
    _count("moments", "Moments that fell due: `planned` + all `skipped_…`."),
    _count(
        "planned",
        "Moments that became jobs: `waiting` + `processing` + `sent` + `failed` + `unknown` + `cancelled`"
        " + `expired` + `withheld`.",
    ),
    *(_count(f"skipped_{reason}", f"{_HOW[reason in SETTLED]}: {doc}") for reason, doc in _SKIPPED.items()),
    _count("waiting", "Jobs not handed off yet, retries included."),
    _count("processing", "Jobs in the hands of a worker."),
    _count("sent", "Jobs the provider took responsibility for."),
    _count("failed", "Jobs refused for good or out of retries (state `dead`)."),
    _count("unknown", "Jobs whose worker died during hand-off and that nothing has proved since."),
    _count("cancelled", "Jobs cancelled by an operator or with their campaign."),
    _count("expired", "Jobs that could not be handed off before they expired."),
    _count("withheld", "Jobs whose recipient was suppressed between planning and hand-off."),
    *(
        _count(type_, f"Jobs with at least one event {type_}{more}.")
        for type_, more in (
            ("delivered", ""),
            ("opened", ""),
            ("clicked", ""),
            ("replied", ""),
            ("converted", ""),
            ("bounced", ", hard or soft"),
            ("complained", " (marked as spam)"),
            ("unsubscribed", ""),
        )
    ),
)

CAMPAIGN_DAILY = Statistic(
    "campaign_daily",
    "a UTC day, tenant, campaign, step and channel: what became of the moments due that day",
    (_DAY, *_CAMPAIGN, *_COUNTS),
    key=("day", "tenant_id", "campaign", "step", "channel"),
    inputs=("ledger", "events", "decisions", "settled"),
)

CAMPAIGN_TOTALS = Statistic(
    "campaign_totals",
    "a tenant, campaign, step and channel: the sums of `campaign_daily` over all days",
    (
        *_CAMPAIGN,
        Column("first_day", Type.DATE, "The first UTC day with a moment.", required=True),
        Column("last_day", Type.DATE, "The last UTC day with a moment.", required=True),
        *_COUNTS,
    ),
    key=("tenant_id", "campaign", "step", "channel"),
    daily=False,
    inputs=("campaign_daily",),
)

SLA_DAILY = Statistic(
    "sla_daily",
    "a UTC day of the deadline and tenant: how the enquiries due that day were answered",
    (
        Column("day", Type.DATE, "UTC day of the deadline; the partition.", required=True),
        _TENANT,
        _count(
            "deadlines",
            "Enquiries due that day: `resolved_in_time` + `breaches` + `not_yet_due` + `undated`.",
        ),
        _count("resolved_in_time", "Resolved no later than the deadline."),
        _count("breaches", "Resolved after the deadline, or not at all by the time of computing."),
        _count("unresolved", "Breaches that were still open at the time of computing."),
        _count("not_yet_due", "Open, with the deadline still ahead at the time of computing."),
        _count("undated", "Resolved or closed in the CRM without saying when."),
        *(
            _count(f"escalated_{level}", f"Enquiries whose escalation reached level {level} or higher.")
            for level in (1, 2, 3, 4)
        ),
        Column(
            "median_minutes_to_resolve",
            Type.NUMBER,
            "Median minutes from arrival to resolution of those resolved; null without any.",
        ),
    ),
    key=("day", "tenant_id"),
    inputs=("queries",),
)

JOB_HEALTH = Statistic(
    "job_health",
    "a UTC day, channel and tenant: the jobs due that day, where they are and how late they finished",
    (
        _DAY,
        _CHANNEL,
        _TENANT,
        _count(
            "jobs",
            "Planned jobs: `waiting` + `processing` + `completed` + `dead` + `unknown` + `skipped`"
            " + `cancelled`.",
        ),
        _count("waiting", "Jobs not handed off yet, retries included (state `pending`)."),
        _count("processing", "Jobs in the hands of a worker."),
        _count("completed", "Jobs handed off."),
        _count("dead", "Jobs in the dead-letter queue."),
        _count("unknown", "Jobs whose worker died during hand-off and that nothing has proved since."),
        _count("skipped", "Jobs that expired or were suppressed before hand-off."),
        _count("cancelled", "Jobs cancelled."),
        _count("attempts", "Hand-offs tried, all jobs together."),
        _count("retried", "Jobs with more than one attempt."),
        Column("p50_minutes", Type.NUMBER, "Median minutes from `due_at` to completion; null without any."),
        Column("p95_minutes", Type.NUMBER, "95th percentile of the same, minutes."),
    ),
    key=("day", "channel", "tenant_id"),
    inputs=("ledger",),
)

TENANTS = Statistic(
    "tenants",
    "a tenant as the latest tick saw it: names for the numbers",
    (
        Column("tenant_id", Type.ID, "Key of the tenant in the CRM.", required=True),
        Column("name", Type.TEXT, "Name shown to customers."),
        Column("time_zone", Type.TEXT, "IANA zone."),
        Column("currency", Type.TEXT, "ISO 4217 code."),
    ),
    key=("tenant_id",),
    daily=False,
    inputs=("profiles",),
)

STATISTICS: dict[str, Statistic] = {
    statistic.name: statistic
    for statistic in (CAMPAIGN_DAILY, CAMPAIGN_TOTALS, SLA_DAILY, JOB_HEALTH, TENANTS)
}

DAILY: tuple[Statistic, ...] = tuple(statistic for statistic in STATISTICS.values() if statistic.daily)
