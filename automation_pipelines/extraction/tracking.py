"""Watches tracked columns of the CRM: reads what was written since the last time, has changes recorded.

Two changes of a value between two readings are one. A row whose time lies after `as_of` belongs to the
next tick. Nothing is watched that no audience of a started campaign looks at.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import polars as pl

from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Among, Audience, InRange, Source, Type
from automation_pipelines.extraction.crm import Crm
from automation_pipelines.extraction.demands import Demand, Selection
from automation_pipelines.extraction.extract import extract
from automation_pipelines.ledger import changes
from automation_pipelines.ledger.changes import SEEN, Reading
from automation_pipelines.ledger.database import Database
from automation_pipelines.sqlfiles import SqlFiles

LAG = timedelta(minutes=15)
"""A row may become visible so much later than the time it bears: each reading overlaps the last."""

WHOLE_EVERY = timedelta(hours=24)
"""Now and then everything is read, for a CRM that does not write its time with every change."""


def track(
    crm: Crm, sqlfiles: SqlFiles, database: Database, audiences: Iterable[Audience], *, as_of: datetime
) -> int:
    """Record the changes of the columns that these audiences look at; returns how many there were."""
    tracked = watched(audiences)
    if not tracked:
        return 0
    since = {source: _since(database, source, columns, as_of) for source, columns in tracked.items()}
    wanted = [_demand(SOURCES[source], columns, since[source]) for source, columns in tracked.items()]
    frames = extract(crm, sqlfiles, wanted)
    readings = [
        Reading(source, columns, _seen(source, columns, frames[source], as_of), as_of, since[source] is None)
        for source, columns in tracked.items()
    ]
    return sum(changes.record(database, reading) for reading in readings)


def watched(audiences: Iterable[Audience]) -> Mapping[str, tuple[str, ...]]:
    """The tracked columns by source whose changes the audiences read."""
    found: dict[str, set[str]] = {}
    for read in (read for audience in audiences for read in audience.reads if read.source == "changes"):
        among = {one.column: one.values for one in read.where if isinstance(one, Among)}
        for source in among["source"]:
            found.setdefault(source, set()).update(set(among["column"]) & set(SOURCES[source].track))
    return {source: tuple(sorted(columns)) for source, columns in sorted(found.items()) if columns}


def _since(database: Database, source: str, columns: tuple[str, ...], as_of: datetime) -> datetime | None:
    """From which time of the CRM on rows have to be read; `None`: all of them."""
    marks = changes.marks(database, source)
    known = [marks[column] for column in columns if column in marks]
    if len(known) < len(columns) or SOURCES[source].watermark is None:
        return None
    if any(as_of - mark.read_whole_at >= WHOLE_EVERY for mark in known):
        return None
    times = [mark.read_to for mark in known if mark.read_to is not None]
    return min(times) - LAG if len(times) == len(known) else None


def _demand(source: Source, columns: tuple[str, ...], since: datetime | None) -> Demand:
    wanted = {"tenant_id", *columns, *([source.watermark] if source.watermark else [])}
    if since is None or source.watermark is None:
        return Demand(source.name, frozenset(wanted))
    written = Selection((InRange(source.watermark),), ((since, None),))
    return Demand(source.name, frozenset(wanted), (written,))


def _seen(source: str, columns: tuple[str, ...], frame: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """One row per row of the CRM and column, the value as text."""
    watermark = SOURCES[source].watermark
    written = pl.col(watermark) if watermark else pl.lit(None, pl.Datetime("us", "UTC"))
    rows = frame.with_columns(written.alias("written_at"))
    rows = rows.filter(pl.col("written_at").is_null() | (pl.col("written_at") <= as_of))
    parts = [
        rows.select(
            pl.col("id").alias("row_id"),
            "tenant_id",
            pl.lit(column).alias("column"),
            _text(source, column).alias("value"),
            "written_at",
        )
        for column in columns
    ]
    return pl.concat([pl.DataFrame(schema=SEEN), *parts])


def _text(source: str, column: str) -> pl.Expr:
    if SOURCES[source].column(column).type is Type.INSTANT:
        return pl.col(column).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return pl.col(column).cast(pl.String)
