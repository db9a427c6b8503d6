"""Measures of what became of messages, by campaign."""

from functools import partial

from automation_pipelines.catalogue.measures.kinds import Better, Measure

_TOLD = "Counted where the provider tells it: 0 may mean that nobody tells."
_PEOPLE = "Machines are told from people by stated rules, which err on either side."


_of_campaigns = partial(Measure, statistic="campaign_daily")
_of_sent = partial(_of_campaigns, denominator=("sent",))
_of_planned = partial(_of_campaigns, denominator=("planned",))

CAMPAIGN_MEASURES = (
    _of_campaigns(
        "planned_rate",
        "Planned",
        "Of the moments that fell due, how many became messages to send.",
        numerator=("planned",),
        denominator=("moments",),
        better=Better.NEITHER,
        caveat="What was decided against is in the `skipped_…` columns: most of it on purpose.",
    ),
    _of_planned(
        "sent_rate",
        "Sent",
        "Of the messages to send, how many the provider took responsibility for.",
        numerator=("sent",),
        better=Better.HIGHER,
        caveat="Of the latest days some still wait.",
    ),
    _of_planned(
        "failure_rate",
        "Failed",
        "Of the messages to send, how many were refused for good or ran out of retries.",
        numerator=("failed",),
        better=Better.LOWER,
    ),
    _of_sent(
        "delivery_rate",
        "Delivered",
        "Of the messages sent, how many the receiver's provider or phone confirmed.",
        numerator=("delivered",),
        better=Better.HIGHER,
        caveat=f"{_TOLD} In the mailbox is not in the inbox.",
    ),
    _of_sent(
        "bounce_rate",
        "Bounced",
        "Of the messages sent, how many came back, for good or for now.",
        numerator=("bounced",),
        better=Better.LOWER,
        caveat=_TOLD,
    ),
    _of_sent(
        "human_open_rate",
        "Opened by people",
        "Of the messages sent, how many a person opened.",
        numerator=("opened",),
        better=Better.HIGHER,
        caveat="No measure of success: an opening is a picture loaded, which many mail programs do unasked "
        f"or never. {_PEOPLE}",
    ),
    _of_sent(
        "human_click_rate",
        "Clicked by people",
        "Of the messages sent, how many a person clicked a link in.",
        numerator=("clicked",),
        better=Better.HIGHER,
        caveat=_PEOPLE,
    ),
    _of_sent(
        "machine_click_rate",
        "Clicked by machines",
        "Of the messages sent, how many only scanners clicked in.",
        numerator=("clicked_by_machine",),
        better=Better.NEITHER,
        caveat=_PEOPLE,
    ),
    _of_sent(
        "reply_rate",
        "Answered",
        "Of the messages sent, how many were answered.",
        numerator=("replied",),
        better=Better.HIGHER,
        caveat=_TOLD,
    ),
    _of_sent(
        "told_conversion_rate",
        "Converted, as told",
        "Of the messages sent, how many an event said to have converted.",
        numerator=("converted",),
        better=Better.HIGHER,
        caveat="What events told of a message. What messages are credited with is in `attribution_daily`; "
        "what would not have come without them, in `holdout_lift`.",
    ),
    _of_sent(
        "complaint_rate",
        "Marked as spam",
        "Of the messages sent, how many were marked as spam.",
        numerator=("complained",),
        better=Better.LOWER,
        caveat="Above 0.1 % mailbox providers grow wary, at 0.3 % they block. Some, Gmail among them, tell "
        "no single complaint.",
    ),
    _of_sent(
        "unsubscribe_rate",
        "Unsubscribed",
        "Of the messages sent, after how many the reader unsubscribed.",
        numerator=("unsubscribed",),
        better=Better.LOWER,
    ),
)
