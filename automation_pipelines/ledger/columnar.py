"""How frames get out of a database and into it: compiled statements, columnar reads, bulk loads.

Knows both databases' fast ways and no table.

On SQLite every access to the database goes through Python's own SQLite library. ADBC brings a second
one, and two libraries in one process must not have the same file open: closing it in one drops the
locks the other holds. So ADBC only writes private staging files, which are then attached.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import sqlalchemy as sa
from adbc_driver_postgresql import dbapi as adbc_postgresql
from adbc_driver_sqlite import dbapi as adbc_sqlite
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg

from automation_pipelines.ledger.tables import UtcDateTime

_CHUNK = 50_000
_INSTANT = pl.Datetime("us", "UTC")


def frame_type(column: sa.types.TypeEngine[Any]) -> pl.DataType | None:
    """How a column travels in frames, the same on both databases; `None` when unknown."""
    match column:
        case UtcDateTime():
            return _INSTANT
        case sa.Boolean():
            return pl.Boolean()
        case sa.Integer():
            return pl.Int64()
        case sa.Numeric():
            return pl.Float64()
        case sa.String():
            return pl.String()
        case _:
            return None


def raw(connection: sa.Connection) -> Any:  # noqa: ANN401 - of either driver
    """Return the driver's own connection."""
    return connection.connection.driver_connection


@dataclass(frozen=True)
class Query:
    """A compiled statement with its values in order, and the dtypes its columns will have."""

    text: str
    values: tuple[Any, ...]
    value_types: tuple[pl.DataType | None, ...]
    columns: Mapping[str, pl.DataType | None]

    @classmethod
    def of(cls, element: sa.Executable, parameters: Mapping[str, Any], dialect_name: str) -> "Query":
        """Compile for the driver that will read it."""
        dialect = _dialect(dialect_name)
        compiled = element.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
        names = compiled.positiontup or ()
        values = compiled.construct_params(parameters)
        binds = {name: compiled.binds.get(name) for name in names}
        processed = []
        for name in names:
            bind = binds[name]
            process = bind.type.dialect_impl(dialect).bind_processor(dialect) if bind is not None else None
            processed.append(process(values[name]) if process else values[name])
        types = tuple(frame_type(bind.type) if bind is not None else None for bind in binds.values())
        picked = getattr(element, "selected_columns", ())
        return cls(str(compiled), tuple(processed), types, {c.name: frame_type(c.type) for c in picked})


@cache
def _dialect(name: str) -> sa.Dialect:
    """One of each: it remembers how values of each type are written."""
    # asyncpg's spelling of values ($1::BIGINT) is the one that ADBC understands.
    return asyncpg.dialect() if name == "postgresql" else sqlite.dialect()  # type: ignore[no-untyped-call]


def read_sqlite(connection: sa.Connection, query: Query) -> pl.DataFrame:
    """Read rows in chunks into columns."""
    cursor = raw(connection).execute(query.text, query.values)
    names = [column[0] for column in cursor.description]
    kinds = [query.columns.get(name) for name in names]
    chunks = [_rows_frame(names, kinds, [])] if all(kinds) else []
    while rows := cursor.fetchmany(_CHUNK):
        chunks.append(_rows_frame(names, kinds, rows))
    if not chunks:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.Null()))
    return pl.concat(chunks, how="vertical_relaxed")


