"""Days that are more than they should be wait for approval; campaigns that fell silent are named."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from automation_pipelines.ledger.guards import APPROVED
from automation_pipelines.model import Reason
from automation_pipelines.planning.gates.desk import Desk, judge, passing
from automation_pipelines.selection import midnight

_DAY = timedelta(days=1)
_LOOKS_BACK = 28 * _DAY
_WEEKS = 4
HELD = pl.Schema(
    {
        "campaign": pl.String(),
        "day": pl.Date(),
        "moments": pl.Int64(),
        "allowed": pl.Int64(),
        "answer": pl.String(),
    }
)
"""Days of campaigns that are held now, with what was said to them."""


def hold(desk: Desk, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Hold every moment of a campaign's UTC day that is too much; returns the rows and the days held."""
    if desk.by_name:  # whoever names them one by one has looked
        return rows, pl.DataFrame(schema=HELD)
    days = desk.ask("days", passing(rows))
    if days.is_empty():
        return rows, pl.DataFrame(schema=HELD)
    days = _with_planned(desk, days)
    least = pl.min_horizontal(pl.col("guard_at_least"), pl.col("guard_cap"))
    suspicious = days.filter(pl.col("moments") > least)
    if suspicious.is_empty():
        return rows, pl.DataFrame(schema=HELD)
    judged = _with_allowed(desk, suspicious)
    seen = judged.select("campaign_id", "day", day_moments="moments", day_allowed="allowed")
    over = judged.filter(pl.col("moments") > pl.col("allowed"), pl.col("answer").ne_missing(APPROVED))
    day = pl.col("due_at").dt.date().alias("day")
    own = passing(rows).select("moment_id", "campaign_id", day)
    looked = own.join(seen, on=["campaign_id", "day"])
    held = over.select("campaign_id", "day", reason=pl.lit(str(Reason.GUARDED)))
    verdicts = looked.join(held, on=["campaign_id", "day"], how="left").drop("campaign_id", "day")
    return judge(rows, verdicts), over.select(pl.col(name).cast(dtype) for name, dtype in HELD.items())


def _with_planned(desk: Desk, days: pl.DataFrame) -> pl.DataFrame:
    """The days with what was planned on them before."""
    ranges = [(midnight(day), midnight(day) + _DAY) for day in days["day"].unique().sort()]
    planned = desk.past.planned_by_day(days["campaign_id"].unique().to_list(), ranges)
    known = days.join(planned, on=["campaign_id", "day"], how="left")
    return known.with_columns(pl.col("moments") + pl.col("planned").fill_null(0)).drop("planned")


def _with_allowed(desk: Desk, days: pl.DataFrame) -> pl.DataFrame:
    """The days with how much they may be, and what was said to them. Without a past only the cap counts."""
    first, last = days.select(lo=pl.col("day").min(), hi=pl.col("day").max()).row(0)
    ranges = [(midnight(first) - _LOOKS_BACK, midnight(last))]
    past = desk.past.planned_by_day(days["campaign_id"].unique().to_list(), ranges)
    medians = days.join(past.rename({"day": "on"}), on="campaign_id").filter(
        pl.col("on") < pl.col("day"), pl.col("on") >= pl.col("day").dt.offset_by("-28d")
    )
    median = medians.group_by("campaign_id", "day").agg(pl.col("planned").median().alias("usual"))
    usual = pl.max_horizontal(
        "guard_at_least", (pl.col("guard_factor") * pl.col("usual")).floor().cast(pl.Int64)
    )
    by_past = pl.when(pl.col("usual").is_not_null()).then(usual)
    return (
        days.join(median, on=["campaign_id", "day"], how="left")
        .with_columns(pl.min_horizontal(by_past, "guard_cap").alias("allowed"))
        .join(desk.past.answers(first), on=["campaign", "day"], how="left")
    )


def silent(desk: Desk, campaign_ids: Sequence[int]) -> list[int]:
    """Those of these campaigns to whom nobody belongs now, though by this hour there usually was somebody.

    Each is named once a day: by the tick in which the usual hour lies.
    """
    if not campaign_ids:
        return []
    clock = desk.clock
    since = clock.planned_through
    usual = _usual(desk, campaign_ids, clock.as_of)
    if since is not None and since.date() == clock.as_of.date():
        usual -= _usual(desk, sorted(usual), since)
    today = midnight(clock.as_of.date())
    planned = desk.past.planned_by_day(sorted(usual), [(today, today + _DAY)]) if usual else None
    return sorted(usual - set(planned["campaign_id"])) if planned is not None else []


def _usual(desk: Desk, campaign_ids: Sequence[int], until: datetime) -> set[int]:
    """The campaigns that had planned something by this time on most of the same weekdays before."""
    if not campaign_ids:
        return set()
    days = [until.date() - 7 * _DAY * week for week in range(1, _WEEKS + 1)]
    time = until - midnight(until.date())
    ranges = [(midnight(day), midnight(day) + time) for day in days]
    counted = desk.past.planned_by_day(campaign_ids, ranges)
    most = counted.group_by("campaign_id").len().filter(pl.col("len") > _WEEKS // 2)
    return set(most["campaign_id"])
