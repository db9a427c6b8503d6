"""The demo's CRM database: its tables, indexes and types, and frames written to and read from it.

What is in the rows is decided elsewhere; there, instants are whole seconds and dates whole days since 1970.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import adbc_driver_manager.dbapi
import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import polars as pl
import sqlalchemy as sa

from automation_pipelines.catalogue.sources import CRM_SOURCES, CRM_TABLES
from automation_pipelines.catalogue.types import Column, Source, Type
from automation_pipelines.errors import ConfigurationError

BEGUN = "demo_begun"
"""One row: as of when, how large and from which seed the CRM was built, and how far its time has passed."""
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
    "customers": ("tenant_id", "last_activity_at", "created_at", "updated_at", "stage_entered_at"),
    "queries": ("status", "sla_due_at", "customer_id", "updated_at"),
    "quotes": ("status", "sent_at", "viewed_at", "expires_at", "customer_id", "updated_at"),
    "bookings": ("customer_id", "booked_at", "departure_on", "return_on", "updated_at"),
    "payments": ("customer_id", "booking_id", "due_on", "paid_at", "updated_at"),
    "events": ("customer_id", "at"),
    "accounts": ("customer_id", "contract_ends_on", "created_at", "updated_at"),
    "engagements": ("account_id", "at", "updated_at"),
    "goals": ("account_id", "created_at", "updated_at"),
    "contacts": ("account_id",),
    "documents": ("customer_id", "uploaded_at"),
    "reviews": ("customer_id", "submitted_at"),
    "wallet_passes": ("customer_id", "updated_at"),
    "consents": ("customer_id", "at"),
    "tasks": ("created_at",),
    "leads": ("created_at",),
}
_MONTH_DAY = {
    "sqlite": "substr(birthday, 6, 5)",
    "postgresql": "(extract(month FROM birthday) * 100 + extract(day FROM birthday))",
}
# The SQLite driver guesses types from the first batch: in one batch it sees all rows first.
_ONE_BATCH = {"adbc.sqlite.query.batch_rows": str(2**30)}


@dataclass(frozen=True, slots=True)
class Storage:
    """One transaction on the demo's CRM; `open_storage` makes one."""

    dialect: str
    cursor: adbc_driver_manager.dbapi.Cursor

    def run(self, statement: str) -> None:
        """Run one statement."""
        self.cursor.execute(statement)

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """Add rows to a table that has none of them; columns the frame lacks are null."""
        source = CRM_SOURCES[table]
        missing = [pl.lit(None).alias(c.name) for c in source.columns if c.name not in frame.columns]
        rows = self._stored(source, frame.with_columns(missing), [c.name for c in source.columns])
        self.cursor.adbc_ingest(table, rows.to_arrow(), mode="append")

    def insert(self, table: str, frame: pl.DataFrame) -> None:
        """Add those rows whose `id` the table does not have."""
        if frame.is_empty():
            return
        source = CRM_SOURCES[table]
        names = [column.name for column in source.columns if column.name in frame.columns]
        with self._beside(self._stored(source, frame, names)) as beside:
            columns = ", ".join(names)
            self.run(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {beside} WHERE true"
                     " ON CONFLICT (id) DO NOTHING")  # fmt: skip

    def update(self, table: str, frame: pl.DataFrame, where: str = "true") -> None:
        """Give the rows of these ids the frame's other values, where the condition (on `t`, `new`) holds."""
        if frame.is_empty():
            return
        names = [name for name in frame.columns if name != "id"]
        with self._beside(self._stored(CRM_SOURCES[table], frame, ["id", *names])) as beside:
            values = ", ".join(f"{name} = new.{name}" for name in names)
            self.run(
                f"UPDATE {table} AS t SET {values} FROM {beside} AS new WHERE new.id = t.id AND ({where})"
            )

    def read(self, table: str, columns: Sequence[str], where: str = "true") -> pl.DataFrame:
        """Read columns of the rows for which the condition holds, by `id`."""
        self.cursor.adbc_statement.set_options(**(_ONE_BATCH if self.dialect == "sqlite" else {}))
        self.cursor.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY id")
        frame = pl.DataFrame(self.cursor.fetch_arrow_table())
        source = CRM_SOURCES[table]
        return frame.select(_plain(source.column(name), frame.schema[name]) for name in columns)

    def moment(self, seconds: int) -> str:
        """A literal of an instant that compares with stored ones."""
        written = pl.select(pl.from_epoch(pl.lit(seconds))).item().strftime("%Y-%m-%d %H:%M:%S")
        return f"'{written}'" if self.dialect == "sqlite" else f"TIMESTAMPTZ '{written}+00'"

    def day(self, number: int) -> str:
        """A literal of a date that compares with stored ones."""
        written = pl.select(pl.lit(number, pl.Int32).cast(pl.Date)).item().isoformat()
        return f"'{written}'" if self.dialect == "sqlite" else f"DATE '{written}'"

    @contextmanager
    def _beside(self, frame: pl.DataFrame) -> Iterator[str]:
        name = "demo_beside"
        self.cursor.adbc_ingest(name, frame.to_arrow(), mode="create", temporary=True)
        yield name
        self.run(f"DROP TABLE {name}")

    def _stored(self, source: Source, frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        return frame.select(_cast(source.column(name), self.dialect).alias(name) for name in names)


@contextmanager
def open_storage(url: str) -> Iterator[Storage]:
    """Open the CRM at `url` for one transaction, committed at the end; nobody sees it half done."""
    dialect = sa.make_url(url).get_backend_name()
    with _connect(url, dialect) as connection, connection.cursor() as cursor:
        yield Storage(dialect, cursor)
        connection.commit()


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


def _cast(column: Column, dialect: str) -> pl.Expr:
    """A column in the database's own types."""
    value, text = pl.col(column.name), dialect == "sqlite"
    match column.type:
        case Type.ID | Type.INTEGER | Type.MONEY:
            return value.cast(pl.Int64)
        case Type.NUMBER:
            return value.cast(pl.Float64)
        case Type.TEXT:
            return value.cast(pl.String)
        case Type.BOOLEAN:
            return value.cast(pl.Int64) if text else value.cast(pl.Boolean)
        case Type.DATE:
            day = value.cast(pl.Int32).cast(pl.Date)
            return day.dt.strftime("%Y-%m-%d") if text else day
        case Type.INSTANT:
            moment = pl.from_epoch(value.cast(pl.Int64)).cast(pl.Datetime("us"))
            return moment.dt.strftime("%Y-%m-%d %H:%M:%S") if text else moment.dt.replace_time_zone("UTC")


def _plain(column: Column, held: pl.DataType) -> pl.Expr:
    """The reverse of `_cast`: whole seconds, whole days."""
    value = pl.col(column.name)
    match column.type:
        case Type.DATE:
            day = value.str.slice(0, 10).str.to_date() if held == pl.String else value.cast(pl.Date)
            return day.cast(pl.Int32).cast(pl.Int64)
        case Type.INSTANT if held == pl.String:
            plain = value.str.slice(0, 19).str.replace("T", " ", literal=True)
            return plain.str.to_datetime("%Y-%m-%d %H:%M:%S").dt.epoch("s")
        case Type.INSTANT:
            return value.cast(pl.Datetime("us")).dt.epoch("s")
        case Type.BOOLEAN:
            return value.cast(pl.Boolean)
        case Type.TEXT:
            return value.cast(pl.String)
        case _:
            return value.cast(pl.Int64)


def schema(dialect: str) -> Iterator[str]:
    """The statements that replace the tables by empty ones."""
    # A rebuilt CRM has forgotten its write-backs, so the record of them goes too.
    for name in ("automation_markers", BEGUN, *reversed(CRM_TABLES)):
        yield f"DROP TABLE IF EXISTS {name}"
    for source in CRM_TABLES.values():
        columns = ", ".join(_column(column, dialect) for column in source.columns)
        yield f"CREATE TABLE {source.name} ({columns})"
    columns = ", ".join(f"{name} bigint NOT NULL" for name in ("as_of", "customers", "seed", "lived_until"))
    yield f"CREATE TABLE {BEGUN} ({columns})"


def _column(column: Column, dialect: str) -> str:
    types, default = (_SQLITE, "INTEGER") if dialect == "sqlite" else (_POSTGRES, "bigint")
    words = [column.name, types.get(column.type, default)]
    if column.name == "id":
        # Campaigns' actions insert rows without saying an id.
        numbered = "" if dialect == "sqlite" else " GENERATED BY DEFAULT AS IDENTITY"
        return " ".join(words) + f"{numbered} PRIMARY KEY"
    words += ["NOT NULL"] if column.required else []
    if column.values:
        words.append(f"CHECK ({column.name} IN ({', '.join(repr(value) for value in column.values)}))")
    # PostgreSQL checks references after loading, in one pass each.
    if column.references and dialect == "sqlite":
        words.append(f"REFERENCES {column.references} (id)")
    return " ".join(words)


def finish(dialect: str) -> Iterator[str]:
    """The statements that follow loading."""
    for table, columns in _INDEXES.items():
        for column in columns:
            yield f"CREATE INDEX ix_{table}_{column} ON {table} ({column})"
    yield f"CREATE INDEX ix_customers_month_day ON customers ({_MONTH_DAY[dialect]})"
    if dialect == "postgresql":
        yield from _postgres_finish()
    yield "ANALYZE"


def _postgres_finish() -> Iterator[str]:
    for source in CRM_TABLES.values():
        # Beyond what the demo itself will ever number.
        yield f"ALTER TABLE {source.name} ALTER COLUMN id RESTART WITH 10000000000"
        for reference in (column for column in source.columns if column.references):
            key = f"FOREIGN KEY ({reference.name}) REFERENCES {reference.references}"
            yield f"ALTER TABLE {source.name} ADD {key}"
