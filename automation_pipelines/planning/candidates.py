"""Who could have a moment due: audience rows that belong to a campaign, at the places within their reach.

A handful of statements for each audience, however many campaigns it has.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Anchor, Audience, Type
from automation_pipelines.conditions import Condition
from automation_pipelines.conditions.many import Rule, belonging
from automation_pipelines.engine import FRAME_TYPES, Engine, shape
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.planning.clock import Clock
from automation_pipelines.planning.named import ByName, named_aims
from automation_pipelines.planning.needs import Aim, aims
from automation_pipelines.planning.promoted import keep_begun, promoting
from automation_pipelines.planning.record import Record
from automation_pipelines.planning.steps import Numbers
from automation_pipelines.planning.tenancy import Tenancy
from automation_pipelines.planning.timelines import belongs_if
from automation_pipelines.planning.variants import parts
from automation_pipelines.planning.whens import answered, count
from automation_pipelines.selection import EARLIEST, Range, audience_table, merge
from automation_pipelines.sqlfiles import SqlFiles

_INSTANT = FRAME_TYPES[Type.INSTANT]
_EXPERIMENTS = pl.Schema({"campaign_id": pl.Int64(), "seed": pl.String(), "promotes": pl.Boolean()})
_FORMER = pl.Schema(
    {"campaign_id": pl.Int64(), "tenant_id": pl.Int64(), "subject_id": pl.Int64(), "variant": pl.String()}
)


@dataclass(frozen=True, slots=True)
class Planned:
    """What candidates are made for, and of."""

    engine: Engine
    files: SqlFiles
    numbers: Numbers
    clock: Clock
    tenancy: Tenancy
    by_name: ByName | None = None
    """Only this, for nobody else."""

    def aims(self, campaigns: Sequence[ActiveCampaign]) -> Iterable[Aim]:
        """The places that could have a moment due."""
        if self.by_name is not None:
            return named_aims(campaigns, self.by_name, self.clock)
        return aims(campaigns, self.clock, self.tenancy)


def keep_everybody(made: Planned, campaigns: Sequence[ActiveCampaign], record: Record) -> pl.DataFrame:
    """Keep table `everybody` and return, per campaign, how many audience rows there were and belonged.

    Tables `steps` and `terms` are there; each of the campaigns could have something due.
    """
    engine = made.engine
    by_audience: dict[str, list[Aim]] = {}
    for aim in made.aims(campaigns):
        by_audience.setdefault(aim.audience, []).append(aim)
    engine.add(**_experiments(made, campaigns, record))
    peopled = [name for name in sorted(by_audience) if engine.count(audience_table(name))]
    tables = [
        _keep_candidates(made, AUDIENCES[name], by_audience[name])
        for name in peopled or sorted(by_audience)[:1]  # of those without rows one says what the columns are
    ]
    union = " UNION ALL ".join(f"SELECT * FROM {table}" for table in tables)
    everybody = f"SELECT row_number() OVER () AS candidate_id, u.* FROM ({union}) AS u"
    if promoting(campaigns):
        engine.keep("possible", everybody)
        keep_begun(engine, campaigns, record)
        everybody = made.files.find("planning", "promoted").text
    if made.by_name is None:
        engine.keep("everybody", everybody)
    else:
        engine.keep("reachable", everybody)
        _keep_named(made, made.by_name)
        engine.drop("reachable")
    engine.drop(*tables, *(engine.names() & {"possible", "begun"}))
    return _scope(made, campaigns)


def _keep_named(made: Planned, by_name: ByName) -> None:
    made.engine.add(asked_subjects=by_name.subjects.select("tenant_id", "subject_id").unique())
    values = {"as_of": made.clock.as_of, "occurrence": by_name.occurrence}
    made.engine.keep("everybody", made.files.find("planning", "asked").text, values)


def _scope(made: Planned, campaigns: Sequence[ActiveCampaign]) -> pl.DataFrame:
    engine = made.engine
    counted = engine.query(
        "SELECT campaign_id, count(DISTINCT row_id) AS n FROM everybody GROUP BY campaign_id"
    )
    belonging_now = dict(counted.iter_rows())
    selected = {spec.audience: 0 for spec in (active.spec for active in campaigns)}
    selected = {name: engine.count(audience_table(name)) for name in selected}
    return scope_frame(
        [
            (spec.id, spec.audience, selected[spec.audience], belonging_now.get(made.numbers[spec.id, ""], 0))
            for spec in (active.spec for active in campaigns)
        ]
    )


def scope_frame(rows: list[tuple[str, str, int, int]]) -> pl.DataFrame:
    """One row per campaign: its audience, how many it returned, and how many belonged."""
    schema = {"campaign": pl.String, "audience": pl.String, "selected": pl.Int64, "belonging": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _keep_candidates(made: Planned, audience: Audience, found: Sequence[Aim]) -> str:
    """Keep the candidates of one audience and return the name of their table."""
    engine, numbers = made.engine, made.numbers
    specs = {aim.place.active.spec.id: aim.place.active.spec for aim in found}
    rules = list(_rules(made, audience, specs.values()))
    ruled = {rule.number for rule in rules}
    entries = [
        (numbers[name, ""], numbers[name, ""] if numbers[name, ""] in ruled else None) for name in specs
    ]
    engine.add(
        entries=pl.DataFrame(entries, schema={"campaign_id": pl.Int64, "rule": pl.Int64}, orient="row"),
        **_reaches(audience, found, numbers),
    )
    if rules:
        _keep_belonging(made, audience, rules)
    statement = shape(
        made.files.find("planning", "candidates").text,
        audience=audience.name,
        table=audience_table(audience.name),
        anchor=str(audience.anchor),
        grain=str(audience.grain),
        account=any(column.name == "account_id" for column in audience.columns),
        ruled=bool(rules),
        unruled=len(rules) < len(specs),
        tested=any(spec.variants for spec in specs.values()),
    )
    table = f"candidates_{audience.name}"
    engine.keep(table, statement)
    if rules:
        engine.drop("belonging")
    return table


def _reaches(audience: Audience, found: Sequence[Aim], numbers: Numbers) -> dict[str, pl.DataFrame]:
    """The anchors that matter, by place and by campaign; of a schedule, the slots."""
    if audience.anchor is Anchor.SCHEDULE:
        slots = [
            (aim.place.number, slot.day, f"{slot.at:%H:%M}", slot.occurrence)
            for aim in found
            for slot in aim.slots
        ]
        schema = {"place": pl.Int64, "day": pl.Date, "clock": pl.String, "occurrence": pl.Int64}
        return {"named_slots": pl.DataFrame(slots, schema=schema, orient="row")}
    by_campaign: dict[int, list[Range]] = {}
    for aim in found:
        by_campaign.setdefault(numbers[aim.place.active.spec.id, ""], []).extend(aim.ranges)
    return {
        "reaches": _bounds(audience, "place", {aim.place.number: aim.ranges for aim in found}),
        "nearby": _bounds(audience, "campaign_id", {key: merge(each) for key, each in by_campaign.items()}),
    }


def _bounds(audience: Audience, key: str, ranges: Mapping[int, Sequence[Range]]) -> pl.DataFrame:
    rows = [(number, lo or EARLIEST, hi) for number, each in ranges.items() for lo, hi in each]
    if audience.anchor is Anchor.DATE:
        days = [(number, lo.date(), hi.date() if hi else date.max) for number, lo, hi in rows]
        return pl.DataFrame(days, schema={key: pl.Int64, "lo": pl.Date, "hi": pl.Date}, orient="row").unique()
    return pl.DataFrame(rows, schema={key: pl.Int64, "lo": _INSTANT, "hi": _INSTANT}, orient="row")


def keep_members(made: Planned, spec: Campaign) -> None:
    """Keep table `belonging` with the `row_id` of everybody in a campaign's audience who belongs to it."""
    audience = AUDIENCES[spec.audience]
    _keep_belonging(made, audience, [_rule(made, audience, spec)])


