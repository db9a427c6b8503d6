"""Does a tick, a batch or a clean-up cost more because the record is long? `python -m benchmarks.history`.

The same CRM, the same campaigns and as much due each time; only the ledger's history is ten times longer from
one row of the table to the next. Days are equally busy, so a longer history is one of more days.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import polars as pl
import sqlalchemy as sa

from automation_pipelines import history
from automation_pipelines.demo.crm import build_crm
from automation_pipelines.housekeeping import housekeep
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import operations
from automation_pipelines.ledger.claims import Claim, claim
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.figures import figures
from automation_pipelines.ledger.jobs import Completed, Settlement, settle, start_handoff
from automation_pipelines.ledger.plans import PLAN_COLUMNS, Tick, write_plan
from automation_pipelines.ledger.tables import EPOCH, chores, identities, jobs
from automation_pipelines.tick import run_tick
from benchmarks.__main__ import _setting
from benchmarks.harness import AS_OF, Setting, Stopwatch, stopwatch
from benchmarks.programme import EVERY_AUDIENCE, install, installation

CUSTOMERS = 10_000
A_DAY = 2_500
TENANTS = 20
_KEPT = timedelta(days=91)
"""What retention has left, and a day that is to go."""
_TICKS, _BATCHES, _BATCH = 13, 40, 500
_MINUTES = (AS_OF - EPOCH) // timedelta(minutes=1)
_PROFILES = pl.DataFrame({"tenant_id": [1], "profile": ["{}"]})

_DONE = {"payloads": _KEPT, "payloads of failures": timedelta(days=366)}

_PICKY = ("welcome", "thanks")
"""These count their executions over all time."""


def _campaigns() -> tuple[dict[str, Any], ...]:
    """Every audience, and what asks the past the most; caps and silence are settings of the demo."""
    found = []
    for one in EVERY_AUDIENCE:
        policy = {"max_executions": 100_000_000} if one["id"] in _PICKY else {}
        policy |= {"repeat_after": "90 days"} if one["id"] == "re-engagement" else {}
        found.append({**one, "policy": policy} if policy else one)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Cost:
    """What something takes, in milliseconds, and how much of it this process computes."""

    what: str
    milliseconds: float
    cpu: float

    @classmethod
    def least(cls, what: str, watches: Sequence[Stopwatch]) -> "Cost":
        """The quickest of several times: others are at work on the machine, too."""
        quickest = min(watches, key=lambda watch: watch.seconds)
        return cls(what, quickest.seconds * 1000, min(watch.cpu for watch in watches) * 1000)


def fill(database: Database, rows: int) -> None:
    """Write so many finished jobs, the newest of yesterday, in the order of their keys, and then indexes."""
    steps = database.read(
        sa.select(identities.c.id.label("step_id"), identities.c.campaign, identities.c.step)
    )
    named = {row["campaign"]: row["step_id"] for row in steps.filter(step="").iter_rows(named=True)}
    own = steps.filter(pl.col("step") != "").iter_rows(named=True)
    pairs = [(named[row["campaign"]], row["step_id"]) for row in own]
    quick = [index for index in jobs.indexes if index.name != "ix_jobs_claim"]
    with database.begin() as connection:
        for index in quick:
            index.drop(connection)
        connection.execute(sa.text(_jobs_sql(database, rows, pairs)))
        for index in quick:
            index.create(connection)
    with database.begin() as connection:
        connection.execute(sa.text(_ticks_sql(database, rows)))
        connection.execute(sa.text(_EVENTS))
        connection.execute(sa.text(_payloads_sql(database)))
        done = [{"name": name, "through": AS_OF - age, "done_at": AS_OF} for name, age in _DONE.items()]
        connection.execute(chores.insert(), done)
    _analyse(database)


def _series(database: Database, count: int) -> str:
    """Numbers from 0."""
    if database.dialect == "postgresql":
        return f"SELECT i FROM generate_series(0::bigint, {count - 1}) AS s(i)"
    counted = f"SELECT 0 AS i UNION ALL SELECT i + 1 FROM s WHERE i < {count - 1}"
    return f"WITH RECURSIVE s AS ({counted}) SELECT i FROM s"


def _instant(database: Database, minute: str) -> str:
    if database.dialect == "postgresql":
        return f"(TIMESTAMPTZ 'epoch' + ({minute}) * INTERVAL '1 minute')"
    return f"(({minute}) * 60000000)"


def _first_minute(rows: int) -> int:
    return _MINUTES - 1440 - -(-rows // A_DAY) * 1440


def _jobs_sql(database: Database, rows: int, pairs: list[tuple[int, int]]) -> str:
    """A tenth of the keys are of grain `once`: their occurrence is 0 whenever they were due."""
    numbered = " UNION ALL ".join(
        f"SELECT {place} AS place, {campaign} AS campaign_id, {step} AS step_id"
        for place, (campaign, step) in enumerate(pairs)
    )
    due, later = _instant(database, "n.minute"), _instant(database, "n.minute + 1440")
    return f"""
        INSERT INTO jobs (occurrence, tenant_id, campaign_id, step_id, subject_id, recipient_id, state,
            reason, purpose, channel, campaign_version, priority, due_at, expires_at, available_at, attempts,
            tick_id, handed_off_at, finished_at, customer_id)
        SELECT CASE WHEN n.i % 10 = 0 THEN 0 ELSE n.minute END AS occurrence,
            n.i % {TENANTS} + 1 AS tenant_id, p.campaign_id, p.step_id, n.i AS subject_id, 0,
            CASE WHEN n.i % 7 = 0 THEN 'skipped' ELSE 'completed' END,
            CASE WHEN n.i % 7 = 0 THEN 'condition' END,
            'marketing', 'email', 1, 5, {due}, {later}, {due}, 1, (n.minute - {_first_minute(rows)}) / 30 + 1,
            CASE WHEN n.i % 7 > 0 THEN {due} END, {_instant(database, "n.minute + 5")},
            n.i % {CUSTOMERS} + 1
        FROM (
            SELECT i, {_first_minute(rows)} + i * 1440 / {A_DAY} AS minute
            FROM ({_series(database, rows)}) AS s
        ) AS n
        INNER JOIN ({numbered}) AS p ON p.place = n.i % {len(pairs)}
        ORDER BY occurrence, tenant_id, p.campaign_id, p.step_id, subject_id
    """


def _ticks_sql(database: Database, rows: int) -> str:
    as_of = _instant(database, f"{_first_minute(rows)} + 30 * i")
    yes = "TRUE" if database.dialect == "postgresql" else "1"
    number = (_MINUTES - 1440 - _first_minute(rows)) // 30 + 1
    return f"""
        INSERT INTO ticks (run_id, mode, as_of, planned_from, planned_to, moments, planned, settled,
            files_published, committed_at)
        SELECT 'past-' || i, 'live', {as_of}, NULL, {as_of}, 52, 45, 7, {yes}, {as_of}
        FROM ({_series(database, number)}) AS s
    """


_EVENTS = """
    INSERT INTO events (identity, type, at, received_at, job_id, detail)
    SELECT 'e-' || id, 'opened', finished_at, finished_at, id, '{"machine":"false"}'
    FROM jobs WHERE state = 'completed' AND id % 3 = 0
