"""What the gates that look across subjects ask of the past: counts, contacts, assignments. Reads only.

Tests of a campaign count nowhere; what was cancelled or skipped did not happen.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from automation_pipelines.catalogue.tenant_settings import CHANNELS
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.happened import by_machine
from automation_pipelines.ledger.tables import (
    UtcDateTime,
    campaign_versions,
    campaigns,
    consents,
    events,
    identities,
    job_payloads,
    jobs,
)
from automation_pipelines.model import EventType, Purpose

# Spelled out, not bound: only so can the partial indexes be used.
_HAPPENED = jobs.c.state.not_in([sa.literal_column("'skipped'"), sa.literal_column("'cancelled'")])
_MAILED = (
    jobs.c.state == sa.literal_column("'completed'"),
    jobs.c.channel == sa.literal_column("'email'"),
    jobs.c.purpose == sa.literal_column("'marketing'"),
)
_RESPONSES = (EventType.OPENED, EventType.CLICKED, EventType.REPLIED)
_DAY_MICROSECONDS = 86_400_000_000
_FEW = 10_000
"""Of no more people than this the contacts are sought by address; of more, all are read."""


def addressed(db: Database, step_ids: Collection[int], since: datetime) -> pl.DataFrame:
    """(step_id, tenant_id, subject_id, address_hash, due_at) of what these steps planned since then."""
    j = jobs.c
    return db.read(
        sa.select(j.step_id, j.tenant_id, j.subject_id, job_payloads.c.address_hash, j.due_at)
        .join(job_payloads, job_payloads.c.job_id == j.id)
        .where(j.due_at >= since, j.step_id.in_(sorted(step_ids)), _HAPPENED)
        .where(job_payloads.c.address_hash.is_not(None))
    )


def planned_by_day(
    db: Database, campaign_ids: Collection[int], ranges: Iterable[tuple[datetime, datetime]]
) -> pl.DataFrame:
    """(campaign_id, day, planned) by UTC day, of what was due in any of the ranges [lo, hi)."""
    within = [sa.and_(jobs.c.due_at >= lo, jobs.c.due_at < hi) for lo, hi in ranges]
    day = _utc_day(db).label("day")
    counted = db.read(
        sa.select(jobs.c.campaign_id, day, sa.func.count().label("planned"))
        .where(sa.or_(*within), jobs.c.campaign_id.in_(sorted(campaign_ids)), _HAPPENED)
        .group_by(jobs.c.campaign_id, day)
    )
    return counted.select(
        pl.col("campaign_id").cast(pl.Int64), pl.col("day").cast(pl.Int32).cast(pl.Date), "planned"
    )


def _utc_day(db: Database) -> sa.ColumnElement[int]:
    """Days since 1970."""
    if db.dialect == "sqlite":
        return sa.type_coerce(jobs.c.due_at, sa.BigInteger()) // _DAY_MICROSECONDS
    return sa.cast(sa.func.floor(sa.extract("epoch", jobs.c.due_at) / 86400), sa.BigInteger())


def contacts(db: Database, people: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """Marketing messages due since then to these people (`tenant_id, address_hash, customer_id`).

    Once its payload is gone, a message is known by its customer alone.

    (tenant_id, campaign_id, channel, address_hash, customer_id, due_at); perhaps of others, too.
    """
    j, p = jobs.c, job_payloads.c
    tenants = people["tenant_id"].unique().sort().to_list()
    wanted = (
        sa.select(
            j.tenant_id,
            j.campaign_id,
            j.channel,
            p.address_hash,
            # The customer of a message to staff is not whom it reached.
            sa.case((j.recipient_id == 0, j.customer_id)).label("customer_id"),
            j.due_at,
        )
        .outerjoin(job_payloads, p.job_id == j.id)
        .join(identities, sa.and_(identities.c.id == j.campaign_id, identities.c.mode == "live"))
        .where(j.due_at >= since, j.tenant_id.in_(tenants), j.purpose == str(Purpose.MARKETING), _HAPPENED)
        .where(sa.or_(p.address_hash.is_not(None), sa.and_(p.job_id.is_(None), _was_message())))
    )
    if len(people) <= _FEW:
        columns: dict[str, sa.types.TypeEngine[Any]] = {
            "address_hash": sa.String(),
            "customer_id": sa.BigInteger(),
        }
        rows = people.select("address_hash", "customer_id").unique().rows()
        asked = db.listed("asked", columns, rows)
        customers = sa.select(asked.c.customer_id).where(asked.c.customer_id.is_not(None))
        wanted = wanted.where(
            sa.or_(p.address_hash.in_(sa.select(asked.c.address_hash)), j.customer_id.in_(customers))
        )
    return db.read(wanted)


def _was_message() -> sa.ColumnElement[bool]:
    """Whether a job whose payload is gone was a message to a customer, not an action."""
    return sa.and_(jobs.c.customer_id.is_not(None), jobs.c.channel.in_(CHANNELS))


def newest_specs(db: Database, campaign_ids: Collection[int]) -> Sequence[tuple[int, str]]:
    """(campaign_id, JSON of its newest version) of campaigns, whatever became of them."""
    v = campaign_versions.c
    with db.reading() as connection:
        rows = connection.execute(
            sa.select(identities.c.id, v.spec)
            .join(campaigns, campaigns.c.campaign == identities.c.campaign)
            .join(
                campaign_versions,
                sa.and_(v.campaign == campaigns.c.campaign, v.version == campaigns.c.version),
            )
            .where(identities.c.id.in_(sorted(campaign_ids)), identities.c.step == "")
        )
        return [(number, spec) for number, spec in rows]


def executed(db: Database, campaign_ids: Collection[int]) -> pl.DataFrame:
    """(campaign_id, tenant_id, executed): how many jobs these campaigns have had, over all time."""
    j = jobs.c
    return db.read(
        sa.select(j.campaign_id, j.tenant_id, sa.func.count().label("executed"))
        .where(j.campaign_id.in_(sorted(campaign_ids)), _HAPPENED)
        .group_by(j.campaign_id, j.tenant_id)
    )


def assigned(db: Database, step_ids: Collection[int], since: datetime) -> pl.DataFrame:
    """To whom these steps gave what was due since then, in the order in which it was given.

    (step_id, tenant_id, subject_id, assignee_id, finished_at).
    """
    j = jobs.c
    if db.dialect == "sqlite":
        to: sa.ColumnElement[int] = sa.func.json_extract(job_payloads.c.variables, "$.assignee_id")
    else:
        to = sa.func.jsonb_extract_path_text(sa.cast(job_payloads.c.variables, JSONB), "assignee_id")
    assignee = sa.cast(to, sa.BigInteger()).label("assignee_id")
    return db.read(
        sa.select(j.step_id, j.tenant_id, j.subject_id, assignee, j.finished_at)
        .join(job_payloads, job_payloads.c.job_id == j.id)
        .where(j.due_at >= since, j.step_id.in_(sorted(step_ids)), _HAPPENED, to.is_not(None))
        .order_by(j.tick_id, j.due_at, j.subject_id, j.recipient_id)
    )


def agreements(db: Database, at: datetime) -> pl.DataFrame:
    """(tenant_id, channel, address_hash, topic, state, at) of the consents told to us by then."""
    c = consents.c
    return db.read(
        sa.select(c.tenant_id, c.channel, c.address_hash, c.topic, c.state, c.at).where(c.at <= at)
    )


def unengaged(db: Database, asked: Iterable[tuple[int, datetime, int]], at: datetime) -> pl.DataFrame:
    """(tenant_id, customer_id) who were mailed and never responded.

    `asked` says for each tenant since when, and how many messages it takes. What a program did, such
    as a mail scanner, is no response.
    """
    rows = list(asked)
    if not rows:
        return pl.DataFrame(schema=dict.fromkeys(("tenant_id", "customer_id"), pl.Int64))
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "tenant_id": sa.BigInteger(),
        "since": UtcDateTime(),
        "least": sa.BigInteger(),
    }
    said = db.listed("asked", columns, rows)
    j, customer = jobs.c, jobs.c.customer_id
    response = (
        sa.select(events.c.id)
        .where(events.c.job_id == j.id, events.c.type.in_([str(one) for one in _RESPONSES]))
        .where(~by_machine(db), events.c.at <= at)
        .exists()
    )
    earliest = min(since for _, since, _ in rows)
    return db.read(
        sa.select(j.tenant_id, customer)
        .join(said, said.c.tenant_id == j.tenant_id)
        .join(identities, sa.and_(identities.c.id == j.step_id, identities.c.mode == "live"))
        .where(j.finished_at >= earliest, j.finished_at >= said.c.since, j.finished_at <= at)
        .where(*_MAILED, j.tenant_id.in_([tenant for tenant, _, _ in rows]))
        .where(customer.is_not(None), j.recipient_id == 0)
        .group_by(j.tenant_id, customer, said.c.least)
        .having(
            sa.func.count() >= said.c.least,
            sa.func.sum(sa.case((response, 1), else_=0)) == 0,
        )
    )
