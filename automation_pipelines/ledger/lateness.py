"""What was not sent because it was too late, and what was sent although it was: counted by campaign.

After an outage there is neither a burst nor a silent gap; this is where the gap is told. Reads only.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import MICROSECOND, identities, jobs
from automation_pipelines.model import Reason, State

LATE = timedelta(hours=1)
"""What goes out so long after it was due is told of."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """One campaign, over some time."""

    campaign: str
    expired: int = 0
    """Planned, and too late before it could be sent."""
    stale: int = 0
    """Too late before it could be planned."""
    superseded: int = 0
    """Left out, because a later message of the same sequence was due as well."""
    late: int = 0
    """Sent, though late: nothing newer replaced it and it still held."""
    longest: timedelta = timedelta()
    """How late the latest of them was."""

    def __str__(self) -> str:
        """In words."""
        told = [
            (self.expired, "expired before they could be sent"),
            (self.stale, "too late to be planned"),
            (self.superseded, "gave way to a later step"),
            (self.late, f"sent late, up to {in_hours(self.longest)} after they were due"),
        ]
        return f"{self.campaign}: " + "; ".join(f"{count} {what}" for count, what in told if count)


def in_hours(duration: timedelta) -> str:
    """How long, in words."""
    minutes = int(duration / timedelta(minutes=1))
    return f"{minutes // 60} h {minutes % 60:02} min"


def lateness(db: Database, since: datetime, until: datetime) -> list[Lateness]:
    """What finished in [since, until) and was dropped for being late, or sent late; tests do not count."""
    behind = microseconds(db, jobs.c.due_at, jobs.c.finished_at)
    late = sa.and_(jobs.c.state == State.COMPLETED, behind > LATE // MICROSECOND)
    # What ended after waiting for something else is not late: it says itself what held it.
    stale = sa.and_(jobs.c.reason == Reason.STALE, jobs.c.held_by.is_(None))

    def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count(sa.case((condition, 1)))

    columns = (
        count(jobs.c.reason == "expired").label("expired"),
        count(stale).label("stale"),
        count(jobs.c.reason == Reason.SUPERSEDED).label("superseded"),
        count(late).label("late"),
        sa.func.coalesce(sa.func.max(sa.case((late, behind))), 0).label("longest"),
    )
    found = (
        sa.select(identities.c.campaign, *columns)
        .join_from(jobs, identities, identities.c.id == jobs.c.campaign_id)
        .where(
            jobs.c.finished_at >= since,
            jobs.c.finished_at < until,
            identities.c.mode == "live",
            sa.or_(jobs.c.reason.in_(["expired", Reason.SUPERSEDED]), stale, late),
        )
        .group_by(identities.c.campaign)
        .order_by(identities.c.campaign)
    )
    with db.reading() as connection:
        return [
            Lateness(
                row.campaign, row.expired, row.stale, row.superseded, row.late, int(row.longest) * MICROSECOND
            )
            for row in connection.execute(found)
        ]


def microseconds(
    db: Database, since: sa.ColumnElement[Any], until: sa.ColumnElement[Any]
) -> sa.ColumnElement[int]:
    """How long it is from one instant to the other."""
    if db.dialect == "postgresql":
        return sa.cast(sa.func.extract("epoch", until - since) * 1_000_000, sa.BigInteger)
    return sa.type_coerce(until, sa.BigInteger) - sa.type_coerce(since, sa.BigInteger)
