"""How delivery is doing: the queue, what came of it, its speed and its breakers. Reads only.

What stands (waiting, in work, dead, unknown) is counted through the partial index of its state, what ended
through `ix_jobs_finished`: the cost follows the queue and the time asked about, never the whole record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger import breakers
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.lateness import LATE, microseconds
from automation_pipelines.ledger.operations import in_state, of_tests
from automation_pipelines.ledger.tables import MICROSECOND, UtcDateTime, jobs
from automation_pipelines.model import State

DAY, HOUR = timedelta(days=1), timedelta(hours=1)

_WHOM = ("channel", "tenant_id")
_STANDING = (State.PENDING, State.PROCESSING, State.DEAD, State.UNKNOWN)
_ENDED = (State.COMPLETED, State.SKIPPED, State.CANCELLED)
_LEAST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Total:
    """All channels and tenants together; the times are those of what was completed since then."""

    waiting: int
    delayed: int
    processing: int
    dead: int
    unknown: int
    open_breakers: int
    oldest_waiting: datetime | None
    average_seconds: float | None
    p95_seconds: float | None

    def behind(self, now: datetime) -> timedelta:
        """For how long the first of those that wait could have gone."""
        return max(now - self.oldest_waiting, timedelta()) if self.oldest_waiting else timedelta()


@dataclass(frozen=True, slots=True)
class Figures:
    """One row per channel and tenant with jobs that stand or ended since then, or with an open breaker.

    How it stands: `waiting`, `delayed` (by a retry), `processing`, `dead`, `unknown`, `oldest_waiting` (when
    the first of the waiting became available) and `open_breakers` (providers that are left alone).
    What ended since then: `completed`, of which `late`; `failed` (became dead or unknown); `skipped`, of
    which `expired`; `cancelled`; `per_minute`, how many a minute were completed; `average_seconds` and
    `p95_seconds`, how long one took from its hand-off to the provider's answer. Tests count nowhere.
    """

    rows: pl.DataFrame
    total: Total

    @property
    def brief(self) -> pl.DataFrame:
        """Without the columns that say nothing of anybody: they would only push the others off a screen."""
        numbers = self.rows.select(pl.selectors.numeric().exclude("tenant_id"))
        silent = [name for name in numbers.columns if not numbers[name].sum()]
        if self.rows["oldest_waiting"].is_null().all():
            silent.append("oldest_waiting")
        return self.rows.drop(silent)


def figures(db: Database, since: datetime, now: datetime) -> Figures:
    """Look at what stands now, and at what ended since then."""
    standing, ended, resting = _standing(db), _ended(db, since, now), _breakers(db)
    minutes = max(now - since, _LEAST) / timedelta(minutes=1)
    found = standing.join(_by(ended, _WHOM, minutes), on=_WHOM, how="full", coalesce=True)
    found = found.join(resting, on=_WHOM, how="full", coalesce=True)
    counts = pl.selectors.integer().exclude("tenant_id")
    found = found.with_columns(counts.fill_null(0), pl.col("per_minute").fill_null(0.0)).sort(_WHOM)
    return Figures(found, _total(found, _by(ended.with_columns(all=0), ["all"], minutes)))


def _total(found: pl.DataFrame, speed: pl.DataFrame) -> Total:
    sums = [str(name) for name in ("waiting", "delayed", *_STANDING[1:], "open_breakers")]
    oldest: Any = found["oldest_waiting"].min()
    times = speed.select("average_seconds", "p95_seconds").row(0, named=True) if len(speed) else {}
    return Total(
        **found.select(pl.col(sums).sum()).row(0, named=True),
        oldest_waiting=oldest,
        average_seconds=times.get("average_seconds"),
        p95_seconds=times.get("p95_seconds"),
    )


def _standing(db: Database) -> pl.DataFrame:
    rows = db.read(sa.union_all(*map(_counted, _STANDING)))
    of_state = {state: pl.col("state") == str(state) for state in _STANDING}
    jobs_in, retried = pl.col("jobs"), pl.col("retried")
    return rows.group_by(_WHOM).agg(
        (jobs_in - retried).filter(of_state[State.PENDING]).sum().alias("waiting"),
        retried.filter(of_state[State.PENDING]).sum().alias("delayed"),
        *(jobs_in.filter(of_state[state]).sum().alias(str(state)) for state in _STANDING[1:]),
        pl.col("oldest_waiting").filter(of_state[State.PENDING]).min(),
    )


def _counted(state: State) -> sa.Select[Any]:
    """One branch for each state: only so is each read through its own index."""
    j = jobs.c
    oldest = sa.func.min(sa.case((j.attempts == 0, j.available_at)))
    return (
        sa.select(
            j.channel,
            j.tenant_id,
            sa.literal(str(state), sa.String()).label("state"),
            sa.func.count().label("jobs"),
            sa.func.count(sa.case((j.attempts > 0, 1))).label("retried"),
            sa.type_coerce(oldest, UtcDateTime).label("oldest_waiting"),
        )
        .where(in_state(state), sa.not_(of_tests()))
        .group_by(j.channel, j.tenant_id)
    )


def _ended(db: Database, since: datetime, now: datetime) -> pl.DataFrame:
    """Counted by the millisecond each took, so that a day of a million is a few thousand rows."""
    j, done = jobs.c, jobs.c.state == State.COMPLETED
    took = microseconds(db, j.handed_off_at, j.finished_at) // sa.literal_column("1000", sa.Integer)
    late = microseconds(db, j.due_at, j.finished_at) > LATE // MICROSECOND
    return db.read(
        sa.select(
            j.channel,
            j.tenant_id,
            j.state,
            (j.reason == "expired").label("expired"),
            sa.case((done, late)).label("late"),
            sa.case((done, took)).label("took"),
            sa.func.count().label("jobs"),
        )
        .where(j.finished_at >= since, j.finished_at <= now, sa.not_(of_tests()))
        .group_by(*(sa.literal_column(str(place)) for place in range(1, 7)))
    )


def _by(ended: pl.DataFrame, whom: Sequence[str], minutes: float) -> pl.DataFrame:
    count, state = pl.col("jobs"), pl.col("state")
    timed = pl.col("took").is_not_null()
    seconds, weight = pl.col("took").filter(timed) / 1000, count.filter(timed)
    return (
        ended.sort("took", nulls_last=True)
        .group_by(whom, maintain_order=True)
        .agg(
            *(count.filter(state == str(each)).sum().alias(str(each)) for each in _ENDED),
            count.filter(state.is_in([str(State.DEAD), str(State.UNKNOWN)])).sum().alias("failed"),
            count.filter(pl.col("expired")).sum().alias("expired"),
            count.filter(pl.col("late")).sum().alias("late"),
            (count.filter(state == str(State.COMPLETED)).sum() / minutes).round(3).alias("per_minute"),
            ((seconds * weight).sum() / weight.sum()).fill_nan(None).round(3).alias("average_seconds"),
            seconds.filter(weight.cum_sum() >= 0.95 * weight.sum()).first().alias("p95_seconds"),
        )
    )


def _breakers(db: Database) -> pl.DataFrame:
    keys = [(key.channel, key.tenant_id) for key, one in breakers.known(db).items() if one.opened_at]
    schema = {"channel": pl.String, "tenant_id": pl.Int64}
    opened = pl.DataFrame(keys, schema=schema, orient="row")
    return opened.group_by(_WHOM).agg(pl.len().cast(pl.Int64).alias("open_breakers"))
