"""The figures of delivery as metadata: numbers, which the UI plots over the runs, and tables to read.

Numbers are there in every run, zeros included, so that no line of a plot has gaps. Decides nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from automation_pipelines.delivery import Delivered
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.figures import figures
from automation_pipelines.ledger.lateness import lateness
from automation_pipelines.model import SETTLED, Reason
from automation_pipelines.orchestration.metadata import Metadata, markdown
from automation_pipelines.planning.late import late
from automation_pipelines.tick import TickResult

_MOMENT = timedelta(microseconds=1)
_AGAINST = [reason for reason in Reason if reason in SETTLED - {Reason.PLANNED}]
_LONGEST = 30
"""Rows of a table that people still read."""


def late_lines(db: Database, since: datetime, now: datetime) -> list[str]:
    """Tell by campaign what was dropped for being late in that time, and what went although it was."""
    return [str(one) for one in lateness(db, since, now + _MOMENT)]


def of_delivery(
    db: Database, done: Delivered, since: datetime, now: datetime, told_late: Sequence[str]
) -> Metadata:
    """What a run of delivery did, how fast, and what it left."""
    found = figures(db, since, now)
    standing, seconds = found.total, (now - since).total_seconds()
    return {
        **_numbers(
            completed=done.completed,
            late=done.late,
            expired=done.expired,
            waiting=standing.waiting,
            delayed=standing.delayed,
            dead=standing.dead,
            unknown=standing.unknown,
            open_breakers=standing.open_breakers,
        ),
        **_measures(
            per_second=done.completed / seconds if seconds else None,
            average_seconds=standing.average_seconds,
            p95_seconds=standing.p95_seconds,
            oldest_waiting_seconds=standing.behind(now).total_seconds(),
        ),
        "done": dg.MetadataValue.text(str(done) or "nothing was due"),
        "by_channel": _table(_by_channel(found.brief)),
        "by_channel_and_tenant": _table(_by_tenant(found.brief)),
        "lateness": _list(told_late),
    }


def of_tick(done: TickResult) -> Metadata:
    """What a tick planned and settled for good, what it found late, and what somebody should look at."""
    reasons = dict(done.plan.settled.group_by("reason").len().iter_rows())
    told = late(done.plan.rows, done.plan.clock.as_of)
    lines = [str(one) for one in told]
    return {
        **_numbers(
            planned=done.planned,
            settled_otherwise=done.settled,
            moments=len(done.plan.rows),
            late=sum(one.late for one in told),
            **{f"settled/{reason}": reasons.get(str(reason), 0) for reason in _AGAINST},
        ),
        "lateness": _list(lines),
        "notices": _list([notice for notice in done.notices if notice not in lines]),
    }


def _list(lines: Sequence[str]) -> dg.MetadataValue:
    return dg.MetadataValue.md("\n".join(f"- {line}" for line in lines) or "none")


def _numbers(**counts: int) -> Metadata:
    return {name: dg.MetadataValue.int(count) for name, count in counts.items()}


def _measures(**values: float | None) -> Metadata:
    known = {name: value for name, value in values.items() if value is not None}
    return {name: dg.MetadataValue.float(round(value, 3)) for name, value in known.items()}


def _by_channel(found: pl.DataFrame) -> pl.DataFrame:
    counts = pl.selectors.integer().exclude("tenant_id")
    return found.group_by("channel", maintain_order=True).agg(counts.sum())


def _by_tenant(found: pl.DataFrame) -> pl.DataFrame:
    # A run is as long as it has something to do: its speed by the minute says nothing.
    return found.drop("per_minute", strict=False).rename({"tenant_id": "tenant"})


def _table(found: pl.DataFrame) -> dg.MetadataValue:
    if found.is_empty():
        return dg.MetadataValue.md("no jobs")
    shown = markdown(found.head(_LONGEST))
    more = len(found) - _LONGEST
    return (
        dg.MetadataValue.md(f"{shown.value}\n\nand {more:,} more: `automation jobs status`")
        if more > 0
        else shown
    )