def _rules(made: Planned, audience: Audience, specs: Iterable[Campaign]) -> Iterator[Rule]:
    """Who belongs to each campaign that does not take everybody."""
    rules = (_rule(made, audience, spec) for spec in specs)
    return (rule for rule in rules if rule.condition is not None or rule.tenants is not None)


def _rule(made: Planned, audience: Audience, spec: Campaign) -> Rule:
    tenants = tuple(made.tenancy.ids(spec.tenants)) if spec.tenants else None
    return Rule(made.numbers[spec.id, ""], _membership(spec, audience), tenants)


def _membership(spec: Campaign, audience: Audience) -> Condition | None:
    """Who belongs to a campaign, as one condition; `None`: everybody in the audience."""
    declared = belongs_if(spec, [column.name for column in audience.columns])
    parts_of = [_about(declared, spec.id)] if declared is not None else []
    if any(read.source == "interventions" for read in audience.reads):
        parts_of.append(Condition(field="campaign", operator="equals", value=spec.id))
    return Condition(all_of=tuple(parts_of)) if len(parts_of) > 1 else next(iter(parts_of), None)


def _about(condition: Condition, campaign: str) -> Condition:
    """The same condition, with the campaign that it calls `this` by its name."""
    if condition.group is not None:
        word, members = condition.group
        return Condition.model_validate({word: [_about(member, campaign) for member in members]})
    if condition.event is not None and condition.happening.campaign == "this":
        return condition.model_copy(update={"campaign": campaign})
    return condition


