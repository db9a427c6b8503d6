"""What operators ask of the record and order: lists, one job's story, requeue, cancel.

Every order is audited in its own transaction and changes nothing when given twice.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger.database import Database, dump_json
from automation_pipelines.ledger.fallbacks import channels_of
from automation_pipelines.ledger.tables import audit, campaigns, events, identities, job_payloads, jobs, ticks
from automation_pipelines.model import State

DEAD_LETTERS = (State.DEAD,)
RETRYABLE = (State.DEAD, State.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are meant; what is not given does not restrict. Times are those of `due_at`."""

    states: tuple[State, ...] = ()
    campaign: str | None = None
    tenant: int | None = None
    channel: str | None = None
    reason: str | None = None
    ids: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    tick_id: int | None = None
    tests: bool = False
    """The jobs of tests instead of the real ones. Those named in `ids` are meant whatever they are."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that came back about a job."""

    type: str
    at: datetime
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStory:
    """Everything the record holds about one job."""

    id: int
    state: str
    reason: str | None
    held_by: str | None
    tenant_id: int
    campaign: str
    step: str
    mode: str
    campaign_version: int
    occurrence: int
    subject_id: int
    subject_text: str | None
    recipient_id: int
    purpose: str
    channel: str
    address: str | None
    due_at: datetime
    expires_at: datetime | None
    available_at: datetime
    attempts: int
    lease_owner: str | None
    lease_until: datetime | None
    handed_off_at: datetime | None
    finished_at: datetime | None
    provider_id: str | None
    error: str | None
    rejections: str | None
    falls_back_on: str | None
    variables: str | None
    run_id: str
    planned_as_of: datetime
    events: tuple[JobEvent, ...] = ()


_STEP, _CAMPAIGN = identities.alias("step"), identities.alias("campaign")


def _conditions(db: Database, wanted: JobFilter) -> list[sa.ColumnElement[bool]]:
    j = jobs.c
    conditions = [
        column == value
        for column, value in (
            (j.tenant_id, wanted.tenant),
            (j.channel, wanted.channel),
            (j.reason, wanted.reason),
            (j.tick_id, wanted.tick_id),
        )
        if value is not None
    ]
    if wanted.states:
        conditions.append(in_state(*wanted.states))
    if wanted.campaign is not None:
        own = sa.select(identities.c.id).where(
            identities.c.campaign == wanted.campaign, identities.c.step == ""
        )
        conditions.append(j.campaign_id.in_(own))
    if not wanted.ids:
        conditions.append(of_tests() if wanted.tests else sa.not_(of_tests()))
    else:
        asked = db.listed("ids", {"id": sa.BigInteger()}, [(number,) for number in wanted.ids])
        conditions.append(j.id.in_(sa.select(asked.c.id)))
    if wanted.since is not None:
        conditions.append(j.due_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(j.due_at < wanted.until)
    return conditions


def of_tests() -> sa.ColumnElement[bool]:
    """That a job is one of a test."""
    i = identities.c
    return jobs.c.campaign_id.in_(sa.select(i.id).where(i.step == "", i.mode == "test"))


def in_state(*states: State) -> sa.ColumnElement[bool]:
    """That a job is in one of these. Spelled out, not bound: only so can the partial indexes be used."""
    return sa.or_(*(jobs.c.state == sa.literal_column(f"'{state}'") for state in states))


def require_campaign(db: Database, name: str) -> None:
    """`RefusedError` where no campaign ever had this id: a slip of the pen must not read as "no jobs"."""
    known = sa.union(sa.select(identities.c.campaign), sa.select(campaigns.c.campaign)).subquery("known")
    with db.reading() as connection:
        if connection.scalar(sa.select(known.c.campaign).where(known.c.campaign == name)) is None:
            msg = f"there is no campaign '{name}': see `automation campaign list`"
            raise RefusedError(msg)


def count_by_state(db: Database, wanted: JobFilter | None = None) -> dict[State, int]:
    """How many jobs are in which state; states without any are left out."""
    statement = sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state)
    with db.reading() as connection:
        rows = connection.execute(statement.where(*_conditions(db, wanted or JobFilter())))
        return {State(state): count for state, count in rows}


def unfinished(db: Database, now: datetime, *, tests: bool = False) -> int:
    """How many jobs are in work or wait and may go by then, of tests or the real ones; paused ones, too."""
    waiting = sa.and_(in_state(State.PENDING), jobs.c.available_at <= now)
    parts = [
        sa.select(sa.func.count()).where(each, of_tests() if tests else sa.not_(of_tests()))
        for each in (waiting, in_state(State.PROCESSING))
    ]
    with db.reading() as connection:
        return sum(int(connection.scalar(part) or 0) for part in parts)


def count(db: Database, wanted: JobFilter, most: int) -> int:
    """How many jobs match; of more than `most` it does not matter how many more."""
    some = sa.select(sa.literal(1)).select_from(jobs).where(*_conditions(db, wanted)).limit(most + 1)
    with db.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0)


def numbers(db: Database, wanted: JobFilter) -> pl.DataFrame:
    """(id, channel) of all jobs that match, the newest first."""
    found = sa.select(jobs.c.id, jobs.c.channel).where(*_conditions(db, wanted))
    return db.read(found.order_by(jobs.c.id.desc()))


