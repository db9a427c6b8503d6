"""What a step waits for, and what people ordered: small tables for the statements of `sql/planning/`.

Which steps come after which, who was started, paused and stopped by hand. What that does to a moment is
said in `entered.sql`, `addressed.sql` and `moments.sql`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Anchor, Type
from automation_pipelines.engine import FRAME_TYPES, Engine
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.ledger.interventions import pauses
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.model import Purpose
from automation_pipelines.planning.chains import started_by_hand, tells_starts
from automation_pipelines.planning.clock import Clock
from automation_pipelines.planning.record import FEW, Record
from automation_pipelines.planning.steps import Numbers, Place, places_of

_FLOWS = pl.Schema(
    {
        "place": pl.Int64(),
        "above": pl.String(),
        "requires_sent": pl.Boolean(),
        "not_before": pl.Boolean(),
        "by_hand": pl.Boolean(),
        "start_is_anchor": pl.Boolean(),
        "looks_ahead": pl.Boolean(),
    }
)
_FREE = (None, False, False, False, False, False)
_FOLLOWS = pl.Schema({"place": pl.Int64(), "step_id": pl.Int64()})


@dataclass(frozen=True, slots=True)
class Flow:
    """What there is to look at: steps that follow others, that need a start by hand, that look ahead."""

    follows: bool
    by_hand: bool
    looks_ahead: bool


_WANTED = (
    "SELECT DISTINCT c.occurrence, c.tenant_id, c.campaign_id, f.step_id, c.subject_id "
    "FROM everybody AS c INNER JOIN follows AS f ON c.place = f.place"
)
_PREDECESSORS = pl.Schema(
    dict.fromkeys(KEY, pl.Int64())
    | {"state": pl.String(), "sent": pl.Boolean()}
    | dict.fromkeys(("due_at", "finished_at"), FRAME_TYPES[Type.INSTANT])
)


def keep_flow(
    engine: Engine,
    campaigns: Sequence[ActiveCampaign],
    numbers: Numbers,
    record: Record,
    clock: Clock,
    *,
    by_name: bool = False,
) -> Flow:
    """Make known: flows, follows, predecessors, pauses, starts and orders. Table `everybody` is there.

    What is asked for by name waits for no step and needs no start by hand.
    """
    places = list(places_of(campaigns))
    flows = [(place.number, *_FREE) if by_name else _flow_row(place) for place in places]
    follows = [] if by_name else _follows(places, numbers)
    declared = pl.DataFrame(flows, schema=_FLOWS, orient="row")
    engine.add(flows=declared, follows=pl.DataFrame(follows, schema=_FOLLOWS, orient="row"))
    engine.add(predecessors=_predecessors(engine, record) if follows else pl.DataFrame(schema=_PREDECESSORS))
    given = record.orders([active.spec.id for active in campaigns], clock.as_of)
    engine.add(**order_tables(given, numbers))
    return Flow(
        follows=declared["above"].count() > 0,
        by_hand=bool(declared["by_hand"].any()),
        looks_ahead=bool(declared["looks_ahead"].any()),
    )


def _predecessors(engine: Engine, record: Record) -> pl.DataFrame:
    wanted = engine.query(_WANTED)
    if len(wanted) > FEW:
        wanted = wanted.select("occurrence", "step_id").unique()
    return record.predecessors(wanted)


def _flow_row(place: Place) -> tuple[object, ...]:
    spec, step = place.active.spec, place.step
    audience = AUDIENCES[spec.audience]
    return (
        place.number,
        step.after,
        step.requires == "sent",
        step.after is not None or step.day is not None,
        started_by_hand(spec),
        tells_starts(spec),
        audience.anchor is not Anchor.INSTANT and spec.purpose is not Purpose.INTERNAL,
    )


def _follows(places: Iterable[Place], numbers: Numbers) -> list[tuple[int, int]]:
    """Each place that comes after a step, with the number of every part of that step."""
    return [
        (place.number, numbers[place.active.spec.id, part.id])
        for place in places
        if place.step.after is not None
        for part in place.active.spec.parts
        if part.id.partition("/")[0] == place.step.after and not part.id.endswith("/undo")
    ]


def order_tables(given: pl.DataFrame, numbers: Numbers) -> dict[str, pl.DataFrame]:
    """`starts`, `pauses`, and `orders`: the pauses and stops that are in force."""
    ids = {campaign: number for (campaign, step), number in numbers.items() if step == ""}
    number = pl.col("campaign").replace_strict(ids, default=None, return_dtype=pl.Int64)
    whom = (number.alias("campaign_id"), "tenant_id", "subject_id", "occurrence")
    paused = pauses(given).select(*whom, "since", "until")
    started = given.filter(pl.col("kind") == "start")
    last = started.group_by("campaign", "tenant_id", "subject_id").agg(pl.col("at").max().alias("started_at"))
    stopped = given.filter(pl.col("kind") == "stop").join(
        last, on=["campaign", "tenant_id", "subject_id"], how="left"
    )
    lifted = pl.col("started_at") > pl.col("at")
    return {
        "starts": started.select(*whom, "subject", "at"),
        "pauses": paused,
        "orders": pl.concat(
            [
                paused.filter(pl.col("until").is_null()).select(
                    "campaign_id",
                    "tenant_id",
                    "subject_id",
                    "occurrence",
                    pl.lit("pause").alias("kind"),
                    pl.col("since").alias("at"),
                    pl.lit(value=False).alias("lifted"),
                ),
                stopped.select(*whom, "kind", "at", lifted.fill_null(value=False).alias("lifted")),
            ]
        ),
    }
