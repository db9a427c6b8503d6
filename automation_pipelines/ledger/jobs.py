"""Delivery's questions and answers about jobs in hand: hand off, settle, rescue. A few statements per batch.

Who gets which jobs is said in `claims`, what operators ask and order in `operations`; nothing here knows
channels or renders anything.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, assert_never

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.fallbacks import FellBack, move_on
from automation_pipelines.ledger.lanes import PENDING, lanes, released
from automation_pipelines.ledger.suppressions import suppress
from automation_pipelines.ledger.tables import UtcDateTime, identities, job_payloads, jobs
from automation_pipelines.model import Purpose, State

# Spelled out, not bound: only so can the partial indexes be used.
_PROCESSING: sa.ColumnElement[str] = sa.literal_column("'processing'")
# A message that may have gone out already is repeated (under the same Message-ID) for these.
_REPEATED_PURPOSES = (Purpose.TRANSACTIONAL, Purpose.INTERNAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One claimed job with everything that delivery needs of it."""

    id: int
    occurrence: int
    tenant_id: int
    campaign_id: int
    step_id: int
    subject_id: int
    recipient_id: int
    campaign: str
    step: str
    mode: str
    purpose: str
    channel: str
    variant: str | None
    campaign_version: int
    priority: int
    due_at: datetime
    expires_at: datetime | None
    available_at: datetime
    attempts: int
    subject_text: str
    address: str | None
    address_hash: str | None
    customer_id: int | None
    variables: str
    """A JSON object."""
    fallbacks: str | None = None
    """The ways it may still take, as `fallbacks.ways_of` reads them."""
    probe: bool = False
    """It is sent to see whether its provider is back."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The provider has it; of an e-mail also from which domain it went, and whose mailbox it went to."""

    provider_id: str | None = None
    sender_domain: str | None = None
    mailbox: str | None = None


@dataclass(frozen=True, slots=True)
class Delayed:
    """It will be tried again, not before `until`."""

    until: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """Its provider is out of order: it goes again, not before `until`, and this attempt does not count."""

    until: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Dead:
    """It will not be tried again: the dead-letter queue. With `suppress`, nor will its address, for that."""

    error: str
    suppress: Literal["bounced", "unsubscribed"] | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Decided against just before hand-off."""

    reason: Literal["expired", "suppressed"]


@dataclass(frozen=True, slots=True)
class Moved:
    """The send window is shut; it opens at `available_at`."""

    available_at: datetime


@dataclass(frozen=True, slots=True)
class Released:
    """Given back untouched."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Its campaign ended while it was claimed."""


