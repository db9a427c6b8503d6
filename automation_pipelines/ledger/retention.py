"""What the ledger lets go of after a while: payloads of finished jobs, old notifications and conversations.

A cursor says how far each chore has come, so that cost follows what is due to go, never what was kept. Key
rows are never deleted. Where payloads go to is not known here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database, dump_json
from automation_pipelines.ledger.jobs import among
from automation_pipelines.ledger.tables import (
    audit,
    chores,
    conversations,
    identities,
    job_payloads,
    jobs,
    notifications,
)
from automation_pipelines.model import State

FAILURES = (State.DEAD, State.UNKNOWN)
ACTION = "housekeep"

_TOLD = ("tenant_id", "customer_id", "channel", "state", "due_at", "finished_at")
_PAYLOAD = tuple(column for column in job_payloads.c if column.name != "job_id")


@dataclass(frozen=True, slots=True)
class Chore:
    """Payloads of jobs that finished by `until` go, but for those in a state of `kept`."""

    name: str
    until: datetime
    kept: tuple[State, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """After which job, in the order of finishing, a chore goes on."""

    finished_at: datetime
    job_id: int


def reached(db: Database, chore: Chore) -> Place | None:
    """Where the chore was left; `None`: it never was done."""
    with db.reading() as connection:
        through = connection.scalar(sa.select(chores.c.through).where(chores.c.name == chore.name))
    # A time stands for all that finished by then: a number above all others.
    return None if through is None else Place(through, 2**62)


def due(db: Database, chore: Chore) -> int:
    """How many payloads are to go."""
    counted = sa.select(sa.func.count()).select_from(_held()).where(*_due(chore, reached(db, chore)))
    with db.reading() as connection:
        return int(connection.scalar(counted) or 0)


def take(db: Database, chore: Chore, after: Place | None, limit: int) -> pl.DataFrame:
    """The next payloads that are to go, with what names them, in the order in which their jobs finished."""
    step = identities.alias("step")
    columns = (step.c.campaign, step.c.step, step.c.mode, *(jobs.c[name] for name in _TOLD), *_PAYLOAD)
    return db.read(
        sa.select(jobs.c.id.label("job_id"), *columns)
        .select_from(_held().join(step, step.c.id == jobs.c.step_id))
        .where(*_due(chore, after))
        .order_by(jobs.c.finished_at, jobs.c.id)
        .limit(limit)
    )


def drop(
    db: Database, chore: Chore, ids: Collection[int], place: Place, *, archived: bool, by: str, at: datetime
) -> int:
    """Drop these payloads where they still are to go, up to that place: one transaction, audited."""
    held = sa.select(jobs.c.id).where(among(db, ids), *_finished(chore))
    statement = job_payloads.delete().where(job_payloads.c.job_id.in_(held))
    with db.begin() as connection:
        dropped = connection.execute(statement).rowcount
        # Others that finished at the very instant may be left.
        _reach(db, connection, chore, place.finished_at - timedelta(microseconds=1), at)
        if dropped:
            _record(connection, {"chore": chore.name, "payloads": dropped, "archived": archived}, by, at)
    return dropped


def reach(db: Database, chore: Chore, through: datetime, at: datetime) -> None:
    """Nothing is left of what finished by then."""
    with db.begin() as connection:
        _reach(db, connection, chore, through, at)


def old_notifications(db: Database, until: datetime) -> int:
    """How many messages inside the product were made by then."""
    return _count(db, notifications.c.created_at <= until)


def drop_notifications(db: Database, until: datetime, limit: int, *, by: str, at: datetime) -> int:
    """Drop those among the oldest `limit`; how many. Their numbers follow time: the rest is not looked at."""
    n = notifications.c
    oldest = sa.select(n.id, n.created_at).order_by(n.id).limit(limit).subquery("oldest")
    wanted = sa.select(oldest.c.id).where(oldest.c.created_at <= until)
    return _drop(db, notifications.delete().where(n.id.in_(wanted)), "notifications", by, at)


def old_conversations(db: Database, until: datetime) -> int:
    """How many people wrote to us then for the last time."""
    return _count(db, conversations.c.last_inbound_at <= until)


def drop_conversations(db: Database, until: datetime, *, by: str, at: datetime) -> int:
    """Drop when they did; how many. Only the last day of it is ever asked, and there is one row a person."""
    old = conversations.c.last_inbound_at <= until
    return _drop(db, conversations.delete().where(old), "conversations", by, at)


def _count(db: Database, condition: sa.ColumnElement[bool]) -> int:
    with db.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).where(condition)) or 0)


def _drop(db: Database, statement: sa.Delete, what: str, by: str, at: datetime) -> int:
    with db.begin() as connection:
        dropped = connection.execute(statement).rowcount
        if dropped:
            _record(connection, {what: dropped}, by, at)
    return dropped


def _held() -> sa.Join:
    return jobs.join(job_payloads, job_payloads.c.job_id == jobs.c.id)


def _finished(chore: Chore) -> list[sa.ColumnElement[bool]]:
    finished: list[sa.ColumnElement[bool]] = [jobs.c.finished_at <= chore.until]
    return [*finished, jobs.c.state.not_in(chore.kept)] if chore.kept else finished


def _due(chore: Chore, after: Place | None) -> list[sa.ColumnElement[bool]]:
    if after is None:
        return _finished(chore)
    j = jobs.c
    later = sa.or_(j.finished_at > after.finished_at, j.id > after.job_id)
    return [*_finished(chore), j.finished_at >= after.finished_at, later]


def _reach(db: Database, connection: sa.Connection, chore: Chore, through: datetime, at: datetime) -> None:
    insert = db.insert(chores).values(name=chore.name, through=through, done_at=at)
    values: dict[str, Any] = {"through": insert.excluded.through, "done_at": insert.excluded.done_at}
    connection.execute(
        # A shorter clock or a longer retention takes nothing back.
        insert.on_conflict_do_update(
            index_elements=[chores.c.name], set_=values, where=chores.c.through <= insert.excluded.through
        )
    )


def _record(connection: sa.Connection, detail: dict[str, object], by: str, at: datetime) -> None:
    connection.execute(audit.insert().values(at=at, by=by, action=ACTION, detail=dump_json(detail)))