def find(db: Database, wanted: JobFilter, limit: int) -> pl.DataFrame:
    """The newest `limit` jobs that match."""
    j = jobs.c
    return db.read(
        sa.select(
            j.id,
            j.state,
            j.reason,
            j.tenant_id,
            _CAMPAIGN.c.campaign,
            _STEP.c.step,
            _STEP.c.mode,
            j.channel,
            job_payloads.c.subject_text,
            job_payloads.c.address,
            j.due_at,
            j.available_at,
            j.expires_at,
            j.finished_at,
            j.attempts,
            job_payloads.c.error,
        )
        .select_from(_with_names())
        .where(*_conditions(db, wanted))
        .order_by(j.id.desc())
        .limit(limit)
    )


def _with_names() -> sa.Join:
    return (
        jobs.join(_CAMPAIGN, _CAMPAIGN.c.id == jobs.c.campaign_id)
        .join(_STEP, _STEP.c.id == jobs.c.step_id)
        .outerjoin(job_payloads, job_payloads.c.job_id == jobs.c.id)
    )


def show(db: Database, job_id: int) -> JobStory:
    """One job with all that is known of it; `RefusedError` for an unknown id."""
    names = set(JobStory.__dataclass_fields__)
    columns: list[sa.ColumnElement[Any]] = [column for column in jobs.c if column.name in names]
    payload = job_payloads.c
    columns += [_CAMPAIGN.c.campaign, _STEP.c.step, _STEP.c.mode, ticks.c.run_id]
    columns += [ticks.c.as_of.label("planned_as_of"), payload.subject_text, payload.address]
    columns += [payload.error, payload.variables, payload.rejections, payload.fallbacks]
    told = sa.select(events.c.type, events.c.at, events.c.detail).where(events.c.job_id == job_id)
    with db.reading() as connection:
        origin = _with_names().join(ticks, ticks.c.id == jobs.c.tick_id)
        row = (
            connection.execute(sa.select(*columns).select_from(origin).where(jobs.c.id == job_id))
            .mappings()
            .first()
        )
        if row is None:
            msg = f"there is no job {job_id}: `automation jobs list` shows the newest ones"
            raise RefusedError(msg)
        story = tuple(
            JobEvent(*event) for event in connection.execute(told.order_by(events.c.at, events.c.id))
        )
    left = channels_of(row["fallbacks"])
    return JobStory(
        **{name: row[name] for name in row if name != "fallbacks"}, falls_back_on=left, events=story
    )


def spent(db: Database, wanted: JobFilter) -> int:
    """How many jobs that match can never go again: whom they were for went by retention."""
    gone = sa.not_(_kept())
    counted = sa.select(sa.func.count()).select_from(jobs).where(*_conditions(db, wanted), gone)
    with db.reading() as connection:
        return int(connection.scalar(counted) or 0)


def _kept() -> sa.ColumnElement[bool]:
    return sa.exists().where(job_payloads.c.job_id == jobs.c.id)


def retry(db: Database, wanted: JobFilter, *, by: str, now: datetime) -> int:
    """Put dead and unknown jobs that match back in the queue, with all their attempts; how many.

    Jobs whose payload is gone by retention stay. One past its `expires_at` will be skipped as expired.
    """
    changes = {
        "state": State.PENDING,
        "available_at": now,
        "attempts": 0,
        "finished_at": None,
        "handed_off_at": None,
    }
    return _order(db, "jobs retry", wanted, RETRYABLE, changes, by=by, now=now, only=(_kept(),))


def cancel(db: Database, wanted: JobFilter, *, by: str, now: datetime) -> int:
    """Cancel pending jobs that match; how many. A job in work is finished by its worker."""
    changes = {"state": State.CANCELLED, "finished_at": now}
    return _order(db, "jobs cancel", wanted, (State.PENDING,), changes, by=by, now=now)


def clear(db: Database, wanted: JobFilter, *, by: str, now: datetime) -> int:
    """Take dead jobs that match off the dead-letter queue; how many. They stay in the record, cancelled."""
    changes = {"state": State.CANCELLED}
    return _order(db, "dlq clear", wanted, DEAD_LETTERS, changes, by=by, now=now)


def _order(
    db: Database,
    action: str,
    wanted: JobFilter,
    states: Sequence[State],
    changes: Mapping[str, object],
    *,
    by: str,
    now: datetime,
    only: Collection[sa.ColumnElement[bool]] = (),
) -> int:
    """Change the matching jobs that are in one of `states`, and audit it if there were any."""
    where = [*_conditions(db, wanted), in_state(*states), *only]
    with db.begin() as connection:
        changed = connection.execute(sa.update(jobs).where(*where).values(**changes)).rowcount
        if changed:
            detail = dump_json({"filter": _told(wanted), "jobs": changed})
            connection.execute(audit.insert().values(at=now, by=by, action=action, detail=detail))
    return changed


def _told(wanted: JobFilter) -> dict[str, object]:
    given = ((name, getattr(wanted, name)) for name in JobFilter.__dataclass_fields__)
    return {name: value for name, value in given if value not in (None, (), False)}
