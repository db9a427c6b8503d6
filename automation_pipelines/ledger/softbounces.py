"""Addresses that refuse again and again for passing reasons: left alone for a while.

Counted over the recorded events, so the order in which they came does not matter.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import Suppression, put
from automation_pipelines.ledger.tables import UtcDateTime, events
from automation_pipelines.model import EventType

MOST = 3
"""So many messages that bounced softly…"""
WITHIN = timedelta(days=14)
"""…within so long…"""
REST = timedelta(days=30)
"""…and the address is left alone for so long after the last."""

_ADDRESS = ("tenant_id", "channel", "address_hash")
_SCHEMA: dict[str, pl.DataType] = {
    "tenant_id": pl.Int64(),
    "channel": pl.String(),
    "address_hash": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "message": pl.Int64(),
}


def judge(db: Database, connection: sa.Connection, staged: sa.TableClause) -> None:
    """Suppress the addresses for which the staged events, recorded already, make it too many."""
    e = events.c
    soft = sa.and_(e.type == str(EventType.BOUNCED), e.kind == "soft", e.address_hash.is_not(None))
    fresh = sa.select(e.address_hash, e.at).where(e.identity.in_(sa.select(staged.c.identity)), soft)
    told = connection.execute(fresh).all()
    if not told:
        return
    first, last = min(row.at for row in told), max(row.at for row in told)
    asked = db.listed("asked", {"hash": sa.String()}, [(one,) for one in {row.address_hash for row in told}])
    message = sa.func.coalesce(e.job_id, -e.id)
    wanted = sa.select(e.tenant_id, e.channel, e.address_hash, e.at, message).where(
        e.address_hash.in_(sa.select(asked.c.hash)),
        e.at > sa.literal(first - WITHIN, UtcDateTime()),
        e.at <= sa.literal(last + WITHIN, UtcDateTime()),
        soft,
    )
    found = connection.execute(wanted.where(e.tenant_id.is_not(None), e.channel.is_not(None))).all()
    put(db, connection, _too_many(found, first))


def _too_many(found: Sequence[Sequence[Any]], since: datetime) -> list[Suppression]:
    events_ = pl.DataFrame([tuple(row) for row in found], schema=_SCHEMA, orient="row")
    # Several bounces of one message are one.
    messages = events_.sort("at").unique([*_ADDRESS, "message"], keep="first", maintain_order=True)
    counted = messages.rolling("at", period=WITHIN, group_by=_ADDRESS).agg(pl.len().alias("bounces"))
    many = counted.filter(pl.col("bounces") >= MOST, pl.col("at") >= since)
    spans = many.group_by(_ADDRESS).agg(pl.col("at").min(), (pl.col("at").max() + REST).alias("until"))
    return [
        Suppression(tenant, channel, digest, "bounced", at, expires_at=until)
        for tenant, channel, digest, at, until in spans.iter_rows()
    ]
