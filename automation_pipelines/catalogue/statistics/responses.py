"""How messages fared after planning: stage by stage, by decision, by mailbox provider, by hour of sending."""

from automation_pipelines.catalogue.statistics.columns import (
    CAMPAIGN,
    CHANNEL,
    DAY,
    OF_A_STEP,
    STEP,
    TENANT,
    count,
)
from automation_pipelines.catalogue.types import Column, Statistic, Type
from automation_pipelines.model import Reason

STEP_FUNNEL = Statistic(
    "step_funnel",
    "a UTC day, tenant, campaign, step and channel: how far the messages planned for that day got. "
    "Each stage counts messages of the stage before it, so the numbers never rise from left to right",
    (
        DAY,
        *OF_A_STEP,
        count("planned", "Moments that became jobs."),
        count("sent", "Of these: the provider took responsibility."),
        count(
            "delivered",
            "Of these: confirmed and not bounced since, or opened, clicked or answered by a person.",
        ),
        count(
            "opened", "Of these: opened or clicked by a person; who clicked has opened it, pictures or not."
        ),
        count("clicked", "Of these: clicked by a person."),
        count(
            "converted", "Of these: an event said that it converted. For bookings see `attribution_daily`."
        ),
        count("converted_without_click", "Sent and converted, as an event said, though nobody clicked."),
    ),
    key=("day", "tenant_id", "campaign", "step", "channel"),
    inputs=("message_facts",),
)

_HELD = (
    "What had held a moment that went stale: the open reason before; `nothing`: it was late from the start."
)

DECISION_DAILY = Statistic(
    "decision_daily",
    "a UTC day, tenant, campaign, step and decision: how many of the moments due that day were decided so",
    (
        DAY,
        TENANT,
        CAMPAIGN,
        STEP,
        Column(
            "reason",
            Type.TEXT,
            "The decision: `planned`, or why not; of what is not settled, the latest one.",
            required=True,
            values=tuple(map(str, Reason)),
        ),
        Column("held_by", Type.TEXT, _HELD, required=True),
        count("moments", "Moments; over all decisions they add up to `campaign_daily.moments`."),
    ),
    key=("day", "tenant_id", "campaign", "step", "reason", "held_by"),
    inputs=("message_facts", "held"),
)

DELIVERABILITY_DAILY = Statistic(
    "deliverability_daily",
    "a UTC day, tenant, sending domain and mailbox provider: what came of the e-mails due that day",
    (
        DAY,
        TENANT,
        Column(
            "sender_domain", Type.TEXT, "Domain of the From address; `unknown`: not recorded.", required=True
        ),
        Column(
            "mailbox",
            Type.TEXT,
            "Provider of the receivers' mailboxes: gmail, outlook, …, other; `unknown`: not recorded.",
            required=True,
        ),
        count("sent", "E-mails the provider took responsibility for: the denominator of every rate."),
        count("delivered", "E-mails the receiver's provider confirmed."),
        count(
            "bounced",
            "E-mails that bounced: `bounced_hard` + `bounced_soft` + `bounced_block` + of unknown kind.",
        ),
        count("bounced_hard", "The address does not exist."),
        count("bounced_soft", "For now: mailbox full, server out of order, and nothing worse."),
        count(
            "bounced_block", "Refused as spam or by policy, and the address does exist as far as is known."
        ),
        count("complained", "E-mails marked as spam."),
        count("unsubscribed", "E-mails whose reader unsubscribed."),
        count("deferred", "E-mails the receiver put off at least once."),
    ),
    key=("day", "tenant_id", "sender_domain", "mailbox"),
    inputs=("message_facts",),
)

_RESPONSE = (
    TENANT,
    CHANNEL,
    Column(
        "weekday",
        Type.INTEGER,
        "Day of the week of the hand-off, as the tenant's clocks had it: 1 is Monday, 7 Sunday.",
        required=True,
    ),
    Column("hour", Type.INTEGER, "Hour of the hand-off on the tenant's clocks, 0 to 23.", required=True),
    count("sent", "Messages the provider took responsibility for; what staff got of customers' is left out."),
    count("opened", "Of these: opened by a person."),
    count("clicked", "Of these: clicked by a person."),
    count("opened_within_an_hour", "Opened by a person no later than 60 minutes after the hand-off."),
    count("clicked_within_an_hour", "Clicked by a person no later than 60 minutes after the hand-off."),
    Column(
        "median_minutes_to_open",
        Type.NUMBER,
        "Median minutes from hand-off to the first opening by a person; null without any. Does not add up.",
    ),
    Column(
        "median_minutes_to_click", Type.NUMBER, "The same to the first click by a person. Does not add up."
    ),
)
_HOUR = ("tenant_id", "channel", "weekday", "hour")

SEND_TIME_RESPONSE = Statistic(
    "send_time_response",
    "a UTC day, tenant, channel and local hour of sending: how many people responded to what was due "
    "that day, and how soon. Local is the tenant's zone, as it is set when the day is restated",
    (DAY, *_RESPONSE),
    key=("day", *_HOUR),
    inputs=("message_facts", "profiles"),
)

SEND_TIME_TOTALS = Statistic(
    "send_time_totals",
    "a tenant, channel, local weekday and hour of sending: the response to what was due in 180 days",
    _RESPONSE,
    key=_HOUR,
    daily=False,
    inputs=("message_facts", "profiles"),
)
