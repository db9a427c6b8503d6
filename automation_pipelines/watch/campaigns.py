"""Which campaigns had too much come back of what they sent lately.

What was sent is counted only of those of which enough came back, and the weeks before only where a limit is
passed.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from automation_pipelines.ledger import reactions, watching
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.reactions import GROUP, Span
from automation_pipelines.settings.watching import Watch
from automation_pipelines.watch.rates import (
    LEAST_CASES,
    Count,
    Excess,
    What,
    excesses,
    limit_of,
    percent,
    suspect,
)

DAY, WEEK, _MOMENT = timedelta(days=1), timedelta(days=7), timedelta(microseconds=1)
BASELINE = timedelta(days=28)
"""How long before the time looked at shows what is usual."""


@dataclass(frozen=True, slots=True)
class _Measure:
    """One rate, over what was sent in one time."""

    what: What
    column: str
    days: int

    def __str__(self) -> str:
        return "in the last 24 hours" if self.days == 1 else f"in the last {self.days} days"


_MEASURES = (
    _Measure("hard bounces", "bounced", 1),
    _Measure("complaints", "complained", 1),
    _Measure("complaints", "complained", 7),
    _Measure("unsubscribes", "unsubscribed", 1),
)
_WAY = ("campaign_id", "channel", "purpose")
_Counts = dict[tuple[int, str, str], dict[int, Count]]
"""By campaign, channel and purpose: of each tenant."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An anomaly with the campaign it is of."""

    campaign: str
    channel: str
    purpose: str
    measure: _Measure
    excess: Excess
    limit: float

    @property
    def about(self) -> str:
        """What it is about, the same from look to look."""
        whose = "" if self.excess.tenant_id is None else f" tenant {self.excess.tenant_id}"
        return f"{self.measure.what} of campaign {self.campaign} by {self.channel}{whose}"

    @property
    def words(self) -> str:
        """What is wrong, and how much of it."""
        one = self.excess
        whose = "" if one.tenant_id is None else f" for tenant {one.tenant_id}"
        before = f", before that {one.before}" if one.before.of else ""
        usual = ", as it used to be" if one.usual else ""
        return (
            f"{one.what} of campaign {self.campaign}{whose} by {self.channel}: {one.count} of what it sent "
            f"{self.measure}{before}{usual}; the limit is {percent(self.limit)}"
        )


def campaigns(db: Database, now: datetime, limits: Watch) -> Iterator[Judged]:
    """Everything that is above its limit; three statements, two more for each limit that is passed."""
    running = {one.campaign_id: one for one in watching.running(db, now - WEEK)}
    if not running:
        return
    since, day, until = {number: one.since for number, one in running.items()}, now - DAY, now + _MOMENT
    found = reactions.reactions(db, Span(since, day, until))
    counted = _with_sent(db, found, _worth_counting(found, since, day), day, until)
    for measure in _MEASURES:
        counts = _counts(counted, measure)
        wanted = {way for way, tenants in counts.items() if _suspicious(tenants, measure, limits)}
        past = _past(db, wanted, measure, now)
        for way in sorted(wanted):
            campaign, channel, purpose = running[way[0]].campaign, *way[1:]
            for one in excesses(counts[way], past.get(way, {}), measure.what, limits):
                limit = limit_of(measure.what, limits)
                yield Judged(campaign, channel, purpose, measure, one, limit)


def _worth_counting(found: pl.DataFrame, since: Mapping[int, datetime], day: datetime) -> dict[int, datetime]:
    """Of which campaigns it is worth to count what they sent, and since when: that is the dear part."""
    sums = found.group_by("campaign_id").agg(
        pl.col("complained").sum().alias("week"),
        pl.max_horizontal(pl.col("bounced", "unsubscribed").filter(pl.col("recent") == 1).sum()).alias("day"),
    )
    return {
        number: since[number] if week >= LEAST_CASES else max(day, since[number])
        for number, week, lately in sums.iter_rows()
        if max(week, lately) >= LEAST_CASES
    }


def _with_sent(
    db: Database, found: pl.DataFrame, since: Mapping[int, datetime], recent: datetime, until: datetime
) -> pl.DataFrame:
    if not since:
        return found.clear().with_columns(sent=pl.lit(0, pl.Int64))
    sent = reactions.sent(db, Span(since, recent, until))
    both = found.filter(pl.col("campaign_id").is_in(list(since)))
    key = [*GROUP, "recent"]
    return both.join(sent, on=key, how="full", coalesce=True).with_columns(pl.exclude(key).fill_null(0))


def _counts(counted: pl.DataFrame, measure: _Measure) -> _Counts:
    rows = counted.filter(pl.col("recent") == 1) if measure.days == 1 else counted
    tried = pl.col("sent") + pl.col("refused")
    # What bounced nobody could complain about.
    of = tried if measure.column == "bounced" else tried - pl.col("bounced")
    each = rows.group_by(*_WAY, "tenant_id").agg(pl.col(measure.column).sum(), of.sum().alias("of"))
    counts: _Counts = {}
    for number, channel, purpose, tenant, cases, all_ in each.iter_rows():
        counts.setdefault((number, channel, purpose), {})[tenant] = Count(cases, all_)
    return counts


def _suspicious(tenants: Mapping[int, Count], measure: _Measure, limits: Watch) -> bool:
    total = sum(tenants.values(), Count())
    return any(suspect(count, measure.what, limits) for count in (total, *tenants.values()))


def _past(db: Database, ways: Collection[tuple[int, str, str]], measure: _Measure, now: datetime) -> _Counts:
    """The same of the weeks before; asked only where something is above its limit."""
    if not ways:
        return {}
    until = now - timedelta(days=measure.days)
    since = {number: until - BASELINE for number, *_ in ways}
    span = Span(since, until, until)
    return _counts(
        _with_sent(db, reactions.reactions(db, span), since, until, until),
        _Measure(measure.what, measure.column, 0),
    )
