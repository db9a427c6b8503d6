"""Measures of mailboxes, hours, enquiries, jobs and money."""

from functools import partial

from automation_pipelines.catalogue.measures.kinds import Better, Measure, Unit

_of_mailboxes = partial(Measure, statistic="deliverability_daily", denominator=("sent",))

MAILBOX_MEASURES = (
    _of_mailboxes(
        "mailbox_delivery_rate",
        "Delivered",
        "Of the e-mails sent to a mailbox provider, how many it confirmed.",
        numerator=("delivered",),
        better=Better.HIGHER,
    ),
    _of_mailboxes(
        "hard_bounce_rate",
        "No such address",
        "Of the e-mails sent, how many came back because the address does not exist.",
        numerator=("bounced_hard",),
        better=Better.LOWER,
    ),
    _of_mailboxes(
        "soft_bounce_rate",
        "Came back for now",
        "Of the e-mails sent, how many came back for now: a full mailbox, a server out of order.",
        numerator=("bounced_soft",),
        better=Better.LOWER,
    ),
    _of_mailboxes(
        "block_rate",
        "Blocked",
        "Of the e-mails sent, how many the receiver's provider refused for their sender or content.",
        numerator=("bounced_block",),
        better=Better.LOWER,
        caveat="It says more of the sending domain than of the addresses.",
    ),
    _of_mailboxes(
        "deferral_rate",
        "Put off",
        "Of the e-mails sent, how many the receiver's provider put off at least once.",
        numerator=("deferred",),
        better=Better.LOWER,
    ),
    _of_mailboxes(
        "mailbox_complaint_rate",
        "Marked as spam",
        "Of the e-mails sent to a mailbox provider, how many were marked as spam.",
        numerator=("complained",),
        better=Better.LOWER,
        caveat="Providers that tell no single complaint, Gmail among them, seem spotless.",
    ),
)

_of_hours = partial(Measure, statistic="send_time_response", denominator=("sent",))

HOUR_MEASURES = (
    _of_hours(
        "hour_click_rate",
        "Clicked by people",
        "Of the messages sent in an hour of the week, how many a person clicked in, whenever that was.",
        numerator=("clicked",),
        better=Better.HIGHER,
        caveat="Hours differ in what was sent then, and to whom: only an experiment tells a better hour.",
    ),
    _of_hours(
        "hour_quick_click_rate",
        "Clicked within an hour",
        "Of the messages sent in an hour of the week, how many a person clicked in within 60 minutes.",
        numerator=("clicked_within_an_hour",),
        better=Better.HIGHER,
        caveat="Hours differ in what was sent then, and to whom: only an experiment tells a better hour.",
    ),
)

SERVICE_MEASURES = (
    Measure(
        "breach_rate",
        "Deadlines missed",
        "Of the enquiries whose deadline is decided, how many were not resolved in time.",
        statistic="sla_daily",
        numerator=("breaches",),
        denominator=("resolved_in_time", "breaches"),
        better=Better.LOWER,
    ),
    Measure(
        "escalation_rate",
        "Escalated",
        "Of the enquiries with a deadline, how many were escalated.",
        statistic="sla_daily",
        numerator=("escalated_1",),
        denominator=("deadlines",),
        better=Better.LOWER,
    ),
    Measure(
        "dead_rate",
        "Given up",
        "Of the jobs, how many were refused for good or ran out of retries.",
        statistic="job_health",
        numerator=("dead",),
        denominator=("jobs",),
        better=Better.LOWER,
    ),
    Measure(
        "retry_rate",
        "Tried again",
        "Of the jobs, how many took more than one attempt.",
        statistic="job_health",
        numerator=("retried",),
        denominator=("jobs",),
        better=Better.LOWER,
    ),
)

_CREDIT = "Credit, and no proof: part of it would have come anyway. `holdout_lift` tells how much did not."

MONEY_MEASURES = (
    Measure(
        "conversion_value",
        "Revenue per conversion",
        "What a conversion brings on average.",
        statistic="attribution_daily",
        numerator=("revenue",),
        denominator=("conversions",),
        better=Better.HIGHER,
        unit=Unit.MONEY,
        caveat="Of one model and one currency at a time: never across.",
    ),
    Measure(
        "cancellation_rate",
        "Cancelled",
        "Of the conversions, how many were cancelled since.",
        statistic="attribution_daily",
        numerator=("cancelled",),
        denominator=("conversions", "cancelled"),
        better=Better.LOWER,
    ),
    Measure(
        "cost_per_conversion",
        "Cost per conversion",
        "What messages cost for each conversion they are credited with.",
        statistic="campaign_returns",
        numerator=("cost",),
        denominator=("conversions",),
        better=Better.LOWER,
        unit=Unit.MONEY,
        caveat=_CREDIT,
    ),
    Measure(
        "return_on_spend",
        "Revenue per unit spent",
        "How often the revenue that messages are credited with pays for them.",
        statistic="campaign_returns",
        numerator=("revenue",),
        denominator=("cost",),
        better=Better.HIGHER,
        unit=Unit.RATIO,
        caveat=_CREDIT,
    ),
)
