"""Conditions asked of moments that are due: a step's `when`, and what ends a campaign for a subject.

Asked of due moments only, each distinct comparison once, with what had happened by the time a moment is
judged at. What a campaign's own conditions leave out has no moment and is not asked here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.tenant_settings import SETTING_TYPES
from automation_pipelines.catalogue.types import Type
from automation_pipelines.conditions import Condition
from automation_pipelines.conditions.many import Rule, belonging
from automation_pipelines.engine import Engine, shape
from automation_pipelines.extraction import Demand
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.planning.clock import Clock
from automation_pipelines.planning.happenings import (
    count_happenings,
    happening_demands,
    score_demands,
    score_engagement,
)
from automation_pipelines.planning.steps import places_of
from automation_pipelines.planning.timelines import ends_if
from automation_pipelines.selection import Need, audience_table
from automation_pipelines.sqlfiles import SqlFiles

_DAY = timedelta(days=1)
SCORE = "engagement_score"
_SETTING = "setting."
_RULES = pl.Schema({"place": pl.Int64(), "kind": pl.String(), "rule": pl.Int64()})
_HELD = pl.Schema({"rule": pl.Int64(), "row_id": pl.Int64()})


@dataclass(frozen=True, slots=True)
class _Question:
    """A condition that the moments of a place are asked: `when` must hold, `exit` must not."""

    place: int
    audience: str
    kind: str
    condition: Condition


def keep_judged(engine: Engine, files: SqlFiles, campaigns: Sequence[ActiveCampaign], clock: Clock) -> None:
    """Keep table `judged` (moment_id, when_holds, exit_holds) for the moments of table `unsettled`."""
    due = frozenset(engine.query("SELECT DISTINCT place FROM unsettled")["place"])
    asked = [question for question in _questions(campaigns) if question.place in due]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(map(_named, asked)), start=1)}
    rules = [(question.place, question.kind, numbers[_named(question)]) for question in asked]
    engine.add(
        asked_rules=pl.DataFrame(rules, schema=_RULES, orient="row"), held_rules=pl.DataFrame(schema=_HELD)
    )
    engine.keep("questions", files.find("planning", "questions").text, {"as_of": clock.as_of})
    count(engine, files, [question.condition for question in asked], clock)
    held = [
        answered(engine, files, name, list(_rules_of(asked, name, numbers)))
        for name in sorted({question.audience for question in asked})
    ]
    engine.add(held_rules=pl.concat([pl.DataFrame(schema=_HELD), *held]))
    engine.keep("judged", files.find("planning", "judged").text)
    engine.drop("questions", *(engine.names() & {"happenings", "engagement_scores"}))


def conditions_asked(active: ActiveCampaign) -> Iterator[Condition]:
    """Every condition the moments of a campaign may be asked."""
    columns = [column.name for column in AUDIENCES[active.spec.audience].columns]
    yield from ends_if(active.spec, columns)
    yield from (part.when for part in active.spec.parts if part.when is not None)


def asked_demands(
    campaigns: Sequence[ActiveCampaign], needs: Sequence[Need], first: Clock, last: Clock
) -> list[Demand]:
    """What must be extracted so that conditions can be answered in the ticks from `first` to `last`."""
    ranges = {need.audience: need.ranges for need in needs}
    wanted: list[Demand] = []
    for active in campaigns:
        spec = active.spec
        if spec.audience not in ranges:
            continue
        conditions = [*conditions_asked(active), *([spec.conditions] if spec.conditions else [])]
        starts = [lo for lo, _ in ranges[spec.audience]]
        since = None if None in starts else min(lo for lo in starts if lo is not None)
        happenings = [each for condition in conditions for each in condition.happenings]
        wanted += happening_demands(happenings, (first.as_of, last.ahead + _DAY), since)
        if SCORE in _fields(conditions):
            wanted += score_demands(first.as_of)
    return list(dict.fromkeys(wanted))  # many campaigns ask the same


def _questions(campaigns: Sequence[ActiveCampaign]) -> Iterator[_Question]:
    for place in places_of(campaigns):
        spec = place.active.spec
        audience = AUDIENCES[spec.audience]
        if place.step.when is not None:
            yield _Question(place.number, audience.name, "when", place.step.when)
        for condition in ends_if(spec, [column.name for column in audience.columns]):
            yield _Question(place.number, audience.name, "exit", condition)


def _rules_of(asked: Sequence[_Question], audience: str, numbers: Mapping[str, int]) -> Iterator[Rule]:
    conditions = {numbers[_named(q)]: q.condition for q in asked if q.audience == audience}
    return (Rule(number, condition) for number, condition in conditions.items())


def _named(question: _Question) -> str:
    return f"{question.audience}: {question.condition!r}"


def count(engine: Engine, files: SqlFiles, conditions: Sequence[Condition], clock: Clock) -> None:
    """Keep what has happened to the rows of table `questions`, if anything of it matters."""
    happenings = {each.column: each for condition in conditions for each in condition.happenings}
    if happenings:
        count_happenings(engine, files, "questions", happenings.values())
    if SCORE in _fields(conditions):
        score_engagement(engine, files, clock.as_of)


def _fields(conditions: Sequence[Condition]) -> frozenset[str]:
    return frozenset(leaf.field for condition in conditions for leaf in condition.leaves)


def answered(engine: Engine, files: SqlFiles, name: str, rules: Sequence[Rule]) -> pl.DataFrame:
    """(rule, row_id): which of these rules hold for which rows of table `questions` of one audience."""
    conditions = [rule.condition for rule in rules if rule.condition is not None]
    types = {column.name: column.type for column in AUDIENCES[name].columns}
    fields = _fields(conditions)
    statement = shape(
        files.find("planning", "answers").text,
        table=audience_table(name),
        columns=sorted(fields & types.keys()),
        settings=sorted(field.removeprefix(_SETTING) for field in fields if field.startswith(_SETTING)),
        counts=sorted({each.column for condition in conditions for each in condition.happenings}),
        scored=SCORE in fields - types.keys(),
    )
    engine.keep("answers", statement, {"audience": name})
    belonging(engine, "answers", rules, {SCORE: Type.NUMBER, **SETTING_TYPES, **types}, into="held_here")
    held = engine.query("SELECT rule, row_id FROM held_here")
    engine.drop("answers", "held_here")
    return held
