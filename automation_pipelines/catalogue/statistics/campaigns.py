"""What became of the moments of campaigns, by day and in all."""

from automation_pipelines.catalogue.statistics.columns import DAY, OF_A_STEP, count
from automation_pipelines.catalogue.types import Column, Statistic, Type
from automation_pipelines.model import SETTLED, Reason

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
    count("moments", "Moments that fell due: `planned` + all `skipped_…`."),
    count(
        "planned",
        "Moments that became jobs: `waiting` + `processing` + `sent` + `failed` + `unknown` + `cancelled`"
        " + `expired` + `withheld`.",
    ),
    *(count(f"skipped_{reason}", f"{_HOW[reason in SETTLED]}: {doc}") for reason, doc in _SKIPPED.items()),
    count("waiting", "Jobs not handed off yet, retries included."),
    count("processing", "Jobs in the hands of a worker."),
    count("sent", "Jobs the provider took responsibility for."),
    count("failed", "Jobs refused for good or out of retries (state `dead`)."),
    count("unknown", "Jobs whose worker died during hand-off and that nothing has proved since."),
    count("cancelled", "Jobs cancelled by an operator or with their campaign."),
    count("expired", "Jobs that could not be handed off before they expired."),
    count("withheld", "Jobs whose recipient was suppressed between planning and hand-off."),
    count("delivered", "Jobs the receiver's provider or phone confirmed."),
    count("opened", "Jobs with at least one opening by a person."),
    count("clicked", "Jobs with at least one click by a person."),
    count("opened_by_machine", "Jobs opened by scanners or prefetchers alone."),
    count("clicked_by_machine", "Jobs clicked by scanners alone."),
    *(
        count(type_, f"Jobs with at least one event {type_}{more}.")
        for type_, more in (
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
    (DAY, *OF_A_STEP, *_COUNTS),
    key=("day", "tenant_id", "campaign", "step", "channel"),
    inputs=("message_facts", "held"),
)

CAMPAIGN_TOTALS = Statistic(
    "campaign_totals",
    "a tenant, campaign, step and channel: the sums of `campaign_daily` over all days",
    (
        *OF_A_STEP,
        Column("first_day", Type.DATE, "The first UTC day with a moment.", required=True),
        Column("last_day", Type.DATE, "The last UTC day with a moment.", required=True),
        *_COUNTS,
    ),
    key=("tenant_id", "campaign", "step", "channel"),
    daily=False,
    inputs=("campaign_daily",),
)
