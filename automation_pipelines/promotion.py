"""Which variant of an experiment wins, judged once, by what was declared before anything was sent.

A broadcast has a verdict for each of its slots, when the first of the rest falls due; any other campaign
one for all, as soon as each variant had the subjects that the declared effect needs. Each tenant has its own.
What the numbers say is `experiments`'s, who then gets what `planning`'s; the tick writes the verdicts.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import polars as pl

from automation_pipelines.campaign import Experiment
from automation_pipelines.experiments import MISMATCH, Arm, Verdict, judge, needed
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.ledger.promotions import VERDICTS, Trial
from automation_pipelines.planning import Clock, Record
from automation_pipelines.planning.schedule import slots as slots_of

_DAY = timedelta(days=1)
Slots = Callable[[ActiveCampaign], Iterable[int]]
"""The occurrences of a broadcast that are looked at."""
_NEW = pl.Schema({**VERDICTS, "since": pl.Int64()})
"""A verdict to be written, and the version since which the experiment has been what was judged."""
_OVERVIEW = pl.Schema(
    {
        **dict.fromkeys(("tenant_id", "occurrence"), pl.Int64()),
        "variant": pl.String(),
        **dict.fromkeys(("subjects", "successes"), pl.Int64()),
        "verdict": pl.String(),
        "decided_at": VERDICTS["decided_at"],
    }
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one experiment stands: a tenant's, and of a broadcast's slots one."""

    active: ActiveCampaign
    tenant_id: int
    occurrence: int
    first_due: datetime
    arms: tuple[Arm, ...]
    changed: bool
    """Whether it was declared otherwise when the first messages were planned."""

    @property
    def _experiment(self) -> Experiment:
        return self.active.spec.experiment or Experiment()

    def due(self, as_of: datetime) -> bool:
        """Whether it is to be judged now."""
        if self.active.spec.has_slots:
            return self.first_due + self._experiment.rest_waits <= as_of
        smallest = min(arm.subjects for arm in self.arms)
        return smallest > 0 and smallest >= max(self._experiment.minimum, _least(self._experiment.effect))

    def judged(self, as_of: datetime) -> Verdict:
        """What may be concluded from what is known then."""
        if self.changed:
            words = "no winner: the experiment was changed after its first messages"
            return Verdict(None, words, (), None, 0)
        declared = self._experiment
        over = self.due(as_of) or not self.active.spec.has_slots
        return judge(self.arms, effect=declared.effect, minimum=declared.minimum, over=over)

    def final(self, verdict: Verdict) -> bool:
        """Whether nothing more is waited for: a slot ends; another experiment once it has sound numbers."""
        ratio = verdict.sample_ratio_p
        sound = ratio is None or ratio >= MISMATCH
        return self.active.spec.has_slots or (verdict.more_per_arm == 0 and sound)


@lru_cache
def _least(effect: float) -> int:
    """So many subjects each variant needs at the least, whatever the rate."""
    return needed(effect / 2, effect)


def known(record: Record, campaigns: Sequence[ActiveCampaign]) -> pl.DataFrame | None:
    """The verdicts on record that count for these campaigns as they are now; `None`: they need none."""
    among = _promoting(campaigns)
    if not among:
        return None
    told = record.verdicts(sorted(among))
    return pl.concat(
        _counting(told.filter(pl.col("campaign") == name), among[name]) for name in sorted(among)
    )


def _counting(told: pl.DataFrame, active: ActiveCampaign) -> pl.DataFrame:
    """Without those on an earlier experiment; a variant that is no more goes to nobody."""
    offered = pl.col("winner").is_in([variant.id for variant in active.spec.variants])
    gone = pl.col("winner").is_not_null() & ~offered
    since = pl.col("campaign_version") >= active.experiment_since
    return told.filter((pl.col("occurrence") != 0) if active.spec.has_slots else since).with_columns(
        pl.when(offered).then("winner").alias("winner"),
        pl.when(gone)
        .then(pl.format("no winner: {} won, but is no variant any more", "winner"))
        .otherwise("words")
        .alias("words"),
    )


def new(
    record: Record, campaigns: Sequence[ActiveCampaign], told: pl.DataFrame, clock: Clock
) -> pl.DataFrame:
    """The verdicts (`VERDICTS` and `since`) that are due and not among those told."""
    among = _promoting(campaigns)
    as_of = clock.as_of
    decided = {*told.select("campaign", "tenant_id", "occurrence").iter_rows()}
    rows = [
        _row(one, verdict, as_of)
        for one in _standings(record, list(among.values()), as_of, _due_slots(clock))
        if (one.active.spec.id, one.tenant_id, one.occurrence) not in decided and one.due(as_of)
        for verdict in [one.judged(as_of)]
        if one.final(verdict)
    ]
    return pl.DataFrame(rows, schema=_NEW, orient="row")


