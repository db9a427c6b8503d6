"""SQLite and PostgreSQL through ADBC: the fast readers, columnar from the driver on."""

from abc import abstractmethod
from pathlib import Path
from typing import Any
from urllib.parse import quote

import adbc_driver_manager.dbapi
import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite import dialect as SqliteDialect  # noqa: N812 - it is a class
from sqlalchemy.engine.interfaces import Dialect

from automation_pipelines.errors import ConfigurationError, SourceError
from automation_pipelines.extraction.crm import Crm, compiled, form_of, said, shown
from automation_pipelines.extraction.statements import Form

_BUSY_MS = 30_000
# Types that PostgreSQL sends as Arrow strings and that compare with bound text as they are.
_PLAIN_TEXT = frozenset({"text", "varchar", "bpchar", "name"})
# The SQLite driver guesses each column's type from its first batch and fails when a later row differs:
# one batch for everything sees all rows first.
_ONE_BATCH = {"adbc.sqlite.query.batch_rows": str(2**30)}


class AdbcCrm(Crm):
    """What the two drivers have in common."""

    dialect: Dialect
    connection: adbc_driver_manager.dbapi.Connection

    def __init__(self, place: str, url: str) -> None:
        self.place = place
        self.url = url

    def open(self) -> None:
        """Connect and begin a read-only snapshot."""
        try:
            self.connection = self.connect()
        except adbc_driver_manager.Error as error:
            msg = f"the CRM at {self.place} cannot be opened: {said(error, self.url)}"
            raise SourceError(msg) from None

    @abstractmethod
    def connect(self) -> adbc_driver_manager.dbapi.Connection:
        """Open a connection that can only read."""

    @abstractmethod
    def prepare(self, cursor: adbc_driver_manager.dbapi.Cursor) -> None:
        """Set a cursor up for one statement."""

    @abstractmethod
    def recover(self) -> None:
        """Make the connection usable again after a failed statement."""

    def read(self, statement: sa.Select[Any]) -> pa.Table:
        """Run a statement; the whole answer as one table."""
        sql, values = compiled(statement, self.dialect)
        try:
            with self.connection.cursor() as cursor:
                self.prepare(cursor)
                cursor.execute(sql, values or None)
                return cursor.fetch_arrow_table()
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            self.recover()
            raise SourceError(said(error, self.url)) from None

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()


class SqliteCrm(AdbcCrm):
    """A SQLite file, opened read-only and never created; one snapshot where it is in WAL mode."""

    dialect = SqliteDialect(paramstyle="qmark")

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), f"file:{quote(str(path.absolute()))}?mode=ro")
        self.path = path

    def connect(self) -> adbc_driver_manager.dbapi.Connection:
        """Open the file, which must exist."""
        if not self.path.is_file():
            msg = f"no CRM database at {self.path}: set AUTOMATION_CRM_URL to an existing one"
            raise ConfigurationError(msg)
        connection: adbc_driver_manager.dbapi.Connection
        connection = adbc_driver_sqlite.dbapi.connect(self.url, autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}").fetchall()
            if cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",):
                # Without WAL a transaction around all reads would hold up the CRM's own writers.
                cursor.execute("BEGIN")
        return connection

    def prepare(self, cursor: adbc_driver_manager.dbapi.Cursor) -> None:
        """Let the driver see all rows before it decides on types."""
        cursor.adbc_statement.set_options(**_ONE_BATCH)

    def recover(self) -> None:
        """A failed SELECT leaves nothing behind in SQLite."""

    def has(self, table: str) -> bool:
        """Look into the file's schema."""
        schema = sa.table("sqlite_master", sa.column("name", sa.Text()))
        found = sa.select(schema.c.name).where(sa.func.lower(schema.c.name) == table)
        return bool(self.read(found).num_rows)

    def forms(self, statement: sa.Select[Any]) -> dict[str, Form]:
        """All columns are dynamic: in SQLite each value has its own type."""
        return dict.fromkeys(self.read(statement).column_names, Form.DYNAMIC)


class PostgresCrm(AdbcCrm):
    """PostgreSQL: one read-only snapshot for all sources, in UTC."""

    dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

    def __init__(self, url: str) -> None:
        super().__init__(shown(url), url)

    def connect(self) -> adbc_driver_manager.dbapi.Connection:
        """Connect; all transactions of this session can only read."""
        connection: adbc_driver_manager.dbapi.Connection = adbc_driver_postgresql.dbapi.connect(self.url)
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            mode = "ISOLATION LEVEL REPEATABLE READ, READ ONLY"
            cursor.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION {mode}")
        connection.commit()
        return connection

    def prepare(self, cursor: adbc_driver_manager.dbapi.Cursor) -> None:
        """Nothing to set up: PostgreSQL declares its types."""

    def recover(self) -> None:
        """Leave the transaction that the failed statement has spoilt."""
        self.connection.rollback()

    def has(self, table: str) -> bool:
        """Look along the search path."""
        place = sa.cast(sa.func.to_regclass(sa.literal(table, sa.Text())), sa.Text())
        return bool(self.read(sa.select(place.label("place"))).column(0)[0].is_valid)

    def forms(self, statement: sa.Select[Any]) -> dict[str, Form]:
        """As PostgreSQL declares the columns."""
        return {field.name: _form(field) for field in self.read(statement).schema}


def _form(field: pa.Field) -> Form:
    form = form_of(field.type)
    kind = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    return Form.OPAQUE if form is Form.TEXT and kind not in _PLAIN_TEXT else form
