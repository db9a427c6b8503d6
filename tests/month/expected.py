"""What hand-checked customers and accounts get in the month, derived from the declarations and their lives.

Per campaign: who → what was decided about them in the month, all of it. Who is there with nothing is somebody
the campaign is not for. Times are local to the zone named, of 2026; who they are is told in `demo.probes`,
`demo.account_probes`, and in `life` what was added to them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from automation_pipelines.demo.account_probes import AccountProbe
from automation_pipelines.demo.probes import Probe

LONDON, KATHMANDU, KOLKATA = "Europe/London", "Asia/Kathmandu", "Asia/Kolkata"  # tenants 1, 2, 3
ADELAIDE, EUCLA, CHATHAM = "Australia/Adelaide", "Australia/Eucla", "Pacific/Chatham"  # 4, 5, 6
ST_JOHNS, KIRITIMATI, PARIS = "America/St_Johns", "Pacific/Kiritimati", "Europe/Paris"  # 7, 8, 9
BERLIN, NEW_YORK, LOS_ANGELES = "Europe/Berlin", "America/New_York", "America/Los_Angeles"  # 10, 11, 12
TOKYO, SANTIAGO, SAO_PAULO = "Asia/Tokyo", "America/Santiago", "America/Sao_Paulo"  # 13, 14, 15
DUBAI, BEIRUT, WARSAW, AUCKLAND = "Asia/Dubai", "Asia/Beirut", "Europe/Warsaw", "Pacific/Auckland"  # 16 to 19
CHICAGO = "America/Chicago"  # where tenant 11 keeps its birthdays


@dataclass(frozen=True, slots=True)
class Row:
    """`times` decisions (one for each recipient): a step, when it was due, where to, what became of it."""

    step: str
    due: datetime
    channel: str = "email"
    outcome: str = "planned"
    """Every reason it had, in order: what is judged again has several."""
    times: int = 1


def at(text: str, zone: str = "UTC") -> datetime:
    """`02-27 09:00` on the clocks of a zone."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def no(step: str, due: datetime, outcome: str, channel: str = "email", times: int = 1) -> Row:
    """A decision against."""
    return Row(step, due, channel, outcome, times)


P, A = Probe, AccountProbe
GONE = "suppressed > stale"
"""Nobody may write to them; asked again each tick, until a day has passed."""
UNREACHABLE = "no_recipient > stale"

