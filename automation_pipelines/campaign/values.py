"""The words a campaign file writes values in: lengths of time, times of day, zones, slugs, instants.

Lengths are written as `3 days`, `-24 hours`, `60 minutes` or `at once`. Where a length, a time of day, a
zone or a list may differ by tenant, the name of a tenant setting stands in braces: `{inactivity_days}
days`, `"{birthday_email_time}"`.
"""

import re
from datetime import datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

Unit = Literal["minute", "hour", "day"]
MINUTES: dict[Unit, int] = {"minute": 1, "hour": 60, "day": 1440}

_SPAN = re.compile(
    r"(?P<sign>-?)(?:(?P<number>\d{1,6})|\{(?P<setting>[a-z][a-z0-9_]*)\})\s+(?P<unit>minute|hour|day|week)s?"
)
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_SETTING = re.compile(r"\{([a-z][a-z0-9_]*)\}")


class Model(BaseModel):
    """Unknown fields are errors: a typo must not silently change who gets a message."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(Model):
    """A signed length: whole `days` on the calendar, or exact `minutes`.

    With `setting`, the count of `unit` is that of the tenant, and `days` and `minutes` are 0.
    """

    days: int = 0
    minutes: int = 0
    setting: str | None = None
    unit: Unit = "day"
    before: bool = Field(default=False, description="With a setting: it lies before the anchor.")

    @model_validator(mode="before")
    @classmethod
    def _stored(cls, data: object) -> object:
        # Versions applied by 0.1 are kept with the name it had then.
        if isinstance(data, dict) and "column" in data:
            return {
                **{key: value for key, value in data.items() if key != "column"},
                "setting": data["column"],
            }
        return data

    @property
    def exact(self) -> bool:
        """True when it counts elapsed minutes, not calendar days."""
        return self.minutes != 0 or (self.setting is not None and self.unit != "day")

    @property
    def longest(self) -> timedelta:
        """The greatest length it can have; a setting counts no more than 366 days."""
        if self.setting is None:
            return timedelta(days=self.days, minutes=self.minutes)
        return timedelta(days=-366 if self.before else 366)

    @property
    def negative(self) -> bool:
        """True when it lies before the anchor."""
        return self.days < 0 or self.minutes < 0 or self.before

    def of(self, count: int) -> timedelta:
        """The length where the setting has this value."""
        length = timedelta(minutes=count * MINUTES[self.unit])
        return -length if self.before else length

    def __str__(self) -> str:
        """Write the length as a campaign file does."""
        if self.setting:
            return f"{'-' * self.before}{{{self.setting}}} {self.unit}s"
        if self.minutes:
            return f"{self.minutes} minutes"
        return f"{self.days} days" if self.days else "at once"


def _span(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value in ("at once", "0"):
        return Span()
    found = _SPAN.fullmatch(value.strip())
    if not found:
        msg = f"'{value}' is no length of time: write '3 days', '-24 hours', '60 minutes' or 'at once'"
        raise ValueError(msg)
    sign = -1 if found["sign"] else 1
    if found["setting"]:
        if found["unit"] == "week":
            msg = f"'{value}': a setting counts minutes, hours or days"
            raise ValueError(msg)
        return Span(setting=found["setting"], unit=found["unit"], before=sign < 0)
    number = sign * int(found["number"])
    if found["unit"] in ("day", "week"):
        return Span(days=number * (7 if found["unit"] == "week" else 1))
    return Span(minutes=number * (60 if found["unit"] == "hour" else 1))


_LENGTH = {
    "type": "string",
    # Groups without names: editors' engines spell those otherwise.
    "pattern": "^(" + re.sub(r"\?P<[a-z]+>", "", _SPAN.pattern) + "|at once|0)$",
    "examples": ["3 days", "-24 hours", "at once", "{inactivity_days} days"],
}
Offset = Annotated[Span, BeforeValidator(_span), WithJsonSchema(_LENGTH)]


def _positive(span: Span) -> Span:
    if span.negative:
        msg = "must not be negative"
        raise ValueError(msg)
    return span


Duration = Annotated[Span, BeforeValidator(_span), AfterValidator(_positive), WithJsonSchema(_LENGTH)]


def setting_in(value: object) -> str | None:
    """The tenant setting that a value names in braces, if it is nothing else."""
    found = _SETTING.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def _clock(value: object) -> object:
    # YAML 1.1 reads an unquoted 10:00 as the base-60 number 600.
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    msg = f"'{value}' is no time of day: write '09:00' in quotes"
    raise ValueError(msg)


def _clock_or_setting(value: object) -> object:
    return value if setting_in(value) else _clock(value)


def _written(at: time | str) -> str:
    return at if isinstance(at, str) else f"{at:%H:%M}"


_TIME = {"type": "string", "pattern": f"^{_CLOCK.pattern}$", "examples": ["09:00"]}
Clock = Annotated[
    time, BeforeValidator(_clock), PlainSerializer(_written, return_type=str), WithJsonSchema(_TIME)
]
ClockOrSetting = Annotated[
    time | str,
    BeforeValidator(_clock_or_setting),
    PlainSerializer(_written, return_type=str),
    WithJsonSchema({**_TIME, "pattern": rf"^({_CLOCK.pattern}|{_SETTING.pattern})$"}),
]


def _zone(value: str) -> str:
    if value not in ("tenant", "recipient") and setting_in(value) is None:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            msg = f"'{value}' is no zone: write 'tenant', 'recipient' or an IANA name such as 'Europe/Paris'"
            raise ValueError(msg) from None
    return value


Zone = Annotated[str, AfterValidator(_zone)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=60)]
# A folder below the templates, never above them.
TemplateName = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:[-_/][a-z0-9]+)*$", max_length=80)]


def _instant(value: object) -> object:
    # A bare number would be read as seconds since 1970, a bare date as midnight of nowhere.
    if isinstance(value, str | datetime):
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if moment.tzinfo is not None:
            return moment
    msg = f"'{value}' is no instant with a zone: write for example '2026-05-31T23:59:00Z'"
    raise ValueError(msg)


Instant = Annotated[datetime, BeforeValidator(_instant)]


def listed(value: object) -> object:
    """A single word is a list of one."""
    return [value] if isinstance(value, str) else value
