"""The declarations as small tables and statements: steps, roles, and each campaign's candidates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from automation_pipelines.campaign import Campaign, Span, Step
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Anchor, Audience, Type
from automation_pipelines.conditions import Condition, compile_condition
from automation_pipelines.engine import FRAME_TYPES, Engine, shape
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.planning.clock import Clock
from automation_pipelines.planning.needs import backlog_from
from automation_pipelines.selection import EARLIEST, audience_table
from automation_pipelines.sqlfiles import SqlFiles

_INSTANT = FRAME_TYPES[Type.INSTANT]

Numbers = dict[tuple[str, str], int]
"""(campaign, step) → its integer; step '' is the campaign."""


def small_tables(
    campaigns: Sequence[ActiveCampaign], numbers: Numbers, clock: Clock
) -> dict[str, pl.DataFrame]:
    """`steps` and `step_roles`, as the statements of `sql/planning/` join them."""
    places = list(places_of(campaigns))
    steps = [_step_row(place, numbers, clock) for place in places]
    roles = [
        (place.number, role)
        for place in places
        for role in (place.step.recipient if place.step.carries == "message" else ("subject",))
    ]
    return {
        "steps": pl.DataFrame(steps, schema=_STEPS, orient="row"),
        "step_roles": pl.DataFrame(roles, schema={"place": pl.Int64, "role": pl.String}, orient="row"),
    }


@dataclass(frozen=True, slots=True)
class Place:
    """One step of one campaign as one variant plans it; `number` is what the statements join by."""

    number: int
    active: ActiveCampaign
    step: Step
    variant: str | None


def places_of(campaigns: Sequence[ActiveCampaign]) -> Iterator[Place]:
    """Every part of every step, once for each variant of its campaign."""
    number = 0
    for active in campaigns:
        for part in active.spec.parts:
            for variant in (v.id for v in active.spec.variants) if active.spec.variants else (None,):
                number += 1
                yield Place(number, active, _as_variant(part, variant), variant)


def _as_variant(step: Step, variant: str | None) -> Step:
    """The step with what this variant does differently."""
    own = step.variants.get(variant) if variant is not None else None
    if own is None:
        return step
    changed = own.model_dump(exclude_none=True)
    if own.channel is not None:
        changed |= {"channels": ()}
    return step.model_copy(update=changed | ({"at": own.at} if own.at is not None else {}))


_STEPS = pl.Schema(
    {
        "place": pl.Int64(),
        "variant": pl.String(),
        "campaign_id": pl.Int64(),
        "campaign": pl.String(),
        "step_id": pl.Int64(),
        "step": pl.String(),
        "version": pl.Int64(),
        "purpose": pl.String(),
        "topic": pl.String(),
        "channel": pl.String(),
        "action": pl.Boolean(),
        "lane": pl.String(),
        "days": pl.Int32(),
        "minutes": pl.Int64(),
        "before": pl.Boolean(),
        "clock": pl.String(),
        "zone": pl.String(),
        "window_id": pl.Int64(),
        "window_zone": pl.String(),
        "priority": pl.Int64(),
        "lateness_minutes": pl.Int64(),
        "late_all": pl.Boolean(),
        "active_from": _INSTANT,
        "backlog_from": _INSTANT,
        "paused": pl.Boolean(),
        "valid_from": _INSTANT,
        "valid_until": _INSTANT,
        "due_from": _INSTANT,
        "due_to": _INSTANT,
    }
)


def _step_row(place: Place, numbers: Numbers, clock: Clock) -> tuple[object, ...]:
    active, step = place.active, place.step
    spec, policy = active.spec, active.spec.policy
    anchor = AUDIENCES[spec.audience].anchor
    at = step.at or (spec.schedule.at if spec.schedule else None)
    campaign_id = numbers[spec.id, ""]
    since = active.active_from[step.id.partition("/")[0]]
    return (
        place.number,
        place.variant,
        campaign_id,
        spec.id,
        numbers[spec.id, step.id],
        step.id,
        active.version,
        str(spec.purpose),
        spec.topic,
        "crm" if step.action is not None else step.ways[0],
        step.carries != "message",
        # Messages replace earlier messages, an action only earlier runs of itself.
        step.action or "",
        step.offset.days,
        step.offset.minutes if _exact(step, anchor) else None,
        step.offset.negative,
        f"{at:%H:%M}" if at else None,
        spec.zone,
        campaign_id if spec.window and step.action is None else None,
        spec.window.zone if spec.window else None,
        step.priority or policy.priority,
        None if spec.max_lateness is None else spec.max_lateness // timedelta(minutes=1),
        policy.late == "all",
        since,
        backlog_from(spec, since) or EARLIEST,
        active.state == "paused",
        policy.valid_from,
        policy.valid_until,
        clock.due_from(spec),
        clock.due_to(anchor),
    )


def _exact(step: Step, anchor: Anchor) -> bool:
    """Whether the step counts minutes from an instant; "at once" after an instant does."""
    at_once = step.offset == Span() and step.at is None
    return anchor is Anchor.INSTANT and (step.offset.exact or at_once)


def candidates(
    engine: Engine, files: SqlFiles, campaigns: Sequence[ActiveCampaign], numbers: Numbers
) -> pl.DataFrame:
    """Keep table `everybody` and return, per campaign, how many audience rows there were and belonged."""
    template = files.find("planning", "candidates").text
    places = list(places_of(campaigns))
    tables: list[str] = []
    scope = []
    for number, active in enumerate(campaigns):
        own = [place for place in places if place.active is active]
        statement, parameters = _candidate_statement(template, active.spec, numbers, own)
        table = f"candidates_{number}"
        engine.keep(table, statement, parameters)
        tables.append(table)
        selected, steps = engine.count(audience_table(active.spec.audience)), len(active.spec.parts)
        scope.append((active.spec.id, active.spec.audience, selected, engine.count(table) // steps))
    union = " UNION ALL ".join(f"SELECT * FROM {table}" for table in tables)
    engine.keep("everybody", f"SELECT row_number() OVER () AS candidate_id, u.* FROM ({union}) AS u")
    engine.drop(*tables)
    return scope_frame(scope)


def scope_frame(rows: list[tuple[str, str, int, int]]) -> pl.DataFrame:
    """One row per campaign: its audience, how many it returned, and how many belonged."""
    schema = {"campaign": pl.String, "audience": pl.String, "selected": pl.Int64, "belonging": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _candidate_statement(
    template: str, spec: Campaign, numbers: Numbers, places: Sequence[Place]
) -> tuple[str, dict[str, object]]:
    audience = AUDIENCES[spec.audience]
    types = _condition_types(audience)
    repeat = spec.policy.repeat_after
    parameters: dict[str, object] = {}

    def predicate(condition: Condition, prefix: str) -> str:
        compiled = compile_condition(condition, types, prefix)
        parameters.update(compiled.parameters)
        return compiled.sql

    statement = shape(
        template,
        audience=audience.name,
        table=audience_table(audience.name),
        anchor=str(audience.anchor),
        grain=str(audience.grain),
        campaign=numbers[spec.id, ""],
        columns_of_days=[
            (p.number, p.step.offset.setting) for p in places if p.step.offset.setting is not None
        ],
        repeat_column=repeat.setting if repeat else None,
        whens=[(p.number, predicate(p.step.when, f"w{p.number}")) for p in places if p.step.when],
        condition=predicate(spec.conditions, "c") if spec.conditions else "",
    )
    if spec.schedule is not None:
        parameters["slot"] = spec.schedule.on_date
    if repeat is None or repeat.setting is None:
        parameters["repeat_minutes"] = repeat.longest // timedelta(minutes=1) if repeat else None
    return statement, parameters


def _condition_types(audience: Audience) -> dict[str, Type]:
    return {column.name: column.type for column in audience.columns}
