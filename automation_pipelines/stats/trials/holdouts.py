"""Holdouts: those a campaign was meant for beside those it was kept from, and how far apart they are."""

from datetime import datetime
from itertools import groupby
from typing import Any

import polars as pl

from automation_pipelines.engine import Engine
from automation_pipelines.experiments import Amounts, Arm, Interval, compare, mean_difference, rate
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats.trials.rows import Row, counted, estimate, estimated

LIFTS: dict[str, pl.DataType] = {
    "tenant_id": pl.Int64(),
    "campaign": pl.String(),
    "days": pl.Int64(),
    **estimated("treated_rate"),
    **estimated("held_out_rate"),
    **estimated("difference"),
    "p_value": pl.Float64(),
    **estimated("revenue_difference"),
    "revenue_p_value": pl.Float64(),
    "verdict": pl.String(),
}


def groups(engine: Engine, sqlfiles: SqlFiles, days: int, as_of: datetime) -> pl.DataFrame:
    """Count those whom a holdout's draw kept apart, and who of them converted within so many days."""
    asked = {"as_of": as_of, "minutes": days * 24 * 60}
    return counted(engine, sqlfiles, "placed", "groups", asked)


def lifts(found: pl.DataFrame, days: int) -> pl.DataFrame:
    """Compare those whom a campaign was meant for with those it was kept from."""
    rows = found.sort("tenant_id", "campaign", "held_out").iter_rows(named=True)
    told = []
    for _, group in groupby(rows, key=lambda row: (row["tenant_id"], row["campaign"])):
        match list(group):
            case [treated, held_out]:
                told.append(_lift(treated, held_out, days))
    return pl.DataFrame(told, schema=LIFTS, orient="row")


def _lift(treated: Row, held_out: Row, days: int) -> dict[str, Any]:
    arm, control = (
        Arm(name, row["subjects"], row["converted"])
        for name, row in (("treated", treated), ("held out", held_out))
    )
    (against,) = compare(control, [arm])
    revenue, p = mean_difference(
        *(Amounts(row["subjects"], row["total"], row["squares"]) for row in (treated, held_out))
    )
    return {
        "tenant_id": treated["tenant_id"],
        "campaign": treated["campaign"],
        "days": days,
        **estimate("treated_rate", rate(arm.successes, arm.subjects)),
        **estimate("held_out_rate", rate(control.successes, control.subjects)),
        **estimate("difference", against.difference),
        "p_value": against.p_value,
        **estimate("revenue_difference", revenue),
        "revenue_p_value": p,
        "verdict": _words(against.difference, arm.subjects, significant=against.significant),
    }


def _words(difference: Interval, subjects: int, *, significant: bool) -> str:
    if difference.value is None or difference.low is None or difference.high is None:
        return "nothing to compare yet: on one side nobody's time is up"
    if not significant:
        return "no effect that chance does not explain"
    more, low, high = (
        round(value * subjects) for value in (difference.value, difference.low, difference.high)
    )
    if more < 0:
        return f"{-more:,} conversions fewer than without it (95 %: {-high:,} to {-low:,})"
    return f"{more:,} conversions more than without it (95 %: {low:,} to {high:,})"
