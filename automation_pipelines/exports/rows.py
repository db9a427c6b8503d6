"""The rows of an export, slice by slice: memory does not grow with the record."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

import polars as pl
import sqlalchemy as sa

from automation_pipelines import decisions
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.exports.columns import EXPORTS, Kind
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import events, identities, job_payloads, jobs, suppressions

SLICE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to export; what is not given does not restrict. Times are `due_at`, else `at`."""

    kind: Kind
    campaign: str | None = None
    tenant: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    personal: bool = False


def slices(db: Database, files: FileStore, wanted: Wanted, size: int = SLICE) -> Iterator[pl.DataFrame]:
    """Frames in the declared columns, oldest first; tests of campaigns are left out."""
    columns = [column for column in EXPORTS[wanted.kind] if wanted.personal or not column.personal]
    shown = [pl.col(column.name).cast(FRAME_TYPES[column.type]) for column in columns]
    found = _decisions(files, wanted) if wanted.kind is Kind.DECISIONS else _ledger(db, wanted, size)
    yield from (frame.select(shown) for frame in found)


def _ledger(db: Database, wanted: Wanted, size: int) -> Iterator[pl.DataFrame]:
    last = -1
    while True:
        statement, number = _statement(wanted)
        frame = db.read(statement.where(number > last).order_by(number).limit(size))
        if not frame.is_empty():
            yield frame
        if len(frame) < size:
            return
        last = frame["_number"][-1]


def _statement(wanted: Wanted) -> tuple[sa.Select[Any], sa.ColumnElement[int]]:
    match wanted.kind:
        case Kind.JOBS:
            return _jobs(wanted), jobs.c.id
        case Kind.EVENTS:
            return _events(wanted), events.c.id
        case Kind.SUPPRESSIONS:
            return _suppressions(wanted), suppressions.c.id
        case Kind.DECISIONS:
            msg = "decisions are files"
            raise ValueError(msg)
        case never:
            assert_never(never)


def _jobs(wanted: Wanted) -> sa.Select[Any]:
    j, step, p = jobs.c, identities.alias("step"), job_payloads.c
    names = {column.name for column in EXPORTS[Kind.JOBS]}
    own = [column for column in jobs.c if column.name in names]
    statement = sa.select(
        j.id.label("_number"), j.id.label("job_id"), *own, step.c.campaign, step.c.step
    ).join(step, sa.and_(step.c.id == j.step_id, step.c.mode == "live"))
    if wanted.personal:
        statement = statement.add_columns(p.subject_text, p.address, p.variables, p.error)
        statement = statement.outerjoin(job_payloads, p.job_id == j.id)
    return statement.where(*_limits(wanted, j.tenant_id, step.c.campaign, j.due_at))


def _events(wanted: Wanted) -> sa.Select[Any]:
    e, j, step = events.c, jobs.c, identities.alias("step")
    names = {column.name for column in EXPORTS[Kind.EVENTS]} - {"tenant_id", "channel"}
    tenant = sa.func.coalesce(j.tenant_id, e.tenant_id)
    return (
        sa.select(
            e.id.label("_number"),
            e.id.label("event_id"),
            *(column for column in events.c if column.name in names),
            tenant.label("tenant_id"),
            sa.func.coalesce(j.channel, e.channel).label("channel"),
            step.c.campaign,
            step.c.step,
        )
        .outerjoin(jobs, j.id == e.job_id)
        .outerjoin(step, step.c.id == j.step_id)
        .where(sa.or_(step.c.id.is_(None), step.c.mode == "live"))
        .where(*_limits(wanted, tenant, step.c.campaign, e.at))
    )


def _suppressions(wanted: Wanted) -> sa.Select[Any]:
    s = suppressions.c
    names = [column.name for column in EXPORTS[Kind.SUPPRESSIONS]]
    statement = sa.select(s.id.label("_number"), *(s[name] for name in names))
    return statement.where(*_limits(wanted, s.tenant_id, None, s.at))


def _limits(
    wanted: Wanted,
    tenant: sa.ColumnElement[Any],
    campaign: sa.ColumnElement[Any] | None,
    at: sa.ColumnElement[datetime],
) -> list[sa.ColumnElement[bool]]:
    limits: list[sa.ColumnElement[bool]] = []
    if wanted.tenant is not None:
        limits.append(tenant == wanted.tenant)
    if wanted.campaign is not None and campaign is not None:
        limits.append(campaign == wanted.campaign)
    if wanted.since is not None:
        limits.append(at >= wanted.since)
    if wanted.until is not None:
        limits.append(at < wanted.until)
    return limits


def _decisions(files: FileStore, wanted: Wanted) -> Iterator[pl.DataFrame]:
    """One frame a day: the files of a day are read together."""
    given = (
        (pl.col("tenant_id"), wanted.tenant),
        (pl.col("campaign"), wanted.campaign),
    )
    limits = [column == value for column, value in given if value is not None]
    limits += [pl.col("due_at") >= wanted.since] if wanted.since is not None else []
    limits += [pl.col("due_at") < wanted.until] if wanted.until is not None else []
    for day in files.days(decisions.DATASET):
        if wanted.since is not None and day < wanted.since.date():
            continue
        if wanted.until is not None and day > wanted.until.date():
            continue
        rows = decisions.scan(files.paths(decisions.DATASET, [day]))
        found = rows.filter(pl.col("mode") != "test", *limits).collect()
        if not found.is_empty():
            yield found.sort("due_at", "as_of")
