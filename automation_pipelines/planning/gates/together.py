"""One person, one message: records that share an address, and digests. Others settle `merged`."""

from datetime import datetime, timedelta

import polars as pl

from automation_pipelines.model import SETTLED, Purpose, Reason
from automation_pipelines.planning.gates.desk import Desk, judge, passing

_DAYS = timedelta(days=2)
"""A local day is over everywhere this long after it began anywhere."""


def one_message(desk: Desk, rows: pl.DataFrame) -> pl.DataFrame:
    """Settle `merged` what reaches an address under another record of the same day."""
    wanted = passing(
        rows, pl.col("purpose") == str(Purpose.MARKETING), pl.col("recipient_kind") == "customer"
    )
    if wanted.is_empty():
        return rows
    since: datetime = wanted.select(pl.col("due_at").min()).item()
    told = desk.past.addressed(wanted["step_id"].unique().to_list(), since - _DAYS)
    return judge(rows, desk.ask("merged", wanted, told_before=told))


def digests(desk: Desk, rows: pl.DataFrame) -> pl.DataFrame:
    """Settle `merged` what the message of another moment of the same person says as well."""
    declared = desk.engine.query("SELECT campaign_id FROM policies WHERE digest")["campaign_id"].to_list()
    wanted = passing(rows, pl.col("campaign_id").is_in(declared))
    return rows if wanted.is_empty() else judge(rows, desk.ask("digest", wanted))


def follow_leaders(rows: pl.DataFrame) -> pl.DataFrame:
    """Hold with its leader what waits to be said in the leader's message."""
    if rows["leader"].null_count() == len(rows):
        return rows
    settled = [str(reason) for reason in SETTLED]
    leaders = rows.select(pl.col("moment_id").alias("leader"), pl.col("reason").alias("leading"))
    merged = pl.col("reason") == str(Reason.MERGED)
    held = merged & pl.col("leading").is_in(settled).not_()
    joined = rows.join(leaders, on="leader", how="left", maintain_order="left")
    reason = pl.when(held.fill_null(value=False)).then("leading").otherwise("reason")
    return joined.with_columns(reason.alias("reason")).drop("leading")