TRAVEL: dict[str, dict[int, list[Row]]] = {
    # Probes 13 to 16 booked five hours before the beginning, and paid all of it an hour later.
    "booking-confirmation": {
        **{who: [Row("confirmed", at("02-27 01:00"))] for who in (13, 14, 15, 16)},
        # Two days later the quote is accepted: that is a booking.
        P.QUOTE_SOON_ACCEPTED: [Row("confirmed", at("03-01 06:00"))],
        P.CANCELLED: [],
        P.DEPARTS_IN_7: [],  # booked long ago
    },
    "payment-receipt": {
        **{
            who: [
                Row("receipt", at("02-27 02:00")),
                Row("bookkeeping", at("02-27 02:00"), "webhook"),
                Row("receipt", at("02-27 02:10")),  # the deposit ten minutes after the balance
                Row("bookkeeping", at("02-27 02:10"), "webhook"),
            ]
            for who in (13, 14, 15, 16)
        },
        P.PAYMENT_OVERDUE: [],
        P.PAYMENT_DUE_IN_3: [],
    },
    "booking-reminder": {
        P.DEPARTS_IN_30: [  # on 29 March, from Auckland at half past eight
            Row("checklist", at("02-27 08:30", AUCKLAND)),
            Row("reminder", at("03-22 08:30", AUCKLAND)),
            Row("confirmation", at("03-28 08:30", AUCKLAND)),
        ],
        P.DEPARTS_IN_7: [
            Row("reminder", at("02-27 09:00", LONDON)),
            Row("confirmation", at("03-05 09:00", LONDON)),
        ],
        P.DEPARTS_TOMORROW: [Row("confirmation", at("02-27 08:30", KATHMANDU))],
        P.DEPARTS_IN_8: [
            Row("reminder", at("02-28 10:00", KOLKATA)),
            Row("confirmation", at("03-06 10:00", KOLKATA)),
        ],
        P.PAYMENT_DUE_IN_3: [  # departs on 1 April, after the clocks of Newfoundland went forward
            Row("checklist", at("03-02 09:15", ST_JOHNS)),
            Row("reminder", at("03-25 09:15", ST_JOHNS)),
        ],
        P.PAYMENT_OVERDUE: [
            Row("reminder", at("03-20 06:30", KIRITIMATI)),
            Row("confirmation", at("03-26 06:30", KIRITIMATI)),
        ],
        P.DOCUMENT_UPLOADED: [Row("checklist", at("03-29 10:00", PARIS))],  # departs on 28 April
        P.CANCELLED: [],
        P.BACK_YESTERDAY: [],
    },
    "payment-reminder": {
        P.DEPARTS_IN_30: [
            Row("today", at("02-27 08:30", AUCKLAND)),
            Row("overdue", at("03-02 08:30", AUCKLAND)),
        ],
        P.PAYMENT_DUE_IN_3: [
            Row("today", at("03-02 09:15", ST_JOHNS)),
            Row("overdue", at("03-05 09:15", ST_JOHNS)),
        ],
        # Due on 25 February: that the day itself was missed lies before the start.
        P.PAYMENT_OVERDUE: [Row("overdue", at("02-28 06:30", KIRITIMATI))],
        P.DOCUMENT_UPLOADED: [
            Row("soon", at("03-22 10:00", PARIS)),
            Row("today", at("03-29 10:00", PARIS)),  # the day on which the clocks go forward
        ],
        P.DEPARTS_IN_7: [],  # paid
        P.CANCELLED: [],
    },
    "review-request": {
        # Back on 26 February; a review of one star arrives on 3 March.
        P.BACK_YESTERDAY: [
            Row("ask", at("02-28 07:45", EUCLA)),
            no("ask-again", at("03-07 07:45", EUCLA), "condition"),
        ],
        P.REVIEWED: [no("ask-again", at("03-03 08:00", CHATHAM), "condition")],
        P.DEPARTS_TOMORROW: [  # back on 7 March
            Row("ask", at("03-09 08:30", KATHMANDU)),
            Row("ask-again", at("03-16 08:30", KATHMANDU)),
        ],
        P.DEPARTS_IN_8: [
            Row("ask", at("03-16 10:00", KOLKATA)),
            Row("ask-again", at("03-23 10:00", KOLKATA)),
        ],
        P.CANCELLED: [],
        P.DEPARTS_IN_30: [],  # not back within the month
    },
    "unhappy-review": {
        P.BACK_YESTERDAY: [
            Row("tell-manager", at("03-03 02:00")),
            Row("tell-agent", at("03-03 02:00"), "in_app"),
            Row("call", at("03-03 02:00"), "crm"),
        ],
        P.REVIEWED: [],
    },
    "referral": {
        P.REVIEWED: [Row("invite", at("02-28 08:00", CHATHAM))],
        P.BACK_YESTERDAY: [],
    },
    "document-received": {
        # Two documents of one morning are one message.
        P.DOCUMENT_UPLOADED: [
            Row("thanks", at("02-28 09:00", PARIS)),
            no("thanks", at("02-28 09:00", PARIS), "merged"),
        ],
    },
    "quote-viewed": {
        P.QUOTE_VIEWED: [Row("tell-agent", at("02-27 04:00"), "in_app")],
        P.QUOTE_SOON_ACCEPTED: [],  # looked at and accepted in one
        P.QUOTE_EXPIRED: [],
    },
    "quote-sent": {
        P.QUOTE_VIEWED: [no("unopened", at("02-27 00:15", BEIRUT), "condition", "in_app")],
        # Two days after it was sent nobody had looked at it; the text went out before the month.
        P.QUOTE_SOON_ACCEPTED: [Row("unopened", at("02-27 09:00", WARSAW), "in_app")],
        P.QUOTE_EXPIRED: [],
    },
    "quote-follow-up": {
        P.QUOTE_VIEWED: [  # sent on a Wednesday; the third day is a Saturday, and Beirut sends at 00:15
            Row("day-3", at("03-02 09:00", BEIRUT)),
            Row("day-7", at("03-04 09:00", BEIRUT)),
        ],
        P.QUOTE_SOON_ACCEPTED: [],  # its Saturday too becomes a Monday, and on the Sunday it is accepted
        P.QUOTE_EXPIRED: [],
        # Tenant 9 reminds after two days and five, and never a third time.
        P.DOCUMENT_UPLOADED: [
            Row("day-3", at("03-02 09:00", PARIS)),
            Row("day-7", at("03-03 10:00", PARIS)),
        ],
    },
    "quote-expiry-warning": {
        P.QUOTE_VIEWED: [Row("warn-customer", at("03-08 06:00"))],
        P.QUOTE_SOON_ACCEPTED: [],
        P.QUOTE_EXPIRED: [],
    },
    "quote-expired": {
        P.QUOTE_VIEWED: [
            Row("tell-agent", at("03-09 06:00")),
            Row("mark-expired", at("03-09 06:00"), "crm"),
        ],
        P.QUOTE_EXPIRED: [],  # the CRM knows it already
        P.QUOTE_SOON_ACCEPTED: [],
    },
    "quote-revival": {
        P.QUOTE_VIEWED: [
            Row("offer", at("03-11 00:15", BEIRUT)),
            Row("lead", at("03-23 00:15", BEIRUT), "crm"),
        ],
        P.QUOTE_EXPIRED: [  # ran out on the evening of the 26th there; in between summer time begins
            Row("offer", at("02-28 10:30", LOS_ANGELES)),
            Row("lead", at("03-12 10:30", LOS_ANGELES), "crm"),
        ],
        P.QUOTE_SOON_ACCEPTED: [],
    },
    "query-received": {
        P.UNASSIGNED: [Row("received", at("02-27 05:00"))],
        P.UNASSIGNED_LATE: [],  # asked more than half a day before the month
    },
    "query-assignment": {
        P.UNASSIGNED: [Row("assign", at("02-27 05:15"), "crm")],
        P.UNASSIGNED_LATE: [Row("assign", at("02-26 04:45"), "crm")],
        P.QUOTE_VIEWED: [],  # asked nothing
    },
    "new-lead": {P.NEW_COMPANY: []},  # a lead of the morning, converted already
    "birthday": {
        1: [Row("greeting", at("02-27 09:00", KATHMANDU))],
        2: [Row("greeting", at("02-28 09:00", KOLKATA))],
        4: [Row("greeting", at("02-27 09:00", EUCLA))],
        5: [Row("greeting", at("02-28 09:00", CHATHAM))],
        6: [Row("greeting", at("02-26 09:00", ST_JOHNS))],
        # Born on 29 February: in 2026 that is the 28th.
        7: [Row("greeting", at("02-28 09:00", KIRITIMATI))],
        8: [Row("greeting", at("02-28 09:00", PARIS))],
        P.DEPARTS_TOMORROW: [Row("greeting", at("02-28 09:00", KATHMANDU))],
        # Tenant 10 greets at half past seven, and lets marketing out from nine on, on weekdays.
        P.UNASSIGNED: [Row("greeting", at("03-02 09:00", BERLIN))],
        # Tenant 11 greets at noon of Chicago.
        P.UNASSIGNED_LATE: [Row("greeting", at("03-15 12:00", CHICAGO))],
        P.OPTED_OUT: [no("greeting", at("03-10 09:00", EUCLA), GONE)],
        P.OPTED_OUT_OF_PROMOTIONS: [Row("greeting", at("03-10 09:00", CHATHAM))],
        P.UNCONFIRMED: [no("greeting", at("03-10 09:00", ST_JOHNS), GONE)],
        P.OPTED_IN_AGAIN: [Row("greeting", at("03-10 09:00", KIRITIMATI))],
        P.SOON_OPTED_OUT: [no("greeting", at("03-15 09:00", LOS_ANGELES), GONE)],
        # Two records with one address are one person; the third was merged into the first.
        P.SAME_ADDRESS: [Row("greeting", at("03-12 09:00", PARIS))],
        P.SAME_ADDRESS_TOO: [no("greeting", at("03-12 09:00", PARIS), "merged")],
        P.MERGED: [],
        # Three mails of marketing in seven days are enough for tenant 9: the fourth would be this one.
        # Tenant 1 bears one mail of marketing a day: this one, and not the ideas for the season.
        P.STAGE_WON: [Row("greeting", at("03-01 09:00", LONDON))],
        P.DOCUMENT_UPLOADED: [no("greeting", at("03-04 09:00", PARIS), "capped")],
        P.QUOTE_VIEWED: [],
    },
    "anniversary": {
        # Two years with us; the CRM's day is the UTC day, the hour that of Kiritimati.
        P.PAYMENT_OVERDUE: [Row("thank-you", at("03-06 06:30", KIRITIMATI))],
        P.PAYMENT_DUE_IN_3: [],
    },
    "family-early-booking": {
        P.DEPARTS_IN_7: [Row("offer", at("03-17 10:00", LONDON))],
        P.DEPARTS_TOMORROW: [],  # of the family segment too, but paid no more than the limit
    },
    "travel-alert": {
        # Started by hand, on every channel there is.
        P.DEPARTS_IN_30: [Row("alert/sms", at("03-05 13:00"), "sms"), Row("alert/email", at("03-05 13:00"))],
        P.DEPARTS_IN_7: [],
    },
}