"""


def _payloads_sql(database: Database) -> str:
    """Retention has left those of ninety days."""
    since = _instant(database, str(_MINUTES - _KEPT // timedelta(minutes=1)))
    digits = "lpad(CAST(customer_id AS TEXT), 64, '0')"
    if database.dialect == "sqlite":
        digits = "printf('%064d', customer_id)"
    return f"""
        INSERT INTO job_payloads (job_id, subject_text, address, address_hash, variables)
        SELECT id, CAST(subject_id AS TEXT), 'customer' || customer_id || '@example.com', {digits},
            '{{"recipient":{{"name":"Somebody","first_name":"Some"}},"segment":"family"}}'
        FROM jobs WHERE state = 'completed' AND finished_at >= {since}
    """


def _analyse(database: Database) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if database.dialect == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")
    if database.dialect == "sqlite":
        with database.begin() as connection:
            connection.exec_driver_sql("ANALYZE")


def prepare(setting: Setting, rows: int) -> None:
    """An installation whose campaigns are as old as its history."""
    install(setting, "history", _campaigns())
    made = installation(setting, "history")
    with made.database.begin() as connection:  # every campaign and step has its number
        pairs = [(one["id"], step) for one in _campaigns() for step in ("", *(s["id"] for s in one["steps"]))]
        connection.execute(
            identities.insert(), [{"campaign": c, "step": s, "mode": "live"} for c, s in pairs]
        )
    fill(made.database, rows)
    made.database.close()


def measure(setting: Setting) -> list[Cost]:
    """The first tick after a day without one, then one every half an hour; batches; the rest of a day."""
    made = installation(setting, "history")
    first, *ordinary = _ticks(made)
    found = [Cost.least("tick after a day", [first]), Cost.least("ordinary tick", ordinary)]
    found.append(Cost.least(f"claim, mark, settle {_BATCH}", _batches(made.database)))
    asked: dict[str, Callable[[], object]] = {
        "jobs status": lambda: figures(made.database, AS_OF - timedelta(days=1), AS_OF),
        "housekeep, a day": lambda: housekeep(made, now=AS_OF, by="benchmark"),
        "campaign list": lambda: history.counts(made),
        "jobs list": lambda: operations.find(made.database, operations.JobFilter(), 50),
    }
    for what, ask in asked.items():
        with stopwatch() as watch:
            ask()
        found.append(Cost.least(what, [watch]))
    return found


def _ticks(made: Installation) -> Iterator[Stopwatch]:
    for number in range(_TICKS):
        with stopwatch() as watch:
            run_tick(made, as_of=AS_OF + number * timedelta(minutes=30), run_id=f"tick-{number}")
        yield watch


def _due(count: int) -> pl.DataFrame:
    number = pl.int_range(count, dtype=pl.Int64)
    values = {
        "occurrence": _MINUTES,
        "tenant_id": number % TENANTS + 1,
        "campaign_id": 1,
        "step_id": 2,
        "subject_id": 10**12 + number,
        "recipient_id": 0,
        "reason": "planned",
        "purpose": "marketing",
        "channel": "email",
        "campaign_version": 1,
        "priority": 5,
        "due_at": AS_OF,
        "expires_at": AS_OF + timedelta(days=1),
        "subject_text": "x",
        "address": "a@example.com",
        "address_hash": "ab" * 32,
        "customer_id": 1,
        "variables": "{}",
    }
    return pl.select(
        (v if isinstance(v := values.get(name), pl.Expr) else pl.lit(v)).cast(kind).alias(name)
        for name, kind in PLAN_COLUMNS.items()
    )


def _batches(database: Database) -> list[Stopwatch]:
    tick = Tick(run_id="due", mode="live", as_of=AS_OF, planned_from=None, planned_to=AS_OF, moments=0)
    write_plan(database, tick, _due(_BATCH * _BATCHES), _PROFILES)
    watches, now = [], AS_OF + timedelta(hours=8)
    for _ in range(_BATCHES):
        with stopwatch() as watch:
            wanted = Claim(owner="benchmark", now=now, limit=_BATCH, lease=timedelta(minutes=5))
            taken = [job.id for job in claim(database, wanted)]
            ids = start_handoff(database, taken, "benchmark", now)
            settle(database, "benchmark", [Settlement(one, Completed()) for one in ids], now)
        watches.append(watch)
    return watches


def _part(setting: Setting, part: str, rows: int) -> list[Cost]:
    """Do a part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.history", "--part", part, "--rows", str(rows)]
    command += ["--setting", json.dumps(asdict(setting))]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    line = finished.stdout.strip().rpartition("\n")[2]
    return [Cost(**one) for one in json.loads(line)] if part == "measure" else []


