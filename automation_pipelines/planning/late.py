"""What a plan drops for being too late, and what it lets go although it is: the end of an outage, told."""

from datetime import datetime, timedelta

import polars as pl

from automation_pipelines.ledger.lateness import LATE, Lateness
from automation_pipelines.model import Reason


def late(rows: pl.DataFrame, as_of: datetime) -> list[Lateness]:
    """Count the decisions of each campaign that were too late, or are late and planned all the same.

    What ended after waiting for something else is not late: it says itself what held it.
    """
    behind = pl.lit(as_of) - pl.col("due_at")
    reason, going = pl.col("reason"), (pl.col("reason") == Reason.PLANNED) & (behind > LATE)
    counted = rows.group_by("campaign").agg(
        ((reason == Reason.STALE) & pl.col("held_by").is_null()).sum().alias("stale"),
        (reason == Reason.SUPERSEDED).sum().alias("superseded"),
        going.sum().alias("late"),
        behind.filter(going).max().fill_null(timedelta()).alias("longest"),
    )
    told = counted.filter(pl.sum_horizontal("stale", "superseded", "late") > 0).sort("campaign")
    return [Lateness(**row) for row in told.iter_rows(named=True)]
