"""The settings a tenant may have: each with its type, its default, and the environment variable for all.

A tenant's own value comes from source `tenant_settings`; a literal in a campaign file outranks both.
Campaign files name a setting in braces, conditions as `setting.<name>`. How values reach planning is
`planning.settings`'; no setting holds a secret.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

from automation_pipelines.catalogue.caps import ALLOWED as ALLOWED_CAPS
from automation_pipelines.catalogue.caps import read_caps
from automation_pipelines.catalogue.openings import read_openings
from automation_pipelines.catalogue.types import Type
from automation_pipelines.model import Scalar
from automation_pipelines.settings.limits import read_rates
from automation_pipelines.settings.returns import ALLOWED_COSTS, read_costs

CHANNELS = ("email", "sms", "whatsapp", "push", "wallet", "in_app", "chat", "phone", "interaction")
ROLES = (
    "customer",
    "contacts",
    "agent",
    "agent_manager",
    "department_manager",
    "senior_management",
    "executives",
    "account_owner",
    "success_manager",
    "team",
)
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_NOTHING = ("", "none", "null", "-")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `read` makes a value of a text; `ValueError` says what is allowed instead."""

    name: str
    type: Type
    doc: str
    allowed: str
    read: Callable[[str], Scalar]
    default: str | None = None
    environment: str | None = None
    """The variable that sets it for all tenants."""

    def value(self, text: str | None) -> Scalar:
        """The value a text writes; nothing, where it says so."""
        if text is None or text.strip().lower() in _NOTHING:
            return None
        return self.read(text.strip())


def _count(text: str, *, least: int, most: int) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
        raise ValueError
    return int(text)


def _number(text: str, *, least: float, most: float) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) or not least <= float(text) <= most:
        raise ValueError
    return float(text)


def _flag(text: str) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
        text.lower()
    ) or _false(text)


def _false(text: str) -> bool:
    if text.lower() not in ("false", "no", "0"):
        raise ValueError
    return False


def _clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError
    return text


def _zone(text: str) -> str:
    if text not in ("tenant", "recipient"):
        try:
            ZoneInfo(text)
        except (KeyError, ValueError, OSError):
            raise ValueError from None
    return text


def _words(text: str, *, among: Sequence[str]) -> str:
    words = [word.strip() for word in text.split(",")]
    if not set(words) <= set(among):
        raise ValueError
    return ",".join(dict.fromkeys(words))


def _word(text: str, *, among: Sequence[str]) -> str:
    if text not in among:
        raise ValueError
    return text


QUIET_HOURS = "sms US 08:00-21:00; whatsapp US 08:00-21:00"
"""When texts may arrive by law; a tenant may write other hours for the same channel and country."""


def _windows(text: str) -> str:
    own = {part.scope for part in read_openings(text, CHANNELS)}
    lawful = (part for part in QUIET_HOURS.split("; ") if not own & _scopes(part))
    return "; ".join((text, *lawful))


def _scopes(part: str) -> set[tuple[str | None, str | None]]:
    return {opening.scope for opening in read_openings(part, CHANNELS)}


def _rates(text: str) -> str:
    limits = read_rates(text)
    if limits.tenants or not limits.named <= {*CHANNELS, "webhook", "hubspot", "salesforce", "slack", "crm"}:
        raise ValueError
    return text


def _costs(text: str) -> str:
    if not read_costs(text).keys() <= set(CHANNELS):
        raise ValueError
    return text


def _caps(text: str) -> str:
    read_caps(text, CHANNELS)
    return text


def _counted(
    name: str, doc: str, between: tuple[int, int], default: int | None = None, variable: str | None = None
) -> Setting:
    least, most = between
    return Setting(
        name,
        Type.INTEGER,
        doc,
        f"a whole number from {least} to {most}",
        partial(_count, least=least, most=most),
        None if default is None else str(default),
        variable,
    )


def _flagged(name: str, doc: str, default: str, variable: str | None = None) -> Setting:
    return Setting(name, Type.BOOLEAN, doc, "true or false", _flag, default, variable)


def _timed(name: str, doc: str, default: str, variable: str | None = None) -> Setting:
    return Setting(name, Type.TEXT, doc, "a local time HH:MM", _clock, default, variable)


def _zoned(name: str, doc: str, default: str, variable: str | None = None) -> Setting:
    allowed = "tenant, recipient or an IANA zone such as Europe/Paris"
    return Setting(name, Type.TEXT, doc, allowed, _zone, default, variable)


def _listed(name: str, doc: str, among: Sequence[str], default: str) -> Setting:
    allowed = f"some of {', '.join(among)}, with commas between them"
    return Setting(name, Type.TEXT, doc, allowed, partial(_words, among=among), default)