def _compare(setting: Setting, sizes: tuple[int, ...]) -> None:
    found: dict[int, list[Cost]] = {}
    for rows in sizes:
        _part(setting, "prepare", rows)
        found[rows] = _part(setting, "measure", rows)
        for cost in found[rows]:
            print(f"{rows:,}: {cost.what} {cost.milliseconds:,.1f} ms", file=sys.stderr, flush=True)
    print("| milliseconds (CPU) | " + " | ".join(f"{rows:,} rows" for rows in sizes) + " |")
    print("|---|" + "--:|" * len(sizes))
    for place, cost in enumerate(found[sizes[0]]):
        each = (found[rows][place] for rows in sizes)
        cells = (f"{one.milliseconds:,.0f} ({one.cpu:,.0f})" for one in each)
        print(f"| {cost.what} | " + " | ".join(cells) + " |", flush=True)


@click.command()
@click.option("--rows", "sizes", multiple=True, type=int, default=(100_000, 1_000_000, 10_000_000))
@click.option("--crm", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
@click.option(
    "--directory", type=click.Path(path_type=Path), help="Keep the files here. Default: a temporary one."
)
@click.option("--postgres-url", help="An existing server. Default: one is started.")
@click.option("--part", hidden=True)
@click.option("--setting", "setting_json", hidden=True)
def main(
    *,
    sizes: tuple[int, ...],
    crm: str,
    directory: Path | None,
    postgres_url: str | None,
    part: str | None,
    setting_json: str | None,
) -> None:
    """Measure the same work over histories of different length and print one Markdown table."""
    if part is not None and setting_json is not None:
        setting = Setting(**json.loads(setting_json))
        if part == "prepare":
            prepare(setting, sizes[0])
        else:
            print(json.dumps([asdict(cost) for cost in measure(setting)]))
        return
    place = directory or Path(tempfile.mkdtemp(prefix="benchmarks-"))
    place.mkdir(parents=True, exist_ok=True)
    try:
        with _setting(crm, CUSTOMERS, place, postgres_url) as setting:
            build_crm(setting.crm, as_of=AS_OF, customers=CUSTOMERS)
            _compare(setting, sizes)
    finally:
        if directory is None:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
