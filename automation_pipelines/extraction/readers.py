"""The CRM as something to read: one reader per kind of URL, all answering in Arrow tables.

Readers know databases, not sources. They never write, and their errors never hold secrets.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import adbc_driver_manager.dbapi
import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import duckdb
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite import dialect as SqliteDialect  # noqa: N812 - it is a class
from sqlalchemy.engine.interfaces import Dialect

from automation_pipelines.errors import ConfigurationError, SourceError
from automation_pipelines.extraction.statements import Form

_FILES = {".parquet": "read_parquet({})", ".csv": "read_csv({}, header = true, all_varchar = true)"}
_BATCH = 50_000
_BUSY_MS = 30_000
# Types that PostgreSQL sends as Arrow strings and that compare with bound text as they are.
_PLAIN_TEXT = frozenset({"text", "varchar", "bpchar", "name"})


class Crm(ABC):
    """An open CRM; a context manager. `place` names it in messages."""

    place: str

    @abstractmethod
    def forms(self, statement: sa.Select[Any]) -> dict[str, Form]:
        """The columns a statement returns, and how the CRM holds them."""

    @abstractmethod
    def read(self, statement: sa.Select[Any]) -> pa.Table:
        """Run a statement with its values bound; `SourceError` with the database's message."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_crm(place: str) -> Crm:
    """Open the CRM that a URL or a directory of Parquet/CSV files names.

    `sqlite:///file` and `postgresql://…` are read through ADBC, directories through DuckDB, every
    other SQLAlchemy URL (also one that names a driver, such as `postgresql+psycopg://…`) in
    batches of rows, several times slower.
    """
    scheme, _, rest = place.partition("://")
    match scheme if "://" in place else "file":
        case "sqlite":
            return SqliteCrm(Path(rest.removeprefix("/").partition("?")[0]))
        case "postgresql" | "postgres":
            return PostgresCrm(place)
        case "file":
            return DirectoryCrm(Path(rest or place))
        case _:
            return SqlalchemyCrm(place)


def _said(error: Exception, url: str = "") -> str:
    """What a driver said, without the statement it repeats and without the password of `url`."""
    text = str(getattr(error, "orig", None) or error).partition("\nQuery was:")[0].strip()
    secrets = {part for part in (url, _password(url)) if part}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _password(url: str) -> str | None:
    found = re.search(r"://[^:/@]*:([^@/]+)@", url)
    return found.group(1) if found else None


def _shown(url: str) -> str:
    """The URL without user, password and options."""
    return re.sub(r"://[^@/]*@", "://", url).partition("?")[0]


def _compiled(statement: sa.Select[Any], dialect: Dialect) -> tuple[str, list[Any]]:
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return str(compiled), [compiled.params[name] for name in getattr(compiled, "positiontup", None) or ()]


class _AdbcCrm(Crm):
    """What the two ADBC drivers have in common."""

    dialect: Dialect
    connection: adbc_driver_manager.dbapi.Connection
    options: Mapping[str, str] = {}
    url = ""

    def read(self, statement: sa.Select[Any]) -> pa.Table:
        sql, values = _compiled(statement, self.dialect)
        try:
            with self.connection.cursor() as cursor:
                if self.options:
                    cursor.adbc_statement.set_options(**self.options)
                cursor.execute(sql, values) if values else cursor.execute(sql)
                return cursor.fetch_arrow_table()
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            self.recover()
            raise SourceError(_said(error, self.url)) from None

    def recover(self) -> None:
        """Make the connection usable again after a failed statement."""

    def close(self) -> None:
        self.connection.close()


class SqliteCrm(_AdbcCrm):
    """A SQLite file, opened read-only and never created; one snapshot when it is in WAL mode."""

    # The driver guesses each column's type from its first batch and fails when a later row differs:
    # one batch for everything sees all rows first.
    options = {"adbc.sqlite.query.batch_rows": str(2**30)}  # noqa: RUF012 - not changed

    def __init__(self, path: Path) -> None:
        self.dialect = SqliteDialect(paramstyle="qmark")
        self.place = str(path)
        if not path.is_file():
            msg = f"no CRM database at {path}: set AUTOMATION_CRM_URL to an existing one"
            raise ConfigurationError(msg)
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        try:
            self.connection = adbc_driver_sqlite.dbapi.connect(uri, autocommit=True)
            self._prepare()
        except adbc_driver_manager.Error as error:
            msg = f"the CRM at {path} cannot be opened: {_said(error)}"
            raise SourceError(msg) from None

    def _prepare(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}").fetchall()
            mode = cursor.execute("PRAGMA journal_mode").fetchone()
            if mode == ("wal",):  # without WAL a long read would hold up the CRM's own writers
                cursor.execute("BEGIN")

    def forms(self, statement: sa.Select[Any]) -> dict[str, Form]:
        return dict.fromkeys(self.read(statement).column_names, Form.DYNAMIC)