CLIENTS: dict[str, dict[int, list[Row]]] = {
    "welcome": {
        P.NEW_COMPANY: [
            Row("hello", at("02-27 13:00", TOKYO)),
            Row("next-steps", at("03-02 09:00", TOKYO)),
            Row("first-week", at("03-06 09:00", TOKYO), "sms"),
        ],
        # Added within seven days before the start: welcomed when the window next opens. In the window of the
        # 27th that has gone out; three days and seven later on the calendar is Monday and Friday.
        P.NEW_6_DAYS: [
            Row("hello", at("02-25 09:00", SANTIAGO)),
            Row("next-steps", at("03-02 09:00", SANTIAGO)),
            Row("first-week", at("03-06 09:00", SANTIAGO), "sms"),
        ],
        P.NEW_8_DAYS: [
            Row("hello", at("02-25 09:00", SAO_PAULO)),
            Row("next-steps", at("03-02 09:00", SAO_PAULO)),
            Row("first-week", at("03-06 09:00", SAO_PAULO), "sms"),
        ],
        # Lives in Chile; no address. Planned for ten, when tenant 16 lets mails out; texts go from eleven on.
        P.NEW_PHONE_ONLY: [
            Row("hello", at("02-26 10:00", SANTIAGO), "sms"),
            no("next-steps", at("03-02 11:00", SANTIAGO), UNREACHABLE),
            Row("first-week", at("03-06 11:00", SANTIAGO), "sms"),
        ],
        P.DEPARTS_IN_7: [],  # a customer for years
    },
}

