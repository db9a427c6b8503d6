"""How fast, and how much of a young domain, an installation may send: what the settings say, read.

Nothing here counts: the tokens are the ledger's.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

ALLOWED_RATES = (
    "parts such as 'email 50/s; sms 600/min; tenant email 20/s': at most so many per s, min, h or day"
)
ALLOWED_WARM_UP = "parts such as 'news.acme.example from 2026-11-01: 50 doubling to 5000'"

_SECONDS = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
_RATE = re.compile(
    r"(?P<tenant>tenant +)?(?P<channel>(?!tenant\b)[a-z_]+) +"
    r"(?P<count>[1-9]\d{0,8}) */ *(?P<period>s|min|h|day)"
)
_WARM_UP = re.compile(
    r"(?P<domain>[a-z0-9.-]+\.[a-z0-9-]+) +from +(?P<first>\d{4}-\d\d-\d\d) *: *"
    r"(?P<start>[1-9]\d{0,8}) +doubling +to +(?P<most>[1-9]\d{0,8})"
)
# A tenth of what a period allows may go at once: more would look like a burst, less would cost claims.
_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in `seconds`, give or take the tenth of it that may go at once."""

    count: int
    seconds: int

    @property
    def full(self) -> float:
        """What may go at once."""
        return max(1.0, self.count / _AT_ONCE)

    def level(self, tokens: float, at: datetime, now: datetime) -> float:
        """What may go now, when it was `tokens` at that time."""
        passed = max((now - at).total_seconds(), 0.0)
        return min(self.full, tokens + passed * self.count / self.seconds)

    def wait(self, level: float) -> timedelta:
        """How long it takes from `level` until one may go."""
        return timedelta(seconds=max(1.0 - level, 0.0) * self.seconds / self.count)


@dataclass(frozen=True, slots=True)
class Daily:
    """At most `cap` in a UTC day."""

    cap: int

    @property
    def full(self) -> float:
        """What may go in a whole day."""
        return float(self.cap)

    def level(self, tokens: float, at: datetime, now: datetime) -> float:
        """What may still go today, when it was `tokens` at that time."""
        return tokens if at.astimezone(UTC).date() >= now.astimezone(UTC).date() else self.full

    @staticmethod
    def again(now: datetime) -> datetime:
        """When the next day begins."""
        return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


Allowance = Rate | Daily


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Rates of channels as a whole, and of each tenant on them."""

    channels: Mapping[str, Rate] = field(default_factory=dict)
    tenants: Mapping[str, Rate] = field(default_factory=dict)

    @property
    def named(self) -> frozenset[str]:
        """The channels that are spoken of."""
        return frozenset(self.channels) | frozenset(self.tenants)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A domain that nobody knows yet sends a little more marketing every day."""

    domain: str
    first: date
    start: int
    most: int

    def cap(self, day: date) -> Daily | None:
        """How much that day, before the first one as on it; `None` once it has grown to the full."""
        doublings = max((day - self.first).days, 0)
        grown = self.start << min(doublings, 64)
        return Daily(grown) if grown < self.most else None


def read_rates(text: str) -> RateLimits:
    """Read a setting; `ValueError` says which part is wrong."""
    channels: dict[str, Rate] = {}
    tenants: dict[str, Rate] = {}
    for part, found in _parts(text, _RATE.fullmatch):
        rates = tenants if found["tenant"] else channels
        if found["channel"] in rates:
            msg = f"'{part}': this was said before"
            raise ValueError(msg)
        rates[found["channel"]] = Rate(int(found["count"]), _SECONDS[found["period"]])
    return RateLimits(channels, tenants)


def read_warm_up(text: str) -> Mapping[str, WarmUp]:
    """Read a setting, by domain; `ValueError` says which part is wrong."""
    found: dict[str, WarmUp] = {}
    for part, one in _parts(text.lower(), _WARM_UP.fullmatch):
        try:
            first = date.fromisoformat(one["first"])
        except ValueError:
            msg = f"'{part}': there is no such day"
            raise ValueError(msg) from None
        if one["domain"] in found:
            msg = f"'{part}': this domain was named before"
            raise ValueError(msg)
        found[one["domain"]] = WarmUp(one["domain"], first, int(one["start"]), int(one["most"]))
    return found


def _parts(text: str, read: Callable[[str], re.Match[str] | None]) -> Iterator[tuple[str, re.Match[str]]]:
    for part in filter(None, map(str.strip, text.split(";"))):
        found = read(part)
        if found is None:
            msg = f"'{part}' cannot be read"
            raise ValueError(msg)
        yield part, found
