"""One statistic: where it is filed, how its SQL is run, and that it returns what the catalogue says."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.engine import FRAME_TYPES, SQL_TYPES, Engine
from automation_pipelines.errors import ConfigurationError, FiguresError
from automation_pipelines.files import FileStore
from automation_pipelines.sqlfiles import SqlFiles


@contextmanager
def undamaged() -> Iterator[None]:
    """`FiguresError` where a file that the engine reads within is damaged, as after a power failure."""
    try:
        yield
    except duckdb.InvalidInputException as error:
        msg = (
            f"a file of statistics cannot be read ({str(error).splitlines()[0]}): "
            "`automation stats restate --from DAY --to DAY` over that day writes it anew"
        )
        raise FiguresError(msg) from error


def dataset(statistic: Statistic) -> str:
    """Where the days of a statistic are filed."""
    return f"stats/{statistic.name}"


def derived_file(files: FileStore, statistic: Statistic) -> Path:
    """Where a statistic that is not filed by day is written at each publication."""
    return files.root / f"{dataset(statistic)}.parquet"


def filed(files: FileStore, statistic: Statistic, days: Iterable[date] | None = None) -> pl.DataFrame:
    """These days (default: all) of a statistic as they are filed; empty where they are not."""
    found = files.read(dataset(statistic), days)
    return found if found.width else pl.DataFrame(schema=schema(statistic))


def schema(statistic: Statistic) -> pl.Schema:
    """The types of its columns as frames have them."""
    return pl.Schema({column.name: FRAME_TYPES[column.type] for column in statistic.columns})


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
    return frame.cast(schema(statistic))


def show_files(engine: Engine, view: str, statistic: Statistic, paths: list[Path], *, more: str = "") -> None:
    """Make filed days readable in the engine as `view`; `more` names a relation of further rows."""
    columns = ", ".join(column.name for column in statistic.columns)
    parts = [f"SELECT {columns} FROM {more}"] if more else []
    if paths:
        listed = ", ".join(literal(path) for path in paths)
        parts.append(f"SELECT {columns} FROM read_parquet([{listed}], union_by_name = true)")
    engine.show(view, " UNION ALL ".join(parts or [nothing(statistic)]))


def nothing(statistic: Statistic) -> str:
    """A query of no rows with the columns of the statistic."""
    columns = ", ".join(f"CAST(NULL AS {SQL_TYPES[c.type]}) AS {c.name}" for c in statistic.columns)
    return f"SELECT {columns} WHERE false"


def literal(value: object) -> str:
    """A text in SQL, where nothing can be bound."""
    return "'" + str(value).replace("'", "''") + "'"
