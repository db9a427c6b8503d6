"""The columns of decisions: what a decided moment is, and what its gates saw of it."""

import polars as pl

from automation_pipelines.catalogue.types import Column, Type
from automation_pipelines.engine import FRAME_TYPES

SEEN: tuple[Column, ...] = (
    Column("nominal_at", Type.INSTANT, "When it would be due without a send window."),
    Column("zone", Type.TEXT, "The zone in which its days and times of day were counted."),
    Column("judged_at", Type.INSTANT, "The instant the gates were asked about: due_at, or as_of when late."),
    Column("paused", Type.BOOLEAN, "The campaign was paused."),
    Column("valid", Type.BOOLEAN, "It lay within the campaign's validity."),
    Column("tenant_active", Type.BOOLEAN, "The tenant was switched on."),
    Column("hand_paused", Type.BOOLEAN, "Somebody had paused the campaign for this subject."),
    Column("stopped", Type.BOOLEAN, "Somebody had stopped the campaign for this subject."),
    Column("waiting_for", Type.TEXT, "The step before it that was not final yet."),
    Column("ended", Type.BOOLEAN, "The step before it was not sent, and this one requires that."),
    Column("when_holds", Type.BOOLEAN, "The step's own condition held."),
    Column("exit_holds", Type.BOOLEAN, "The campaign's exit condition held."),
    Column(
        "reach",
        Type.TEXT,
        "Whether there was an address to send it to.",
        values=("not needed", "usable", "missing", "unusable"),
    ),
    Column("suppressed_by", Type.TEXT, "What forbids to contact the address; null: nothing."),
    Column("planned_before", Type.INSTANT, "When the step was planned within `repeat_after` before."),
    Column("last_passed", Type.INSTANT, "The last step of the subject that had fallen due by then."),
    Column("holdout", Type.NUMBER, "Per cent of the subjects held out."),
    Column("holdout_draw", Type.NUMBER, "The subject's place among them, 0 to 100; below: held out."),
    Column(
        "test_share", Type.NUMBER, "Per cent of the audience that goes first, of whose variants one wins."
    ),
    Column("test_draw", Type.NUMBER, "The subject's place among them, 0 to 100; below: it goes first."),
    Column("verdict", Type.TEXT, "What was known of the variants by then."),
    Column("merged_with", Type.ID, "The subject whose message says it too."),
    Column("day_moments", Type.INTEGER, "Moments of the campaign's UTC day, where a guard looked at it."),
    Column("day_allowed", Type.INTEGER, "How many of them are let go without approval."),
    Column("capped_by", Type.TEXT, "The frequency cap that was reached."),
    Column("limited_by", Type.TEXT, "The limit that was reached."),
)
"""What each gate saw, null where it was not asked. Never the anchor: a birthday's shows a day of birth."""

_INSTANT = FRAME_TYPES[Type.INSTANT]

DECISIONS = pl.Schema(
    {
        "occurrence": pl.Int64(),
        "tenant_id": pl.Int64(),
        "campaign_id": pl.Int64(),
        "campaign": pl.String(),
        "step_id": pl.Int64(),
        "step": pl.String(),
        "subject_id": pl.Int64(),
        "subject_text": pl.String(),
        "recipient_id": pl.Int64(),
        "channel": pl.String(),
        "purpose": pl.String(),
        "topic": pl.String(),
        "campaign_version": pl.Int64(),
        "variant": pl.String(),
        "priority": pl.Int64(),
        "due_at": _INSTANT,
        "expires_at": _INSTANT,
        "customer_id": pl.Int64(),
        "assignee_id": pl.Int64(),
        "address": pl.String(),
        "address_hash": pl.String(),
        "variables": pl.String(),
        "fallbacks": pl.String(),
        "reason": pl.String(),
        "held_by": pl.String(),
        **{column.name: FRAME_TYPES[column.type] for column in SEEN},
    }
)
"""One decision per moment, as planning hands them on."""


def typed(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of `DECISIONS`; what no gate was asked about is null."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in DECISIONS.items()
    )
