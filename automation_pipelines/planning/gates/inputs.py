"""What the gates of one subject ask of the declarations and the record, as small tables.

The gates themselves are `sql/planning/reached.sql` and `decided.sql`.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import polars as pl

from automation_pipelines.campaign import Campaign, setting_in
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.planning.clock import Clock
from automation_pipelines.planning.gates.past import Past
from automation_pipelines.planning.places import Place, places_of
from automation_pipelines.planning.steps import Numbers

_POLICIES = pl.Schema(
    {
        "campaign_id": pl.Int64(),
        "campaign": pl.String(),
        "opt_in": pl.Boolean(),
        "holdout": pl.Float64(),
        "about_customers": pl.Boolean(),
        "one_per_address": pl.Boolean(),
        "digest": pl.Boolean(),
        "guard_factor": pl.Float64(),
        "guard_at_least": pl.Int64(),
        "guard_cap": pl.Int64(),
        "topic": pl.String(),
        "capped": pl.Boolean(),
        "max_executions": pl.Int64(),
        "coupons": pl.String(),
    }
)


def policies(campaigns: Sequence[ActiveCampaign], numbers: Numbers) -> pl.DataFrame:
    """How each campaign behaves at the gates."""
    rows = [_policy(active.spec, numbers[active.spec.id, ""]) for active in campaigns]
    return pl.DataFrame(rows, schema=_POLICIES, orient="row")


def _policy(spec: Campaign, number: int) -> tuple[object, ...]:
    policy, guard = spec.policy, spec.policy.guard
    return (
        number,
        spec.id,
        policy.consent == "opt_in",
        policy.holdout,
        AUDIENCES[spec.audience].subject == "customers",
        policy.one_per_address,
        spec.digest,
        guard.factor,
        guard.at_least,
        guard.cap,
        spec.topic,
        policy.capped,
        policy.max_executions,
        spec.coupons,
    )


_WAYS = pl.Schema({"place": pl.Int64(), "tenant_id": pl.Int64(), "rank": pl.Int64(), "channel": pl.String()})


def ways(places: Iterable[Place], settings: pl.DataFrame) -> pl.DataFrame:
    """The channels a message may take, the best first; without a tenant: those of all tenants."""
    return pl.DataFrame([row for place in places for row in _ways(place, settings)], _WAYS, orient="row")


def _ways(place: Place, settings: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    step = place.step
    if step.carries != "message":
        return
    setting = setting_in(step.channels)
    if setting is None:
        yield from ((place.number, None, rank, channel) for rank, channel in enumerate(step.ways))
        return
    for tenant, text in settings.select("tenant_id", setting).drop_nulls().iter_rows():
        for rank, channel in enumerate(text.split(",")):
            if step.channel in (None, channel):
                yield place.number, tenant, rank, channel


def gate_inputs(
    campaigns: Sequence[ActiveCampaign], numbers: Numbers, settings: pl.DataFrame, past: Past, clock: Clock
) -> dict[str, pl.DataFrame]:
    """`policies`, `ways`, `agreements` and `sunset`, as the statements of `sql/planning/` join them."""
    return {
        "policies": policies(campaigns, numbers),
        "ways": ways(places_of(campaigns), settings),
        "agreements": past.agreements(clock.as_of),
        "sunset": _unengaged(settings, past, clock),
    }


def _unengaged(settings: pl.DataFrame, past: Past, clock: Clock) -> pl.DataFrame:
    rows = settings.select("tenant_id", "sunset_days", "sunset_messages").drop_nulls("sunset_days")
    asked = [
        (tenant, clock.as_of - timedelta(days=days), 1 if messages is None else messages)
        for tenant, days, messages in rows.iter_rows()
    ]
    return past.unengaged(asked, clock.as_of)
