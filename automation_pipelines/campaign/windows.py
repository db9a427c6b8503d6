"""When messages may leave, and when a broadcast goes to its segment."""

from datetime import date, datetime, time, timedelta
from typing import Literal

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator, model_validator

from automation_pipelines.campaign.values import Clock, Duration, Model, Span, Zone

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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


Every = Literal["day", "week", "month", "quarter"]
_SOME_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - local, as cron expressions are
_CRON_FIELDS = 5


def _misread(cron: str) -> str:
    """Say what is wrong with a cron expression; empty when nothing is."""
    fields = len(cron.split())
    if fields != _CRON_FIELDS:  # of six the first would be seconds, and every other not what it seems
        return f"{fields} fields"
    try:
        CronSim(cron, _SOME_DAY)
    except CronSimError as error:
        return str(error)
    return ""


class Schedule(Model):
    """When a broadcast goes to its segment, in the campaign's zone: once, or again and again.

    Once: `date`. Recurring: `every` from `start` on (weekly: `on` these days; monthly and quarterly: on
    the day of month of `start`, or the last day of a shorter month), or a `cron` expression (five
    fields; weekday 0 is Sunday) in local time; until `end`, not on `except`.
    """

    on_date: date | None = Field(default=None, alias="date")
    start: date | None = None
    end: date | None = Field(default=None, description="The last day on which it may go out.")
    every: Every | None = None
    on: tuple[Weekday, ...] = ()
    cron: str | None = None
    at: Clock | None = Field(default=None, description="Local time; a cron expression brings its own.")
    spread: Duration = Field(default=Span(), description="Spread evenly over so long from then on.")
    excluded: tuple[date, ...] = Field(default=(), alias="except")

    @field_validator("cron")
    @classmethod
    def _readable(cls, cron: str | None) -> str | None:
        wrong = _misread(cron) if cron is not None else ""
        if wrong:
            msg = f"'{cron}' is no cron expression ({wrong}): write five fields such as '0 9 * * 1'"
            raise ValueError(msg)
        return cron

    @model_validator(mode="after")
    def _one_way(self) -> "Schedule":
        ways = [name for name, value in self._ways.items() if value is not None]
        if len(ways) != 1:
            msg = "write one of: date (once), every (with start), cron"
            raise ValueError(msg)
        if (self.at is None) != (self.cron is not None):
            msg = "a cron expression brings its own time" if self.cron else "at is missing: the local time"
            raise ValueError(msg)
        if self.every is not None and self.start is None:
            msg = "every needs a start: the first day"
            raise ValueError(msg)
        if self.on and self.every != "week":
            msg = "on goes with every: week"
            raise ValueError(msg)
        if self.start and self.end and self.end < self.start:
            msg = f"end {self.end} is before start {self.start}"
            raise ValueError(msg)
        return self

    @property
    def _ways(self) -> dict[str, object]:
        return {"date": self.on_date, "every": self.every, "cron": self.cron}
