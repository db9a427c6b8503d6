"""The published statistics once more, in a PostgreSQL schema, for who works with a server and not with files.

One transaction brings it to what the file says. Only rows that differ travel and are written: whoever reads
sees the old or the new and waits for neither, replicas get little to do, nothing bloats. (Tables swapped by
renaming would wait for every reader, and take the views and grants along that others have put upon them.)
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import psycopg
import sqlalchemy as sa

from automation_pipelines.catalogue.measures import VIEWS, View
from automation_pipelines.catalogue.statistics import PUBLISHED
from automation_pipelines.catalogue.types import Statistic, Type
from automation_pipelines.errors import ConfigurationError, LedgerError, StatsDatabaseError
from automation_pipelines.ledger.columnar import copy
from automation_pipelines.ledger.database import Database
from automation_pipelines.stats import measures
from automation_pipelines.stats.tables import literal, schema

ANALYST = "automation_analyst"
"""The role that may read and nothing else; nobody logs in as it, people are made members of it."""

SQL_TYPES: dict[Type, str] = {
    Type.ID: "bigint",
    Type.INTEGER: "bigint",
    Type.MONEY: "bigint",
    Type.NUMBER: "double precision",
    Type.TEXT: "text",
    Type.BOOLEAN: "boolean",
    Type.DATE: "date",
    Type.INSTANT: "timestamp with time zone",
}

_SHOWN: tuple[Statistic | View, ...] = (*PUBLISHED, *VIEWS.values())
_LONGEST_WAIT = "60s"
_SCHEMA = "What came of the campaigns. Days are UTC days."
_LOCK = 0x616E616C7974  # "analyt"


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy wrote: rows added and removed by table, and what an administrator has yet to do."""

    added: dict[str, int]
    removed: dict[str, int]
    notices: tuple[str, ...] = ()

    @property
    def written(self) -> int:
        """The rows that were not as they should be."""
        return sum(self.added.values()) + sum(self.removed.values())


def publish_copy(source: Path, url: str, place: str) -> Copied:
    """Bring schema `place` of the database at `url` to what the published file `source` holds.

    `StatsDatabaseError` where it cannot be: what was there before is there still.
    """
    database = _open(url)
    try:
        with _in_words(database), database.engine.begin() as connection:
            return _Copy(database, connection, place).run(source)
    finally:
        database.close()


def _open(url: str) -> Database:
    try:
        backend = sa.make_url(url).get_backend_name()
    except sa.exc.ArgumentError:
        backend = ""
    if backend not in ("postgresql", "postgres"):
        msg = "AUTOMATION_STATS_URL is no PostgreSQL database: write postgresql://user:password@host/name"
        raise ConfigurationError(msg) from None
    return Database.open(url)


@contextmanager
def _in_words(database: Database) -> Iterator[None]:
    try:
        yield
    except (sa.exc.DBAPIError, LedgerError) as error:
        cause = error.reason if isinstance(error, LedgerError) else error.orig
        reason = " ".join(str(cause).split())
        msg = (
            f"the statistics could not be copied to {database}: {reason}. What was there is there still; "
            "try again with `automation stats publish`"
        )
        raise StatsDatabaseError(msg) from error


