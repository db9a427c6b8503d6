"""What statistics ask of the ledger: the rows of one day, columnar, by an index. Reads only."""

from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.tables import events, identities, jobs, tenants

_OF_A_JOB = (
    *("occurrence", "tenant_id", "variant", "campaign_version", "purpose", "channel"),
    *("subject_id", "recipient_id", "customer_id", "state", "reason", "held_by", "attempts", "tick_id"),
    *("due_at", "finished_at", "sender_domain", "mailbox"),
)


def jobs_due(db: Database, lo: datetime, hi: datetime) -> pl.DataFrame:
    """Read the jobs and settled decisions due in [lo, hi), with their slugs; test runs count nowhere."""
    return db.read(
        sa.select(
            jobs.c.id.label("job_id"),
            identities.c.campaign,
            identities.c.step,
            *(jobs.c[name] for name in _OF_A_JOB),
        )
        .join(identities, identities.c.id == jobs.c.step_id)
        .where(jobs.c.due_at >= lo, jobs.c.due_at < hi, identities.c.mode == "live")
    )


def counts_due(db: Database, lo: datetime, hi: datetime) -> pl.DataFrame:
    """Count the jobs due in [lo, hi) by campaign and state, and read when one of them finished last."""
    by = (jobs.c.tenant_id, identities.c.campaign, jobs.c.state, jobs.c.reason)
    return db.read(
        sa.select(*by, sa.func.count().label("jobs"), sa.func.max(jobs.c.finished_at).label("finished_at"))
        .join(identities, identities.c.id == jobs.c.step_id)
        .where(jobs.c.due_at >= lo, jobs.c.due_at < hi, identities.c.mode == "live")
        .group_by(*by)
    )


def events_of_jobs_due(db: Database, lo: datetime, hi: datetime) -> pl.DataFrame:
    """Read the feedback about the jobs due in [lo, hi), whenever it came."""
    return db.read(
        sa.select(
            events.c.job_id, events.c.type, events.c.at.label("told_at"), events.c.machine, events.c.kind
        )
        .join(jobs, jobs.c.id == events.c.job_id)
        .where(jobs.c.due_at >= lo, jobs.c.due_at < hi)
    )


def unsettled(db: Database, judged: pl.DataFrame) -> pl.DataFrame:
    """Of these decisions the latest on each moment that is not in the ledger; what is, speaks for itself."""
    latest = judged.sort("as_of", "run_id").unique(KEY, keep="last", maintain_order=True)
    wanted = db.listed("wanted", dict.fromkeys(KEY, sa.BigInteger()), latest.select(KEY).iter_rows())
    same = sa.and_(*(jobs.c[name] == wanted.c[name] for name in KEY))
    settled = db.read(sa.select(*(jobs.c[name] for name in KEY)).select_from(wanted.join(jobs, same)))
    return latest.join(settled.cast(dict.fromkeys(KEY, pl.Int64())), on=KEY, how="anti")


def days_touched(db: Database, since: datetime) -> list[date]:
    """List the UTC days whose statistics changed since: of jobs that finished or got feedback after it."""
    finished = sa.select(jobs.c.due_at).where(jobs.c.finished_at >= since)
    told = (
        sa.select(jobs.c.due_at)
        .join(events, events.c.job_id == jobs.c.id)
        .where(events.c.received_at >= since)
    )
    due_at = db.read(sa.union(finished, told))["due_at"]
    return due_at.dt.date().unique().sort().to_list()


def profiles(db: Database) -> pl.DataFrame:
    """Read the tenants as the latest tick saw them."""
    return db.read(sa.select(tenants.c.tenant_id, tenants.c.profile).order_by(tenants.c.tenant_id))
