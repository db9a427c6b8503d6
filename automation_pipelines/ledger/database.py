"""One automation database: connections, transactions, columnar reads and bulk loads.

SQLite and PostgreSQL differ only here (and where a statement says so); no question about jobs or
campaigns is asked in this module.

On SQLite every access goes through Python's own SQLite library. ADBC brings a second one, and two
libraries in one process must not have the same file open: closing it in one drops the locks the
other holds. So ADBC only writes private staging files, which are then attached.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from adbc_driver_postgresql import dbapi as adbc_postgresql
from adbc_driver_sqlite import dbapi as adbc_sqlite
from filelock import FileLock, Timeout
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg

from automation_pipelines.errors import ConfigurationError, LockedError
from automation_pipelines.ledger import schema
from automation_pipelines.ledger.tables import EPOCH, MICROSECOND, UtcDateTime, installation

BUSY_SECONDS = 60
_CHUNK = 50_000
_PLANNER_LOCK = 0x6175746F706C616E  # "autoplan"
_INSTANT = pl.Datetime("us", "UTC")


def dump_json(value: object) -> str:
    """JSON text, knowing dates, times and decimals; keys keep their order."""
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> object:
    match value:
        case date() | time():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case set() | frozenset() | tuple():
            return list(value)
    msg = f"{type(value).__name__} has no JSON form"
    raise TypeError(msg)


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


@dataclass(frozen=True)
class Database:
    """A handle on one automation database. Cheap to pass around; opens connections when asked."""

    engine: sa.Engine

    @classmethod
    def open(cls, url: str) -> "Database":
        """A database by URL: `sqlite:///file` or `postgresql://…`. Connects to nothing yet."""
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError:
            msg = "the automation database's URL cannot be read: write sqlite:///file or postgresql://…"
            raise ConfigurationError(msg) from None
        match parsed.get_backend_name():
            case "sqlite":
                return cls(_sqlite_engine(parsed))
            case "postgresql" | "postgres":
                return cls(
                    sa.create_engine(
                        parsed.set(drivername="postgresql+psycopg"),
                        json_serializer=dump_json,
                        pool_pre_ping=True,
                        hide_parameters=True,
                    )
                )
        msg = (
            f"the automation database cannot be {parsed.get_backend_name()}: "
            "write sqlite:///file or postgresql://…"
        )
        raise ConfigurationError(msg)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @property
    def file(self) -> Path | None:
        """The SQLite file; `None` on PostgreSQL."""
        return Path(str(self.engine.url.database)) if self.dialect == "sqlite" else None

    @cached_property
    def salt(self) -> str:
        """The salt of this installation's address hashes."""
        with self.reading() as connection:
            return str(connection.scalar(sa.select(installation.c.salt)))

    def migrate(self, now: datetime) -> None:
        """Bring the schema to this version; several processes may do it at once."""
        if self.file is None:
            with self.begin() as connection:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLANNER_LOCK + 1)))
                schema.upgrade(connection, now)
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # Switching to WAL does not wait for others by itself, hence the lock.
        with FileLock(f"{self.file}.schema.lock"):
            with self.reading() as connection:
                _raw(connection).execute("PRAGMA journal_mode = WAL")
            with self.begin() as connection:
                schema.upgrade(connection, now)

    def require_current(self) -> None:
        """`ConfigurationError` unless the schema is exactly this version's."""
        if self.file is not None and not self.file.exists():
            msg = f"there is no automation database at {self.file}: run `automation init`"
            raise ConfigurationError(msg)
        try:
            with self.reading() as connection:
                problem = schema.problem(connection)
        except sa.exc.OperationalError as error:
            msg = f"the automation database {self} cannot be reached: {error.orig}"
            raise ConfigurationError(msg) from None
        if problem:
            msg = f"the automation database {self} {problem}"
            raise ConfigurationError(msg)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One writing transaction: committed at the end, rolled back by an exception.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE) and waits for it, so it never
        fails half-way with "database is locked".
        """
        with self.engine.connect() as connection:
            staging = _Staging(connection)
            connection.info["staging"] = staging
            try:
                with connection.begin():
                    yield connection
            finally:
                connection.info.pop("staging", None)
                staging.close()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for small questions, in one snapshot of its own; frames come from `read`."""
        with self.engine.connect().execution_options(read=True) as connection:
            yield connection

    def read(
        self, statement: sa.Executable | str, parameters: Mapping[str, Any] | None = None
    ) -> pl.DataFrame:
        """The rows of one statement as a frame, read columnar; instants are UTC on both databases.

        A Core select has the same dtypes whatever its rows; a text with `:name` values has those
        the database reports.
        """
        element = sa.text(statement) if isinstance(statement, str) else statement
        query = _Query.of(element, parameters or {}, self.dialect)
        if self.dialect == "postgresql":
            return _read_postgresql(self._adbc_uri, query)
        with self.reading() as connection:
            return _read_sqlite(connection, query)

    @property
    def _adbc_uri(self) -> str:
        return self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def ingest(self, connection: sa.Connection, name: str, frame: pl.DataFrame) -> sa.TableClause:
        """Bulk-load `frame` as temporary table `name` of the transaction of `begin()`.

        Returns the table for use in Core statements. It vanishes with the transaction.
        """
        staging: _Staging = connection.info["staging"]
        if self.dialect == "sqlite":
            staging.attach(name, frame)
        else:
            _copy(connection, name, frame)
        return sa.table(name, *(sa.column(column, _sql_type(kind)) for column, kind in frame.schema.items()))

    def listed(
        self, name: str, columns: Mapping[str, sa.types.TypeEngine[Any]], rows: Iterable[Sequence[object]]
    ) -> sa.Subquery:
        """Rows as a derived table of a statement: one bound JSON value, however many rows there are."""
        prepared = [[self._json_value(value) for value in row] for row in rows]
        value: sa.ColumnElement[Any]
        if self.dialect == "sqlite":
            elements = sa.func.json_each(sa.bindparam(None, dump_json(prepared), sa.Text)).table_valued("value")
            picked = [
                sa.type_coerce(sa.func.json_extract(elements.c.value, f"$[{place}]"), kind).label(column)
                for place, (column, kind) in enumerate(columns.items())
            ]
            return sa.select(*picked).select_from(elements).subquery(name)
        bound = sa.cast(sa.bindparam(None, dump_json(prepared), sa.Text), postgresql.JSONB)
        array = sa.func.jsonb_array_elements(bound).table_valued(sa.column("value", postgresql.JSONB))
        array = array.render_derived()
        picked = [
            sa.cast(array.c.value.op("->>")(place), kind).label(column)
            for place, (column, kind) in enumerate(columns.items())
        ]
        return sa.select(*picked).select_from(array).subquery(name)

    def _json_value(self, value: object) -> object:
        if isinstance(value, datetime) and self.dialect == "sqlite":
            return (value - EPOCH) // MICROSECOND
        return value

    def insert(self, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
        """An INSERT that knows ON CONFLICT, in the words of this database."""
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)

    def lease_clock(self, now: datetime, ahead: timedelta = timedelta()) -> sa.ColumnElement[datetime]:
        """The present, or that much later, as leases see it.

        On PostgreSQL it is the database's own clock: the workers' clocks may differ, and a lease that
        ends early for another worker would be a message sent twice.
        """
        if self.dialect == "postgresql":
            clock = sa.func.statement_timestamp() + sa.literal(ahead, sa.Interval)
            return sa.type_coerce(clock, UtcDateTime())
        return sa.literal(now + ahead, UtcDateTime())

    @contextmanager
    def planner_lock(self) -> Iterator[None]:
        """Hold the one planner lock of this database; `LockedError` at once when another has it."""
        manager = self._advisory_lock() if self.file is None else self._file_lock(self.file)
        with manager:
            yield

    @contextmanager
    def _advisory_lock(self) -> Iterator[None]:
        # A connection of its own: the lock ends with the session, also when the process is killed.
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_PLANNER_LOCK))):
                msg = (
                    f"another planner is at work on {self}: let it finish, or look for it in pg_locks "
                    "(locktype 'advisory') and end its session"
                )
                raise LockedError(msg)
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_PLANNER_LOCK)))

    @contextmanager
    def _file_lock(self, file: Path) -> Iterator[None]:
        lock = FileLock(f"{file}.planner.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            msg = f"another planner is at work on {file}: let it finish, or end the process holding {lock.lock_file}"
            raise LockedError(msg) from None
        try:
            yield
        finally:
            lock.release()

    def close(self) -> None:
        """Close idle connections."""
        self.engine.dispose()

    def __str__(self) -> str:
        """The URL without its password."""
        return self.engine.url.render_as_string(hide_password=True)


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        msg = "the automation database must outlive the process: write sqlite:///file, not an in-memory one"
        raise ConfigurationError(msg)
    engine = sa.create_engine(
        url.set(drivername="sqlite+pysqlite"), json_serializer=dump_json, hide_parameters=True
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`, not by the driver
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    read = connection.get_execution_options().get("read", False)
    connection.exec_driver_sql("BEGIN" if read else "BEGIN IMMEDIATE")


def _raw(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


@dataclass(frozen=True)
class _Query:
    """A compiled statement with its values in order, and the dtypes its columns will have."""

    text: str
    values: tuple[Any, ...]
    value_types: tuple[pl.DataType | None, ...]
    columns: Mapping[str, pl.DataType | None]

    @classmethod
    def of(cls, element: sa.Executable, parameters: Mapping[str, Any], dialect_name: str) -> "_Query":
        # asyncpg's spelling of values ($1::BIGINT) is the one that ADBC understands.
        dialect: sa.Dialect = asyncpg.dialect() if dialect_name == "postgresql" else sqlite.dialect()
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


def _read_sqlite(connection: sa.Connection, query: _Query) -> pl.DataFrame:
    cursor = _raw(connection).execute(query.text, query.values)
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


def _read_postgresql(uri: str, query: _Query) -> pl.DataFrame:
    with adbc_postgresql.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(query.text, _arrow_row(query) if query.values else None)
        frame = pl.from_arrow(cursor.fetch_arrow_table())
    if not isinstance(frame, pl.DataFrame):  # a table never becomes a series
        raise TypeError(type(frame))
    return frame.with_columns(
        pl.col(name).cast(kind)
        for name, kind in ((name, query.columns.get(name)) for name in frame.columns)
        if kind is not None and frame.schema[name] != kind
    )


def _arrow_row(query: _Query) -> Any:
    series = [
        pl.Series(str(place), [value], dtype=kind)
        for place, (value, kind) in enumerate(zip(query.values, query.value_types, strict=True))
    ]
    return pl.DataFrame(series).to_arrow(compat_level=pl.CompatLevel.oldest())


class _Staging:
    """Private SQLite files of one transaction, written by ADBC and attached for reading."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._names: list[str] = []

    def attach(self, name: str, frame: pl.DataFrame) -> None:
        self._directory = self._directory or tempfile.TemporaryDirectory(prefix="automation-staging-")
        path = Path(self._directory.name) / f"{name}.db"
        instants = [column for column, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
        plain = frame.with_columns(pl.col(instants).dt.epoch("us")) if instants else frame
        with adbc_sqlite.connect(str(path), autocommit=True) as staging, staging.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode = OFF")
            cursor.execute("PRAGMA synchronous = OFF")
            cursor.adbc_ingest(name, plain.to_arrow(compat_level=pl.CompatLevel.oldest()), mode="create")
        _raw(self._connection).execute(f"ATTACH ? AS staging_{name}", (str(path),))
        self._names.append(f"staging_{name}")

    def close(self) -> None:
        """Detach and remove the files; after the transaction, as SQLite asks for."""
        try:
            for name in self._names:
                _raw(self._connection).execute(f"DETACH {name}")
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


def _copy(connection: sa.Connection, name: str, frame: pl.DataFrame) -> None:
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(
        f"{quote(column)} {_POSTGRESQL_TYPES.get(type(kind), 'bigint')}" for column, kind in frame.schema.items()
    )
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {quote(name)} ({columns}) ON COMMIT DROP")
    with _raw(connection).cursor() as cursor:
        with cursor.copy(rf"COPY {quote(name)} FROM STDIN (FORMAT csv, NULL '\N')") as copy:
            for chunk in frame.iter_slices(_CHUNK):
                # Text is always quoted, so a text of \N is not taken for a null.
                csv = chunk.write_csv(include_header=False, null_value=r"\N", quote_style="non_numeric")
                copy.write(csv.encode())
        cursor.execute(f"ANALYZE {quote(name)}")


def _sql_type(kind: pl.DataType) -> sa.types.TypeEngine[Any]:
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
