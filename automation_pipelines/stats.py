"""Statistics: ledger + events + decisions + enquiries → one small table per question analysts ask.

A day is computed from that day's rows alone and replaces what was filed before, so restating is
repeatable and late feedback changes only its own day. Publication gathers the days in one file that is
replaced atomically: a reader keeps the one it opened and never blocks us; who opens next sees the new.
Nothing here writes to the ledger.
"""

import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from automation_pipelines import decisions
from automation_pipelines.catalogue.statistics import CAMPAIGN_TOTALS, DAILY, STATISTICS, TENANTS
from automation_pipelines.catalogue.types import Column, InRange, Statistic
from automation_pipelines.engine import FRAME_TYPES, SQL_TYPES, Engine, open_engine
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.extraction import Demand, Selection
from automation_pipelines.files import FileStore
from automation_pipelines.ledger import daily
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.model import SETTLED, Reason
from automation_pipelines.selection import midnight
from automation_pipelines.sqlfiles import SqlFiles

_HELD = [str(reason) for reason in Reason if reason not in SETTLED]
_RECORD = ["live", "manual"]  # test runs and reconstructed days count nowhere
_DECISION_TYPES = {column.name: FRAME_TYPES[column.type] for column in decisions.COLUMNS}
_JUDGED = (*KEY, "campaign", "step", "channel", "reason", "run_id", "as_of")
_QUERY_COLUMNS = (
    "id",
    "tenant_id",
    "status",
    "escalation_level",
    "created_at",
    "sla_due_at",
    "resolved_at",
)


@dataclass(frozen=True, slots=True)
class Restated:
    """What one restatement filed: its days, and the rows of each statistic over all of them."""

    days: tuple[date, ...]
    rows: dict[str, int]


def dataset(statistic: Statistic) -> str:
    """Where the days of a statistic are filed."""
    return f"stats/{statistic.name}"


def derived_file(files: FileStore, statistic: Statistic) -> Path:
    """Where a statistic that is not filed by day is written at each publication."""
    return files.root / f"{dataset(statistic)}.parquet"


def sla_demand(days: Iterable[date]) -> Demand:
    """Demand what `sla_daily` of these days needs: the enquiries with a deadline on one of them."""
    ranges: list[tuple[datetime, datetime]] = []
    for day in sorted(set(days)):
        lo, hi = _bounds(day)
        start = ranges.pop()[0] if ranges and ranges[-1][1] == lo else lo
        ranges.append((start, hi))
    return Demand("queries", frozenset(_QUERY_COLUMNS), (Selection((InRange("sla_due_at"),), tuple(ranges)),))


def compute_day(
    db: Database,
    files: FileStore,
    sqlfiles: SqlFiles,
    day: date,
    *,
    as_of: datetime,
    queries: pl.DataFrame | None = None,
) -> dict[str, pl.DataFrame]:
    """Compute the daily statistics of one UTC day. Without `queries` there is no `sla_daily`."""
    with open_engine() as engine:
        return _compute(engine, sqlfiles, _inputs(db, files, day, queries), day=day, as_of=as_of)


def restate(
    db: Database,
    files: FileStore,
    sqlfiles: SqlFiles,
    days: Iterable[date],
    *,
    as_of: datetime,
    queries: pl.DataFrame | None = None,
) -> Restated:
    """Compute these days afresh and file them in place of what was there; sends nothing, plans nothing."""
    rows: dict[str, int] = {}
    ordered = tuple(sorted(set(days)))
    with open_engine() as engine:
        for day in ordered:
            frames = _compute(engine, sqlfiles, _inputs(db, files, day, queries), day=day, as_of=as_of)
            for name, frame in frames.items():
                files.replace(dataset(STATISTICS[name]), frame, day=day)
                rows[name] = rows.get(name, 0) + frame.height
    return Restated(ordered, rows)


