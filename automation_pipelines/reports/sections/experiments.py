"""Which variant is better, and whether that can be said already."""

from typing import Any

import polars as pl

from automation_pipelines.reports.asked import Asked, total
from automation_pipelines.reports.charts import Estimate, Forest, Tone, Unit
from automation_pipelines.reports.numerals import count, points, share, span, span_of_points
from automation_pipelines.reports.parts import Numbers, Section
from automation_pipelines.reports.wording import METRICS, sentence

_DRAWN = 8
_Row = dict[str, Any]


_SETTLES = (
    "Intervals that overlap do not settle it: the comparison with the control does, corrected for the number "
    "of variants."
)


def experiments(asked: Asked) -> Section | None:
    """The declared metric of each experiment; of a campaign also how sure each variant's rate is."""
    rows = asked.ever("variant_results")
    if rows.is_empty():
        return None
    title = "Experiment" if asked.of_campaign else "Experiments"
    declared = rows.filter("declared")
    if declared.is_empty() or not declared["subjects"].sum():
        return Section("experiment", title, "The experiment has no results yet: nobody's time to act is up.")
    experiments = declared.partition_by("tenant_id", "campaign", maintain_order=True)
    if len(experiments) == 1:
        name = "" if asked.of_campaign else f": {asked.campaign(declared['campaign'][0])}"
        return _one(f"Experiment{name}", experiments[0])
    return _several(asked, title, experiments)


def _one(title: str, rows: pl.DataFrame) -> Section:
    arms = list(rows.sort("control", "variant", descending=[True, False]).iter_rows(named=True))
    metric, verdict = arms[0]["metric"], sentence(str(arms[0]["verdict"] or "no verdict yet"))
    known = [row for row in arms if row["rate"] is not None and metric != "revenue"]
    return Section(
        "experiment",
        title,
        verdict,
        chart=Forest(tuple(map(_estimate, known)), Unit.SHARE) if known else None,
        drawn=f"Share who {METRICS[metric]} by variant with its 95 % interval: "
        + "; ".join(f"{row['variant']} {share(row['rate'])}" for row in known),
        numbers=Numbers(
            ("Variant", "People", "Successes", "Rate", "95 % interval", "Against the control", "p-value"),
            tuple(_cells(row) for row in arms),
        ),
        notes=_notes(arms),
    )


def _name(row: _Row) -> str:
    return f"{row['variant']}{' (control)' if row['control'] else ''}{', winner' if row['winner'] else ''}"


def _estimate(row: _Row) -> Estimate:
    told = f"{share(row['rate'])} ({span(row['rate_low'], row['rate_high'])})"
    tone = Tone.SOFT if row["control"] else Tone.MAIN
    return Estimate(_name(row), told, row["rate"], row["rate_low"], row["rate_high"], tone)


def _cells(row: _Row) -> tuple[str, ...]:
    against = points(row["difference"])
    if row["difference"] is not None:
        against += f" ({span_of_points(row['difference_low'], row['difference_high'])})"
    return (
        _name(row),
        count(row["subjects"]),
        count(row["successes"]),
        share(row["rate"]),
        span(row["rate_low"], row["rate_high"]),
        against,
        "" if row["p_value"] is None else f"{row['p_value']:.3f}",
    )


def _notes(arms: list[_Row]) -> tuple[str, ...]:
    waiting = sum(row["waiting"] for row in arms)
    notes = [f"Decided by how many {METRICS[arms[0]['metric']]}. {_SETTLES}"]
    if waiting:
        notes.append(f"{count(waiting)} people still have time to act and are not counted yet.")
    return tuple(notes)


def _several(asked: Asked, title: str, experiments: list[pl.DataFrame]) -> Section:
    rows = []
    for frame in experiments:
        first = frame.row(0, named=True)
        name = asked.tenant(first["tenant_id"]) if asked.of_campaign else asked.campaign(first["campaign"])
        rows.append(
            (name, METRICS[first["metric"]], count(total(frame, "subjects")), str(first["verdict"] or ""))
        )
    won = sum(bool(frame["winner"].any()) for frame in experiments)
    return Section(
        "experiment",
        title,
        f"{won} of {len(experiments)} experiments have a winner.",
        numbers=Numbers(("Experiment", "Decided by who", "People", "Verdict"), tuple(rows)),
    )
