"""What the assets show of files and ledger beyond the rows of their own step. Reads, and files audiences.

Small questions only; nothing here decides anything.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import dagster as dg
import polars as pl
import sqlalchemy as sa

from automation_pipelines.installation import Installation
from automation_pipelines.ledger import jobs as delivery_jobs
from automation_pipelines.ledger import operations
from automation_pipelines.ledger.tables import events, identities, jobs
from automation_pipelines.model import State
from automation_pipelines.orchestration.metadata import Metadata, table
from automation_pipelines.orchestration.runs import Scope
from automation_pipelines.orchestration.specs import AUDIENCE

DayFrame = tuple[date, pl.DataFrame]

_SHOWN = 10


def audience_dataset(audience: str, mode: str) -> str:
    """Where the rows of an audience are filed: the record's and a look's apart."""
    return f"{AUDIENCE if mode == 'live' else f'{AUDIENCE}_{mode}'}/{audience}"


def file_audience(
    installation: Installation, audience: str, days: Sequence[DayFrame], *, run_id: str, scope: Scope
) -> None:
    """Add the file of this run to each day."""
    stamp = [
        pl.lit(run_id).alias("run_id"),
        pl.lit(scope.mode).alias("mode"),
        pl.lit(scope.as_of).alias("as_of"),
    ]
    for day, frame in days:
        stamped = frame.with_columns(stamp)
        installation.files.publish(audience_dataset(audience, scope.mode), stamped, day=day, run=run_id)


def lag(installation: Installation, now: datetime) -> timedelta:
    """How long the oldest due job has been waiting."""
    due = delivery_jobs.next_due(installation.database)
    return max(now - due, timedelta(0)) if due else timedelta(0)


def ledger(installation: Installation, now: datetime) -> Metadata:
    """The ledger at a glance: its newest planned rows, and how far delivery is behind."""
    campaign, step = identities.alias("campaign"), identities.alias("step")
    j = jobs.c
    newest = installation.database.read(
        sa.select(j.id, campaign.c.campaign, step.c.step, j.tenant_id, j.channel, j.state, j.reason, j.due_at)
        .join_from(jobs, campaign, campaign.c.id == j.campaign_id)
        .join(step, step.c.id == j.step_id)
        .where(step.c.mode == "live")
        .order_by(j.id.desc())
        .limit(_SHOWN)
    )
    behind = lag(installation, now) / timedelta(minutes=1)
    return {"preview": table(newest), "ledger_lag_minutes": dg.MetadataValue.float(round(behind, 1))}


def latest_deliveries(installation: Installation) -> pl.DataFrame:
    """The jobs that ended last, without addresses."""
    final = (State.COMPLETED, State.DEAD, State.UNKNOWN)
    columns = ("id", "campaign", "step", "tenant_id", "channel", "state", "due_at", "finished_at", "attempts")
    found = operations.find(installation.database, operations.JobFilter(states=final), _SHOWN)
    return found.select(columns)


def latest_events(installation: Installation) -> pl.DataFrame:
    """The events that came in last."""
    e = events.c
    return installation.database.read(
        sa.select(e.id, e.type, e.at, e.received_at, e.job_id).order_by(e.id.desc()).limit(_SHOWN)
    )
