"""Jobs in state unknown that were handed off: which there are, and what came of asking their providers.

Whoever was told something else in the meantime wins: a job is settled only while it is as it was found.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database, dump_json
from automation_pipelines.ledger.jobs import Completed, Dead, Delayed, Job, details
from automation_pipelines.ledger.tables import UtcDateTime, audit, job_payloads, jobs
from automation_pipelines.model import State

# Spelled out, not bound: only so can the partial index be used.
_UNKNOWN: sa.ColumnElement[str] = sa.literal_column("'unknown'")


@dataclass(frozen=True, slots=True)
class Unheard:
    """A job, when it was handed off, and since when it is unknown."""

    job: Job
    handed_off_at: datetime
    unknown_since: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one of them: the provider has it, or it waits again, or it has failed for good."""

    unheard: Unheard
    answer: Completed | Delayed | Dead


def find(
    db: Database,
    channels: Collection[str],
    *,
    before: datetime,
    after: datetime | None = None,
    ids: Collection[int] = (),
    limit: int = 1000,
) -> list[Unheard]:
    """The newest on these channels that are unknown since before that time; tests are left out."""
    j = jobs.c
    wanted = sa.select(j.id, j.handed_off_at, j.finished_at).where(
        j.state == _UNKNOWN,
        j.channel.in_(sorted(channels)),
        j.handed_off_at.is_not(None),
        j.finished_at <= before,
    )
    if after is not None:
        wanted = wanted.where(j.finished_at > after)
    if ids:
        asked = db.listed("asked", {"id": sa.BigInteger()}, [(number,) for number in ids])
        wanted = wanted.where(j.id.in_(sa.select(asked.c.id)))
    with db.reading() as connection:
        found = connection.execute(wanted.order_by(j.finished_at.desc(), j.id).limit(limit)).all()
        rows = connection.execute(details(db, [row.id for row in found])).mappings() if found else ()
        known = {row["id"]: Job(**row) for row in rows}
    times = [(known[row.id], row.handed_off_at, row.finished_at) for row in found]
    return [Unheard(*each) for each in times if each[0].mode == "live"]


def accounted_for(db: Database, provider_ids: Collection[str], since: datetime) -> set[str]:
    """Those that are known to be other jobs', finished since then."""
    if not provider_ids:
        return set()
    asked = db.listed("asked", {"provider_id": sa.String()}, [(one,) for one in sorted(provider_ids)])
    wanted = sa.select(jobs.c.provider_id).where(
        jobs.c.finished_at >= since, jobs.c.provider_id.in_(sa.select(asked.c.provider_id))
    )
    with db.reading() as connection:
        return set(connection.scalars(wanted))


_SETTLED: dict[str, sa.types.TypeEngine[Any]] = {
    "id": sa.BigInteger(),
    "handed_off_at": UtcDateTime(),
    "state": sa.String(),
    "available_at": UtcDateTime(),
    "finished_at": UtcDateTime(),
    "provider_id": sa.String(),
    "error": sa.Text(),
}


def _row(finding: Finding, now: datetime) -> tuple[object, ...]:
    """The new values of a job, in the order of `_SETTLED`."""
    head = (finding.unheard.job.id, finding.unheard.handed_off_at)
    match finding.answer:
        case Completed(provider_id):
            return (*head, State.COMPLETED, None, now, provider_id, None)
        case Delayed(until, error):
            return (*head, State.PENDING, until, None, None, error)
        case Dead(error):
            return (*head, State.DEAD, None, now, None, error)
        case never:
            assert_never(never)


def settle(db: Database, findings: Sequence[Finding], *, by: str, now: datetime) -> Counter[State]:
    """Record what was found out and audit it; how many jobs are in which state now."""
    if not findings:
        return Counter()
    rows = [_row(finding, now) for finding in findings]
    told = db.listed("told", _SETTLED, rows).c
    statement = (
        sa.update(jobs)
        .where(jobs.c.id == told.id, jobs.c.state == _UNKNOWN, jobs.c.handed_off_at == told.handed_off_at)
        .values(
            state=told.state,
            available_at=sa.func.coalesce(told.available_at, jobs.c.available_at),
            finished_at=told.finished_at,
            provider_id=told.provider_id,
            handed_off_at=sa.case((told.state == State.PENDING, None), else_=jobs.c.handed_off_at),
        )
        .returning(jobs.c.id, jobs.c.state)
    )
    with db.begin() as connection:
        done = {job: State(state) for job, state in connection.execute(statement)}
        counts = Counter(done.values())
        if done:
            _tell(db, connection, [(row[0], row[-1]) for row in rows if row[-1] and row[0] in done])
            detail = dump_json({str(state): number for state, number in sorted(counts.items())})
            connection.execute(audit.insert().values(at=now, by=by, action="jobs resolve", detail=detail))
    return counts


def _tell(db: Database, connection: sa.Connection, errors: Sequence[tuple[object, ...]]) -> None:
    if errors:
        said = db.listed("said", {"id": sa.BigInteger(), "error": sa.Text()}, errors).c
        connection.execute(
            sa.update(job_payloads).where(job_payloads.c.job_id == said.id).values(error=said.error)
        )
