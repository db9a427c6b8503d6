"""What an edit of campaigns changes in the days to come: the same look into the future, twice.

Once with the campaigns as they are, once as they would be after `apply`, both on the data as it is.
Nothing is written.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from automation_pipelines.campaign import Campaign
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.model import Reason
from automation_pipelines.preview import look
from automation_pipelines.tick import find_work

SCHEMA = pl.Schema(
    {
        "campaign": pl.String(),
        "step": pl.String(),
        "tenant_id": pl.Int64(),
        "subject_text": pl.String(),
        "effect": pl.String(),
        "due_before": pl.Datetime("us", "UTC"),
        "due_after": pl.Datetime("us", "UTC"),
        "reason_before": pl.String(),
        "reason_after": pl.String(),
    }
)
"""One row per send that `appears`, `disappears` or `moves`; a reason is null where there was no moment."""

# Looking a week ahead in half hours would be 336 ticks; what falls due does not depend on their number.
_LOOKS = 28


def difference(
    installation: Installation, specs: Sequence[Campaign], *, since: datetime, days: int
) -> pl.DataFrame:
    """The sends of the next `days` that these versions would change, in `SCHEMA`.

    A campaign that is not started sends nothing before and after. Sends of other campaigns are among
    them where caps make room or take it away.
    """
    work = find_work(installation, since)
    until = since + timedelta(days=days)
    coarse = replace(work.clock, tick=max(work.clock.tick, timedelta(days=days) / _LOOKS))
    edited = {spec.id: spec for spec in specs}
    after = tuple(_edited(active, edited, since) for active in work.campaigns)
    looks = (replace(work, clock=coarse, campaigns=campaigns) for campaigns in (work.campaigns, after))
    before, later = (look(installation, one, until) for one in looks)
    return _compared(before, later)


def _edited(active: ActiveCampaign, edited: dict[str, Campaign], at: datetime) -> ActiveCampaign:
    """The campaign as `apply` would leave it: new steps count from now, the others as before."""
    spec = edited.get(active.spec.id)
    if spec is None:
        return active
    active_from = {step.id: active.active_from.get(step.id, at) for step in spec.steps}
    tested, before = ((one.experiment, one.variants) for one in (spec, active.spec))
    return replace(
        active,
        spec=spec,
        version=active.version + 1,
        applied_at=at,
        active_from=active_from,
        experiment_since=active.experiment_since if tested == before else active.version + 1,
    )


def _compared(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    # Steps that never ticked have passing numbers, which differ from look to look: slugs do not.
    key = ["campaign", "step", *(name for name in KEY if name not in ("campaign_id", "step_id"))]
    told = [*key, "subject_text", "due_at", "reason"]
    both = before.select(told).join(
        after.select(told), on=key, how="full", coalesce=True, suffix="_after", maintain_order="left_right"
    )
    sent, sends = (pl.col(name).eq_missing(str(Reason.PLANNED)) for name in ("reason", "reason_after"))
    effect = (
        pl.when(sends & ~sent)
        .then(pl.lit("appears"))
        .when(sent & ~sends)
        .then(pl.lit("disappears"))
        .when(sent & sends & (pl.col("due_at") != pl.col("due_at_after")))
        .then(pl.lit("moves"))
    )
    changed = both.with_columns(
        effect=effect,
        subject_text=pl.coalesce("subject_text", "subject_text_after"),
        due_before="due_at",
        due_after="due_at_after",
        reason_before="reason",
        reason_after="reason_after",
    ).filter(pl.col("effect").is_not_null())
    ordered = changed.sort(pl.coalesce("due_after", "due_before"), "campaign", "step", "subject_text")
    return ordered.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