def publish(db: Database, files: FileStore, sqlfiles: SqlFiles, target: Path) -> dict[str, int]:
    """Build `target` (DuckDB) from all filed days beside itself, replace it, and return rows by table.

    What is derived from the days is also written as `stats/<name>.parquet` beside their folders.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        rows, derived = _build(beside, db, files, sqlfiles)
        _replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    for statistic, frame in derived.items():
        path = derived_file(files, STATISTICS[statistic])
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        frame.write_parquet(hidden)
        hidden.replace(path)
    return rows


def run(engine: Engine, sqlfiles: SqlFiles, statistic: Statistic, **values: object) -> pl.DataFrame:
    """Run `sql/stats/<name>.sql` over the engine's frames; exactly the catalogue's columns come back."""
    file = sqlfiles.find("stats", statistic.name)
    used = {name: value for name, value in values.items() if f"${name}" in file.text}
    frame = engine.query(file.text, used)
    expected = [column.name for column in statistic.columns]
    if frame.columns != expected:
        msg = (
            f"{file.path}: it must return the columns {', '.join(expected)}; "
            f"it returns {', '.join(frame.columns)}"
        )
        raise ConfigurationError(msg)
    return frame.cast({column.name: FRAME_TYPES[column.type] for column in statistic.columns})


def _compute(
    engine: Engine, sqlfiles: SqlFiles, inputs: Mapping[str, pl.DataFrame], *, day: date, as_of: datetime
) -> dict[str, pl.DataFrame]:
    engine.add(**inputs)
    return {
        statistic.name: run(engine, sqlfiles, statistic, day=day, as_of=as_of)
        for statistic in DAILY
        if set(statistic.inputs) <= inputs.keys()
    }


def _inputs(
    db: Database, files: FileStore, day: date, queries: pl.DataFrame | None
) -> dict[str, pl.DataFrame]:
    lo, hi = _bounds(day)
    held = _held(files, day)
    asked = {} if queries is None else {"queries": queries.select(_QUERY_COLUMNS)}
    return asked | {
        "ledger": daily.jobs_due(db, lo, hi),
        "events": daily.events_of_jobs_due(db, lo, hi),
        "decisions": held,
        "settled": daily.settled_among(db, held.select(KEY)),
    }


def _bounds(day: date) -> tuple[datetime, datetime]:
    return midnight(day), midnight(day + timedelta(days=1))


def _held(files: FileStore, day: date) -> pl.DataFrame:
    paths = files.paths(decisions.DATASET, [day])
    if not paths:
        return pl.DataFrame(schema={name: _DECISION_TYPES[name] for name in _JUDGED})
    return (
        pl.scan_parquet(paths, hive_partitioning=False)
        .filter(pl.col("reason").is_in(_HELD), pl.col("mode").is_in(_RECORD))
        .select(_JUDGED)
        .cast({name: _DECISION_TYPES[name] for name in _JUDGED})
        .collect()
    )


def _build(
    path: Path, db: Database, files: FileStore, sqlfiles: SqlFiles
) -> tuple[dict[str, int], dict[str, pl.DataFrame]]:
    with open_engine() as engine, _attached(engine, path):
        for statistic in DAILY:
            _create(engine, statistic)
            _fill_from_files(engine, statistic, files.paths(dataset(statistic)))
        engine.connection.execute("CREATE TEMP VIEW campaign_daily AS FROM analytics.campaign_daily")
        engine.add(profiles=daily.profiles(db))
        derived = {each.name: run(engine, sqlfiles, each) for each in (CAMPAIGN_TOTALS, TENANTS)}
        for name, frame in derived.items():
            _create(engine, STATISTICS[name])
            engine.connection.register("derived", frame)
            engine.connection.execute(f"INSERT INTO analytics.{name} BY NAME FROM derived")
        rows = {name: _count(engine, name) for name in STATISTICS}
    return rows, derived


@contextmanager
def _attached(engine: Engine, path: Path) -> Iterator[None]:
    # The oldest storage that DuckDB 2 can write, so that clients from 1.0 on can read it.
    engine.connection.execute(f"ATTACH {_literal(path)} AS analytics (STORAGE_VERSION 'v1.0.0')")
    try:
        yield
    finally:
        engine.connection.execute("DETACH analytics")


def _create(engine: Engine, statistic: Statistic) -> None:
    table = f"analytics.{statistic.name}"
    columns = [_declaration(column) for column in statistic.columns]
    # No PRIMARY KEY: clients before 1.2 cannot read its index. GROUP BY keeps the keys unique.
    engine.connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
    engine.connection.execute(f"COMMENT ON TABLE {table} IS {_literal(f'One row is {statistic.row}.')}")
    for column in statistic.columns:
        engine.connection.execute(f"COMMENT ON COLUMN {table}.{column.name} IS {_literal(column.doc)}")


def _declaration(column: Column) -> str:
    return f"{column.name} {SQL_TYPES[column.type]}{' NOT NULL' if column.required else ''}"


def _fill_from_files(engine: Engine, statistic: Statistic, paths: Sequence[Path]) -> None:
    if not paths:
        return
    order = ", ".join(statistic.key)
    rows = f"FROM read_parquet($paths, union_by_name = true) ORDER BY {order}"
    insert = f"INSERT INTO analytics.{statistic.name} BY NAME {rows}"
    try:
        engine.connection.execute(insert, {"paths": [str(path) for path in paths]})
    except (duckdb.BinderException, duckdb.ConstraintException) as error:
        msg = (
            f"the filed days of {statistic.name} are not of this version's shape ({error}): "
            "run `automation stats restate --from DAY --to DAY` over them"
        )
        raise ConfigurationError(msg) from error


def _count(engine: Engine, name: str) -> int:
    return int(engine.connection.table(f"analytics.{name}").aggregate("count(*)").fetchall()[0][0])


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _replace(beside: Path, target: Path) -> None:
    with beside.open("rb+") as file:
        os.fsync(file.fileno())
    beside.replace(target)
