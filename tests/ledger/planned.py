"""Plans for tests: moments by the number, in a ledger of a test's own."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger import claims, plans
from automation_pipelines.ledger import jobs as delivery
from automation_pipelines.ledger.claims import Claim
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.jobs import Answer, Completed, Job, Settlement
from automation_pipelines.ledger.plans import PLAN_COLUMNS, Tick, Written

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
LEASE = timedelta(minutes=5)
TENANTS = pl.DataFrame({"tenant_id": [1, 2], "profile": ['{"name":"A"}', '{"name":"B"}']})


def tick(run_id: str = "run-1", **changes: Any) -> Tick:
    values: dict[str, Any] = {
        "run_id": run_id,
        "mode": "live",
        "as_of": NOW,
        "planned_from": NOW - timedelta(days=1),
        "planned_to": NOW,
        "moments": 0,
    }
    return Tick(**(values | changes))


def moments(database: Database, count: int, **changes: Any) -> pl.DataFrame:
    """`count` planned moments of one campaign, subjects 0, 1, …; columns by name replace the defaults."""
    campaign = changes.pop("campaign", "birthday")
    ids = plans.identify(database, [(campaign, ""), (campaign, "greeting")], "live")
    number = pl.int_range(count, dtype=pl.Int64)
    defaults: dict[str, Any] = {
        "occurrence": 29_500_000,
        "tenant_id": 1,
        "campaign_id": ids[campaign, ""],
        "step_id": ids[campaign, "greeting"],
        "subject_id": number,
        "recipient_id": 0,
        "reason": "planned",
        "held_by": None,
        "purpose": "marketing",
        "channel": "email",
        "variant": None,
        "campaign_version": 1,
        "priority": 5,
        "due_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        "subject_text": number.cast(pl.String),
        "address": pl.format("customer{}@example.com", number),
        "address_hash": "ab" * 32,
        "customer_id": number,
        "variables": '{"first_name":"Zoë"}',
        "fallbacks": None,
    }
    values = defaults | changes
    return (
        pl.select(
            (value if isinstance(value, pl.Expr) else pl.lit(value)).cast(PLAN_COLUMNS[name]).alias(name)
            for name, value in values.items()
        )
        if count
        else pl.DataFrame(schema=PLAN_COLUMNS)
    )


def plan(database: Database, count: int, run_id: str = "run-1", **changes: Any) -> Written:
    return plans.write_plan(database, tick(run_id), moments(database, count, **changes), TENANTS)


def claim(database: Database, limit: int = 10, owner: str = "worker", **changes: Any) -> list[Job]:
    values: dict[str, Any] = {"now": NOW, "lease": LEASE} | changes
    return claims.claim(database, Claim(owner=owner, limit=limit, **values))


def ids(jobs: list[Job]) -> list[int]:
    return [job.id for job in jobs]


def settle(
    database: Database, jobs: list[Job], answer: Answer, owner: str = "worker", now: datetime = NOW
) -> set[int]:
    return delivery.settle(database, owner, [Settlement(job.id, answer) for job in jobs], now)


def states(database: Database) -> dict[str, int]:
    rows = database.read("SELECT state, count(*) AS jobs FROM jobs GROUP BY state").rows()
    return {str(state): int(count) for state, count in rows}


def url_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def count_statements(database: Database, work: Callable[[], object]) -> int:
    """How many statements `work` runs, transactions' begin and end aside."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)
    return len(seen)


def drain(url: str, owner: str, batch: int, done: Any) -> None:
    """A worker: claim, hand off and complete until nothing is due; tells which jobs it had."""
    database, had = Database.open(url), []
    while claimed := claim(database, batch, owner):
        started = delivery.start_handoff(database, ids(claimed), owner, NOW)
        settle(database, [job for job in claimed if job.id in started], Completed(None), owner)
        had += ids(claimed)
    done.put(had)


def write_slowly(url: str, count: int, reached: Any) -> None:
    """Write a plan and stop for ever just before its last statement."""
    database = Database.open(url)

    def wait(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE ticks"):
            reached.set()
            time.sleep(600)

    rows = moments(database, count)
    sa.event.listen(database.engine, "before_cursor_execute", wait)
    plans.write_plan(database, tick(), rows, TENANTS)


def claim_and_stop(url: str, hand_off: int, reached: Any) -> None:
    """Claim ten jobs for a second, hand some off, and stop for ever."""
    database = Database.open(url)
    claimed = claim(database, 10, "doomed", now=datetime.now(UTC), lease=timedelta(seconds=1))
    delivery.start_handoff(database, ids(claimed)[:hand_off], "doomed", datetime.now(UTC))
    reached.set()
    time.sleep(600)
