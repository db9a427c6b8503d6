"""Experiments: the arms that were declared and drawn, what their subjects did, and the verdict."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import polars as pl

from automation_pipelines.campaign import Campaign, Experiment, Variant
from automation_pipelines.engine import Engine
from automation_pipelines.errors import RefusedError
from automation_pipelines.experiments import (
    Amounts,
    Arm,
    Interval,
    Verdict,
    adjusted,
    compare,
    judge,
    mean_difference,
    rate,
)
from automation_pipelines.ledger import promotions
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats.trials.rows import Row, counted, estimate, estimated

_WHOSE = ("tenant_id", "campaign", "currency")
_ALWAYS = ("clicked", "replied", "converted")
_MINUTE = timedelta(minutes=1)
_VERSIONS = "SELECT DISTINCT campaign, campaign_version FROM message_facts WHERE variant IS NOT NULL"


VERDICTS: dict[str, pl.DataType] = {
    "tenant_id": pl.Int64(),
    "campaign": pl.String(),
    "metric": pl.String(),
    "variant": pl.String(),
    "declared": pl.Boolean(),
    "control": pl.Boolean(),
    "weight": pl.Float64(),
    "successes": pl.Int64(),
    **estimated("rate"),
    **estimated("difference"),
    "p_value": pl.Float64(),
    "sample_ratio_p": pl.Float64(),
    "more_per_arm": pl.Int64(),
    "winner": pl.Boolean(),
    "verdict": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What was declared of one campaign's experiment."""

    experiment: Experiment
    variants: tuple[Variant, ...]
    """Those of the newest version that anybody was drawn under, the control first."""
    fixed: bool
    """Whether the weights were the same in all versions that subjects were drawn under."""

    @classmethod
    def of(cls, specs: Iterable[Campaign]) -> "Trial":
        """By the versions of a campaign that subjects were drawn under, the oldest first; perhaps none."""
        declared = list(specs)
        if not declared:
            return cls(Experiment(), (), fixed=False)
        newest = declared[-1]
        experiment = newest.experiment or Experiment()
        weights = {tuple(sorted((one.id, one.weight) for one in spec.variants)) for spec in declared}
        drawn = experiment.ordered(newest.variants)
        retired = tuple(one for one in newest.variants if one.weight <= 0)
        return cls(experiment, drawn + retired, len(weights) == 1)

    def ordered(self, rows: Sequence[Row]) -> list[Row]:
        """The rows of its arms, the control's first; also of those that nobody was drawn into yet."""
        known = {row["variant"]: row for row in rows}
        nobody = dict.fromkeys(rows[0], 0) | {name: rows[0][name] for name in _WHOSE}
        declared = [known.pop(one.id, nobody | {"variant": one.id}) for one in self.variants]
        return [*declared, *(known[name] for name in sorted(known))]

    def weight(self, variant: str) -> float:
        """The weight of an arm; one that is declared no more draws nobody."""
        return next((one.weight for one in self.variants if one.id == variant), 0.0 if self.variants else 1.0)


def declared(engine: Engine, db: Database) -> dict[str, Trial]:
    """Read what was declared of every campaign that drew variants."""
    store = CampaignStore(db)
    versions = engine.query(_VERSIONS).sort("campaign", "campaign_version").rows()
    return {
        campaign: Trial.of(_specs(store, campaign, [version for _, version in group]))
        for campaign, group in groupby(versions, key=lambda row: str(row[0]))
    }


def _specs(store: CampaignStore, campaign: str, versions: Iterable[int]) -> Iterator[Campaign]:
    for version in versions:
        try:
            yield store.version(campaign, version).spec
        except RefusedError:  # a ledger of another installation's campaigns
            return


