"""What the assets show of files and ledger beyond the rows of their own step. Reads, and files audiences.

Small questions only; nothing here decides anything.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

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
_STEP = identities.alias("step")
_NAMES = (
    jobs.c.id,
    (_STEP.c.campaign + " / " + _STEP.c.step).label("step"),
    jobs.c.tenant_id.label("tenant"),
    jobs.c.channel,
    (jobs.c.state + sa.func.coalesce(": " + jobs.c.reason, "")).label("state"),
)


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
    """The ledger at a glance: how far delivery is behind, and the newest rows that were planned."""
    behind = lag(installation, now) / timedelta(minutes=1)
    newest = _few((*_NAMES, jobs.c.due_at), jobs.c.id.desc())
    return {
        "ledger_lag_minutes": dg.MetadataValue.float(round(behind, 1)),
        "preview": table(installation.database.read(newest)),
    }


def latest_deliveries(installation: Installation) -> pl.DataFrame:
    """The jobs that ended last by being handed over, without addresses."""
    ended = operations.in_state(State.COMPLETED, State.DEAD, State.UNKNOWN)
    known = jobs.c.finished_at.is_not(None)  # so says the index
    wanted = (*_NAMES, jobs.c.attempts, jobs.c.finished_at)
    return installation.database.read(_few(wanted, jobs.c.finished_at.desc(), ended, known))


def _few(
    columns: Sequence[sa.ColumnElement[Any]], order: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    named = sa.select(*columns).join_from(jobs, _STEP, _STEP.c.id == jobs.c.step_id)
    return named.where(_STEP.c.mode == "live", *where).order_by(order).limit(_SHOWN)


def latest_events(installation: Installation) -> pl.DataFrame:
    """The events that came in last."""
    e = events.c
    return installation.database.read(
        sa.select(e.id, e.type, e.at, e.received_at, e.job_id).order_by(e.id.desc()).limit(_SHOWN)
    )