def _rows_frame(names: list[str], kinds: list[pl.DataType | None], rows: list[Any]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pl.DataFrame(
        [_series(name, kind, values) for name, kind, values in zip(names, kinds, columns, strict=True)]
    )


def _series(name: str, kind: pl.DataType | None, values: Sequence[Any]) -> pl.Series:
    if isinstance(kind, pl.Datetime | pl.Boolean):
        return pl.Series(name, values, dtype=pl.Int64).cast(kind)
    return pl.Series(name, values, dtype=kind)


def readers(uri: str) -> sa.Pool:
    """Connections for `read_postgresql`, of which one is kept: to connect takes as long as many reads.

    One that a server has closed meanwhile is replaced.
    """
    pool = sa.QueuePool(
        lambda: adbc_postgresql.connect(uri, autocommit=True),
        pool_size=1,
        max_overflow=-1,
        reset_on_return=None,
    )

    @sa.event.listens_for(pool, "checkout")
    def alive(connection: adbc_postgresql.Connection, *_: object) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except adbc_postgresql.Error as error:
            raise sa.exc.DisconnectionError from error

    return pool


def read_postgresql(pool: sa.Pool, query: Query) -> pl.DataFrame:
    """Read Arrow through a connection of `readers`."""
    with closing(pool.connect()) as connection, connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(query.text, _arrow_row(query) if query.values else None)
        frame = pl.from_arrow(cursor.fetch_arrow_table())
    if not isinstance(frame, pl.DataFrame):  # a table never becomes a series
        raise TypeError(type(frame))
    return frame.with_columns(
        pl.col(name).cast(kind)
        for name, kind in ((name, query.columns.get(name)) for name in frame.columns)
        if kind is not None and frame.schema[name] != kind
    )


def _arrow_row(query: Query) -> pa.Table:
    series = [
        pl.Series(str(place), [value], dtype=kind)
        for place, (value, kind) in enumerate(zip(query.values, query.value_types, strict=True))
    ]
    return pl.DataFrame(series).to_arrow(compat_level=pl.CompatLevel.oldest())


class Staging:
    """Private SQLite files of one transaction, written by ADBC and attached for reading."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._names: list[str] = []

    def attach(self, name: str, frame: pl.DataFrame) -> None:
        """Write `frame` to a file and make it table `name` of the connection."""
        self._directory = self._directory or tempfile.TemporaryDirectory(prefix="automation-staging-")
        path = Path(self._directory.name) / f"{name}.db"
        instants = [column for column, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
        plain = frame.with_columns(pl.col(instants).dt.epoch("us")) if instants else frame
        with adbc_sqlite.connect(str(path), autocommit=True) as staging, staging.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode = OFF")
            cursor.execute("PRAGMA synchronous = OFF")
            cursor.adbc_ingest(name, plain.to_arrow(compat_level=pl.CompatLevel.oldest()), mode="create")
        raw(self._connection).execute(f"ATTACH ? AS staging_{name}", (str(path),))
        self._names.append(f"staging_{name}")

    def close(self) -> None:
        """Detach and remove the files; after the transaction, as SQLite asks for."""
        try:
            for name in self._names:
                raw(self._connection).execute(f"DETACH {name}")
        finally:
            if self._directory:
                self._directory.cleanup()


_POSTGRESQL_TYPES: dict[type[pl.DataType], str] = {
    pl.Datetime: "timestamptz",
    pl.Date: "date",
    pl.Boolean: "boolean",
    pl.Float64: "double precision",
    pl.String: "text",
    pl.Null: "text",
}


def copy(connection: sa.Connection, name: str, frame: pl.DataFrame) -> None:
    """Load `frame` into temporary table `name` of a PostgreSQL transaction."""
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(
        f"{quote(column)} {_POSTGRESQL_TYPES.get(type(kind), 'bigint')}"
        for column, kind in frame.schema.items()
    )
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {quote(name)} ({columns}) ON COMMIT DROP")
    with raw(connection).cursor() as cursor:
        with cursor.copy(rf"COPY {quote(name)} FROM STDIN (FORMAT csv, NULL '\N')") as copy:
            for chunk in frame.iter_slices(_CHUNK):
                # Text is always quoted, so a text of \N is not taken for a null.
                csv = chunk.write_csv(include_header=False, null_value=r"\N", quote_style="non_numeric")
                copy.write(csv.encode())
        cursor.execute(f"ANALYZE {quote(name)}")


def sql_type(kind: pl.DataType) -> sa.types.TypeEngine[Any]:
    """Give the type in which Core statements see a staged column."""
    match kind:
        case pl.Datetime():
            return UtcDateTime()
        case pl.String() | pl.Null():
            return sa.Text()
        case pl.Boolean():
            return sa.Boolean()
        case pl.Date():
            return sa.Date()
        case pl.Float64():
            return sa.Float()
        case _:
            return sa.BigInteger()
