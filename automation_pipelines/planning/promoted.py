"""Which part of an experiment's audience goes first, which waits, and what the verdicts were: small tables.

Who counts as what is drawn in the statements of `sql/planning/`; verdicts are `promotion`'s.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import polars as pl

from automation_pipelines.catalogue.types import Type
from automation_pipelines.engine import FRAME_TYPES, Engine
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.ledger.promotions import BEGUN, VERDICTS
from automation_pipelines.planning.places import Place, places_of
from automation_pipelines.planning.record import Record

_MINUTE = timedelta(minutes=1)
_PROMOTING = pl.Schema(
    {"campaign_id": pl.Int64(), "seed": pl.String(), "share": pl.Float64(), "by_slot": pl.Boolean()}
)
_WAITS = pl.Schema({"place": pl.Int64(), "wait_minutes": pl.Int64(), "lead_minutes": pl.Int64()})
_KNOWN = pl.Schema(
    {
        **dict.fromkeys(("campaign_id", "tenant_id", "occurrence"), pl.Int64()),
        **dict.fromkeys(("winner", "words"), pl.String()),
        "decided_at": FRAME_TYPES[Type.INSTANT],
    }
)


def promoting(campaigns: Iterable[ActiveCampaign]) -> list[ActiveCampaign]:
    """Those whose winner goes to the rest of the audience."""
    return [active for active in campaigns if active.spec.rest_waits]


def promotion_seed(campaign: str) -> str:
    """What the draw of who goes first is seeded with: another than that of variants."""
    return f"promote:{campaign}:"


def promotion_tables(
    campaigns: Sequence[ActiveCampaign], numbers: dict[tuple[str, str], int], verdicts: pl.DataFrame | None
) -> dict[str, pl.DataFrame]:
    """`promoting`: the campaigns; `waits`: the places whose rest waits; `verdicts`: those there are."""
    among = promoting(campaigns)
    shares = [
        (numbers[spec.id, ""], promotion_seed(spec.id), spec.experiment.promote.share, spec.has_slots)
        for spec in (active.spec for active in among)
        if spec.experiment and spec.experiment.promote
    ]
    waits = [
        (place.number, place.active.spec.rest_waits // _MINUTE, _lead(place))
        for place in places_of(campaigns)
        if place.active.spec.rest_waits and place.step.after is None
    ]
    return {
        "promoting": pl.DataFrame(shares, schema=_PROMOTING, orient="row"),
        "waits": pl.DataFrame(waits, schema=_WAITS, orient="row"),
        "verdicts": _numbered(verdicts, {active.spec.id: numbers[active.spec.id, ""] for active in among}),
    }


def _numbered(verdicts: pl.DataFrame | None, ids: dict[str, int]) -> pl.DataFrame:
    known = pl.DataFrame(schema=VERDICTS) if verdicts is None else verdicts
    ours = known.filter(pl.col("campaign").is_in(list(ids)))
    number = pl.col("campaign").replace_strict(ids, default=None, return_dtype=pl.Int64)
    return ours.with_columns(campaign_id=number).select(pl.col(name).cast(_KNOWN[name]) for name in _KNOWN)


def keep_begun(engine: Engine, campaigns: Iterable[ActiveCampaign], record: Record) -> None:
    """Keep table `begun`: with which variant those who had a step began. Table `possible` is there."""
    several = [active for active in promoting(campaigns) if len(active.spec.parts) > 1]
    rows = [pl.DataFrame(schema=BEGUN)]
    if several:
        sought = engine.query(
            "SELECT DISTINCT c.campaign_id, c.occurrence FROM possible AS c "
            "INNER JOIN promoting AS p ON c.campaign_id = p.campaign_id"
        )
        once = pl.col("occurrence") == 0
        rows += [record.begun(part) for part in (sought.filter(once), sought.filter(~once)) if len(part)]
    engine.add(begun=pl.concat(rows))


def _lead(place: Place) -> int:
    """How much later than the first step of its campaign: whom a verdict found under way stays under way."""
    first = min(
        (step.daily or (step.offset,))[0].longest for step in place.active.spec.steps if not step.after
    )
    return (place.offset.longest - first) // _MINUTE
