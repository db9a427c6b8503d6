"""Delivery's questions and answers: claim, hand off, settle, rescue. A few statements per batch.

What operators ask and order is in `operations`; nothing here knows channels or renders anything.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Literal, assert_never

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import UtcDateTime, campaigns, identities, job_payloads, jobs
from automation_pipelines.model import Purpose, State

# Spelled out, not bound: only so can the partial indexes be used.
_PENDING: sa.ColumnElement[str] = sa.literal_column("'pending'")
_PROCESSING: sa.ColumnElement[str] = sa.literal_column("'processing'")
# A message that may have gone out already is repeated (under the same Message-ID) for these.
_REPEATED_PURPOSES = (Purpose.TRANSACTIONAL, Purpose.INTERNAL)

Mode = Literal["live", "test"]


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


@dataclass(frozen=True, slots=True)
class Completed:
    """The provider has it."""

    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Delayed:
    """It will be tried again, not before `until`."""

    until: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Dead:
    """It will not be tried again: the dead-letter queue."""

    error: str


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


Answer = Completed | Delayed | Dead | Skipped | Moved | Released | Cancelled


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


def claim(
    db: Database,
    *,
    owner: str,
    now: datetime,
    limit: int,
    lease: timedelta,
    channels: Collection[str] | None = None,
    mode: Mode = "live",
    tick_id: int | None = None,
) -> list[Job]:
    """Lease up to `limit` due jobs to `owner`: about the same number of each tenant, oldest first.

    Jobs of paused campaigns and of the other mode stay where they are; with `tick_id`, those of other
    planning runs too. Empty when nothing is due.
    """
    wanted = _claimable(now, channels, mode)
    if tick_id is not None:
        wanted.append(jobs.c.tick_id == tick_id)
    with db.begin() as connection:
        tenants = [row.tenant_id for row in connection.execute(_heads(wanted).limit(limit))]
        if not tenants:
            return []
        ids = connection.scalars(_picked(db, tenants, wanted, ceil(limit / len(tenants)), limit)).all()
        connection.execute(
            sa.update(jobs)
            .where(_among(db, ids))
            .values(
                state=State.PROCESSING,
                lease_owner=owner,
                lease_until=db.lease_clock(now, lease),
                handed_off_at=None,
            )
        )
        return [Job(**row) for row in connection.execute(_details(db, ids)).mappings()]


def _claimable(now: datetime, channels: Collection[str] | None, mode: Mode) -> list[sa.ColumnElement[bool]]:
    conditions = [jobs.c.state == _PENDING, jobs.c.available_at <= now]
    conditions.append(_released() if mode == "live" else jobs.c.campaign_id.in_(_tested()))
    if channels is not None:
        conditions.append(jobs.c.channel.in_(sorted(channels)))
    return conditions


def _tested() -> sa.Select[Any]:
    return sa.select(identities.c.id).where(identities.c.step == "", identities.c.mode == "test")


def _released() -> sa.ColumnElement[bool]:
    # What was planned as a test never leaves by a real channel.
    kept = (
        sa.select(identities.c.id)
        .join_from(identities, campaigns, campaigns.c.campaign == identities.c.campaign)
        .where(identities.c.step == "", (campaigns.c.state == "paused") | (identities.c.mode == "test"))
    )
    return jobs.c.campaign_id.not_in(kept)


def _heads(conditions: Sequence[sa.ColumnElement[bool]]) -> sa.Select[Any]:
    """Each tenant with a matching pending job and when its first became available, oldest first.

    Hops from tenant to tenant along the claim index instead of reading all pending jobs.
    """
    first = sa.select(sa.func.min(jobs.c.tenant_id).label("tenant_id")).where(jobs.c.state == _PENDING)
    hops = first.cte("hops", recursive=True)
    following = (
        sa.select(sa.func.min(jobs.c.tenant_id))
        .where(jobs.c.state == _PENDING, jobs.c.tenant_id > hops.c.tenant_id)
        .correlate(hops)
        .scalar_subquery()
    )
    hops = hops.union_all(sa.select(following).where(hops.c.tenant_id.is_not(None)))
    head = (
        sa.select(jobs.c.available_at)
        .where(jobs.c.tenant_id == hops.c.tenant_id, *conditions)
        .order_by(jobs.c.available_at)
        .limit(1)
        .correlate(hops)
        .scalar_subquery()
        .label("head")
    )
    heads = sa.select(hops.c.tenant_id, head).where(hops.c.tenant_id.is_not(None)).subquery("heads")
    return sa.select(heads.c.tenant_id, heads.c.head).where(heads.c.head.is_not(None)).order_by(heads.c.head)


def _picked(
    db: Database, tenants: list[int], conditions: Sequence[sa.ColumnElement[bool]], share: int, limit: int
) -> sa.Select[Any]:
    """The ids of up to `share` matching jobs of each tenant, locked against other workers."""
    asked = db.listed("asked", {"tenant_id": sa.BigInteger()}, [(tenant,) for tenant in tenants])
    few = (
        sa.select(jobs.c.id)
        .where(jobs.c.tenant_id == asked.c.tenant_id, *conditions)
        # Exactly the index's order: a tie-break by id would sort everything due at 09:00 for each claim.
        .order_by(jobs.c.available_at, jobs.c.priority)
        .limit(share)
        .correlate(asked)
    )
    if db.dialect == "postgresql":
        locked = few.with_for_update(skip_locked=True).lateral("few")
        return sa.select(locked.c.id).select_from(asked.join(locked, sa.true())).limit(limit)
    # SQLite has no LATERAL, and one writer anyway.
    job = jobs.alias("job")
    return sa.select(job.c.id).select_from(asked.join(job, job.c.id.in_(few))).limit(limit)


def _among(db: Database, ids: Collection[int]) -> sa.ColumnElement[bool]:
    asked = db.listed("ids", {"id": sa.BigInteger()}, [(number,) for number in ids])
    return jobs.c.id.in_(sa.select(asked.c.id))


def _details(db: Database, ids: Collection[int]) -> sa.Select[Any]:
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
            payload.customer_id,
            sa.func.coalesce(payload.variables, "{}").label("variables"),
        )
        .join_from(jobs, campaign, campaign.c.id == jobs.c.campaign_id)
        .join(step, step.c.id == jobs.c.step_id)
        .outerjoin(job_payloads, payload.job_id == jobs.c.id)
        .where(_among(db, ids))
        .order_by(jobs.c.available_at, jobs.c.priority, jobs.c.id)
    )


def _held(db: Database, ids: Collection[int], owner: str, now: datetime) -> sa.ColumnElement[bool]:
    # An owner implies `processing` (a CHECK says so). Asking for the state as well would tempt
    # PostgreSQL to walk all leased jobs once for each id.
    return sa.and_(_among(db, ids), jobs.c.lease_owner == owner, jobs.c.lease_until > db.lease_clock(now))


def start_handoff(db: Database, ids: Collection[int], owner: str, now: datetime) -> set[int]:
    """Record that these jobs are handed off now, and return those that are: still leased by `owner`.

    From here on a crash leaves a job that may have been sent.
    """
    statement = sa.update(jobs).where(_held(db, ids, owner, now))
    statement = statement.values(handed_off_at=now, attempts=jobs.c.attempts + 1)
    with db.begin() as connection:
        return set(connection.scalars(statement.returning(jobs.c.id)))


def renew(db: Database, ids: Collection[int], owner: str, now: datetime, lease: timedelta) -> set[int]:
    """Extend the leases that `owner` still has, and return their jobs."""
    statement = sa.update(jobs).where(_held(db, ids, owner, now))
    statement = statement.values(lease_until=db.lease_clock(now, lease))
    with db.begin() as connection:
        return set(connection.scalars(statement.returning(jobs.c.id)))


_SETTLED: dict[str, sa.types.TypeEngine[Any]] = {
    "id": sa.BigInteger(),
    "state": sa.String(),
    "reason": sa.String(),
    "available_at": UtcDateTime(),
    "finished_at": UtcDateTime(),
    "provider_id": sa.String(),
    "error": sa.Text(),
}


def _row(settlement: Settlement, now: datetime) -> tuple[object, ...]:  # noqa: PLR0911 - one per answer
    """The new values of a job, in the order of `_SETTLED`."""
    job = settlement.job_id
    match settlement.answer:
        case Completed(provider_id):
            return (job, State.COMPLETED, None, None, now, provider_id, None)
        case Delayed(until, error):
            return (job, State.PENDING, None, until, None, None, error)
        case Dead(error):
            return (job, State.DEAD, None, None, now, None, error)
        case Skipped(reason):
            return (job, State.SKIPPED, reason, None, now, None, None)
        case Moved(available_at):
            return (job, State.PENDING, None, available_at, None, None, None)
        case Released():
            return (job, State.PENDING, None, None, None, None, None)
        case Cancelled():
            return (job, State.CANCELLED, None, None, now, None, None)
        case never:
            assert_never(never)


def settle(db: Database, owner: str, settlements: Sequence[Settlement], now: datetime) -> set[int]:
    """Record what became of jobs, in two statements, and return those that were still `owner`'s."""
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
    return done


