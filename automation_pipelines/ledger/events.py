"""What came back: events are recorded once each, and their effects on suppressions and jobs follow.

One transaction per call, a handful of statements whatever the number of events. Knows no file format
and no provider.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import events, identities, job_payloads, jobs, suppressions
from automation_pipelines.model import EventType, State

TOLD: dict[str, pl.DataType] = {
    "identity": pl.String(),
    "type": pl.String(),
    "told_at": pl.Datetime("us", "UTC"),
    "job_id": pl.Int64(),
    "detail": pl.String(),
    "detail_of_stranger": pl.String(),
    "suppresses": pl.String(),
}
"""Columns of the frame `record` takes; `suppresses` is the reason of a suppression, or null."""

# Whatever the provider says of a message, it can say it only of one that was handed to it.
PROOF = tuple(str(word) for word in EventType if word not in {EventType.FAILED, EventType.UNKNOWN})

_COUNTED = {"preserve_rowcount": True}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one call changed."""

    events: int
    duplicates: int
    proved: int
    """Jobs in state unknown that feedback showed to be completed."""


def record(db: Database, told: pl.DataFrame, *, now: datetime) -> Recorded:
    """Record events by identity and apply what they mean; telling the same again changes nothing."""
    # Of two events under one identity in one frame the earlier counts, whatever their order.
    if told.is_empty():
        return Recorded(0, 0, 0)
    typed = told.select(pl.col(name).cast(kind) for name, kind in TOLD.items())
    distinct = typed.sort("identity", "told_at", "type", "job_id").unique("identity", keep="first")
    with db.begin() as connection:
        staged = db.ingest(connection, "told_events", distinct)
        connection.execute(sa.delete(staged).where(staged.c.identity.in_(sa.select(events.c.identity))))
        added = connection.execute(_added(db, staged, now), execution_options=_COUNTED).rowcount
        connection.execute(_suppressed(db, staged))
        proved = connection.execute(_proved(now)).rowcount
    return Recorded(added, told.height - added, proved)


def _added(db: Database, staged: sa.TableClause, now: datetime) -> sa.Insert:
    detail = sa.case((jobs.c.id.is_(None), staged.c.detail_of_stranger), else_=staged.c.detail)
    rows = (
        sa.select(
            staged.c.identity,
            staged.c.type,
            staged.c.told_at,
            sa.literal(now, events.c.received_at.type),
            jobs.c.id,
            detail,
        )
        .select_from(staged.outerjoin(jobs, jobs.c.id == staged.c.job_id))
        .where(sa.true())  # SQLite cannot tell a join from ON CONFLICT without it
        .order_by(staged.c.identity)  # one order for all: two readers of the same events cannot deadlock
    )
    columns = ["identity", "type", "at", "received_at", "job_id", "detail"]
    return db.insert(events).from_select(columns, rows).on_conflict_do_nothing(index_elements=["identity"])


def _suppressed(db: Database, staged: sa.TableClause) -> sa.Insert:
    key = (jobs.c.tenant_id, jobs.c.channel, job_payloads.c.address_hash, staged.c.suppresses)
    rows = (
        sa.select(*key, sa.literal(""), sa.func.min(staged.c.told_at))
        .select_from(
            staged.join(jobs, jobs.c.id == staged.c.job_id)
            .join(job_payloads, job_payloads.c.job_id == jobs.c.id)
            # A test's message went to somebody else than the address in its job.
            .join(identities, sa.and_(identities.c.id == jobs.c.step_id, identities.c.mode == "live"))
        )
        .where(staged.c.suppresses.is_not(None), job_payloads.c.address_hash.is_not(None))
        .group_by(*key)
        .order_by(*key)
    )
    columns = ["tenant_id", "channel", "address_hash", "reason", "topic", "at"]
    insert = db.insert(suppressions).from_select(columns, rows)
    return insert.on_conflict_do_update(
        index_elements=["tenant_id", "channel", "address_hash", "topic", "reason"],
        # The earliest time whatever the order of arrival; and one that had run out holds again.
        set_={
            "at": sa.case(
                (insert.excluded.at < suppressions.c.at, insert.excluded.at), else_=suppressions.c.at
            ),
            "expires_at": None,
        },
    )


def _proved(now: datetime) -> sa.Update:
    # Over all unknown jobs, not those just told of: the proof may have come before the doubt.
    proof = sa.exists().where(events.c.job_id == jobs.c.id, events.c.type.in_(PROOF))
    return (
        sa.update(jobs)
        .where(jobs.c.state == str(State.UNKNOWN), proof)
        .values(state=str(State.COMPLETED), finished_at=now)
    )
