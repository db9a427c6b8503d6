"""How enquiries were answered and how jobs fared: what operators promise and keep."""

from automation_pipelines.catalogue.statistics.columns import CHANNEL, DAY, TENANT, count
from automation_pipelines.catalogue.types import Column, InRange, Read, Statistic, Type

_ENQUIRY = ("id", "tenant_id", "status", "escalation_level", "created_at", "sla_due_at", "resolved_at")

SLA_DAILY = Statistic(
    "sla_daily",
    "a UTC day of the deadline and tenant: how the enquiries due that day were answered. When they were "
    "first answered is in no source; what is told is when they were resolved",
    (
        Column("day", Type.DATE, "UTC day of the deadline; the partition.", required=True),
        TENANT,
        count(
            "deadlines",
            "Enquiries due that day: `resolved_in_time` + `breaches` + `not_yet_due` + `undated`.",
        ),
        count("resolved_in_time", "Resolved no later than the deadline."),
        count("breaches", "Resolved after the deadline, or not at all by the time of computing."),
        count("unresolved", "Breaches that were still open at the time of computing."),
        count("not_yet_due", "Open, with the deadline still ahead at the time of computing."),
        count("undated", "Resolved or closed in the CRM without saying when."),
        *(
            count(f"escalated_{level}", f"Enquiries whose escalation reached level {level} or higher.")
            for level in (1, 2, 3, 4)
        ),
        Column(
            "median_minutes_to_resolve",
            Type.NUMBER,
            "Median minutes from arrival to resolution of those resolved; null without any.",
        ),
        Column(
            "p90_minutes_to_resolve",
            Type.NUMBER,
            "90th percentile of the same, minutes: nine of ten were resolved within it.",
        ),
        count(
            "minutes_over",
            "Whole minutes that breaches lie over their deadline, all together: to the resolution, or to the "
            "time of computing. By `breaches` it is the mean.",
        ),
    ),
    key=("day", "tenant_id"),
    reads=(Read("queries", _ENQUIRY, (InRange("sla_due_at"),)),),
)

JOB_HEALTH = Statistic(
    "job_health",
    "a UTC day, channel and tenant: the jobs due that day, where they are and how late they finished",
    (
        DAY,
        CHANNEL,
        TENANT,
        count(
            "jobs",
            "Planned jobs: `waiting` + `processing` + `completed` + `dead` + `unknown` + `skipped`"
            " + `cancelled`.",
        ),
        count("waiting", "Jobs not handed off yet, retries included (state `pending`)."),
        count("processing", "Jobs in the hands of a worker."),
        count("completed", "Jobs handed off."),
        count("dead", "Jobs in the dead-letter queue."),
        count("unknown", "Jobs whose worker died during hand-off and that nothing has proved since."),
        count("skipped", "Jobs that expired or were suppressed before hand-off."),
        count("cancelled", "Jobs cancelled."),
        count("attempts", "Hand-offs tried, all jobs together."),
        count("retried", "Jobs with more than one attempt."),
        Column("p50_minutes", Type.NUMBER, "Median minutes from `due_at` to completion; null without any."),
        Column("p95_minutes", Type.NUMBER, "95th percentile of the same, minutes."),
    ),
    key=("day", "channel", "tenant_id"),
    inputs=("message_facts",),
)