def arms(
    engine: Engine, sqlfiles: SqlFiles, known: Mapping[str, Trial], db: Database, as_of: datetime
) -> pl.DataFrame:
    """Count those drawn into each variant, and what they did in their time."""
    asked = [(name, trial.experiment.time_to_act // _MINUTE) for name, trial in known.items()]
    engine.add(
        trials=pl.DataFrame(asked, schema={"campaign": pl.String(), "minutes": pl.Int64()}, orient="row"),
        promoted=promotions.verdicts(db, list(known)),
    )
    return counted(engine, sqlfiles, "drawn", "arms", {"as_of": as_of})


def verdicts(found: pl.DataFrame, known: Mapping[str, Trial]) -> pl.DataFrame:
    """Judge every metric of every experiment."""
    rows = found.sort("tenant_id", "campaign").iter_rows(named=True)
    judged = [
        row
        for (_, campaign), group in groupby(rows, key=lambda row: (row["tenant_id"], row["campaign"]))
        for row in _of_experiment(known[campaign], list(group))
    ]
    return pl.DataFrame(judged, schema=VERDICTS, orient="row")


def _of_experiment(trial: Trial, rows: list[Row]) -> Iterator[dict[str, Any]]:
    ordered = trial.ordered(rows)
    for metric in dict.fromkeys((trial.experiment.metric, *_ALWAYS)):
        yield from _of_metric(trial, metric, ordered)
    yield from _of_revenue(trial, ordered)


def _of_metric(trial: Trial, metric: str, rows: list[Row]) -> Iterator[dict[str, Any]]:
    told = [Arm(row["variant"], row["subjects"], row[metric], trial.weight(row["variant"])) for row in rows]
    compared = {one.arm: one for one in compare(told[0], told[1:])}
    declared = metric == trial.experiment.metric
    verdict = _judged(trial, told, rows)
    for arm, row in zip(told, rows, strict=True):
        against = compared.get(arm.id)
        yield {
            **_common(trial, metric, row, verdict if declared else None),
            "control": against is None,
            "successes": arm.successes,
            "sample_ratio_p": verdict.sample_ratio_p,
            "p_value": against.p_value if against else None,
            **estimate("rate", rate(arm.successes, arm.subjects)),
            **estimate("difference", against.difference if against else Interval()),
        }


def _of_revenue(trial: Trial, rows: list[Row]) -> Iterator[dict[str, Any]]:
    amounts = [Amounts(row["subjects"], row["total"], row["squares"]) for row in rows]
    compared = [mean_difference(one, amounts[0]) for one in amounts[1:]]
    ps = adjusted([p for _, p in compared])
    against = [(Interval(), None), *zip((interval for interval, _ in compared), ps, strict=True)]
    for place, (row, one, (interval, p)) in enumerate(zip(rows, amounts, against, strict=True)):
        yield {
            **_common(trial, "revenue", row, None),
            "control": place == 0,
            "p_value": p,
            **estimate("rate", Interval(one.mean if one.subjects else None)),
            **estimate("difference", interval),
        }


def _common(trial: Trial, metric: str, row: Row, verdict: Verdict | None) -> dict[str, Any]:
    decided_by = f"not judged: the experiment is decided by `{trial.experiment.metric}`"
    return {
        "tenant_id": row["tenant_id"],
        "campaign": row["campaign"],
        "metric": metric,
        "variant": row["variant"],
        "declared": verdict is not None,
        "weight": trial.weight(row["variant"]),
        "more_per_arm": verdict.more_per_arm if verdict else None,
        "winner": verdict is not None and verdict.winner == row["variant"],
        "verdict": verdict.words if verdict else decided_by,
    }


def _judged(trial: Trial, told: list[Arm], rows: list[Row]) -> Verdict:
    """Judge the arms that still draw subjects, as far as their time to act is up."""
    waiting = {row["variant"]: row["waiting"] for row in rows}
    drawn = [arm for arm in told if arm.weight > 0]
    if not drawn:
        return judge(told, effect=trial.experiment.effect)
    # Of weights that were changed meanwhile nobody knows what sizes they should have led to.
    weighed = drawn if trial.fixed else [replace(arm, weight=float(arm.subjects)) for arm in drawn]
    effect, minimum = trial.experiment.effect, trial.experiment.minimum
    verdict = judge(weighed, effect=effect, minimum=minimum)
    if verdict.more_per_arm and any(waiting.values()):
        drawn_all = [replace(arm, subjects=arm.subjects + waiting.get(arm.id, 0)) for arm in weighed]
        later = judge(drawn_all, effect=effect, minimum=minimum, over=False)
        verdict = verdict if later.more_per_arm else replace(verdict, words=later.words)
    if trial.fixed:
        return verdict
    unchecked = "the weights were changed meanwhile, so the sizes of the arms are not checked"
    return replace(verdict, words=f"{verdict.words} ({unchecked})", sample_ratio_p=None)
