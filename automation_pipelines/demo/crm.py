"""Builds the demo's CRM database: tables as the catalogue describes them, filled in one transaction.

What is in the rows is decided in `staff` and `history`; here are types, indexes and loading.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import adbc_driver_manager.dbapi
import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import polars as pl
import sqlalchemy as sa

from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.catalogue.types import Column, Source, Type
from automation_pipelines.demo import staff
from automation_pipelines.demo.history import block
from automation_pipelines.demo.world import World
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import require_utc

_BLOCK = 100_000  # customers made at a time: bounds the memory, changes no row
_SQLITE = {Type.TEXT: "TEXT", Type.DATE: "TEXT", Type.INSTANT: "TEXT", Type.NUMBER: "REAL"}
_POSTGRES = {
    Type.TEXT: "text",
    Type.DATE: "date",
    Type.INSTANT: "timestamptz",
    Type.NUMBER: "double precision",
    Type.BOOLEAN: "boolean",
}
_INDEXES = {
    "users": ("tenant_id",),
    "customers": ("tenant_id", "last_activity_at", "created_at", "updated_at"),
    "queries": ("status", "sla_due_at", "customer_id", "updated_at"),
    "quotes": ("status", "sent_at", "expires_at", "customer_id", "updated_at"),
    "bookings": ("customer_id", "booked_at", "departure_on", "updated_at"),
    "payments": ("customer_id", "booking_id", "due_on", "paid_at", "updated_at"),
    "events": ("customer_id", "at"),
}
_MONTH_DAY = {
    "sqlite": "substr(birthday, 6, 5)",
    "postgresql": "(extract(month FROM birthday) * 100 + extract(day FROM birthday))",
}


def build_crm(url: str, *, as_of: datetime, customers: int = 5_000, seed: int = 7) -> dict[str, int]:
    """Build the CRM at `url` (sqlite:///file or postgresql://…) and return the rows of each table.

    Its tables are replaced; nobody sees a half-built one, and a build that dies leaves the old ones.
    """
    dialect = sa.make_url(url).get_backend_name()
    as_of = require_utc(as_of).replace(microsecond=0)
    rows = dict.fromkeys(CRM_SOURCES, 0)
    with _connect(url, dialect) as connection, connection.cursor() as cursor:
        for statement in _schema(dialect):
            cursor.execute(statement)
        for name, frame in _frames(as_of, customers, seed):
            cursor.adbc_ingest(name, _stored(CRM_SOURCES[name], frame, dialect).to_arrow(), mode="append")
            rows[name] += frame.height
        for statement in _finish(dialect):
            cursor.execute(statement)
        connection.commit()
    if dialect == "sqlite":
        _let_readers_and_writers_be(url)
    return rows


def _let_readers_and_writers_be(url: str) -> None:
    # The mode stays with the file; it cannot change within a transaction.
    with closing(sqlite3.connect(sa.make_url(url).database or "")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def _connect(url: str, dialect: str) -> adbc_driver_manager.dbapi.Connection:
    connection: adbc_driver_manager.dbapi.Connection
    match dialect:
        case "sqlite":
            file = Path(sa.make_url(url).database or "")
            file.parent.mkdir(parents=True, exist_ok=True)
            connection = adbc_driver_sqlite.dbapi.connect(str(file))
        case "postgresql":
            plain = sa.make_url(url).set(drivername="postgresql")
            connection = adbc_driver_postgresql.dbapi.connect(plain.render_as_string(hide_password=False))
        case _:
            msg = f"the demo CRM cannot be built in {dialect}: give sqlite:///file or postgresql://…"
            raise ConfigurationError(msg)
    return connection


def _frames(as_of: datetime, customers: int, seed: int) -> Iterator[tuple[str, pl.DataFrame]]:
    yield "tenants", staff.tenants()
    users = staff.users(seed, customers)
    yield "users", users
    world = World(seed, as_of, users)
    offsets = dict.fromkeys(CRM_SOURCES, 0)
    for first in range(1, customers + 1, _BLOCK):
        for name, frame in block(world, first, min(first + _BLOCK - 1, customers), offsets).items():
            offsets[name] += frame.height
            yield name, frame


def _stored(source: Source, frame: pl.DataFrame, dialect: str) -> pl.DataFrame:
    """Keep the source's columns, in the database's own types."""
    missing = (pl.lit(None).alias(column.name) for column in source.columns if column.name not in frame)
    frame = frame.with_columns(*missing)
    return frame.select(_cast(column, dialect).alias(column.name) for column in source.columns)


def _cast(column: Column, dialect: str) -> pl.Expr:
    value, text = pl.col(column.name), dialect == "sqlite"
    match column.type:
        case Type.ID | Type.INTEGER | Type.MONEY:
            return value.cast(pl.Int64)
        case Type.NUMBER:
            return value.cast(pl.Float64)
        case Type.TEXT:
            return value.cast(pl.String)
        case Type.BOOLEAN:
            return value.cast(pl.Int64) if text else value
        case Type.DATE:
            day = value.cast(pl.Int32).cast(pl.Date)
            return day.dt.strftime("%Y-%m-%d") if text else day
        case Type.INSTANT:
            moment = pl.from_epoch(value).cast(pl.Datetime("us"))
            return moment.dt.strftime("%Y-%m-%d %H:%M:%S") if text else moment.dt.replace_time_zone("UTC")


def _schema(dialect: str) -> Iterator[str]:
    # A rebuilt CRM has forgotten its write-backs, so the record of them goes too.
    for name in ("automation_markers", *reversed(CRM_SOURCES)):
        yield f"DROP TABLE IF EXISTS {name}"
    for source in CRM_SOURCES.values():
        columns = ", ".join(_column(column, dialect) for column in source.columns)
        yield f"CREATE TABLE {source.name} ({columns})"


def _column(column: Column, dialect: str) -> str:
    types, default = (_SQLITE, "INTEGER") if dialect == "sqlite" else (_POSTGRES, "bigint")
    words = [column.name, types.get(column.type, default)]
    if column.name == "id":
        return " ".join([*words, "PRIMARY KEY"])
    words += ["NOT NULL"] if column.required else []
    if column.values:
        words.append(f"CHECK ({column.name} IN ({', '.join(repr(value) for value in column.values)}))")
    # PostgreSQL checks references after loading, in one pass each.
    if column.references and dialect == "sqlite":
        words.append(f"REFERENCES {column.references} (id)")
    return " ".join(words)


def _finish(dialect: str) -> Iterator[str]:
    for table, columns in _INDEXES.items():
        for column in columns:
            yield f"CREATE INDEX ix_{table}_{column} ON {table} ({column})"
    yield f"CREATE INDEX ix_customers_month_day ON customers ({_MONTH_DAY[dialect]})"
    if dialect == "postgresql":
        for source in CRM_SOURCES.values():
            for reference in (column for column in source.columns if column.references):
                yield (
                    f"ALTER TABLE {source.name}"
                    f" ADD FOREIGN KEY ({reference.name}) REFERENCES {reference.references}"
                )
    yield "ANALYZE"
