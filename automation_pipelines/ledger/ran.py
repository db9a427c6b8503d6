"""What operators' views ask of the ledger: moments of a campaign, sums over them. Reads only.

Tests of a campaign count nowhere. What a run, a rate or an escalation is, is `history`'s.
"""

from collections.abc import Collection
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import (
    campaign_versions,
    campaigns,
    identities,
    job_payloads,
    jobs,
    ticks,
)
from automation_pipelines.model import State

_FATE = (jobs.c.state, jobs.c.reason, jobs.c.held_by)
_FAILED = jobs.c.state.in_([str(State.DEAD), str(State.UNKNOWN)])


def moments(
    db: Database, campaign: str, *, tenant: int | None = None, subjects: Collection[int] = ()
) -> pl.DataFrame:
    """Every job and settled decision of a campaign, or those of some subjects of it.

    (id, tenant_id, subject_id, occurrence, step, state, reason, held_by, due_at, finished_at).
    """
    j = jobs.c
    wanted = sa.select(
        j.id, j.tenant_id, j.subject_id, j.occurrence, j.step_id, *_FATE, j.due_at, j.finished_at
    )
    wanted = wanted.where(j.campaign_id.in_(_numbers([campaign])))
    if tenant is not None:
        wanted = wanted.where(j.tenant_id == tenant)
    if subjects:
        wanted = wanted.where(j.subject_id.in_(sorted(subjects)))
    # The names come after: a text beside each of a million rows costs more than the rows.
    return _with_steps(db, db.read(wanted))


def tallies(
    db: Database, names: Collection[str] = (), *, tenant: int | None = None, since: datetime | None = None
) -> pl.DataFrame:
    """How many moments of these campaigns (none given: of all), due since then, came to what.

    (campaign, tenant_id, state, reason, held_by, moments, last_finished).
    """
    j = jobs.c
    counted = sa.select(
        j.campaign_id,
        j.tenant_id,
        *_FATE,
        sa.func.count().label("moments"),
        sa.func.max(j.finished_at).label("last_finished"),
    ).group_by(j.campaign_id, j.tenant_id, *_FATE)
    if names:
        counted = counted.where(j.campaign_id.in_(_numbers(names)))
    if tenant is not None:
        counted = counted.where(j.tenant_id == tenant)
    if since is not None:
        counted = counted.where(j.due_at >= since)
    found = counted.subquery("counted")
    columns = [column for column in found.c if column.name != "campaign_id"]
    return db.read(
        sa.select(identities.c.campaign, *columns)
        .join(identities, identities.c.id == found.c.campaign_id)
        .where(identities.c.mode == "live")
    )


def tick_tallies(db: Database, campaign: str, *, tenant: int | None = None) -> pl.DataFrame:
    """How many moments of a campaign each tick settled, and what became of them.

    (run_id, mode, as_of, tenant_id, state, reason, held_by, moments, last_finished, failed_job).
    """
    j = jobs.c
    counted = (
        sa.select(
            j.tick_id,
            j.tenant_id,
            *_FATE,
            sa.func.count().label("moments"),
            sa.func.max(j.finished_at).label("last_finished"),
            sa.func.max(sa.case((_FAILED, j.id))).label("failed_job"),
        )
        .where(j.campaign_id.in_(_numbers([campaign])))
        .group_by(j.tick_id, j.tenant_id, *_FATE)
    )
    if tenant is not None:
        counted = counted.where(j.tenant_id == tenant)
    found = counted.subquery("counted")
    columns = [column for column in found.c if column.name != "tick_id"]
    tick = (ticks.c.run_id, ticks.c.mode, ticks.c.as_of)
    return db.read(sa.select(*tick, *columns).join(ticks, ticks.c.id == found.c.tick_id))


def told(db: Database, job_ids: Collection[int]) -> pl.DataFrame:
    """(job_id, subject_text, error) of these jobs, where their payload is still kept."""
    asked = db.listed("asked", {"id": sa.BigInteger()}, [(number,) for number in sorted(job_ids)])
    p = job_payloads.c
    return db.read(sa.select(p.job_id, p.subject_text, p.error).join(asked, asked.c.id == p.job_id))


def specs(db: Database, names: Collection[str] = ()) -> pl.DataFrame:
    """(campaign, state, spec) in the newest version of these campaigns (none given: of all), deleted too."""
    v = campaign_versions.c
    wanted = sa.select(campaigns.c.campaign, campaigns.c.state, v.spec).join(
        campaign_versions,
        sa.and_(v.campaign == campaigns.c.campaign, v.version == campaigns.c.version),
    )
    if names:
        wanted = wanted.where(campaigns.c.campaign.in_(sorted(names)))
    return db.read(wanted.order_by(campaigns.c.campaign))


def completed(db: Database, names: Collection[str], *, tenant: int | None = None) -> pl.DataFrame:
    """(id, tenant_id, subject_id, recipient_id, campaign, step, finished_at) of what these campaigns did."""
    j = jobs.c
    done = sa.select(j.id, j.tenant_id, j.subject_id, j.recipient_id, j.step_id, j.finished_at).where(
        j.campaign_id.in_(_numbers(names)), j.state == str(State.COMPLETED)
    )
    return _with_steps(db, db.read(done if tenant is None else done.where(j.tenant_id == tenant)))


def _numbers(names: Collection[str]) -> sa.Select[tuple[int]]:
    i = identities.c
    return sa.select(i.id).where(i.campaign.in_(sorted(names)), i.step == "", i.mode == "live")


def _with_steps(db: Database, rows: pl.DataFrame) -> pl.DataFrame:
    i = identities.c
    steps = db.read(sa.select(i.id.label("step_id"), i.campaign, i.step).where(i.step != ""))
    return rows.join(steps, on="step_id", how="left", maintain_order="left").drop("step_id")
