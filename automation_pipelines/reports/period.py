"""What a report is asked: about whom, and which days. Days are UTC, as in every statistic."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days from one to another, both included."""

    first: date
    last: date

    @classmethod
    def of_month(cls, day: date) -> "Period":
        """The month of a day."""
        return cls(day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))

    @property
    def days(self) -> tuple[date, ...]:
        """Each of its days."""
        return tuple(self.first + _DAY * number for number in range((self.last - self.first).days + 1))

    @property
    def is_month(self) -> bool:
        """Whether it is a calendar month."""
        return self == Period.of_month(self.first)

    @property
    def before(self) -> "Period":
        """What it is compared with: the month before a month, else as many days right before it."""
        last = self.first - _DAY
        return Period.of_month(last) if self.is_month else Period(last - (self.last - self.first), last)

    def __str__(self) -> str:
        """In words, each thing said once: 1 to 30 April 2026."""
        if self.is_month:
            return f"{self.first:%B %Y}"
        if self.first == self.last:
            return said(self.last)
        if self.first.year != self.last.year:
            return f"{said(self.first)} to {said(self.last)}"
        if self.first.month != self.last.month:
            return f"{self.first.day} {self.first:%B} to {said(self.last)}"
        return f"{self.first.day} to {said(self.last)}"


@dataclass(frozen=True, slots=True)
class Question:
    """What the report is about: a campaign, a tenant, or a campaign's part at one tenant."""

    tenant: int | None = None
    campaign: str | None = None
    period: Period | None = None
    """Null: the latest month of days that there is anything of."""


def said(day: date) -> str:
    """A day in words: 3 April 2026."""
    return f"{day.day} {day:%B %Y}"
