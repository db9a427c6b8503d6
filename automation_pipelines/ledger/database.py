"""One automation database: connections, transactions, migration, locks, frames in and out.

SQLite and PostgreSQL differ here and in `columnar` (and where a statement says so); no question about jobs or
campaigns is asked in this module.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.dialects import postgresql, sqlite

from automation_pipelines.errors import ConfigurationError, LedgerError, LockedError
from automation_pipelines.ledger import schema
from automation_pipelines.ledger.columnar import (
    Query,
    Staging,
    copy,
    raw,
    read_postgresql,
    read_sqlite,
    readers,
    sql_type,
)
from automation_pipelines.ledger.tables import EPOCH, MICROSECOND, UtcDateTime, installation
from automation_pipelines.ledger.trouble import in_words

BUSY_SECONDS = 60
# A server that is gone without a word (its machine died) is noticed within a minute, not after hours.
_DIALLING = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_PLANNER_LOCK = 0x6175746F706C616E  # "autoplan"


def dump_json(value: object) -> str:
    """JSON text, knowing dates, times and decimals; keys keep their order."""
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> object:
    match value:
        case date() | time_of_day():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case set() | frozenset() | tuple():
            return list(value)
    msg = f"{type(value).__name__} has no JSON form"
    raise TypeError(msg)


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
                        parsed.set(drivername="postgresql+psycopg", query={**_DIALLING, **parsed.query}),
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
        try:
            self._migrate(now)
        except (sa.exc.DBAPIError, LedgerError) as error:
            reason = error.reason if isinstance(error, LedgerError) else error.orig
            msg = f"the automation database {self} cannot be brought to this version: {reason}"
            raise ConfigurationError(msg) from error

    def _migrate(self, now: datetime) -> None:
        if self.file is None:
            with self.begin() as connection:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PLANNER_LOCK + 1)))
                schema.upgrade(connection, now)
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # Switching to WAL does not wait for others by itself, hence the lock.
        with FileLock(f"{self.file}.schema.lock"):
            with self.reading() as connection:
                raw(connection).execute("PRAGMA journal_mode = WAL")
            with self.begin() as connection:
                schema.upgrade(connection, now)

    def require_current(self) -> None:
        """`ConfigurationError` unless the schema is exactly this version's; `LedgerError` if it is away."""
        if self.file is not None and not self.file.exists():
            msg = f"there is no automation database at {self.file}: run `automation init`"
            raise ConfigurationError(msg)
        try:
            with self.reading() as connection:
                problem = schema.problem(connection)
        except sa.exc.DBAPIError as error:
            msg = f"the automation database {self} cannot be read: {error.orig}"
            raise ConfigurationError(msg) from None
        if problem:
            msg = f"the automation database {self} {problem}"
            raise ConfigurationError(msg)

    @contextmanager
    def begin(self, *, durable: bool = False) -> Iterator[sa.Connection]:
        """One writing transaction: committed at the end, rolled back by an exception.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE) and waits for it, so it never
        fails half-way with "database is locked". `durable`: once it is over, it and all before it outlive
        a power failure, which SQLite otherwise leaves to the next checkpoint.
        """
        with (
            in_words(str(self)),
            self.engine.connect().execution_options(durable=durable) as connection,
        ):
            staging = Staging(connection)
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
        with (
            in_words(str(self)),
            self.engine.connect().execution_options(read=True) as connection,
        ):
            yield connection

    def read(
        self, statement: sa.Executable | str, parameters: Mapping[str, Any] | None = None
    ) -> pl.DataFrame:
        """The rows of one statement as a frame, read columnar; instants are UTC on both databases.

        A Core select has the same dtypes whatever its rows; a text with `:name` values has those
        the database reports.
        """
        element = sa.text(statement) if isinstance(statement, str) else statement
        query = Query.of(element, parameters or {}, self.dialect)
        if self.dialect == "postgresql":
            with in_words(str(self)):
                return read_postgresql(self._readers, query)
        with self.reading() as connection:
            return read_sqlite(connection, query)

    @cached_property
    def _readers(self) -> sa.Pool:
        uri = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return readers(uri)

    def ingest(self, connection: sa.Connection, name: str, frame: pl.DataFrame) -> sa.TableClause:
        """Bulk-load `frame` as temporary table `name` of the transaction of `begin()`.

        Returns the table for use in Core statements. It vanishes with the transaction.
        """
        staging: Staging = connection.info["staging"]
        if self.dialect == "sqlite":
            staging.attach(name, frame)
        else:
            copy(connection, name, frame)
        return sa.table(name, *(sa.column(column, sql_type(kind)) for column, kind in frame.schema.items()))

    def listed(
        self, name: str, columns: Mapping[str, sa.types.TypeEngine[Any]], rows: Iterable[Sequence[object]]
    ) -> sa.Subquery:
        """Rows as a derived table of a statement: one bound JSON value, however many rows there are."""
        prepared = [[self._json_value(value) for value in row] for row in rows]
        if self.dialect == "sqlite":
            elements = sa.func.json_each(sa.bindparam(None, dump_json(prepared), sa.Text)).table_valued(
                "value"
            )
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

    def clock(self, own: Callable[[], datetime]) -> Callable[[], datetime]:
        """The time that all who work with this database go by, from now on.

        On PostgreSQL it is the database's own, asked once and counted on by a clock that nobody sets: hosts
        whose clocks differ share rate limits and mean the same by "due". On SQLite it is `own`.
        """
        if self.dialect != "postgresql":
            return own
        with self.reading() as connection:
            asked = sa.select(sa.type_coerce(sa.func.clock_timestamp(), UtcDateTime()))
            there: datetime = connection.execute(asked).scalar_one()
        here = time.monotonic()
        return lambda: there + timedelta(seconds=time.monotonic() - here)

    @contextmanager
    def planner_lock(self) -> Iterator[None]:
        """Hold the one planner lock of this database; `LockedError` at once when another has it."""
        with self._lock("planner", _PLANNER_LOCK):
            yield

    @contextmanager
    def payload_lock(self) -> Iterator[None]:
        """Hold the lock of who moves or erases payloads, files of them included; `LockedError` as above."""
        with self._lock("housekeeper", _PLANNER_LOCK + 2):
            yield

    def _lock(self, who: str, number: int) -> AbstractContextManager[None]:
        return self._advisory_lock(who, number) if self.file is None else self._file_lock(self.file, who)

    @contextmanager
    def _advisory_lock(self, who: str, number: int) -> Iterator[None]:
        # A connection of its own: the lock ends with the session, also when the process is killed.
        with in_words(str(self)):
            session = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with session as connection:
            with in_words(str(self)):
                free = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(number)))
            if not free:
                msg = (
                    f"another {who} is at work on {self}: let it finish, or look for it in pg_locks "
                    "(locktype 'advisory') and end its session"
                )
                raise LockedError(msg)
            try:
                yield
            finally:
                # Where the server died, the session did, and the lock with it.
                with suppress(sa.exc.DBAPIError):
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))

    @contextmanager
    def _file_lock(self, file: Path, who: str) -> Iterator[None]:
        lock = FileLock(f"{file}.{who}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            held = f"let it finish, or end the process holding {lock.lock_file}"
            msg = f"another {who} is at work on {file}: {held}"
            raise LockedError(msg) from None
        try:
            yield
        finally:
            lock.release()

    def close(self) -> None:
        """Close idle connections."""
        self.engine.dispose()
        if "_readers" in self.__dict__:
            self._readers.dispose()

    def __str__(self) -> str:
        """The URL without its password and options, which may hold another."""
        return self.engine.url.set(query={}).render_as_string(hide_password=True)


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


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`, not by the driver
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("read", False):
        safety = "FULL" if options.get("durable", False) else "NORMAL"
        raw(connection).execute(f"PRAGMA synchronous = {safety}")
    connection.exec_driver_sql("BEGIN" if options.get("read", False) else "BEGIN IMMEDIATE")
