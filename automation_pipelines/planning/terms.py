"""What of a step differs by tenant: lengths, times of day, zones and roles that settings hold.

A step that names a setting exists for the tenants that have it set; for the others there is no such step.
"""

from collections.abc import Iterable, Iterator
from datetime import time

import polars as pl

from automation_pipelines.campaign import Span, Step, setting_in
from automation_pipelines.campaign.values import MINUTES
from automation_pipelines.planning.places import Place

TERMS = pl.Schema(
    {
        "place": pl.Int64(),
        "tenant_id": pl.Int64(),
        "days": pl.Int32(),
        "minutes": pl.Int64(),
        "clock": pl.String(),
        "zone": pl.String(),
        "repeat_minutes": pl.Int64(),
    }
)


def differs(place: Place) -> bool:
    """Whether a step names a setting anywhere, so that its terms are each tenant's own."""
    repeat = place.active.spec.policy.repeat_after
    return any(True for _ in _needed(place)) or (repeat is not None and repeat.setting is not None)


def terms(places: Iterable[Place], settings: pl.DataFrame) -> pl.DataFrame:
    """One row per step that names settings and tenant for which it exists: on which terms."""
    rows = [_terms(place, settings) for place in places if differs(place)]
    return pl.concat([pl.DataFrame(schema=TERMS), *rows])


def _needed(place: Place) -> Iterator[str]:
    """The settings without which the step does not exist."""
    step = place.step
    if place.offset.setting is not None:
        yield place.offset.setting
    written = (place.at, place.active.spec.zone, step.recipient, step.channels)
    yield from (name for name in map(setting_in, written) if name)


def _terms(place: Place, settings: pl.DataFrame) -> pl.DataFrame:
    existing = settings.filter(pl.all_horizontal(pl.lit(value=True), *_exists(place)))
    offset, repeat = place.offset, place.active.spec.policy.repeat_after
    values = {
        "place": pl.lit(place.number),
        "tenant_id": pl.col("tenant_id"),
        "days": _count(offset, 1440) if not place.exact else pl.lit(0),
        "minutes": _count(offset, 1) if place.exact else pl.lit(None),
        "clock": _text(f"{place.at:%H:%M}" if isinstance(place.at, time) else place.at),
        "zone": _text(place.active.spec.zone),
        "repeat_minutes": pl.lit(None) if repeat is None else _count(repeat, 1),
    }
    return existing.select(values[name].cast(dtype).alias(name) for name, dtype in TERMS.items())


def _exists(place: Place) -> Iterator[pl.Expr]:
    yield from (pl.col(name).is_not_null() for name in _needed(place))
    channels = setting_in(place.step.channels)
    if channels is not None and place.step.channel is not None:  # one part of `send: all`
        yield pl.col(channels).str.split(",").list.contains(place.step.channel)


def _count(span: Span, unit: int) -> pl.Expr:
    """A length in so many minutes each, negative before the anchor."""
    if span.setting is None:
        return pl.lit((span.days * 1440 + span.minutes) // unit)
    minutes = MINUTES[span.unit] * (-1 if span.before else 1)
    return pl.col(span.setting) * minutes // unit


def _text(value: str | None) -> pl.Expr:
    name = setting_in(value)
    return pl.col(name) if name else pl.lit(value, pl.String)


def roles(places: Iterable[Place], settings: pl.DataFrame) -> pl.DataFrame:
    """`place, tenant_id, role`: who gets each step; without a tenant: of all of them."""
    listed = list(places)
    fixed = [(place.number, None, role) for place in listed for role in _fixed_roles(place.step)]
    named = [frame for place in listed if (frame := _named_roles(place, settings)) is not None]
    return pl.concat([pl.DataFrame(fixed, schema=_ROLES, orient="row"), *named])


_ROLES = pl.Schema({"place": pl.Int64(), "tenant_id": pl.Int64(), "role": pl.String()})


def _fixed_roles(step: Step) -> tuple[str, ...]:
    """The roles that get a step, beside the addresses it names itself."""
    if step.carries != "message":
        return ("subject",)
    return () if step.to or isinstance(step.recipient, str) else step.recipient


def _named_roles(place: Place, settings: pl.DataFrame) -> pl.DataFrame | None:
    name = setting_in(place.step.recipient)
    if name is None:
        return None
    words = pl.col(name).str.split(",").alias("role")
    told = settings.select(pl.lit(place.number).alias("place"), "tenant_id", words)
    return told.explode("role").drop_nulls("role").cast(_ROLES)
