"""The declarations as small tables: steps with what holds for every tenant, and what differs by tenant."""

from collections.abc import Sequence
from datetime import time, timedelta

import polars as pl

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Type
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.planning.clock import Clock
from automation_pipelines.planning.needs import backlog_from
from automation_pipelines.planning.places import Place, places_of
from automation_pipelines.planning.terms import differs, roles, terms
from automation_pipelines.selection import EARLIEST

__all__ = ["Numbers", "Place", "places_of", "small_tables"]

_INSTANT = FRAME_TYPES[Type.INSTANT]
_MINUTE = timedelta(minutes=1)

Numbers = dict[tuple[str, str], int]
"""(campaign, step) → its integer; step '' is the campaign."""


def small_tables(
    campaigns: Sequence[ActiveCampaign], numbers: Numbers, clock: Clock, settings: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """`steps`, `step_roles` and `terms`, as the statements of `sql/planning/` join them."""
    places = list(places_of(campaigns))
    steps = [_step_row(place, numbers, clock) for place in places]
    return {
        "steps": pl.DataFrame(steps, schema=_STEPS, orient="row"),
        "step_roles": roles(places, settings),
        "terms": terms(places, settings),
    }


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
        "differs": pl.Boolean(),
        "once": pl.Boolean(),
        "repeat_minutes": pl.Int64(),
        "spread_minutes": pl.Int64(),
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
        "seen_through": _INSTANT,
    }
)


def _step_row(place: Place, numbers: Numbers, clock: Clock) -> tuple[object, ...]:
    active, step, offset = place.active, place.step, place.offset
    spec, policy = active.spec, active.spec.policy
    anchor = AUDIENCES[spec.audience].anchor
    campaign_id = numbers[spec.id, ""]
    since = active.active_from[step.id.partition("/")[0]]
    repeat = policy.repeat_after
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
        offset.days,
        offset.minutes if place.exact else None,
        offset.negative,
        f"{place.at:%H:%M}" if isinstance(place.at, time) else None,
        spec.zone,
        differs(place),
        policy.reentry == "never",
        None if repeat is None else repeat.longest // _MINUTE,
        spec.schedule.spread.longest // _MINUTE if spec.schedule else 0,
        campaign_id if spec.window and step.action is None else None,
        spec.window.zone if spec.window else None,
        step.priority or policy.priority,
        None if spec.max_lateness is None else spec.max_lateness // _MINUTE,
        policy.late == "all",
        since,
        backlog_from(spec, since) or EARLIEST,
        active.state == "paused",
        policy.valid_from,
        policy.valid_until,
        clock.due_from(spec),
        clock.due_to(anchor),
        clock.seen(active),
    )