class PostgresCrm(_AdbcCrm):
    """PostgreSQL, read-only, all sources from one snapshot, the session in UTC."""

    def __init__(self, url: str) -> None:
        self.dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        self.url = url
        self.place = _shown(url)
        try:
            self.connection = adbc_driver_postgresql.dbapi.connect(url)
            with self.connection.cursor() as cursor:
                cursor.execute("SET TIME ZONE 'UTC'")
                cursor.execute(
                    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )
            self.connection.commit()
        except adbc_driver_manager.Error as error:
            msg = f"the CRM at {self.place} cannot be opened: {_said(error, url)}"
            raise SourceError(msg) from None

    def recover(self) -> None:
        self.connection.rollback()

    def forms(self, statement: sa.Select[Any]) -> dict[str, Form]:
        return {field.name: _postgres_form(field) for field in self.read(statement).schema}


def _postgres_form(field: pa.Field) -> Form:
    form = _arrow_form(field.type)
    kind = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    return Form.OPAQUE if form is Form.TEXT and kind not in _PLAIN_TEXT else form


def _arrow_form(kind: pa.DataType) -> Form:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return Form.TEXT
    if pa.types.is_date(kind):
        return Form.DATE
    if pa.types.is_timestamp(kind):
        return Form.AWARE if kind.tz else Form.NAIVE
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return Form.OTHER if plain or pa.types.is_decimal(kind) or pa.types.is_null(kind) else Form.OPAQUE


class DirectoryCrm(Crm):
    """A directory whose Parquet and CSV files, or directories of them, are tables named after their stem.

    A CSV file has no types: all its columns are text, so that 00001 stays 00001; the source's SQL casts.
    """

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self.dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        tables = _tables(path)
        self.connection = duckdb.connect(":memory:", config={"memory_limit": "1500MB"})
        try:
            self.connection.execute("SET TimeZone = 'UTC'")
            for name, reader in tables.items():
                self.connection.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {reader}')
        except duckdb.Error as error:
            self.connection.close()
            msg = f"the CRM directory {path} cannot be read: {_said(error)}"
            raise SourceError(msg) from None

    def forms(self, statement: sa.Select[Any]) -> dict[str, Form]:
        return {field.name: _arrow_form(field.type) for field in self.read(statement).schema}

    def read(self, statement: sa.Select[Any]) -> pa.Table:
        sql, values = _compiled(statement, self.dialect)
        try:
            return self.connection.sql(sql, params=values).to_arrow_table()
        except duckdb.Error as error:
            raise SourceError(_said(error)) from None

    def close(self) -> None:
        self.connection.close()


def _tables(path: Path) -> dict[str, str]:
    """Table name → the DuckDB call that reads it."""
    if not path.is_dir():
        msg = f"no CRM directory at {path}: set AUTOMATION_CRM_URL to a database URL or a directory"
        raise ConfigurationError(msg)
    tables: dict[str, str] = {}
    for entry in sorted(path.iterdir()):
        suffix = _suffix(entry)
        if suffix is None:
            continue
        if entry.stem in tables:
            msg = f"{path} holds two tables called {entry.stem}: keep one of the files"
            raise ConfigurationError(msg)
        pattern = entry / f"*{suffix}" if entry.is_dir() else entry
        literal = "'" + str(pattern).replace("'", "''") + "'"
        tables[entry.stem.replace('"', "")] = _FILES[suffix].format(literal)
    if not tables:
        msg = f"{path} holds no *.parquet or *.csv: set AUTOMATION_CRM_URL to the CRM's files"
        raise ConfigurationError(msg)
    return tables


def _suffix(entry: Path) -> str | None:
    if entry.is_dir():
        return next((suffix for suffix in _FILES if any(entry.glob(f"*{suffix}"))), None)
    return entry.suffix if entry.suffix in _FILES else None


class SqlalchemyCrm(Crm):
    """Any database SQLAlchemy knows, streamed in batches of rows."""

    def __init__(self, url: str) -> None:
        self.place = _shown(url)
        self.url = url
        try:
            self.engine = sa.create_engine(url)
            self.connection = self.engine.connect()
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            msg = f"the CRM at {self.place} cannot be opened: {_said(error, url)}"
            raise SourceError(msg) from None

    def forms(self, statement: sa.Select[Any]) -> dict[str, Form]:
        form = Form.DYNAMIC if self.engine.dialect.name == "sqlite" else Form.UNKNOWN
        return dict.fromkeys(self.read(statement).column_names, form)

    def read(self, statement: sa.Select[Any]) -> pa.Table:
        try:
            result = self.connection.execution_options(yield_per=_BATCH).execute(statement)
            names = list(result.keys())
            batches = [_batch(names, rows) for rows in result.partitions()]
        except sa.exc.SQLAlchemyError as error:
            self.connection.rollback()
            raise SourceError(_said(error, self.url)) from None
        return _concatenated(names, batches)

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()


def _batch(names: list[str], rows: Any) -> pa.Table:
    return pa.table([_array(values) for values in zip(*rows, strict=True)], names=names)


def _array(values: tuple[Any, ...]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):  # mixed or unknown types: their text
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _concatenated(names: list[str], batches: list[pa.Table]) -> pa.Table:
    if not batches:
        return pa.table({name: pa.nulls(0) for name in names})
    try:
        return pa.concat_tables(batches, promote_options="permissive")
    except pa.ArrowException:
        texts = pa.schema([(name, pa.string()) for name in names])
        return pa.concat_tables([batch.cast(texts) for batch in batches])