def _free(name: str, doc: str, default: str | None) -> Setting:
    return Setting(name, Type.TEXT, doc, "any text", str, default)


_ACTIVITIES = (
    "booking",
    "payment",
    "enquiry",
    "quote",
    "visit",
    "login",
    "review",
    "document",
    "engagement",
    "wallet_pass",
)
_LEVELS = {
    1: (60, "agent_manager"),
    2: (120, "department_manager"),
    3: (240, "senior_management"),
    4: (480, "executives,department_manager"),
}

_SLA = tuple(
    setting
    for level, (minutes, roles) in _LEVELS.items()
    for setting in (
        _counted(
            f"sla_level_{level}_minutes",
            f"Minutes after the deadline of an enquiry until level {level}.",
            (1, 525_600),
            minutes,
            f"SLA_ESCALATION_LEVEL{level}_MINUTES",
        ),
        _listed(f"sla_level_{level}_escalate_to", f"Who is told at level {level}.", ROLES, roles),
    )
)
_FOLLOW_UP = tuple(
    _counted(
        f"quote_followup_day_{place}",
        f"Days after a quote was sent until follow-up {place}; none: no such follow-up.",
        (1, 366),
        days,
        "QUOTE_FOLLOWUP_DAYS",
    )
    for place, days in ((1, 3), (2, 7), (3, 14))
)
_RE_ENGAGEMENT = (
    _flagged("re_engagement_enabled", "False: silent customers are left alone.", "true"),
    _counted("inactivity_days", "Days of silence; else those of source `tenants`.", (1, 365), 7),
    _free("re_engagement_header", "Heading of the message.", "We miss you!"),
    _free("re_engagement_body", "Text of the message.", "It has been a while. Come and see what is new."),
    _listed("re_engagement_channels", "How silent customers are reached, in this order.", CHANNELS, "wallet"),
    Setting(
        "re_engagement_reach",
        Type.TEXT,
        "On the first of the channels the customer can be reached on, or on all of them.",
        "first or all",
        partial(_word, among=("first", "all")),
        "first",
    ),
    _timed("re_engagement_time", "Local time of the message.", "09:00"),
    _zoned("re_engagement_time_zone", "Whose local time that is.", "UTC"),
    _counted(
        "re_engagement_repeat_days",
        "Days of further silence until the message is repeated; none: once.",
        (1, 365),
    ),
    _listed(
        "re_engagement_activities",
        "What counts as a sign of life.",
        _ACTIVITIES,
        "booking,payment,enquiry,visit",
    ),
)

TENANT_SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        *_SLA,
        *_FOLLOW_UP,
        _timed("birthday_email_time", "Local time of birthday messages.", "09:00", "BIRTHDAY_EMAIL_HOUR"),
        _zoned("birthday_email_time_zone", "Whose local time that is.", "tenant", "BIRTHDAY_EMAIL_TIMEZONE"),
        _counted(
            "quote_expiry_warning_hours",
            "Hours before a quote expires at which the customer is warned.",
            (1, 8784),
            24,
            "QUOTE_EXPIRY_WARNING_HOURS",
        ),
        *_RE_ENGAGEMENT,
        Setting("caps", Type.TEXT, "At most so many marketing messages for one person.", ALLOWED_CAPS, _caps),
        Setting(
            "send_windows",
            Type.TEXT,
            "When marketing may arrive, in the recipient's zone; the default's parts are added.",
            "parts such as 'mon-fri 09:00-18:00; sms 10:00-20:00; FR mon-sat 08:00-20:00'",
            _windows,
            QUIET_HOURS,
        ),
        Setting(
            "rate_limits",
            Type.TEXT,
            "How fast channels may send for this tenant.",
            "parts such as 'email 20/s; sms 600/min': at most so many per s, min, h or day",
            _rates,
        ),
        Setting(
            "message_costs",
            Type.TEXT,
            "What a message costs by channel; others cost what `AUTOMATION_COSTS` says.",
            ALLOWED_COSTS,
            _costs,
        ),
        Setting(
            "holdout",
            Type.NUMBER,
            "Per cent of the customers who get no marketing at all, to compare with.",
            "a number from 0 to 100",
            partial(_number, least=0, most=100),
            "0",
        ),
        _flagged("tracking", "False: nothing is recorded of what readers of e-mails open and click.", "true"),
        _counted("sunset_days", "Days without any response until marketing stops; none: never.", (1, 3660)),
        _counted("sunset_messages", "Messages in a row without any response until it stops.", (1, 10_000)),
    )
}
"""Every setting by its name, in the order in which they are told."""

SETTING_TYPES: dict[str, Type] = {f"setting.{name}": each.type for name, each in TENANT_SETTINGS.items()}
"""What a condition may name beside the columns of its audience."""
