"""How delivery is doing: the queue, its speed and its breakers, per channel and tenant. Reads only."""

from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger import breakers, operations
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.model import State

SPAN = timedelta(hours=1)
"""Speed is measured over so long."""

_WHOM = ("channel", "tenant_id")


def figures(db: Database, now: datetime) -> pl.DataFrame:
    """`operations.status`, with what was completed in the last hour and which breakers are open.

    `per_minute` is how many jobs a minute were completed; `average_seconds` and `p95_seconds` how long
    one took from its hand-off to the provider's answer; `open_breakers` how many providers are left alone.
    """
    found = operations.status(db).join(_speed(db, now), on=_WHOM, how="left", maintain_order="left")
    return found.join(_breakers(db), on=_WHOM, how="left", maintain_order="left").with_columns(
        pl.col("per_minute").fill_null(0.0), pl.col("open_breakers").fill_null(0)
    )


def _speed(db: Database, now: datetime) -> pl.DataFrame:
    j = jobs.c
    answered = db.read(
        sa.select(j.channel, j.tenant_id, j.handed_off_at, j.finished_at).where(
            j.finished_at > now - SPAN, j.finished_at <= now, j.state == State.COMPLETED
        )
    )
    seconds = (pl.col("finished_at") - pl.col("handed_off_at")).dt.total_microseconds() / 1e6
    return answered.group_by(_WHOM).agg(
        (pl.len() / (SPAN / timedelta(minutes=1))).alias("per_minute"),
        seconds.mean().round(3).alias("average_seconds"),
        seconds.quantile(0.95).round(3).alias("p95_seconds"),
    )


def _breakers(db: Database) -> pl.DataFrame:
    keys = [(key.channel, key.tenant_id) for key, one in breakers.known(db).items() if one.opened_at]
    schema = {"channel": pl.String, "tenant_id": pl.Int64}
    opened = pl.DataFrame(keys, schema=schema, orient="row")
    return opened.group_by(_WHOM).agg(pl.len().cast(pl.Int64).alias("open_breakers"))
