"""What there is only so much of: executions of a campaign, codes of a pool."""

import polars as pl

from automation_pipelines.ledger.plans import KEY
from automation_pipelines.planning.gates.desk import PASSING, Desk, judge, passing

_NOW = ~pl.col("upcoming")


def executions(desk: Desk, rows: pl.DataFrame) -> pl.DataFrame:
    """Settle `limited` what exceeds the executions a campaign may have for a tenant, over all time."""
    limited = desk.engine.query("SELECT campaign_id FROM policies WHERE max_executions IS NOT NULL")
    numbers = limited["campaign_id"].to_list()
    wanted = passing(rows, _NOW, pl.col("campaign_id").is_in(numbers))
    if wanted.is_empty():
        return rows
    return judge(rows, desk.ask("limited", wanted, executed=desk.past.executed(numbers)))


def codes(desk: Desk, rows: pl.DataFrame) -> pl.DataFrame:
    """Give each message of a campaign with coupons a code; `limited` where the pool is empty."""
    pools = dict(
        desk.engine.query("SELECT campaign_id, coupons FROM policies WHERE coupons IS NOT NULL").iter_rows()
    )
    wanted = passing(rows, _NOW, pl.col("campaign_id").is_in(list(pools)))
    if wanted.is_empty():
        return rows
    used = {pools[campaign] for campaign in wanted["campaign_id"].unique()}
    return judge(rows, desk.ask("codes", wanted, codes=desk.past.coupons(used, len(wanted))))


def given(rows: pl.DataFrame) -> pl.DataFrame:
    """`KEY`, pool and code of the codes given out."""
    return rows.filter(PASSING, pl.col("coupon").is_not_null()).select(*KEY, "pool", code="coupon")