Answer = Completed | Delayed | Postponed | Dead | FellBack | Skipped | Moved | Released | Cancelled


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one claimed job."""

    job_id: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Rescued:
    """What became of the jobs of dead workers."""

    returned: int
    unknown: int


def among(db: Database, ids: Collection[int]) -> sa.ColumnElement[bool]:
    """Whether a job is one of these."""
    asked = db.listed("ids", {"id": sa.BigInteger()}, [(number,) for number in ids])
    return jobs.c.id.in_(sa.select(asked.c.id))


def details(db: Database, ids: Collection[int]) -> sa.Select[Any]:
    """Everything a `Job` holds but `probe`, of these jobs."""
    campaign, step = identities.alias("campaign"), identities.alias("step")
    payload = job_payloads.c
    own = {"id", *Job.__dataclass_fields__} & {column.name for column in jobs.c}
    return (
        sa.select(
            *(jobs.c[name] for name in sorted(own)),
            campaign.c.campaign,
            step.c.step,
            step.c.mode,
            # A payload gone by retention fails in rendering, by name, instead of never being claimed.
            sa.func.coalesce(payload.subject_text, "").label("subject_text"),
            payload.address,
            payload.address_hash,
            sa.func.coalesce(payload.variables, "{}").label("variables"),
            payload.fallbacks,
        )
        .join_from(jobs, campaign, campaign.c.id == jobs.c.campaign_id)
        .join(step, step.c.id == jobs.c.step_id)
        .outerjoin(job_payloads, payload.job_id == jobs.c.id)
        .where(among(db, ids))
    )


def _held(db: Database, ids: Collection[int], owner: str, now: datetime) -> sa.ColumnElement[bool]:
    # An owner implies `processing` (a CHECK says so). Asking for the state as well would tempt
    # PostgreSQL to walk all leased jobs once for each id.
    return sa.and_(among(db, ids), jobs.c.lease_owner == owner, jobs.c.lease_until > db.lease_clock(now))


def start_handoff(db: Database, ids: Collection[int], owner: str, now: datetime) -> set[int]:
    """Record that these jobs are handed off now, and return those that are: still leased by `owner`.

    From here on a crash leaves a job that may have been sent.
    """
    statement = sa.update(jobs).where(_held(db, ids, owner, now))
    statement = statement.values(handed_off_at=now, attempts=jobs.c.attempts + 1)
    with db.begin(durable=True) as connection:
        return set(connection.scalars(statement.returning(jobs.c.id)))


def renew(db: Database, ids: Collection[int], owner: str, now: datetime, lease: timedelta) -> set[int]:
    """Extend the leases that `owner` still has, and return their jobs.

    Those being handed off or settled this very moment are left alone: to wait for them while they wait for
    others of this batch would end in a deadlock.
    """
    free = sa.select(jobs.c.id).where(_held(db, ids, owner, now)).with_for_update(skip_locked=True)
    statement = sa.update(jobs).where(jobs.c.id.in_(free)).values(lease_until=db.lease_clock(now, lease))
    with db.begin() as connection:
        return set(connection.scalars(statement.returning(jobs.c.id)))


_SETTLED: dict[str, sa.types.TypeEngine[Any]] = {
    "id": sa.BigInteger(),
    "state": sa.String(),
    "reason": sa.String(),
    "available_at": UtcDateTime(),
    "finished_at": UtcDateTime(),
    "provider_id": sa.String(),
    "sender_domain": sa.String(),
    "mailbox": sa.String(),
    "uncounted": sa.Integer(),
    "error": sa.Text(),
}


def _row(settlement: Settlement, now: datetime) -> tuple[object, ...]:  # noqa: PLR0911 - one per answer
    """The new values of a job, in the order of `_SETTLED`."""
    job = settlement.job_id
    match settlement.answer:
        case Completed(provider_id, domain, mailbox):
            return (job, State.COMPLETED, None, None, now, provider_id, domain, mailbox, 0, None)
        case Delayed(until, error):
            return (job, State.PENDING, None, until, None, None, None, None, 0, error)
        case Postponed(until, error):
            return (job, State.PENDING, None, until, None, None, None, None, 1, error)
        case Dead(error):
            return (job, State.DEAD, None, None, now, None, None, None, 0, error)
        case Skipped(reason):
            return (job, State.SKIPPED, reason, None, now, None, None, None, 0, None)
        case Moved(available_at):
            return (job, State.PENDING, None, available_at, None, None, None, None, 0, None)
        case Released() | FellBack():
            return (job, State.PENDING, None, None, None, None, None, None, 0, None)
        case Cancelled():
            return (job, State.CANCELLED, None, None, now, None, None, None, 0, None)
        case never:
            assert_never(never)


def settle(db: Database, owner: str, settlements: Sequence[Settlement], now: datetime) -> set[int]:
    """Record what became of jobs, and return those that were still `owner`'s.

    One statement, a second one where there are errors, two more where addresses are suppressed, and two
    where jobs fall back on another channel.
    """
    rows = [_row(settlement, now) for settlement in settlements]
    told = db.listed("told", _SETTLED, rows).c
    statement = (
        sa.update(jobs)
        .where(jobs.c.id == told.id, jobs.c.lease_owner == owner)
        .values(
            state=told.state,
            reason=told.reason,
            available_at=sa.func.coalesce(told.available_at, jobs.c.available_at),
            finished_at=told.finished_at,
            provider_id=told.provider_id,
            sender_domain=told.sender_domain,
            mailbox=told.mailbox,
            attempts=jobs.c.attempts - told.uncounted,
            handed_off_at=sa.case((told.state == State.PENDING, None), else_=jobs.c.handed_off_at),
            lease_owner=None,
            lease_until=None,
        )
        .returning(jobs.c.id)
    )
    with db.begin() as connection:
        done = set(connection.scalars(statement))
        errors = [(row[0], row[-1]) for row in rows if row[-1] is not None and row[0] in done]
        if errors:
            said = db.listed("said", {"id": sa.BigInteger(), "error": sa.Text()}, errors).c
            connection.execute(
                sa.update(job_payloads).where(job_payloads.c.job_id == said.id).values(error=said.error)
            )
        suppress(db, connection, _refusing(settlements, done), owner, now)
        # Only now: it is the old address that is suppressed.
        move_on(db, connection, _fallen_back(settlements, done))
    return done


def _refusing(settlements: Sequence[Settlement], done: Collection[int]) -> dict[int, str]:
    return {
        one.job_id: one.answer.suppress
        for one in settlements
        if isinstance(one.answer, Dead | FellBack) and one.answer.suppress and one.job_id in done
    }


def _fallen_back(settlements: Sequence[Settlement], done: Collection[int]) -> list[tuple[int, FellBack]]:
    return [
        (one.job_id, one.answer)
        for one in settlements
        if isinstance(one.answer, FellBack) and one.job_id in done
    ]


def rescue(
    db: Database,
    now: datetime,
    repeatable: Collection[str],
    limit: int,
    traceable: Collection[str] = (),
    *,
    owner: str | None = None,
) -> Rescued:
    """Take up to `limit` jobs from workers whose lease has ended, and what `owner` let lie untouched.

    A job not yet handed off goes back. One handed off may have been sent: it is repeated where the
    channel makes that harmless (`repeatable`) or the purpose demands it, else it becomes unknown; so it
    does where its provider can be asked first (`traceable`), whatever its purpose.
    """
    over = jobs.c.lease_until <= db.lease_clock(now)
    if owner is not None:  # it asks between two batches: what it has still is of one that failed
        over = sa.or_(over, sa.and_(jobs.c.lease_owner == owner, jobs.c.handed_off_at.is_(None)))
    ended = (
        sa.select(jobs.c.id)
        .where(jobs.c.state == _PROCESSING, over)
        .order_by(jobs.c.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)  # PostgreSQL only; SQLite has one writer
    )
    again = sa.or_(
        jobs.c.handed_off_at.is_(None),
        jobs.c.channel.in_(sorted(repeatable)),
        sa.and_(jobs.c.purpose.in_(_REPEATED_PURPOSES), jobs.c.channel.not_in(sorted(traceable))),
    )
    with db.begin() as connection:
        ids = connection.scalars(ended).all()
        if not ids:
            return Rescued(0, 0)
        returning = sa.update(jobs).where(among(db, ids)).returning(jobs.c.state)
        states = connection.scalars(
            returning.values(
                state=sa.case((again, State.PENDING), else_=State.UNKNOWN),
                finished_at=sa.case((again, None), else_=sa.literal(now, UtcDateTime())),
                handed_off_at=sa.case((again, None), else_=jobs.c.handed_off_at),
                lease_owner=None,
                lease_until=None,
            )
        ).all()
    unknown = states.count(State.UNKNOWN)
    return Rescued(len(states) - unknown, unknown)


def expire(db: Database, now: datetime, limit: int) -> int:
    """Skip up to `limit` pending jobs that have expired, also where nothing is claimed; how many."""
    tests = sa.select(identities.c.id).where(identities.c.step == "", identities.c.mode == "test")
    over = (
        sa.select(jobs.c.id)
        .where(jobs.c.state == PENDING, jobs.c.expires_at <= now, jobs.c.campaign_id.not_in(tests))
        .order_by(jobs.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    with db.begin() as connection:
        ids = connection.scalars(over).all()
        if ids:
            skipped = {"state": State.SKIPPED, "reason": "expired", "finished_at": now}
            connection.execute(sa.update(jobs).where(among(db, ids)).values(**skipped))
    return len(ids)


def next_due(db: Database) -> datetime | None:
    """When the next pending job may be claimed, or a lease ends; `None` when there is neither.

    Jobs of paused campaigns do not count, and those of a provider that rests not before it may be probed.
    A few index probes per lane.
    """
    ends = sa.select(sa.func.min(jobs.c.lease_until)).where(jobs.c.state == _PROCESSING)
    with db.reading() as connection:
        due = [
            max(lane.available_at, lane.retry_at or lane.available_at)
            for lane in lanes(connection, [released()])
        ]
        lease = connection.scalar(ends)
    return min((*due, *([lease] if lease else [])), default=None)
