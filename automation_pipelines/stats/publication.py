"""Publication: all filed days and what is derived from them, in one file that analysts open.

The file is replaced atomically: a reader keeps the one it opened and never blocks us; who opens next sees
the new.
"""

import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

from automation_pipelines.catalogue.measures import VIEWS
from automation_pipelines.catalogue.statistics import DERIVED, PUBLISHED, STATISTICS
from automation_pipelines.catalogue.types import Column, Statistic
from automation_pipelines.engine import SQL_TYPES, Engine, open_engine
from automation_pipelines.errors import ConfigurationError, FiguresError
from automation_pipelines.files import FileStore, rewrite
from automation_pipelines.ledger.database import Database
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats import measures, trials
from automation_pipelines.stats.attribution import Terms
from automation_pipelines.stats.inputs import Kept, at_publication
from automation_pipelines.stats.tables import dataset, derived_file, literal, run, show_files, undamaged


def publish(
    db: Database,
    files: FileStore,
    sqlfiles: SqlFiles,
    target: Path,
    *,
    as_of: datetime,
    terms: Terms | None = None,
) -> dict[str, int]:
    """Build `target` (DuckDB) from all filed days beside itself, replace it, and return rows by table.

    What is derived from the days is also written as `stats/<name>.parquet` beside their folders.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with undamaged():
            rows, derived = _build(beside, Kept(db, files, as_of, terms or Terms()), sqlfiles)
        _replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    for statistic, frame in derived.items():
        path = derived_file(files, STATISTICS[statistic])
        path.parent.mkdir(parents=True, exist_ok=True)
        rewrite(path, frame)
    return rows


def _build(path: Path, kept: Kept, sqlfiles: SqlFiles) -> tuple[dict[str, int], dict[str, pl.DataFrame]]:
    derived: dict[str, pl.DataFrame] = {}
    with open_engine() as engine, _attached(engine, path):
        for statistic in STATISTICS.values():
            if statistic.daily:
                _show_days(engine, kept.files, statistic)
        engine.add(**at_publication(kept, DERIVED))
        trials.add(engine, sqlfiles, kept.database, kept.terms.attribution.days, kept.as_of)
        for statistic in DERIVED:
            derived[statistic.name] = run(engine, sqlfiles, statistic, as_of=kept.as_of)
            _create(engine, statistic)
            engine.connection.register("derived", derived[statistic.name])
            engine.connection.execute(f"INSERT INTO analytics.{statistic.name} BY NAME FROM derived")
            _view(engine, statistic)
        for view in VIEWS.values():
            engine.connection.execute(f"CREATE VIEW analytics.{view.name} AS {measures.query(view)}")
            _explain(engine, "VIEW", view.name, view.row, view.columns)
        _refuse_repeated_keys(engine)
        rows = {statistic.name: _count(engine, statistic.name) for statistic in PUBLISHED}
    return rows, derived


def _show_days(engine: Engine, files: FileStore, statistic: Statistic) -> None:
    paths = files.paths(dataset(statistic))
    if not statistic.published:
        show_files(engine, statistic.name, statistic, paths)
        return
    _create(engine, statistic)
    _fill_from_files(engine, statistic, paths)
    _view(engine, statistic)


def _view(engine: Engine, statistic: Statistic) -> None:
    """Let derived statistics name it as they name everything else."""
    engine.show(statistic.name, f"FROM analytics.{statistic.name}")


@contextmanager
def _attached(engine: Engine, path: Path) -> Iterator[None]:
    # The oldest storage that DuckDB 2 can write, so that clients from 1.0 on can read it.
    engine.connection.execute(f"ATTACH {literal(path)} AS analytics (STORAGE_VERSION 'v1.0.0')")
    try:
        yield
    finally:
        engine.connection.execute("DETACH analytics")


def _create(engine: Engine, statistic: Statistic) -> None:
    table = f"analytics.{statistic.name}"
    columns = [_declaration(column) for column in statistic.columns]
    # No PRIMARY KEY: clients before 1.2 cannot read its index. GROUP BY keeps the keys unique.
    engine.connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
    _explain(engine, "TABLE", statistic.name, statistic.row, statistic.columns)


def _explain(engine: Engine, kind: str, name: str, row: str, columns: Iterable[Column]) -> None:
    engine.connection.execute(f"COMMENT ON {kind} analytics.{name} IS {literal(f'One row is {row}.')}")
    for column in columns:
        engine.connection.execute(
            f"COMMENT ON COLUMN analytics.{name}.{column.name} IS {literal(column.doc)}"
        )


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


def _refuse_repeated_keys(engine: Engine) -> None:
    """What was filed twice, or joined to twice, would be counted twice by everybody."""
    for statistic in PUBLISHED:
        key = ", ".join(statistic.key)
        repeated = f"SELECT {key} FROM analytics.{statistic.name} GROUP BY {key} HAVING count(*) > 1 LIMIT 5"
        if found := engine.connection.execute(repeated).fetchall():
            rows = "; ".join(", ".join(map(str, row)) for row in found)
            msg = f"{statistic.name} has several rows of one key ({key}), so nothing is published: {rows}"
            raise FiguresError(msg)


def _count(engine: Engine, name: str) -> int:
    return int(engine.connection.table(f"analytics.{name}").aggregate("count(*)").fetchall()[0][0])


def _replace(beside: Path, target: Path) -> None:
    with beside.open("rb+") as file:
        os.fsync(file.fileno())
    beside.replace(target)
