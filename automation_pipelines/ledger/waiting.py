"""The marketing that waits to be sent, for who looks whether it still may be, and its end if not."""

import json
from collections.abc import Collection
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.jobs import among
from automation_pipelines.ledger.lanes import PENDING
from automation_pipelines.ledger.tables import campaign_versions, consents, identities, job_payloads, jobs
from automation_pipelines.model import Purpose, State


def waiting_marketing(db: Database) -> pl.DataFrame:
    """Read job_id, tenant_id, channel, customer_id, address_hash and topic of what waits for a customer.

    A row for each way that a message may take; `first` says that it is the one it is on.
    """
    payload, version = job_payloads.c, campaign_versions.c
    found = db.read(
        sa.select(
            jobs.c.id.label("job_id"),
            jobs.c.tenant_id,
            jobs.c.channel,
            jobs.c.customer_id,
            payload.address_hash,
            payload.fallbacks,
            identities.c.campaign,
            jobs.c.campaign_version,
        )
        .join_from(jobs, job_payloads, payload.job_id == jobs.c.id)
        .join(identities, identities.c.id == jobs.c.campaign_id)
        .where(
            jobs.c.state == PENDING,
            jobs.c.purpose == Purpose.MARKETING,
            identities.c.mode == "live",
            jobs.c.customer_id.is_not(None),
            payload.address_hash.is_not(None),
        )
    )
    found = _each_way(found)
    if found.is_empty():
        return found.with_columns(topic=pl.lit("")).drop("campaign", "campaign_version")
    named = found["campaign"].unique().to_list()
    specs = db.read(
        sa.select(version.campaign, version.version, version.spec).where(version.campaign.in_(named))
    )
    topics = pl.DataFrame(
        [(campaign, number, json.loads(spec)["topic"]) for campaign, number, spec in specs.iter_rows()],
        schema={
            "campaign": pl.String,
            "campaign_version": found.schema["campaign_version"],
            "topic": pl.String,
        },
        orient="row",
    )
    return found.join(topics, on=["campaign", "campaign_version"]).drop("campaign", "campaign_version")


def _each_way(found: pl.DataFrame) -> pl.DataFrame:
    """Add a row for each channel that a message falls back on."""
    ways = pl.List(pl.Struct(dict.fromkeys(("channel", "address_hash"), pl.String)))
    others = (
        found.filter(pl.col("fallbacks").is_not_null())
        .with_columns(way=pl.col("fallbacks").str.json_decode(ways))
        .explode("way")
        .with_columns(pl.col("way").struct.field("channel"), pl.col("way").struct.field("address_hash"))
    )
    rows = pl.concat(
        [
            found.with_columns(first=pl.lit(value=True)),
            others.drop("way").with_columns(first=pl.lit(value=False)),
        ]
    )
    return rows.drop("fallbacks")


def allowed_since(db: Database, hashes: Collection[str]) -> pl.DataFrame:
    """Read tenant_id, channel, address_hash, topic and `allowed_at` of who said yes to us, latest first."""
    c = consents.c
    asked = db.listed("asked", {"address_hash": sa.String()}, [(one,) for one in sorted(hashes)])
    said = sa.select(c.tenant_id, c.channel, c.address_hash, c.topic, sa.func.max(c.at).label("allowed_at"))
    wanted = said.where(c.state == "opted_in", c.address_hash.in_(sa.select(asked.c.address_hash)))
    return db.read(wanted.group_by(c.tenant_id, c.channel, c.address_hash, c.topic))


def refuse(db: Database, ids: Collection[int], now: datetime) -> int:
    """Skip these jobs as suppressed, where they still wait; how many."""
    if not ids:
        return 0
    skipped = {"state": State.SKIPPED, "reason": "suppressed", "finished_at": now}
    with db.begin() as connection:
        return connection.execute(
            sa.update(jobs).where(among(db, ids), jobs.c.state == PENDING).values(**skipped)
        ).rowcount