def overview(record: Record, active: ActiveCampaign, as_of: datetime) -> pl.DataFrame:
    """One row per variant of each experiment of a campaign: its counts, and the verdict, if there is one."""
    told = known(record, [active])
    recorded = [] if told is None else told.to_dicts()
    decided = {(one["tenant_id"], one["occurrence"]) for one in recorded}
    rows = [
        (
            *(one["tenant_id"], one["occurrence"]),
            *(arm["variant"], arm["subjects"], arm["successes"]),
            *(one["words"], one["decided_at"]),
        )
        for one in recorded
        for arm in json.loads(one["numbers"])["arms"]
    ]
    rows += [
        (one.tenant_id, one.occurrence, arm.id, arm.subjects, arm.successes, words, None)
        for one in _standings(
            record, [active], as_of, lambda one: _slots(one, as_of - 31 * _DAY, as_of + _DAY)
        )
        if (one.tenant_id, one.occurrence) not in decided
        for words in [one.judged(as_of).words]
        for arm in one.arms
    ]
    return pl.DataFrame(rows, schema=_OVERVIEW, orient="row").sort(
        "tenant_id", "occurrence", maintain_order=True
    )


def _promoting(campaigns: Sequence[ActiveCampaign]) -> dict[str, ActiveCampaign]:
    return {active.spec.id: active for active in campaigns if active.spec.rest_waits}


def _row(one: Standing, verdict: Verdict, as_of: datetime) -> tuple[object, ...]:
    version, since = one.active.version, one.active.experiment_since
    told = (verdict.winner, verdict.words, json.dumps(_numbers(one.arms, verdict)))
    # Of a slot it is when the rest begins to fall due, whenever a tick sees it: who is due before was drawn.
    at = one.first_due + one.active.spec.rest_waits if one.active.spec.has_slots else as_of
    return (one.active.spec.id, one.tenant_id, one.occurrence, *told, version, at, since)


def _numbers(arms: Sequence[Arm], verdict: Verdict) -> dict[str, object]:
    """What was judged, as it is kept."""
    against = {one.arm: one for one in verdict.comparisons}
    return {
        "arms": [
            {"variant": arm.id, "subjects": arm.subjects, "successes": arm.successes, "weight": arm.weight}
            | ({"p_value": against[arm.id].p_value} if arm.id in against else {})
            for arm in arms
        ],
        "sample_ratio_p": verdict.sample_ratio_p,
        "more_per_arm": verdict.more_per_arm,
    }


def _standings(
    record: Record, campaigns: Sequence[ActiveCampaign], as_of: datetime, slots: Slots
) -> Iterator[Standing]:
    """How the undecided experiments of these campaigns stand, as far as subjects had their time to act."""
    numbers = record.identify((active.spec.id, "") for active in campaigns)
    by_number = {numbers[active.spec.id, ""]: active for active in campaigns}
    trials = [
        trial for number, active in by_number.items() for trial in _trials(active, number, slots(active))
    ]
    if not trials:
        return
    whose = ("campaign_id", "tenant_id", "occurrence")
    counted = (pl.col("subjects", "successes", "others").sum(), pl.col("first_due").min())
    found = record.arms(trials, as_of).group_by(*whose, "variant").agg(*counted).sort(*whose)
    for (number, tenant, occurrence), rows in found.group_by(*whose, maintain_order=True):
        yield _standing(by_number[int(str(number))], int(str(tenant)), int(str(occurrence)), rows)


def _trials(active: ActiveCampaign, number: int, among: Iterable[int]) -> Iterator[Trial]:
    spec, since = active.spec, active.experiment_since
    declared = spec.experiment or Experiment()
    for slot in among if spec.has_slots else (None,):
        yield Trial(spec.id, number, since, slot, declared.metric, declared.time_to_act)


def _due_slots(clock: Clock) -> Slots:
    """The slots whose rest could fall due for the first time, in whatever zone, send windows included."""
    since = min(clock.planned_through or clock.as_of, clock.as_of)

    def among(active: ActiveCampaign) -> list[int]:
        waits = active.spec.rest_waits
        late = active.spec.max_lateness or 3 * _DAY
        return _slots(active, since - waits - late - 10 * _DAY, clock.as_of - waits + _DAY)

    return among


def _slots(active: ActiveCampaign, since: datetime, until: datetime) -> list[int]:
    """The slots whose first messages are due in this time, generously."""
    schedule, steps = active.spec.schedule, [one for one in active.spec.steps if one.after is None]
    if schedule is None:
        return []
    offsets = [step.offset.longest for step in steps]
    first, last = since - max(offsets) - schedule.spread.longest, until - min(offsets)
    return [slot.occurrence for slot in slots_of(schedule, first.date(), last.date())]


def _standing(active: ActiveCampaign, tenant: int, occurrence: int, rows: pl.DataFrame) -> Standing:
    counted: Mapping[str, tuple[int, int]] = {
        variant: (subjects, successes)
        for variant, subjects, successes in rows.select("variant", "subjects", "successes").iter_rows()
    }
    declared = active.spec.experiment or Experiment()
    arms = tuple(
        Arm(variant.id, *counted.get(variant.id, (0, 0)), weight=variant.weight)
        for variant in declared.ordered(active.spec.variants)
    )
    first_due: datetime = rows.select(pl.col("first_due").min()).item()
    changed = active.spec.has_slots and rows["others"].sum() > 0
    return Standing(active, tenant, occurrence, first_due, arms, changed)
