"""A look at past days: what would be selected and decided there, on the data and campaigns as they are now.

Rows are marked `reconstructed` and filed apart from the record. Nothing is written to the ledger, and
what it settled is ignored: the look shows the day as if it were lived again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl

from automation_pipelines.decisions import LedgerRecord
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.promotions import Trial
from automation_pipelines.planning import Clock
from automation_pipelines.planning.gates import NoPast, Past
from automation_pipelines.preview import Simulated, all_needs, imagine, ticks_from
from automation_pipelines.selection import midnight
from automation_pipelines.tick import Frames, Work, find_work

_DAY = timedelta(days=1)
_COARSE = timedelta(hours=6)
"""A look steps through its days in ticks as long as this, unless something would go stale meanwhile."""


class _Unlived(LedgerRecord):
    """The record as it would be had nothing been decided yet; people's orders and opt-outs stay."""

    def settled(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        return super().settled(candidates.clear())

    def variants(self, campaign_ids: Sequence[int]) -> pl.DataFrame:  # noqa: ARG002
        """See `planning.Record`."""
        return super().variants([])

    def begun(self, sought: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        return super().begun(sought).clear()

    def verdicts(self, campaigns: Sequence[str]) -> pl.DataFrame:
        """See `planning.Record`."""
        return super().verdicts(campaigns).clear()

    def arms(self, trials: Sequence[Trial], as_of: datetime) -> pl.DataFrame:  # noqa: ARG002
        """See `planning.Record`."""
        return super().arms([], as_of)

    def recently_planned(self, step_ids: Sequence[int], since: datetime) -> pl.DataFrame:  # noqa: ARG002
        """See `planning.Record`."""
        return super().recently_planned([], since)

    def predecessors(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        return super().predecessors(wanted.clear())

    def held(self, moments: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        return moments.select(KEY).clear().with_columns(pl.lit(None, pl.String).alias("reason"))

    @property
    def past(self) -> Past:
        """See `planning.Record`."""
        return NoPast(self.database)


def find_past_work(installation: Installation, first: date, last: date, *, now: datetime) -> Work:
    """What a look at these days has to read: its clock runs from the first midnight to the last, or now."""
    found = find_work(installation, now)
    return with_days(found, first, last, now=now)


def with_days(work: Work, first: date, last: date, *, now: datetime) -> Work:
    """The same campaigns over other days."""
    since, until = midnight(first), min(midnight(last) + _DAY, now)
    clock = Clock(max(since, until), since, _tick(work))
    return replace(work, clock=clock, needs=tuple(all_needs(work, _ticks(clock))))


def _tick(work: Work) -> timedelta:
    patience = [a.spec.max_lateness for a in work.campaigns if a.spec.max_lateness is not None]
    return max(work.clock.tick, min([_COARSE, *patience]))


def decide_past(installation: Installation, frames: Frames, work: Work) -> pl.DataFrame:
    """The decisions on every moment due in the days of `work`, tick by tick as it would have been lived."""
    record = Simulated(_Unlived(installation.database, installation.files, writes=False))
    record.plans.extend(imagine(installation, work, _ticks(work.clock), frames, record))
    rows = pl.concat([plan.rows for plan in record.plans]).unique(KEY, keep="last", maintain_order=True)
    return rows.filter(
        pl.col("due_at").is_between(work.clock.planned_through, work.clock.as_of, closed="left")
    )


def _ticks(clock: Clock) -> list[Clock]:
    """The ticks of the days of a look; `clock` runs over all of them."""
    since = clock.planned_through or clock.as_of
    return list(ticks_from(Clock(since, since - clock.tick, clock.tick), clock.as_of))