TIMELINES: dict[str, dict[int, list[Row]]] = {
    "ninety-day-hook": {
        # Held by hand from 3 to 6 March: what was left moves by three days.
        P.STAGE_DAY_1: [
            Row("day-1-hello", at("02-27 00:00", BEIRUT)),
            Row("day-3-text", at("03-01 10:00", BEIRUT), "sms"),
            Row("day-7-ideas", at("03-08 09:00", BEIRUT)),
            Row("day-10-call", at("03-11 11:00", BEIRUT), "phone"),
            Row("day-14-story", at("03-15 09:00", BEIRUT)),
            Row("day-21-note", at("03-22 09:00", BEIRUT), "interaction"),
        ],
        # Day 1 was 25 February; on 4 March somebody moves them on.
        P.STAGE_LEFT: [
            Row("day-3-text", at("02-27 10:00", WARSAW), "sms"),
            Row("day-7-ideas", at("03-03 09:00", WARSAW)),
            no("day-10-call", at("03-06 11:00", WARSAW), "condition", "phone"),
            no("day-14-story", at("03-10 09:00", WARSAW), "condition"),
            no("day-21-note", at("03-17 09:00", WARSAW), "condition", "interaction"),
            no("day-30-offer", at("03-26 09:00", WARSAW), "condition"),
        ],
        # Day 60 is for those who clicked.
        P.STAGE_DAY_45: [
            Row("day-45-text", at("02-27 10:00", AUCKLAND), "whatsapp"),
            no("day-60-story", at("03-14 09:00", AUCKLAND), "condition"),
            Row("day-75-call", at("03-29 11:00", AUCKLAND), "phone"),
        ],
        P.STAGE_WON: [],
        P.QUOTE_VIEWED: [],  # in no stage
    },
    "proposal-timeline": {P.STAGE_DAY_1: [], P.STAGE_WON: []},
}

TEAM = 2
"""Success manager and account owner; or, of contacts, the two who have not left."""

