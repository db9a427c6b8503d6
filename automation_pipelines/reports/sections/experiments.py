"""Which variant is better, and whether that can be said already."""

from typing import Any

import polars as pl

from automation_pipelines.reports.asked import Asked, total
from automation_pipelines.reports.charts import Estimate, Forest, Tone, Unit
from automation_pipelines.reports.numerals import count, money, p_value, points, share, span, span_of_points
from automation_pipelines.reports.parts import Numbers, Section
from automation_pipelines.reports.wording import METRICS, sentence

_SETTLES = (
    "Intervals that overlap do not settle it: the comparison with the control does, corrected for the number "
    "of variants."
)
_Row = dict[str, Any]


def experiments(asked: Asked) -> Section | None:
    """The metric that decides each experiment; of a single one also how sure each variant's rate is."""
    rows = asked.ever("variant_results")
    if rows.is_empty():
        return None
    title = "Experiment" if asked.of_campaign else "Experiments"
    each = rows.partition_by("tenant_id", "campaign", maintain_order=True)
    begun = [frame for frame in each if frame.filter("declared")["subjects"].sum()]
    if not begun:
        return Section("experiment", title, "There are no results yet: nobody's time to act is up.")
    if len(begun) > 1:
        return _several(asked, title, begun)
    name = "" if asked.of_campaign else f": {asked.campaign(begun[0]['campaign'][0])}"
    return _one(f"Experiment{name}", begun[0])


def _one(title: str, rows: pl.DataFrame) -> Section:
    declared = rows.filter("declared").sort("control", "variant", descending=[True, False])
    arms = list(declared.iter_rows(named=True))
    known = [row for row in arms if row["rate"] is not None]
    metric = METRICS[arms[0]["metric"]]
    return Section(
        "experiment",
        title,
        sentence(str(arms[0]["verdict"] or "no verdict yet")),
        chart=Forest(tuple(map(_estimate, known)), Unit.SHARE),
        drawn=f"Share who {metric} by variant with its 95 % interval: "
        + "; ".join(f"{row['variant']} {share(row['rate'])}" for row in known),
        numbers=Numbers(
            ("Variant", "People", f"Who {metric}", "Against the control", "p-value", *_ALSO),
            tuple((*_cells(row), *_also(rows, row["variant"])) for row in arms),
        ),
        notes=_notes(arms, metric),
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
        f"{count(row['successes'])} · {share(row['rate'])} ({span(row['rate_low'], row['rate_high'])})",
        against,
        p_value(row["p_value"]),
    )


_ALSO = ("Who converted", "Revenue a person")


def _also(rows: pl.DataFrame, variant: str) -> tuple[str, str]:
    """What else a variant's people did; it decides nothing."""
    of = {row["metric"]: row for row in rows.filter(pl.col("variant") == variant).iter_rows(named=True)}
    converted, revenue = of.get("converted", {}), of.get("revenue", {})
    return share(converted.get("rate")), money(revenue.get("rate"), revenue.get("currency"))


def _notes(arms: list[_Row], metric: str) -> tuple[str, ...]:
    waiting = sum(row["waiting"] for row in arms)
    notes = [f"Decided by how many {metric}. {_SETTLES}"]
    if waiting:
        notes.append(f"{count(waiting)} people still have time to act and are not counted yet.")
    return tuple(notes)


def _several(asked: Asked, title: str, experiments: list[pl.DataFrame]) -> Section:
    listed = []
    for declared in (frame.filter("declared") for frame in experiments):
        first = declared.row(0, named=True)
        name = asked.tenant(first["tenant_id"]) if asked.of_campaign else asked.campaign(first["campaign"])
        people, verdict = count(total(declared, "subjects")), sentence(str(first["verdict"] or ""))
        listed.append((name, METRICS[first["metric"]], people, verdict))
    won = sum(bool(frame["winner"].any()) for frame in experiments)
    return Section(
        "experiment",
        title,
        f"{won} of {len(experiments)} experiments have a winner.",
        numbers=Numbers(("Experiment", "Decided by who", "People", "Verdict"), tuple(listed)),
    )
