"""The hold of a restored ledger: while it lasts nothing leaves but tests. Ticks plan as ever.

What ends it, and what the ledger may have lost, is `reconciliation`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger import plans
from automation_pipelines.ledger.database import Database, dump_json
from automation_pipelines.ledger.tables import (
    audit,
    events,
    identities,
    installation,
    jobs,
    ticks,
)
from automation_pipelines.model import Purpose, State

_SKIPPED_NUMBERS = 10_000_000
"""So many job numbers at most were given in the time that is lost, and are not given again."""
_GAP = ("restored-backup", "")


@dataclass(frozen=True, slots=True)
class Hold:
    """That nothing leaves, and why."""

    at: datetime
    because: str
    lost_since: datetime
    """The last that the ledger knows; what happened from then on until `at` may be lost."""

    def __str__(self) -> str:
        """In words, with what to do."""
        return (
            f"delivery is held since {self.at:%Y-%m-%d %H:%M} UTC and nothing leaves: {self.because}. What "
            f"was sent since {self.lost_since:%Y-%m-%d %H:%M} UTC must be read from providers' logs first: "
            "`automation reconcile` says what is missing"
        )


def current(db: Database) -> Hold | None:
    """The hold, if there is one."""
    i = installation.c
    with db.reading() as connection:
        row = connection.execute(sa.select(i.held_at, i.held_because, i.lost_since)).one()
    return Hold(*row) if row.held_at is not None else None


def not_held() -> sa.ColumnElement[bool]:
    """What every claim asks: part of its own statements, so that no worker can miss it."""
    return ~sa.exists(sa.select(installation.c.id).where(installation.c.held_at.is_not(None)))


def newest_record(db: Database, now: datetime) -> datetime:
    """When the ledger last learnt anything: all that happened later it may have lost."""
    newest = (
        sa.select(sa.func.max(column))
        for column in (ticks.c.committed_at, jobs.c.finished_at, events.c.received_at)
    )
    with db.reading() as connection:
        known = [connection.scalar(one) for one in (*newest, sa.select(installation.c.created_at))]
    latest: datetime = max(moment for moment in known if moment is not None)
    return min(latest, now)


def start(db: Database, because: str, *, by: str, now: datetime, since: datetime | None = None) -> Hold:
    """Let nothing leave from now on, and return the hold; one that lasts already stays as it is.

    `since`: the ledger knows nothing later than that, whatever it says itself.
    """
    plans.identify(db, [_GAP], "test")
    made = Hold(now, because, min(since or now, newest_record(db, now)))
    with db.begin() as connection:
        held = connection.execute(
            sa.update(installation)
            .where(installation.c.held_at.is_(None))
            .values(
                held_at=made.at,
                held_because=made.because,
                lost_since=made.lost_since,
                holds=installation.c.holds + 1,
            )
            .returning(installation.c.id)
        ).all()
        if held:
            _skip_numbers(db, connection, now)
            _told(connection, "reconcile start", {"because": because, "lost_since": made.lost_since}, by, now)
    return current(db) or made


def end(db: Database, detail: Mapping[str, Any], *, by: str, now: datetime) -> None:
    """Let jobs leave again."""
    free = {"held_at": None, "held_because": None, "lost_since": None}
    with db.begin() as connection:
        connection.execute(sa.update(installation).values(**free))
        _told(connection, "reconcile release", detail, by, now)


def _told(connection: sa.Connection, action: str, detail: Mapping[str, Any], by: str, now: datetime) -> None:
    connection.execute(audit.insert().values(at=now, by=by, action=action, detail=dump_json(detail)))


def _skip_numbers(db: Database, connection: sa.Connection, now: datetime) -> None:
    """Give no job a number that one of the lost time had: feedback about that one names it."""
    newest = connection.scalar(sa.select(sa.func.max(jobs.c.id)))
    if newest is None:
        return
    if db.dialect == "postgresql":
        sequence = sa.func.pg_get_serial_sequence("jobs", "id")
        connection.execute(sa.select(sa.func.setval(sequence, newest + _SKIPPED_NUMBERS)))
        return
    # SQLite gives the number after the greatest. So there is one far ahead: a test's, which counts nowhere.
    i = identities.c
    gap = connection.scalar(sa.select(i.id).where(i.campaign == _GAP[0], i.step == "", i.mode == "test"))
    connection.execute(
        jobs.insert().values(
            id=newest + _SKIPPED_NUMBERS,
            occurrence=int(now.timestamp()),
            **dict.fromkeys(("tenant_id", "subject_id", "recipient_id", "campaign_version", "attempts"), 0),
            **dict.fromkeys(("campaign_id", "step_id"), gap),
            **dict.fromkeys(("due_at", "available_at", "finished_at"), now),
            state=State.CANCELLED,
            purpose=Purpose.INTERNAL,
            channel="wait",
            priority=0,
            tick_id=sa.select(sa.func.coalesce(sa.func.max(ticks.c.id), 0)).scalar_subquery(),
        )
    )
