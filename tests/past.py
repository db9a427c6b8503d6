"""A ledger with a past: plans jobs through the real front door and settles them as a test says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger import events, plans
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import jobs

MIGRATED = datetime(2026, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PROFILE = '{"name":"Acme Travel","time_zone":"Asia/Kathmandu","currency":"NPR"}'


def plan(db: Database, *moments: dict[str, Any], run_id: str = "run-1", mode: str = "live") -> list[int]:
    """Write decided moments (what is not given has a sensible value) and return their job ids in order."""
    rows = [{**_moment(place), **moment} for place, moment in enumerate(moments, start=1)]
    slugs = {(row["campaign"], slug) for row in rows for slug in ("", row["step"])}
    numbers = plans.identify(db, slugs, mode)
    for row in rows:
        row["campaign_id"] = numbers[row["campaign"], ""]
        row["step_id"] = numbers[row["campaign"], row["step"]]
    frame = pl.DataFrame(rows, schema_overrides=plans.PLAN_COLUMNS, infer_schema_length=None)
    tick = plans.Tick(
        run_id=run_id, mode=mode, as_of=NOON, planned_from=None, planned_to=NOON, moments=len(rows)
    )
    tenants = frame.select("tenant_id").unique().with_columns(profile=pl.lit(PROFILE))
    plans.write_plan(db, tick, frame, tenants)
    written = db.read(sa.select(*(jobs.c[name] for name in plans.KEY), jobs.c.id))
    found = frame.select(plans.KEY).join(written, on=plans.KEY, how="left", maintain_order="left")
    return found["id"].to_list()


def _moment(place: int) -> dict[str, Any]:
    return {
        "campaign": "birthday",
        "step": "wish",
        "occurrence": 1000,
        "tenant_id": 1,
        "subject_id": place,
        "recipient_id": 0,
        "reason": "planned",
        "held_by": None,
        "purpose": "marketing",
        "channel": "email",
        "variant": None,
        "campaign_version": 1,
        "priority": 5,
        "due_at": NOON,
        "expires_at": None,
        "subject_text": str(place),
        "address": f"customer{place}@mail.example.com",
        "address_hash": f"hash-{place}",
        "customer_id": place,
        "variables": "{}",
        "fallbacks": None,
    }


def settle(db: Database, job_id: int, state: str, *, minutes: float = 0, reason: str | None = None) -> None:
    """Put a job into a state, `minutes` after it was due; pending is where it starts."""
    processing = state == "processing"
    finished = None if state in {"pending", "processing"} else NOON + timedelta(minutes=minutes)
    values = {
        "state": state,
        "reason": reason,
        "attempts": 1,
        "finished_at": finished,
        "lease_owner": "worker" if processing else None,
        "lease_until": NOON if processing else None,
    }
    with db.begin() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


def states(db: Database) -> dict[int, str]:
    """The state of every job."""
    return dict(db.read(sa.select(jobs.c.id, jobs.c.state)).iter_rows())


def tell(db: Database, *told: tuple[str, str, int], now: datetime = NOON) -> None:
    """Record events given as (identity, type, job)."""
    identities, types, numbers = zip(*told, strict=True)
    frame = pl.DataFrame({"identity": identities, "type": types, "job_id": numbers})
    nothing = {name: pl.lit(None) for name in ("detail", "detail_of_stranger", "suppresses")}
    events.record(db, frame.with_columns(told_at=pl.lit(NOON), **nothing), now=now)