def _keep_belonging(made: Planned, audience: Audience, rules: Sequence[Rule]) -> None:
    """Keep table `belonging` (rule, row_id): which rows each campaign takes."""
    engine, types = made.engine, {column.name: column.type for column in audience.columns}
    conditions = [rule.condition for rule in rules if rule.condition is not None]
    fields = {leaf.field for condition in conditions for leaf in condition.leaves}
    if fields <= types.keys() and not any(True for c in conditions for _ in c.happenings):
        belonging(engine, audience_table(audience.name), rules, types)
        return
    engine.keep("questions", _QUESTIONS.format(**_columns_of(audience)), {"as_of": made.clock.as_of})
    count(engine, made.files, conditions, made.clock)
    engine.add(held_rows=answered(engine, made.files, audience.name, rules))
    engine.keep("belonging", "SELECT rule, row_id FROM held_rows")
    engine.drop("questions", *(engine.names() & {"happenings", "engagement_scores"}))


_QUESTIONS = (
    "SELECT a.row_id, a.tenant_id, a.customer_id, {account} AS account_id, '{name}' AS audience, "
    "a.row_id AS audience_row, CAST($as_of AS TIMESTAMPTZ) AS judged_at, {anchor} AS anchor_at, "
    "CAST(NULL AS VARCHAR) AS campaign FROM {table} AS a"
)


def _columns_of(audience: Audience) -> dict[str, str]:
    has_account = any(column.name == "account_id" for column in audience.columns)
    return {
        "name": audience.name,
        "table": audience_table(audience.name),
        "account": "a.account_id" if has_account else "CAST(NULL AS BIGINT)",
        "anchor": "a.anchor" if audience.anchor is Anchor.INSTANT else "CAST(NULL AS TIMESTAMPTZ)",
    }


def _experiments(
    made: Planned, campaigns: Sequence[ActiveCampaign], record: Record
) -> dict[str, pl.DataFrame]:
    """`experiments` (their seeds), `parts` of their variants, and `former` variants where weights changed."""
    tested = [active for active in campaigns if active.spec.variants]
    numbers = {active.spec.id: made.numbers[active.spec.id, ""] for active in tested}
    seeds = [
        (numbers[active.spec.id], f"variant:{active.spec.id}:", bool(active.spec.rest_waits))
        for active in tested
    ]
    stretches = [
        (numbers[active.spec.id], part.variant, float(part.lo), float(part.hi))
        for active in tested
        for part in parts((*active.earlier_variants, active.spec.variants))
    ]
    # Where winners go to the rest, it is `begun` that says who has which already.
    changed = [active for active in tested if active.earlier_variants and not active.spec.rest_waits]
    ever = [numbers[active.spec.id] for active in changed]
    former = record.variants(ever) if ever else pl.DataFrame(schema=_FORMER)
    offered = [(numbers[a.spec.id], variant.id) for a in changed for variant in a.spec.variants]
    names = pl.DataFrame(offered, schema={"campaign_id": pl.Int64, "variant": pl.String}, orient="row")
    stretch = {"campaign_id": pl.Int64, "variant": pl.String, "lo": pl.Float64, "hi": pl.Float64}
    return {
        "experiments": pl.DataFrame(seeds, schema=_EXPERIMENTS, orient="row"),
        "parts": pl.DataFrame(stretches, schema=stretch, orient="row"),
        "former": former.join(names, on=["campaign_id", "variant"], how="semi"),
    }