SUCCESS: dict[str, dict[int, list[Row]]] = {
    "health-alert": {
        # 75 to 55 after a day and three hours, up to 72 after ten days, and down to 50 on 13 March.
        A.HEALTH_DROPS: [
            row
            for drop in (at("02-28 09:00"), at("03-13 05:00"))
            for row in (
                Row("tell-team", drop, times=TEAM),
                Row("task", drop, "crm"),
                Row("status", drop, "crm"),
                Row("slack", drop, "slack"),
            )
        ],
        A.HEALTH_DIPS: [],
        A.HEALTH_LOW: [],
        A.CHURN_RISES: [],  # lowered by ten to 70: not below 60
    },
    "churn-risk": {
        A.CHURN_RISES: [
            # Its owner has no address.
            Row("tell-team", at("03-01 11:00")),
            Row("tell-team", at("03-01 11:00"), outcome="no_recipient"),
            Row("task", at("03-01 11:00"), "crm"),
            Row("lower-health", at("03-01 11:00"), "crm"),
            # Lowered in the evening of 1 March in UTC: there the 2nd, and 14 days later the 16th.
            Row("lower-health/undo", at("03-16 07:45", EUCLA), "crm"),
        ],
        A.CHURN_HIGH: [],
        A.HEALTH_DROPS: [],
    },
    "account-status": {
        A.ACTIVE: [
            # Both of them, and the one person of senior management.
            Row("tell-team", at("03-19 06:00"), times=TEAM + 1),
            Row("company", at("03-19 06:00"), "salesforce"),
            Row("warehouse", at("03-19 06:00"), "webhook"),
        ],
        A.TRIAL: [],
        A.HEALTH_DROPS: [],  # our own "at risk"
    },
    "onboarding": {
        A.NEW: [
            Row("welcome", at("02-27 04:00"), times=TEAM),
            Row("kick-off", at("02-27 04:00"), "crm"),
            Row("first-steps", at("03-02 10:00", PARIS), times=TEAM),
            Row("check-in", at("03-06 10:00", PARIS), times=TEAM),
            # They were trained an hour after they began.
            no("no-answer", at("03-09 10:00", PARIS), "condition", "crm"),
        ],
        # Opened ten days before; they were met since.
        A.TRIAL: [no("no-answer", at("02-27 09:15", ST_JOHNS), "condition", "crm")],
        A.EXPANDING: [],
    },
    "goal-agreed": {
        A.GOAL_NEW: [
            Row("confirm", at("02-27 05:00"), times=TEAM),
            Row("look", at("03-13 08:30", KATHMANDU), "crm"),
        ],
        A.NEW: [
            Row("confirm", at("02-27 05:00"), times=TEAM),
            Row("look", at("03-13 10:00", PARIS), "crm"),
        ],
        A.GOAL_MISSED: [],
    },
    "goal-achieved": {
        A.GOAL_ACHIEVED: [Row("congratulate", at("03-02 06:00"), times=TEAM)],
        A.GOAL_MISSED: [],
    },
    "goal-in-danger": {
        A.GOAL_MISSED: [Row("tell-manager", at("03-01 06:00")), Row("plan", at("03-01 06:00"), "crm")],
        A.GOAL_AT_RISK: [Row("tell-manager", at("03-04 06:00")), Row("plan", at("03-04 06:00"), "crm")],
        A.GOAL_ACHIEVED: [],
        A.GOAL_NEW: [],
    },
    "missed-meeting": {
        A.MEETING_MISSED: [Row("tell-manager", at("02-28 06:00"), "in_app")],
        A.CALL_NEGATIVE: [],
    },
    "bad-contact": {
        A.CALL_NEGATIVE: [
            Row("tell-team", at("03-01 06:00"), times=TEAM),
            no("try-again", at("03-06 09:30", NEW_YORK), "condition", "crm"),
        ],
        A.NO_RESPONSE: [
            no("tell-team", at("02-27 04:00"), "condition", times=TEAM),
            Row("try-again", at("03-04 09:00", TOKYO), "crm"),
        ],
        A.MEETING_MISSED: [],
    },
    "quiet-account": {
        A.ENDS_IN_90: [Row("reach-out", at("03-23 09:00", SANTIAGO), "crm")],  # last met six days before
        A.SILENT: [],  # for 40 days: that was before
        A.CALL_NEGATIVE: [],  # spoken to on 1 March
    },
    "renewal": {
        A.ENDS_IN_90: [Row("in-90-days", at("02-27 09:00", SANTIAGO), times=TEAM)],
        A.ENDS_IN_91: [Row("in-90-days", at("02-28 00:15", BEIRUT), times=TEAM)],
        A.ENDS_IN_30: [
            Row("in-30-days", at("02-27 09:00", SAO_PAULO), times=TEAM),
            Row("call", at("02-27 09:00", SAO_PAULO), "crm"),
            Row("in-7-days", at("03-22 09:00", SAO_PAULO), times=TEAM),
        ],
        A.ENDS_IN_7: [Row("in-7-days", at("02-27 11:00", DUBAI), times=TEAM)],
        A.EXPANDING: [],
    },
    "expansion": {
        A.EXPANDING: [
            Row("tell-owner", at("03-06 09:00", KOLKATA)),
            Row("deal", at("03-06 09:00", KOLKATA), "hubspot"),
        ],
        A.GOAL_ACHIEVED: [],  # a health of 80 is not above 80
        A.HEALTH_DROPS: [],
    },
}

