"""The statistics that are filed by UTC day: computed from that day's rows, and filed in place of what was."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from automation_pipelines.catalogue.statistics import (
    ATTRIBUTION_DAILY,
    CONVERSION_FACTS,
    DAILY,
    MESSAGE_FACTS,
    STATISTICS,
)
from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.engine import Engine, open_engine
from automation_pipelines.extraction import Demand, Selection
from automation_pipelines.files import FileStore
from automation_pipelines.ledger import machines
from automation_pipelines.ledger.database import Database
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats.attribution import Terms
from automation_pipelines.stats.inputs import Kept, bounds, of_day
from automation_pipelines.stats.tables import dataset, filed, run, schema, show_files, undamaged

Frames = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Restated:
    """What one restatement filed: its days, and the rows of each statistic over all of them."""

    days: tuple[date, ...]
    rows: dict[str, int]


def demands(days: Iterable[date]) -> list[Demand]:
    """Demand of the CRM what the statistics of these days need, and of other days nothing."""
    ranges: list[tuple[datetime, datetime]] = []
    for day in sorted(set(days)):
        lo, hi = bounds(day)
        start = ranges.pop()[0] if ranges and ranges[-1][1] == lo else lo
        ranges.append((start, hi))
    return [
        Demand(read.source, frozenset(read.columns), (Selection(read.where, tuple(ranges)),))
        for statistic in DAILY
        for read in statistic.reads
    ]


def compute_day(
    db: Database,
    files: FileStore,
    sqlfiles: SqlFiles,
    day: date,
    *,
    as_of: datetime,
    sources: Frames | None = None,
    terms: Terms | None = None,
) -> dict[str, pl.DataFrame]:
    """Compute the daily statistics of one UTC day; those whose `sources` of the CRM are given."""
    with open_engine() as engine:
        return _compute(engine, Kept(db, files, as_of, terms or Terms()), sqlfiles, day, sources or {})


def restate(
    db: Database,
    files: FileStore,
    sqlfiles: SqlFiles,
    days: Iterable[date],
    *,
    as_of: datetime,
    sources: Frames | None = None,
    terms: Terms | None = None,
) -> Restated:
    """Compute these days afresh and file them in place of what was there; sends nothing, plans nothing.

    Where a message proves sent late, the days with conversions it may be credited with follow.
    """
    rows: dict[str, int] = {}
    moved: set[date] = set()
    ordered, kept = tuple(sorted(set(days))), Kept(db, files, as_of, terms or Terms())
    machines.settle(db, ordered, as_of)
    with undamaged(), open_engine() as engine:
        for day in ordered:
            before = _before(files, day)
            computed = _compute(engine, kept, sqlfiles, day, sources or {})
            for name, frame in computed.items():
                files.replace(dataset(STATISTICS[name]), frame, day=day)
                rows[name] = rows.get(name, 0) + frame.height
            moved |= kept.terms.moved(before, computed[MESSAGE_FACTS.name])
        for day in sorted(moved.difference(ordered)):
            _credit_again(engine, kept, sqlfiles, day)
    return Restated(ordered, rows)


def _before(files: FileStore, day: date) -> pl.DataFrame:
    """The messages of a day as they are filed; of a damaged file nothing, so all that they touch follows."""
    try:
        return filed(files, MESSAGE_FACTS, [day])
    except pl.exceptions.ComputeError:
        return pl.DataFrame(schema=schema(MESSAGE_FACTS))


def _credit_again(engine: Engine, kept: Kept, sqlfiles: SqlFiles, day: date) -> None:
    """Credit the conversions of a day from what is filed of it; nothing else is computed or read."""
    if not kept.files.paths(dataset(CONVERSION_FACTS), [day]):
        return
    known = {each.name: filed(kept.files, each, [day]) for each in (MESSAGE_FACTS, CONVERSION_FACTS)}
    engine.add(**known, credited=kept.terms.credited())
    _show_windows(engine, kept.files, ATTRIBUTION_DAILY, day)
    frame = run(engine, sqlfiles, ATTRIBUTION_DAILY, day=day, sent_since=kept.terms.sent_since(day))
    kept.files.replace(dataset(ATTRIBUTION_DAILY), frame, day=day)


def _compute(
    engine: Engine, kept: Kept, sqlfiles: SqlFiles, day: date, sources: Frames
) -> dict[str, pl.DataFrame]:
    engine.add(**of_day(kept, day), **sources, prices=kept.terms.prices(sources))
    values = {"day": day, "as_of": kept.as_of, "sent_since": kept.terms.sent_since(day)}
    computed: dict[str, pl.DataFrame] = {}
    for statistic in DAILY:
        if {read.source for read in statistic.reads} <= sources.keys():
            _show_windows(engine, kept.files, statistic, day)
            computed[statistic.name] = run(engine, sqlfiles, statistic, **values)
            engine.add(**{statistic.name: computed[statistic.name]})
    return computed


def _show_windows(engine: Engine, files: FileStore, statistic: Statistic, day: date) -> None:
    """Days around this one as they are filed, and this one as it was just computed."""
    for window in statistic.windows:
        other = STATISTICS[window.statistic]
        days = [day + timedelta(days=n) for n in range(-window.before, window.after + 1) if n]
        show_files(engine, f"{other.name}_window", other, files.paths(dataset(other), days), more=other.name)
