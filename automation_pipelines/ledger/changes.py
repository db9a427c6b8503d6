"""Tracked columns: the last value seen of each, and the changes that differences from it make.

First sight is no change. Reading the same rows again, in a later tick, after a crash or in two processes
at once, adds nothing. Which columns are tracked is the catalogue's business, reading them `extraction`'s.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import UtcDateTime, changes, tracked_columns, tracked_values

SEEN: dict[str, pl.DataType] = {
    "row_id": pl.Int64(),
    "tenant_id": pl.Int64(),
    "column": pl.String(),
    "value": pl.String(),
    "written_at": pl.Datetime("us", "UTC"),
}
"""Columns of the frame `record` takes; `written_at` is the CRM's time of the row, or null."""

_COUNTED = {"preserve_rowcount": True}


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a tracked column was read: to which time of the CRM, and when for the last time whole."""

    read_to: datetime | None
    read_whole_at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of some columns of a source, at the logical time `as_of`."""

    source: str
    columns: Collection[str]
    rows: pl.DataFrame
    as_of: datetime
    whole: bool


def marks(db: Database, source: str) -> Mapping[str, Mark]:
    """How far each tracked column of a source was read."""
    t = tracked_columns.c
    statement = sa.select(t.column, t.read_to, t.read_whole_at).where(t.source == source)
    return {column: Mark(*times) for column, *times in db.read(statement).iter_rows()}


def record(db: Database, reading: Reading) -> int:
    """Append what differs from the values last seen, and remember these; returns the number of changes."""
    rows = reading.rows.select(pl.col(name).cast(kind) for name, kind in SEEN.items())
    rows = rows.with_columns(seen_at=pl.col("written_at").fill_null(reading.as_of))
    with db.begin() as connection:
        _alone(db, connection)
        appended = 0
        if not rows.is_empty():
            staged = db.ingest(connection, "seen_rows", rows)
            appended = connection.execute(_changed(db, staged, reading), execution_options=_COUNTED).rowcount
            connection.execute(_remembered(db, staged, reading.source))
        _mark(db, connection, reading)
    return appended


def _alone(db: Database, connection: sa.Connection) -> None:
    """Of two that saw the same difference, the later one must see it already remembered."""
    if db.dialect == "postgresql":  # SQLite has one writer anyway
        connection.exec_driver_sql("LOCK TABLE tracked_values IN SHARE ROW EXCLUSIVE MODE")


def _known(staged: sa.TableClause, source: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        tracked_values.c.source == source,
        tracked_values.c.row_id == staged.c.row_id,
        tracked_values.c.column == staged.c.column,
    )


def _changed(db: Database, staged: sa.TableClause, reading: Reading) -> sa.Insert:
    t, s = tracked_values.c, staged.c
    # Where the CRM's time stands still although the value does not, it does not tell when.
    at = sa.case((s.written_at > t.seen_at, s.written_at), else_=sa.literal(reading.as_of, UtcDateTime()))
    rows = (
        sa.select(
            s.tenant_id, sa.literal(reading.source, sa.String()), s.row_id, s.column, t.value, s.value, at
        )
        .select_from(staged.join(tracked_values, _known(staged, reading.source)))
        # A slower reader may come with what was there before: it is older, and no change.
        .where(s.seen_at >= t.seen_at, s.value.is_distinct_from(t.value))
        .order_by(s.row_id, s.column)
    )
    columns = ["tenant_id", "source", "row_id", "column", "old", "new", "at"]
    return db.insert(changes).from_select(columns, rows).on_conflict_do_nothing()


def _remembered(db: Database, staged: sa.TableClause, source: str) -> sa.Insert:
    t, s = tracked_values.c, staged.c
    newer = sa.and_(
        s.seen_at >= t.seen_at,
        sa.or_(s.value.is_distinct_from(t.value), s.written_at > t.seen_at),
    )
    rows = (
        sa.select(sa.literal(source, sa.String()), s.row_id, s.column, s.tenant_id, s.value, s.seen_at)
        .select_from(staged.outerjoin(tracked_values, _known(staged, source)))
        .where(sa.or_(t.row_id.is_(None), newer))
        .order_by(s.row_id, s.column)
    )
    columns = ["source", "row_id", "column", "tenant_id", "value", "seen_at"]
    insert = db.insert(tracked_values).from_select(columns, rows)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=["source", "row_id", "column"],
        set_={"tenant_id": new.tenant_id, "value": new.value, "seen_at": new.seen_at},
    )


def _mark(db: Database, connection: sa.Connection, reading: Reading) -> None:
    newest = reading.rows["written_at"].max()
    insert = db.insert(tracked_columns)
    new, old = insert.excluded, tracked_columns.c
    updates: dict[str, object] = {
        "read_to": sa.case(
            (old.read_to >= new.read_to, old.read_to), else_=sa.func.coalesce(new.read_to, old.read_to)
        )
    }
    if reading.whole:
        updates["read_whole_at"] = new.read_whole_at
    rows = [
        {"source": reading.source, "column": column, "read_to": newest, "read_whole_at": reading.as_of}
        for column in sorted(reading.columns)
    ]
    connection.execute(insert.on_conflict_do_update(index_elements=["source", "column"], set_=updates), rows)