RE_ENGAGEMENT: dict[str, dict[int, list[Row]]] = {
    "re-engagement": {
        # Tenant 2 waits seven days; at nine UTC, on the pass, else by mail.
        P.WALLET_SILENT: [Row("we-miss-you", at("02-28 09:00"), "wallet")],
        P.WALLET_USED: [
            Row("we-miss-you", at("02-28 09:00"), "wallet")
        ],  # using a pass is no sign of life there
        P.WALLET_REMOVED: [Row("we-miss-you", at("02-28 09:00"), "email")],
        # Tenant 5 waits 60 days and knows the pass alone; silent since 19 January.
        P.BACK_YESTERDAY: [no("we-miss-you", at("03-20 09:00"), UNREACHABLE, "wallet")],
        P.CANCELLED: [],  # a year without a word, but tenant 4 leaves everybody alone
        P.DEPARTS_IN_8: [],  # tenant 3 uses every channel: the other campaign
    },
    "re-engagement-everywhere": {
        # Silent since 4 February; 30 days, half past eleven in Kolkata.
        P.DEPARTS_IN_8: [
            Row("we-miss-you/email", at("03-06 11:30", KOLKATA)),
            Row("we-miss-you/sms", at("03-06 11:30", KOLKATA), "sms"),
        ],
        P.WALLET_SILENT: [],
    },
}

SEASON: dict[int, tuple[str, str]] = {
    # At ten of 1 March where they are, within two hours.
    P.DEPARTS_IN_30: (AUCKLAND, "planned"),
    P.DEPARTS_IN_7: (LONDON, "planned"),
    P.DEPARTS_TOMORROW: (KATHMANDU, "planned"),
    P.DEPARTS_IN_8: (KOLKATA, "planned"),
    P.CANCELLED: (ADELAIDE, "planned"),
    P.BACK_YESTERDAY: (EUCLA, "planned"),
    P.REVIEWED: (CHATHAM, "planned"),
    P.PAYMENT_DUE_IN_3: (ST_JOHNS, "planned"),
    P.PAYMENT_OVERDUE: (KIRITIMATI, "planned"),
    P.DOCUMENT_UPLOADED: (PARIS, "planned"),
    P.STAGE_WON: (LONDON, "capped"),  # it is their birthday
    P.QUOTE_SOON_ACCEPTED: (WARSAW, "planned"),  # a lead until that morning
    P.WALLET_SILENT: (KATHMANDU, "planned"),
    P.WALLET_USED: (AUCKLAND, "planned"),  # lives there
    P.WALLET_REMOVED: (KATHMANDU, "planned"),
    P.OPTED_OUT_OF_PROMOTIONS: (CHATHAM, GONE),
}

MONDAYS = {
    # Below 60 from 28 February to 9 March, and again from the 13th; at half past eight, before it rises.
    A.HEALTH_DROPS: [at(f"03-{day} 08:30", KATHMANDU) for day in ("02", "09", "16", "23")],
    A.HEALTH_LOW: [at(f"03-{day} 08:30", ADELAIDE) for day in ("02", "09", "16", "23")],
    A.HEALTH_DIPS: [],
}

ESCALATIONS = {
    # One, two, four and eight hours past the deadline; nobody resolves these two.
    P.UNASSIGNED: [at("02-28 03:00"), at("02-28 04:00"), at("02-28 06:00"), at("02-28 10:00")],
    P.UNASSIGNED_LATE: [at("02-27 05:30"), at("02-27 06:30"), at("02-27 08:30"), at("02-27 12:30")],
}

FAMILIES = {
    "travel": TRAVEL,
    "new clients": CLIENTS,
    "timelines": TIMELINES,
    "customer success": SUCCESS,
    "re-engagement": RE_ENGAGEMENT,
}
