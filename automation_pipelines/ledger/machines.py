"""Opens and clicks that only the record shows to be a machine's: at once, or several links in a moment.

Set-wise over what is recorded, so the order in which hits came does not matter; a mark is never taken back.
What one hit tells by itself is `feedback.humans`'.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.lateness import microseconds
from automation_pipelines.ledger.tables import UtcDateTime, events, jobs
from automation_pipelines.model import EventType

SITE = "site"
"""Who tells what happened on our own pages."""
AT_ONCE = timedelta(seconds=10)
"""So soon after its hand-off nobody has read a message."""
BURST = timedelta(seconds=2)
"""So close together nobody clicks two links of a message."""

_UNSETTLED = timedelta(days=7)
_MICROSECOND = timedelta(microseconds=1)
_CLICKED = str(EventType.CLICKED)
_COUNTED = {"preserve_rowcount": True}
_HITS = (str(EventType.OPENED), _CLICKED)


def judge(db: Database, connection: sa.Connection, staged: sa.TableClause) -> None:
    """Mark what the staged events, recorded already, show of the messages they are about."""
    hits = sa.and_(staged.c.provider == SITE, staged.c.type.in_(_HITS), staged.c.job_id.is_not(None))
    asked = sa.select(staged.c.job_id).where(hits)
    if connection.execute(asked.limit(1)).first() is not None:
        connection.execute(_marked(db, events.c.job_id.in_(asked)))


def settle(db: Database, days: Collection[date], as_of: datetime) -> int:
    """Judge what was received since the first of these days once more, of the last week at most.

    Before figures of them are made: two processes may have stored halves of a burst at the same instant, and
    a message may be opened before its hand-off is recorded. What is older was judged by the nights before.
    """
    first = datetime.combine(min(days, default=as_of.date()), time(), UTC)
    return judge_since(db, max(first, as_of - _UNSETTLED))


def judge_since(db: Database, since: datetime) -> int:
    """Do the same for all that was received since: what two processes stored at the same instant, too."""
    fresh = events.c.received_at >= sa.literal(since, UtcDateTime())
    with db.begin() as connection:
        return int(
            connection.execute(_marked(db, fresh), execution_options={"preserve_rowcount": True}).rowcount
        )


def _marked(db: Database, which: sa.ColumnElement[bool]) -> sa.Update:
    e, others = events.c, events.alias("others")
    other = others.c
    handed_off = (
        sa.select(jobs.c.handed_off_at).where(jobs.c.id == e.job_id).correlate(events).scalar_subquery()
    )
    soon = microseconds(db, handed_off, e.at).between(0, AT_ONCE // _MICROSECOND)
    apart = microseconds(db, other.at, e.at).between(-(BURST // _MICROSECOND), BURST // _MICROSECOND)
    near = sa.select(other.id).where(
        other.job_id == e.job_id,
        other.type == _CLICKED,
        other.provider == SITE,
        other.link != e.link,
        apart,
        e.type == _CLICKED,
    )
    burst = near.correlate(events).exists()
    unmarked = sa.and_(e.provider == SITE, e.type.in_(_HITS), e.machine.is_(False))
    return (
        sa.update(events)
        .where(which, unmarked, sa.or_(burst, sa.func.coalesce(soon, sa.false())))
        .values(machine=True, kind=sa.case((burst, "burst"), else_="at_once"))
    )