class _Copy:
    """One transaction of a copy."""

    def __init__(self, database: Database, connection: sa.Connection, place: str) -> None:
        self._database = database
        self._connection = connection
        self._schema = place
        quote = connection.dialect.identifier_preparer.quote
        self._place = quote(place)

    def run(self, source: Path) -> Copied:
        """Bring everything up to date; the caller commits."""
        self._do(f"SET LOCAL lock_timeout = '{_LONGEST_WAIT}'")
        self._do("SET LOCAL TimeZone = 'UTC'")
        self._do("SELECT pg_advisory_xact_lock(%s)", _LOCK)
        if not self._one("SELECT 1 FROM pg_namespace WHERE nspname = %s", self._schema):
            self._do(f"CREATE SCHEMA {self._place}")
        reshaped = [each for each in PUBLISHED if self._shape(each) != _declared(each)]
        outdated = bool(reshaped) or any(map(self._outdated, VIEWS))
        if outdated:
            self._drop_views()
        for each in reshaped:
            self._reshape(each)
        added, removed = self._fill(source, {each.name for each in reshaped})
        if outdated:
            self._create_views()
        self._explain()
        return Copied(added, removed, tuple(self._grant()))

    def _fill(self, source: Path, emptied: Collection[str]) -> tuple[dict[str, int], dict[str, int]]:
        added, removed = {}, {}
        with duckdb.connect(str(source), read_only=True) as file:
            file.execute("SET TimeZone = 'UTC'")
            for each in PUBLISHED:
                names = ", ".join(column.name for column in each.columns)
                wanted = file.sql(f"SELECT {names} FROM {each.name}").pl().cast(schema(each))
                there = self._rows(each, names) if each.name not in emptied else wanted.clear()
                added[each.name], removed[each.name] = self._write(each, wanted, there)
        return added, removed

    def _rows(self, statistic: Statistic, names: str) -> pl.DataFrame:
        """The rows as they are, each with its place, which nobody moves before we are done."""
        table = self._name(statistic.name)
        self._do(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
        found = self._database.read(f"SELECT {names}, CAST(ctid AS text) AS _ctid FROM {table}")
        return found.cast(pl.Schema({**schema(statistic), "_ctid": pl.String()}))

    def _write(self, statistic: Statistic, wanted: pl.DataFrame, there: pl.DataFrame) -> tuple[int, int]:
        table, names = self._name(statistic.name), wanted.columns
        lost = there.join(wanted, on=names, how="anti", nulls_equal=True)
        new = wanted.join(there, on=names, how="anti", nulls_equal=True)
        if not lost.is_empty():
            copy(self._connection, "lost", lost.select("_ctid"))
            self._do(f"DELETE FROM {table} USING lost WHERE {table}.ctid = lost._ctid::tid")
            self._do("DROP TABLE lost")
        if not new.is_empty():
            listed = ", ".join(names)
            copy(self._connection, "new_rows", new)
            self._do(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM new_rows")
            self._do("DROP TABLE new_rows")
        return len(new), len(lost)

    def _shape(self, statistic: Statistic) -> dict[str, tuple[str, bool]]:
        """The columns as they are; empty where there is no such table."""
        found = self._connection.exec_driver_sql(
            "SELECT column_name, data_type, is_nullable = 'NO' FROM information_schema.columns "
            "WHERE table_schema = %s AND table_name = %s",
            (self._schema, statistic.name),
        )
        return {name: (kind, required) for name, kind, required in found}

    def _reshape(self, statistic: Statistic) -> None:
        """Create a table, or give it this version's columns: emptied first, filled before anybody sees it."""
        table, there, wanted = self._name(statistic.name), self._shape(statistic), _declared(statistic)
        self._do(f"CREATE TABLE IF NOT EXISTS {table} ()")
        self._do(f"DELETE FROM {table}")
        self._do(f"DROP INDEX IF EXISTS {self._name(f'{statistic.name}_key')}")
        gone = [name for name, kind in there.items() if wanted.get(name) != kind]
        for name in gone:
            self._do(f"ALTER TABLE {table} DROP COLUMN {name}")
        for name, (kind, required) in wanted.items():
            if name in gone or name not in there:
                rule = " NOT NULL" if required else ""
                self._do(f"ALTER TABLE {table} ADD COLUMN {name} {kind}{rule}")
        unique = "UNIQUE" if all(wanted[name][1] for name in statistic.key) else ""
        key = ", ".join(statistic.key)
        self._do(f"CREATE {unique} INDEX {statistic.name}_key ON {table} ({key})")

    def _outdated(self, view: str) -> bool:
        """Whether a view does not say what the catalogue does: replacing one would wait for its readers."""
        self._do(f"CREATE TEMPORARY VIEW wanted AS {measures.query(VIEWS[view], schema=f'{self._place}.')}")
        wanted = self._one("SELECT pg_get_viewdef('pg_temp.wanted'::regclass)")
        self._do("DROP VIEW pg_temp.wanted")
        return wanted != self._one("SELECT pg_get_viewdef(to_regclass(%s))", self._name(view))

    def _drop_views(self) -> None:
        for name in VIEWS:
            self._do(f"DROP VIEW IF EXISTS {self._name(name)}")

    def _create_views(self) -> None:
        for view in VIEWS.values():
            query = measures.query(view, schema=f"{self._place}.")
            self._do(f"CREATE VIEW {self._name(view.name)} AS {query}")

    def _explain(self) -> None:
        """Comment on what is not commented on like this."""
        wanted = {("SCHEMA", self._place): _SCHEMA}
        for each in _SHOWN:
            wanted["TABLE" if isinstance(each, Statistic) else "VIEW", self._name(each.name)] = (
                f"One row is {each.row}."
            )
            for column in each.columns:
                wanted["COLUMN", f"{self._name(each.name)}.{column.name}"] = column.doc
        there = self._comments()
        for (kind, place), text in wanted.items():
            if there.get(place) != text:
                self._do(f"COMMENT ON {kind} {place} IS {literal(text)}".replace("%", "%%"))

    def _comments(self) -> dict[str, str]:
        found = self._connection.exec_driver_sql(
            "SELECT c.relname, a.attname, d.description FROM pg_description AS d "
            "JOIN pg_class AS c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass "
            "LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND a.attnum > 0 "
            "WHERE c.relnamespace = to_regnamespace(%s)",
            (self._place,),
        )
        return {f"{self._name(table)}{f'.{column}' if column else ''}": text for table, column, text in found}

    def _grant(self) -> Iterator[str]:
        """Let analysts read what is here and what will be; say what our own login may not do."""
        try:
            with self._connection.begin_nested():
                if not self._one("SELECT 1 FROM pg_roles WHERE rolname = %s", ANALYST):
                    self._do(f"CREATE ROLE {ANALYST} NOLOGIN")
                ours = ", ".join(self._name(each.name) for each in _SHOWN)
                future = "GRANT SELECT ON TABLES"
                self._do(f"GRANT USAGE ON SCHEMA {self._place} TO {ANALYST}")
                self._do(f"GRANT SELECT ON {ours} TO {ANALYST}")
                self._do(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {self._place} {future} TO {ANALYST}")
        except sa.exc.ProgrammingError as error:
            if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
                raise
            yield (
                f"this login may not make the role {ANALYST} or let it read: have an administrator run "
                f"`CREATE ROLE {ANALYST} NOLOGIN` once, then publish again"
            )

    def _name(self, name: str) -> str:
        return f"{self._place}.{name}"

    def _do(self, statement: str, *values: object) -> int:
        return self._connection.exec_driver_sql(statement, values or None).rowcount

    def _one(self, statement: str, *values: object) -> object:
        return self._connection.exec_driver_sql(statement, values or None).scalar()


def _declared(statistic: Statistic) -> dict[str, tuple[str, bool]]:
    return {column.name: (SQL_TYPES[column.type], column.required) for column in statistic.columns}