def rescue(db: Database, now: datetime, repeatable: Collection[str], limit: int) -> Rescued:
    """Take up to `limit` jobs from workers whose lease has ended.

    A job not yet handed off goes back. One handed off may have been sent: it is repeated where the
    channel makes that harmless (`repeatable`) or the purpose demands it, else it becomes unknown.
    """
    ended = (
        sa.select(jobs.c.id)
        .where(jobs.c.state == _PROCESSING, jobs.c.lease_until <= db.lease_clock(now))
        .order_by(jobs.c.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)  # PostgreSQL only; SQLite has one writer
    )
    again = sa.or_(
        jobs.c.handed_off_at.is_(None),
        jobs.c.channel.in_(sorted(repeatable)),
        jobs.c.purpose.in_(_REPEATED_PURPOSES),
    )
    with db.begin() as connection:
        ids = connection.scalars(ended).all()
        if not ids:
            return Rescued(0, 0)
        returning = sa.update(jobs).where(_among(db, ids)).returning(jobs.c.state)
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


def next_due(db: Database) -> datetime | None:
    """When the next pending job becomes available, or a lease ends; `None` when there is neither.

    Jobs of paused campaigns do not count. One index probe per tenant.
    """
    heads = _heads([jobs.c.state == _PENDING, _released()]).order_by(None).subquery("heads")
    lease = sa.select(sa.func.min(jobs.c.lease_until)).where(jobs.c.state == _PROCESSING)
    with db.reading() as connection:
        first = connection.scalar(sa.select(sa.func.min(heads.c.head)))
        ends = connection.scalar(lease)
    return min((moment for moment in (first, ends) if moment), default=None)
