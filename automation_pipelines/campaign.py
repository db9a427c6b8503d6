"""What a campaign file may declare: the spec, refused early where it makes no sense by itself.

Checks that need the catalogue, templates or channels (does this audience exist?) are `validation`'s.
Offsets and durations are written as `3 days`, `-24 hours`, `60 minutes`; `{column} days` takes the
number of days from a column of the audience.
"""

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, LiteralString
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from automation_pipelines.conditions import Condition
from automation_pipelines.model import Purpose, Scalar, require_utc

Kind = Literal[
    "custom",
    "sla_escalation",
    "follow_up",
    "birthday",
    "anniversary",
    "quote_expiry",
    "reminder",
    "review_request",
    "promotional",
    "seasonal",
    "sequence",
    "re_engagement",
]
Role = Literal["customer", "agent", "agent_manager", "department_manager", "senior_management", "executives"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SPAN = re.compile(
    r"(?P<sign>-?)(?:(?P<number>\d{1,5})|\{(?P<column>[a-z_]+)\})\s+(?P<unit>minute|hour|day)s?"
)
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


class Model(BaseModel):
    """Unknown fields are errors: a typo must not silently change who gets a message."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(Model):
    """A signed length: whole `days` on the calendar, or exact `minutes`; `column` names a count of days."""

    days: int = 0
    minutes: int = 0
    column: str | None = None

    @property
    def exact(self) -> bool:
        """True when it counts elapsed minutes, not calendar days."""
        return self.minutes != 0

    @property
    def longest(self) -> timedelta:
        """The greatest length it can have; a column of days is at most 366."""
        return timedelta(days=366 if self.column else self.days, minutes=self.minutes)

    @property
    def negative(self) -> bool:
        """True when it lies before the anchor."""
        return self.days < 0 or self.minutes < 0

    def __str__(self) -> str:
        """Write the length as a campaign file does."""
        if self.column:
            return f"{{{self.column}}} days"
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
    if found["column"]:
        if found["unit"] != "day" or found["sign"]:
            msg = f"'{value}': a column counts days after the anchor: write '{{{found['column']}}} days'"
            raise ValueError(msg)
        return Span(column=found["column"])
    number = sign * int(found["number"])
    match found["unit"]:
        case "day":
            return Span(days=number)
        case "hour":
            return Span(minutes=60 * number)
        case _:
            return Span(minutes=number)


Offset = Annotated[Span, BeforeValidator(_span)]


def _positive(span: Span) -> Span:
    if span.negative:
        msg = "must not be negative"
        raise ValueError(msg)
    return span


Duration = Annotated[Span, BeforeValidator(_span), AfterValidator(_positive)]


def _clock(value: object) -> object:
    # YAML 1.1 reads an unquoted 10:00 as the base-60 number 600.
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    msg = f"'{value}' is no time of day: write '09:00' in quotes"
    raise ValueError(msg)


Clock = Annotated[time, BeforeValidator(_clock), PlainSerializer(lambda at: f"{at:%H:%M}", return_type=str)]


def _zone(value: str) -> str:
    if value not in ("tenant", "recipient"):
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


class Window(Model):
    """When messages may leave, in `zone`: from `start` until before `end` on `days`, not on `except`."""

    days: tuple[Weekday, ...] = WEEKDAYS
    start: Clock = time(0)
    end: Clock | Literal["24:00"] = "24:00"
    zone: Zone = "tenant"
    excluded: tuple[date, ...] = Field(default=(), alias="except")

    @model_validator(mode="after")
    def _opens(self) -> "Window":
        if not self.days:
            msg = "days is empty: the window would never open"
            raise ValueError(msg)
        if self.end != "24:00" and self.end <= self.start:
            msg = f"end {self.end:%H:%M} is not after start {self.start:%H:%M}"
            raise ValueError(msg)
        return self

    def opens_on(self, day: date) -> bool:
        """Whether messages may leave on this day, in the window's zone."""
        return WEEKDAYS[day.weekday()] in self.days and day not in self.excluded

    @property
    def longest_wait(self) -> timedelta:
        """A bound on how far a moment can be moved to the next opening."""
        shut = max((self._next_open(day) - day for day in self.excluded), default=timedelta(0))
        # A week until the first day that is shut though its weekday is open, and a day for the clocks.
        return timedelta(days=8) + shut

    def _next_open(self, day: date) -> date:
        while not self.opens_on(day):
            day += timedelta(days=1)
        return day


class Schedule(Model):
    """When a broadcast goes to its segment: one calendar date, at a local time."""

    on: date = Field(alias="date")
    at: Clock


class Policy(Model):
    """How a campaign behaves among others and when things go wrong."""

    priority: int = Field(default=5, ge=1, le=9, description="1 goes first.")
    max_lateness: Duration | None = Field(
        default=None,
        description="Default: marketing 24 hours, transactional 72 hours, internal none.",
    )
    backlog: Literal["none", "7 days", "all"] = "none"
    late: Literal["latest", "all"] = "latest"
    repeat_after: Duration | None = None
    valid_from: Instant | None = None
    valid_until: Instant | None = None

    @model_validator(mode="after")
    def _some_time(self) -> "Policy":
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            msg = f"valid_until is before valid_from {self.valid_from.isoformat()}"
            raise ValueError(msg)
        return self


class Step(Model):
    """One message, or one action, at an offset from the anchor."""

    id: Slug
    title: str = ""
    offset: Offset = Span()
    at: Clock | None = Field(default=None, description="Local time; default: the tenant's send time.")
    when: Condition | None = Field(default=None, description="Skipped for good where it does not hold.")
    channel: str | None = None
    template: TemplateName | None = None
    recipient: tuple[Role, ...] = ("customer",)
    action: str | None = None
    values: dict[str, Scalar] = Field(default={}, alias="with", description="Bound values of the action.")

    @model_validator(mode="before")
    @classmethod
    def _one_recipient(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("recipient"), str):
            return {**data, "recipient": [data["recipient"]]}
        return data

    @model_validator(mode="after")
    def _message_or_action(self) -> "Step":
        if (self.channel is None) == (self.action is None):
            msg = f"step '{self.id}': declare either channel and template, or action"
            raise ValueError(msg)
        if self.channel is not None and self.template is None:
            msg = f"step '{self.id}': channel '{self.channel}' needs a template"
            raise ValueError(msg)
        if self.action is not None and (self.template is not None or self.recipient != ("customer",)):
            msg = f"step '{self.id}': an action has neither template nor recipient"
            raise ValueError(msg)
        if self.at is not None and self.offset.exact:
            msg = f"step '{self.id}': 'at' goes with an offset in days, not with minutes or hours"
            raise ValueError(msg)
        return self


class Campaign(Model):
    """One declared programme: who, when, what, and how it behaves."""

    id: Slug
    title: str = Field(min_length=1)
    kind: Kind = "custom"
    audience: str
    purpose: Purpose = Purpose.MARKETING
    topic: Slug = "general"
    conditions: Condition | None = None
    schedule: Schedule | None = None
    zone: Zone = "tenant"
    window: Window | None = None
    policy: Policy = Policy()
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct_steps(self) -> "Campaign":
        seen: set[str] = set()
        for number, step in enumerate(self.steps):
            if step.id in seen:
                msg: LiteralString = "two steps have the id '{id}': an id is the identity of one step"
                kind: LiteralString = "repeated_step"
                context = {"id": step.id, "place": ("steps", number, "id")}
                raise PydanticCustomError(kind, msg, context)
            seen.add(step.id)
        return self

    @model_validator(mode="after")
    def _one_time_for_all(self) -> "Campaign":
        # Recipients are fixed when a step is first settled: who fell due later would be left out.
        if self.zone != "recipient" and (self.window is None or self.window.zone != "recipient"):
            return self
        for number, step in enumerate(self.steps):
            if "customer" in step.recipient and len(set(step.recipient)) > 1:
                msg: LiteralString = (
                    "in the zone of the recipient, step '{id}' has one time for the customer and another "
                    "for staff: make it two steps"
                )
                kind: LiteralString = "two_times"
                context = {"id": step.id, "place": ("steps", number, "recipient")}
                raise PydanticCustomError(kind, msg, context)
        return self

    @property
    def max_lateness(self) -> timedelta | None:
        """How late a message may leave; `None`: as long as the audience still returns the subject."""
        if self.policy.max_lateness is not None:
            return self.policy.max_lateness.longest
        match self.purpose:
            case Purpose.MARKETING:
                return timedelta(hours=24)
            case Purpose.TRANSACTIONAL:
                return timedelta(hours=72)
            case Purpose.INTERNAL:
                return None

    def over_at(self, moment: datetime) -> bool:
        """Say whether `valid_until` lies so far back that no moment within it can still be planned."""
        end = self.policy.valid_until
        return end is not None and require_utc(moment) > require_utc(end) + (
            self.max_lateness or timedelta(days=3)
        )
