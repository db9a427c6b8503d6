"""Subjects on their way through campaigns of several steps: each run, and where in a timeline they stand."""

from automation_pipelines.catalogue.statistics.columns import CAMPAIGN, TENANT, count
from automation_pipelines.catalogue.types import Column, Statistic, Type

WORKFLOW_RUNS = Statistic(
    "workflow_runs",
    "one time a subject goes through a campaign of several steps: how far it got. Runs whose first step "
    "was due in the last 180 days, or that are not over (looking back 18 months)",
    (
        TENANT,
        CAMPAIGN,
        Column("subject_id", Type.ID, "Subject of the audience.", required=True),
        Column("occurrence", Type.INTEGER, "Which time this is: UTC whole minutes, by grain.", required=True),
        Column("customer_id", Type.ID, "The customer it is about; null: about none."),
        Column("variant", Type.TEXT, "Arm of the campaign's experiment; null: it has none."),
        Column(
            "entered_at",
            Type.INSTANT,
            "The instant steps count from; where there is only a date, the first step less its offset.",
            required=True,
        ),
        Column(
            "entered_on", Type.DATE, "The same as a local day, in the zone of the campaign.", required=True
        ),
        Column(
            "state",
            Type.TEXT,
            "`stopped`: by hand. `finished`: every step is settled, or the timeline's last day is over. "
            "`ended`: the campaign is over, or its days have passed and the rest was not for them. "
            "`paused`: the subject or the campaign. Else `running`.",
            required=True,
            values=("running", "paused", "finished", "ended", "stopped"),
        ),
        Column("held_out", Type.BOOLEAN, "In the control group: none of it was for them.", required=True),
        count("steps", "Steps the campaign's newest version has."),
        count(
            "steps_settled",
            "Steps that fell due: `steps_sent` + `steps_pending` + `steps_failed` + `steps_skipped`. "
            "Steps of earlier versions count as well.",
        ),
        count("steps_sent", "Steps of which at least one message was handed off."),
        count("steps_pending", "Others that wait to be handed off."),
        count("steps_failed", "Others that were refused for good or are unknown."),
        count("steps_skipped", "Others that were decided against, expired or cancelled."),
        Column("last_step", Type.TEXT, "Id of the step that fell due last.", required=True),
        Column("last_at", Type.INSTANT, "When something was settled last.", required=True),
        Column("timeline_days", Type.INTEGER, "How many days the timeline has; null: none is declared."),
        Column(
            "timeline_day",
            Type.INTEGER,
            "The day of the timeline it is on (1: the local day of entry); days paused by hand do not count.",
        ),
    ),
    key=("tenant_id", "campaign", "subject_id", "occurrence"),
    daily=False,
    inputs=("message_facts", "declared_steps", "subject_orders", "profiles"),
)

TIMELINE_PROGRESS = Statistic(
    "timeline_progress",
    "a tenant, campaign with a timeline and day of it: how many subjects stand there. From `workflow_runs`, "
    "control groups left out",
    (
        TENANT,
        CAMPAIGN,
        Column(
            "timeline_day",
            Type.INTEGER,
            "Day of the timeline; who is through stands on the last.",
            required=True,
        ),
        Column("timeline_days", Type.INTEGER, "How many days it has.", required=True),
        count(
            "subjects",
            "Runs that stand there: `running` + `paused` + `stopped` + `ended` + `finished`.",
        ),
        count("running", "On their way."),
        count("paused", "Paused, the subject or the campaign."),
        count("stopped", "Stopped by hand on that day."),
        count("ended", "Left where the campaign ended."),
        count("finished", "Through with it."),
        count("steps_sent", "Steps these runs were sent so far."),
        count("steps_failed", "Steps these runs should have been sent and were not."),
    ),
    key=("tenant_id", "campaign", "timeline_day"),
    daily=False,
    inputs=("workflow_runs",),
)
