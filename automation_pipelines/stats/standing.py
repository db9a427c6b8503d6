"""What statistics ask of the automation database as it stands at a publication: small frames only.

What campaigns declare, what people ordered about their subjects, the queue, the last tick. Reads only.
"""

from collections.abc import Iterator
from datetime import datetime

import polars as pl

from automation_pipelines.campaign import Campaign
from automation_pipelines.campaign.steps import Step
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Anchor, Type
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.ledger import interventions
from automation_pipelines.ledger.campaign_moves import ENDED
from automation_pipelines.ledger.campaigns import ActiveCampaign, CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.figures import figures
from automation_pipelines.ledger.plans import planned_through
from automation_pipelines.planning import started_by_hand

_WHOM = ("campaign", "tenant_id", "subject_id")
_INSTANT = FRAME_TYPES[Type.INSTANT]
_STEPS = pl.Schema(
    {
        "campaign": pl.String(),
        "campaign_state": pl.String(),
        "anchored": pl.Boolean(),
        "by_hand": pl.Boolean(),
        "zone": pl.String(),
        "timeline_days": pl.Int64(),
        "step": pl.String(),
        "own": pl.String(),
        "days": pl.Int64(),
        "last_day": pl.Int64(),
        "steps": pl.Int64(),
        "place": pl.Int64(),
        "campaign_title": pl.String(),
        "step_title": pl.String(),
    }
)


def declared_steps(db: Database) -> pl.DataFrame:
    """One row per step, as planned, of every campaign ever started, in its newest version.

    `own` is the step as the file has it, `days` how many days after entry it lies at the earliest, `last_day`
    the greatest of them in the campaign (null where a tenant's setting says it), `steps` how many it has,
    `place` the number of this one.
    """
    states = ("running", "paused", *ENDED)
    rows = [row for active in CampaignStore(db).running(states) for row in _rows(active)]
    return pl.DataFrame(rows, schema=_STEPS, orient="row")


def _rows(active: ActiveCampaign) -> Iterator[tuple[object, ...]]:
    spec = active.spec
    days = _days(spec)
    known = [day for day in days.values() if day is not None]
    # What begins before its anchor is entered with its first step.
    before = min([0, *known])
    days = {step: None if day is None else day - before for step, day in days.items()}
    of_campaign = (
        spec.id,
        active.state,
        before == 0 and spec.audience in AUDIENCES and AUDIENCES[spec.audience].anchor is Anchor.INSTANT,
        spec.audience in AUDIENCES and started_by_hand(spec),
        spec.zone if "/" in spec.zone or spec.zone == "UTC" else None,
        spec.timeline.duration_days if spec.timeline else None,
    )
    last = max(known) - before if len(known) == len(days) else None
    for place, part in enumerate(spec.parts, 1):
        when = (part.id, part.id.partition("/")[0], days[part.id], last, len(spec.steps))
        yield (*of_campaign, *when, place, spec.title, part.title or None)


def _days(spec: Campaign) -> dict[str, int | None]:
    """How many days after entry each step lies, counted along the steps it comes after."""
    found: dict[str, int | None] = {}
    for part in spec.parts:
        before = found.get(part.after, 0) if part.after else 0
        own = _own_days(part)
        found[part.id] = None if before is None or own is None else before + own
        found.setdefault(part.id.partition("/")[0], found[part.id])  # a step after all parts of another
    return {part.id: found[part.id] for part in spec.parts}


def _own_days(step: Step) -> int | None:
    span = step.daily[0] if step.daily else step.offset
    return None if span.setting else span.longest.days


def subject_orders(db: Database, as_of: datetime) -> pl.DataFrame:
    """What people ordered about subjects, a row each: stops, those a later start took back, and pauses.

    Columns: whom, `kind`, `at`; of a pause `until` (null: it lasts), of a stop `lifted`.
    """
    given = interventions.orders(db, sorted(CampaignStore(db).states()), as_of)
    started = (
        given.filter(pl.col("kind") == "start").group_by(_WHOM).agg(pl.col("at").max().alias("again_at"))
    )
    stopped = given.filter(pl.col("kind") == "stop").join(started, on=_WHOM, how="left")
    paused = interventions.pauses(given)
    none = pl.lit(None, _INSTANT)
    return pl.concat(
        [
            stopped.select(
                *_WHOM,
                "kind",
                "at",
                none.alias("until"),
                (pl.col("again_at") > pl.col("at")).fill_null(value=False).alias("lifted"),
            ),
            paused.select(
                *_WHOM,
                pl.lit("pause").alias("kind"),
                pl.col("since").alias("at"),
                pl.col("until").cast(_INSTANT),
                pl.lit(value=False).alias("lifted"),
            ),
        ],
        how="vertical_relaxed",
    )


def running_campaigns(db: Database) -> pl.DataFrame:
    """One row per running campaign and tenant that it names by key; a null key: it runs for all."""
    rows = [
        (active.spec.id, key)
        for active in CampaignStore(db).running(("running",))
        for key in map(str, active.spec.tenants or ("",))
    ]
    named = pl.DataFrame(rows, schema={"campaign": pl.String, "tenant_key": pl.String}, orient="row")
    return named.with_columns(pl.col("tenant_key").replace("", None))


def queue(db: Database, as_of: datetime) -> pl.DataFrame:
    """How the queue of each channel and tenant stands now, by the partial indexes of states."""
    counts = ("waiting", "delayed", "processing", "dead", "unknown")
    return figures(db, as_of, as_of).rows.select("tenant_id", *counts, "oldest_waiting")


def last_tick(db: Database) -> pl.DataFrame:
    """One row: the time that the newest live tick spoke for; null before the first."""
    return pl.DataFrame({"last_tick_at": [planned_through(db)]}, schema={"last_tick_at": _INSTANT})
