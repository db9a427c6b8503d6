"""Trials: what the counts of an experiment's arms, and those of a holdout, allow to be concluded.

Subjects are counted by `sql/trials/`, conclusions are drawn by `experiments`; here one is given to the other.
"""

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

Row = Mapping[str, Any]
_WHOSE = ("tenant_id", "campaign", "currency")
_ALWAYS = ("clicked", "replied", "converted")
_MINUTE = timedelta(minutes=1)
_VERSIONS = "SELECT DISTINCT campaign, campaign_version FROM message_facts WHERE variant IS NOT NULL"
_CURRENCIES = "SELECT tenant_id, profile ->> '$.currency' AS currency FROM profiles"


def _estimated(name: str) -> dict[str, pl.DataType]:
    return dict.fromkeys((name, f"{name}_low", f"{name}_high"), pl.Float64())


VERDICTS: dict[str, pl.DataType] = {
    "tenant_id": pl.Int64(),
    "campaign": pl.String(),
    "metric": pl.String(),
    "variant": pl.String(),
    "declared": pl.Boolean(),
    "control": pl.Boolean(),
    "weight": pl.Float64(),
    "successes": pl.Int64(),
    **_estimated("rate"),
    **_estimated("difference"),
    "p_value": pl.Float64(),
    "sample_ratio_p": pl.Float64(),
    "more_per_arm": pl.Int64(),
    "winner": pl.Boolean(),
    "verdict": pl.String(),
}
LIFTS: dict[str, pl.DataType] = {
    "tenant_id": pl.Int64(),
    "campaign": pl.String(),
    "days": pl.Int64(),
    **_estimated("treated_rate"),
    **_estimated("held_out_rate"),
    **_estimated("difference"),
    "p_value": pl.Float64(),
    **_estimated("revenue_difference"),
    "revenue_p_value": pl.Float64(),
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


def add(engine: Engine, sqlfiles: SqlFiles, db: Database, days: int, as_of: datetime) -> None:
    """Make known to an engine that shows all filed facts what `variant_results` and `holdout_lift` join."""
    known = declared(engine, db)
    engine.add(currencies=engine.query(_CURRENCIES))
    engine.add(arms=arms(engine, sqlfiles, known, db, as_of), groups=groups(engine, sqlfiles, days, as_of))
    engine.add(verdicts=verdicts(engine.frame("arms"), known), lifts=lifts(engine.frame("groups"), days))


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
    return _whole(engine.query(sqlfiles.find("trials", "arms").text, {"as_of": as_of}))


def verdicts(counted: pl.DataFrame, known: Mapping[str, Trial]) -> pl.DataFrame:
    """Judge every metric of every experiment."""
    rows = counted.sort("tenant_id", "campaign").iter_rows(named=True)
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
            **_columns("rate", rate(arm.successes, arm.subjects)),
            **_columns("difference", against.difference if against else Interval()),
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
            **_columns("rate", Interval(one.mean if one.subjects else None)),
            **_columns("difference", interval),
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


def groups(engine: Engine, sqlfiles: SqlFiles, days: int, as_of: datetime) -> pl.DataFrame:
    """Count those whom a holdout's draw kept apart, and who of them converted within so many days."""
    asked = {"as_of": as_of, "minutes": days * 24 * 60}
    return _whole(engine.query(sqlfiles.find("trials", "groups").text, asked))


def _whole(counted: pl.DataFrame) -> pl.DataFrame:
    """The engine's sums of whole numbers, which it keeps wider than any is."""
    return counted.with_columns(pl.selectors.decimal().cast(pl.Int64))


def lifts(counted: pl.DataFrame, days: int) -> pl.DataFrame:
    """Compare those whom a campaign was meant for with those it was kept from."""
    rows = counted.sort("tenant_id", "campaign", "held_out").iter_rows(named=True)
    found = []
    for _, group in groupby(rows, key=lambda row: (row["tenant_id"], row["campaign"])):
        match list(group):
            case [treated, held_out]:
                found.append(_lift(treated, held_out, days))
    return pl.DataFrame(found, schema=LIFTS, orient="row")


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
        **_columns("treated_rate", rate(arm.successes, arm.subjects)),
        **_columns("held_out_rate", rate(control.successes, control.subjects)),
        **_columns("difference", against.difference),
        "p_value": against.p_value,
        **_columns("revenue_difference", revenue),
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


def _columns(name: str, interval: Interval) -> dict[str, float | None]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
