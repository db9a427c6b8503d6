"""What would not have happened without the campaign: those meant to get it against those held out."""

from typing import Any

import polars as pl

from automation_pipelines.experiments import ALPHA
from automation_pipelines.reports.asked import Asked, total
from automation_pipelines.reports.charts import Estimate, Forest, Mark, Tone, Unit
from automation_pipelines.reports.numerals import count, counted, p_value, points, share, span_of_points
from automation_pipelines.reports.parts import Numbers, Section
from automation_pipelines.reports.wording import sentence

_DRAWN = 8

_COMPARED = (
    "Everybody the draw meant to get it is compared with everybody it held out, reached or not, since the "
    "campaign began: this is what it caused, not what it is credited with."
)


def lift(asked: Asked) -> Section | None:
    """Per campaign of a tenant, or per tenant of a campaign; nothing where nobody is held out."""
    rows = asked.ever("holdout_lift")
    if rows.is_empty():
        return None
    title = "What the campaign changed" if asked.of_campaign else "What campaigns changed"
    judged = rows.filter(pl.col("difference").is_not_null()).sort("treated", descending=True)
    if judged.is_empty():
        waiting = counted(total(rows, "waiting"), "person still has", "people still have")
        words = f"There is nothing to compare yet: {waiting} time to convert."
        return Section("lift", title, words)
    names = _names(asked, judged)
    listed = list(zip(names, judged.iter_rows(named=True), strict=True))
    return Section(
        "lift",
        title,
        _finding(listed),
        chart=Forest(
            tuple(_estimate(name, row) for name, row in listed[:_DRAWN]),
            Unit.POINTS,
            (Mark(0.0, "no effect"),),
        ),
        drawn="Difference of the share who converted, in percentage points with its 95 % interval: "
        + "; ".join(f"{name} {points(row['difference'])}" for name, row in listed[:_DRAWN]),
        numbers=Numbers(
            ("", "Meant to get it", "Held out", "Difference", "95 % interval", "p-value"),
            tuple((name, *_cells(row)) for name, row in listed),
        ),
        notes=_notes(listed[0][1], alone=len(listed) == 1),
    )


def _names(asked: Asked, rows: pl.DataFrame) -> list[str]:
    """What tells the rows apart."""
    if not asked.of_campaign:
        return [asked.campaign(name) for name in rows["campaign"]]
    return [asked.tenant(key) for key in rows["tenant_id"]]


def _finding(listed: list[tuple[str, dict[str, Any]]]) -> str:
    if len(listed) == 1:
        return sentence(str(listed[0][1]["verdict"]))
    surely = [name for name, row in listed if row["p_value"] is not None and row["p_value"] < ALPHA]
    return (
        f"In {len(surely)} of {len(listed)} comparisons the difference to those held out is more than "
        "chance explains."
    )


def _estimate(name: str, row: dict[str, Any]) -> Estimate:
    low, value, high = row["difference_low"], row["difference"], row["difference_high"]
    tone = Tone.ALERT if high < 0 else Tone.MAIN
    return Estimate(name, f"{points(value)} ({span_of_points(low, high)})", value, low, high, tone)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{count(row['treated'])} · {share(row['treated_rate'])}",
        f"{count(row['held_out'])} · {share(row['held_out_rate'])}",
        points(row["difference"]),
        span_of_points(row["difference_low"], row["difference_high"]),
        p_value(row["p_value"]),
    )


def _notes(row: dict[str, Any], *, alone: bool) -> tuple[str, ...]:
    notes = [_COMPARED]
    if alone and row["waiting"]:
        notes.append(f"{count(row['waiting'])} people still have time to convert and are not counted yet.")
    return tuple(notes)
