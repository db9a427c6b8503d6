"""How far each subject of a campaign is: the day it is on, what it got, what was left out and what failed.

Derived from the ledger, the decisions and the interventions, for all subjects at once; kept nowhere. The
relational work is in `sql/progress/`.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines import decisions
from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Anchor, Type
from automation_pipelines.engine import FRAME_TYPES, open_engine
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import interventions
from automation_pipelines.ledger.tables import EPOCH, identities, job_payloads, jobs, tenants
from automation_pipelines.model import SETTLED
from automation_pipelines.planning import order_tables, started_by_hand, tells_starts

RUN = ("tenant_id", "subject_id", "occurrence")
"""What names one time a subject goes through the campaign."""
_COPIED = ("recipient_id", "state", "reason", "attempts", "due_at", "finished_at")
_INSTANT = FRAME_TYPES[Type.INSTANT]
_STEPS = pl.Schema(
    {
        **dict.fromkeys(RUN, pl.Int64()),
        "subject": pl.String(),
        "step": pl.String(),
        **dict.fromkeys(("recipient_id", "attempts"), pl.Int64()),
        **dict.fromkeys(("state", "reason", "zone"), pl.String()),
        **dict.fromkeys(("due_at", "finished_at"), _INSTANT),
    }
)


@dataclass(frozen=True, slots=True)
class Progress:
    """One campaign at one moment.

    `runs` has one row for each time a subject goes through it (the columns of `sql/progress/runs.sql`),
    `steps` one for each step of them that was settled, or is held: in which state, and why.
    """

    spec: Campaign
    runs: pl.DataFrame
    steps: pl.DataFrame


def progress(
    installation: Installation,
    campaign: str,
    now: datetime,
    *,
    subject: str | None = None,
    tenant_id: int | None = None,
) -> Progress:
    """How far the subjects of a campaign are, or one of them (the CRM's own key)."""
    spec = installation.campaigns.show(campaign).spec
    steps = _steps(installation, campaign)
    given = interventions.orders(installation.database, [campaign], now)
    with open_engine() as engine:
        engine.add(
            steps=steps,
            step_days=_days(spec),
            zones=_zones(installation, spec),
            **order_tables(given, {(campaign, ""): 0}),
        )
        runs = engine.query(
            installation.sqlfiles.find("progress", "runs").text,
            {
                "now": now,
                "epoch": EPOCH,
                "anchored": AUDIENCES[spec.audience].anchor is Anchor.INSTANT,
                "by_hand": started_by_hand(spec),
                "start_is_anchor": tells_starts(spec),
                "duration": spec.timeline.duration_days if spec.timeline else None,
                "steps": len(spec.steps),
            },
        )
    asked = [pl.col("subject") == subject] if subject is not None else []
    asked += [pl.col("tenant_id") == tenant_id] if tenant_id is not None else []
    runs = runs.filter(*asked)
    return Progress(spec, runs, steps.join(runs, on=list(RUN), how="semi").sort(*RUN, "due_at", "step"))


def _steps(installation: Installation, campaign: str) -> pl.DataFrame:
    """What became of every step: the ledger's rows, and what is held as it was last decided."""
    settled = installation.database.read(
        sa.select(
            *(jobs.c[name] for name in (*RUN, *_COPIED)),
            job_payloads.c.subject_text,
            identities.c.step,
        )
        .select_from(jobs)
        .join(identities, identities.c.id == jobs.c.step_id)
        .outerjoin(job_payloads, job_payloads.c.job_id == jobs.c.id)
        .where(identities.c.campaign == campaign, identities.c.mode == "live")
    )
    key = [*RUN, "step", "recipient_id"]
    newest = decisions.of_campaign(installation.files, campaign).unique(key, keep="last", maintain_order=True)
    named = newest.select(*key, pl.col("subject_text").alias("subject"), "zone")
    told = settled.join(named, on=key, how="left").with_columns(pl.coalesce("subject", "subject_text"))
    held = newest.filter(~pl.col("reason").is_in([str(reason) for reason in SETTLED]))
    # Recipients are fixed when a step is settled: who was held until then is no longer.
    held = held.join(settled, on=key[:-1], how="anti").with_columns(
        pl.lit("held").alias("state"), pl.col("subject_text").alias("subject")
    )
    return pl.concat([_typed(told), _typed(held)])


def _typed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in _STEPS.items()
    )


def _days(spec: Campaign) -> pl.DataFrame:
    """Every part of a step with the step it belongs to, and how many days after entry it lies."""
    rows = [
        (part.id, part.id.partition("/")[0], (part.daily[0] if part.daily else part.offset).days)
        for part in spec.parts
    ]
    return pl.DataFrame(rows, schema={"step": pl.String, "own": pl.String, "days": pl.Int64}, orient="row")


def _zones(installation: Installation, spec: Campaign) -> pl.DataFrame:
    """The zone of each tenant, as the last tick knew it; a campaign with a zone of its own has that."""
    known = installation.database.read(sa.select(tenants.c.tenant_id, tenants.c.profile))
    own = pl.lit(spec.zone) if "/" in spec.zone or spec.zone == "UTC" else None
    told = pl.col("profile").str.json_path_match("$.time_zone")
    return known.select("tenant_id", (told if own is None else own).alias("zone"))
