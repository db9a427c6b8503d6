"""Statistics: what analysts read adds up, and only what happened to a day changes it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines import decisions
from automation_pipelines.catalogue.measures import VIEWS
from automation_pipelines.catalogue.statistics import CAMPAIGN_DAILY, DAILY, PUBLISHED, SPEND_DAILY
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.stats import feedback, stats
from automation_pipelines.demo.crm import build_crm
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.errors import ConfigurationError, RefusedError
from automation_pipelines.files import FileStore
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import daily
from automation_pipelines.ledger.database import Database
from automation_pipelines.model import SETTLED, Reason
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats import compute_day, dataset, demands, publish, restate
from tests.past import NOON, plan, settle, tell

SQL = SqlFiles()
DAY = NOON.date()
NEXT = NOON + timedelta(days=1)
OPEN = [reason for reason in Reason if reason not in SETTLED]


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def decide(files: FileStore, *decided: dict[str, Any], run: str = "run-1", as_of: datetime = NOON) -> None:
    """File decisions of one run; what is not given has a sensible value."""
    sensible = {
        **dict.fromkeys(("tenant_id", "campaign_id", "campaign_version"), 1),
        "occurrence": 1000,
        "step_id": 2,
        "recipient_id": 0,
        "due_at": NOON,
        "reason": "waiting",
        "campaign": "birthday",
        "step": "wish",
        "channel": "email",
        "purpose": "marketing",
        "run_id": run,
        "mode": "live",
        "as_of": as_of,
    }
    schema = {column.name: FRAME_TYPES[column.type] for column in decisions.COLUMNS}
    frame = pl.DataFrame([{**sensible, **row} for row in decided], schema=schema)
    files.publish(decisions.DATASET, frame, day=frame["due_at"][0].date(), run=run)


def only(frame: pl.DataFrame) -> dict[str, Any]:
    """The row of a frame of one row, without its zeros."""
    (row,) = frame.iter_rows(named=True)
    return {name: value for name, value in row.items() if value != 0}


def campaign_daily(db: Database, files: FileStore, day: date = DAY) -> pl.DataFrame:
    return compute_day(db, files, SQL, day, as_of=NOON)["campaign_daily"]


def an_eventful_day(db: Database, files: FileStore) -> None:
    """Two campaigns, two tenants, every state and every reason."""
    states = ["pending", "processing", "completed", "dead", "unknown", "cancelled"]
    for tenant in (1, 2):
        work = plan(db, *({"tenant_id": tenant, "subject_id": n} for n in range(8)), run_id=f"work-{tenant}")
        for job, state in zip(work, states, strict=False):
            settle(db, job, state, minutes=2)
        settle(db, work[6], "skipped", reason="expired")
        settle(db, work[7], "skipped", reason="suppressed")
        tell(
            db,
            *((f"{tenant}-{n}", type_, work[2]) for n, type_ in enumerate(("delivered", "opened", "opened"))),
        )
    settled = sorted(SETTLED - {Reason.PLANNED})
    plan(db, *({"campaign": "other", "reason": str(reason)} for reason in settled), run_id="settled")
    decide(
        files, *({"campaign": "other", "subject_id": 100 + n, "reason": str(r)} for n, r in enumerate(OPEN))
    )


def test_everything_adds_up(database: Database, files: FileStore) -> None:
    an_eventful_day(database, files)
    frames = compute_day(database, files, SQL, DAY, as_of=NOON)
    rows = frames["campaign_daily"]
    skipped = [name for name in rows.columns if name.startswith("skipped_")]
    fates = ["waiting", "processing", "sent", "failed", "unknown", "cancelled", "expired", "withheld"]
    assert rows["moments"].sum() == 2 * 8 + len(Reason) - 1
    assert rows.filter(pl.col("moments") != pl.sum_horizontal("planned", *skipped)).is_empty()
    assert rows.filter(pl.col("planned") != pl.sum_horizontal(fates)).is_empty()
    assert {name: rows[name].sum() for name in fates} == dict.fromkeys(fates, 2)
    assert {name: rows[name].sum() for name in skipped} == dict.fromkeys(skipped, 1)
    health = frames["job_health"]
    places = ["waiting", "processing", "completed", "dead", "unknown", "skipped", "cancelled"]
    assert health.filter(pl.col("jobs") != pl.sum_horizontal(places)).is_empty()
    assert health["jobs"].sum() == rows["planned"].sum()


def test_every_reason_has_a_column() -> None:
    columns = {column.name for column in CAMPAIGN_DAILY.columns}
    assert {f"skipped_{reason}" for reason in Reason if reason is not Reason.PLANNED} <= columns


def test_an_event_type_counts_once_per_job(database: Database, files: FileStore) -> None:
    one, two = plan(database, {}, {})
    settle(database, one, "completed")
    settle(database, two, "completed")
    tell(database, ("a", "opened", one), ("b", "opened", one), ("c", "clicked", one), ("d", "opened", two))
    row = only(campaign_daily(database, files))
    assert (row["opened"], row["clicked"], row["sent"]) == (2, 1, 2)


def test_test_runs_count_nowhere(database: Database, files: FileStore) -> None:
    (job,) = plan(database, {}, run_id="try", mode="test")
    tell(database, ("a", "opened", job))
    decide(files, {"subject_id": 9, "mode": "test"}, {"subject_id": 8, "mode": "reconstructed"})
    frames = compute_day(database, files, SQL, DAY, as_of=NOON)
    assert all(frame.is_empty() for frame in frames.values())


def test_a_held_moment_counts_by_its_latest_reason(database: Database, files: FileStore) -> None:
    decide(files, {"subject_id": 1, "reason": "suppressed"}, run="b", as_of=NOON + timedelta(hours=1))
    decide(files, {"subject_id": 1, "reason": "no_recipient"}, run="c")
    row = only(campaign_daily(database, files))
    assert (row["moments"], row["skipped_suppressed"]) == (1, 1)


def test_a_held_moment_that_went_stale_counts_by_what_held_it(database: Database, files: FileStore) -> None:
    plan(
        database,
        {"reason": "stale", "held_by": "no_recipient"},
        {"reason": "stale"},
    )
    row = only(campaign_daily(database, files))
    assert (row["moments"], row["skipped_no_recipient"], row["skipped_stale"]) == (2, 1, 1)


def test_once_settled_the_ledger_speaks_whatever_day_it_is_due(database: Database, files: FileStore) -> None:
    plan(database, {"subject_id": 1}, {"subject_id": 2, "due_at": NEXT})
    numbers = {"campaign_id": 1, "step_id": 2}
    assert database.read("SELECT campaign_id, step_id FROM jobs LIMIT 1").row(0, named=True) == numbers
    decide(files, *({"subject_id": n, **numbers} for n in (1, 2, 3)))
    row = only(campaign_daily(database, files))
    assert (row["moments"], row["planned"], row["skipped_waiting"]) == (2, 1, 1)


def test_restating_twice_changes_nothing(database: Database, files: FileStore) -> None:
    an_eventful_day(database, files)
    first = restate(database, files, SQL, [DAY, DAY], as_of=NOON)
    before = {each.name: files.read(dataset(each)) for each in DAILY}
    assert restate(database, files, SQL, [DAY], as_of=NOON) == first
    assert first.days == (DAY,)
    assert {each.name: files.read(dataset(each)).equals(before[each.name]) for each in DAILY} == {
        each.name: True for each in DAILY
    }
    assert len(files.paths(dataset(CAMPAIGN_DAILY))) == 1


def test_a_late_event_touches_its_day_alone(database: Database, files: FileStore) -> None:
    old, new = plan(database, {}, {"due_at": NEXT})
    for job in (old, new):
        settle(database, job, "completed")
    restate(database, files, SQL, [DAY, NEXT.date()], as_of=NEXT)
    later = NOON + timedelta(days=30)
    assert daily.days_touched(database, later) == []
    tell(database, ("late", "converted", old), now=later)
    assert daily.days_touched(database, later) == [DAY]
    restate(database, files, SQL, [DAY], as_of=later)
    assert files.read(dataset(CAMPAIGN_DAILY)).select("day", "converted").rows() == [
        (DAY, 1),
        (NEXT.date(), 0),
    ]


def test_a_job_that_finished_touches_the_day_it_was_due(database: Database) -> None:
    (job,) = plan(database, {})
    settle(database, job, "completed", minutes=60 * 24 * 3)
    assert daily.days_touched(database, NOON + timedelta(days=2)) == [DAY]


def test_a_moment_at_midnight_belongs_to_the_day_it_opens(database: Database, files: FileStore) -> None:
    midnight = datetime(2026, 5, 2, tzinfo=UTC)
    plan(database, {"due_at": midnight - timedelta(microseconds=1)}, {"due_at": midnight})
    assert [campaign_daily(database, files, day)["moments"].sum() for day in (DAY, midnight.date())] == [1, 1]


def test_how_late_jobs_finished(database: Database, files: FileStore) -> None:
    work = plan(database, *({} for _ in range(5)))
    for job, minutes in zip(work, (0, 1, 2, 30), strict=False):
        settle(database, job, "completed", minutes=minutes)
    settle(database, work[4], "dead", minutes=500)
    row = only(compute_day(database, files, SQL, DAY, as_of=NOON)["job_health"])
    assert (row["p50_minutes"], row["p95_minutes"]) == pytest.approx((1.5, 25.8))
    assert (row["completed"], row["dead"], row["attempts"]) == (4, 1, 5)


def query(
    minute: int | None, resolved: int | None = None, *, status: str = "open", level: int | None = None
) -> dict[str, Any]:
    """An enquiry with a deadline `minute` minutes after noon; created an hour before noon."""
    created = NOON - timedelta(hours=1)
    return {
        "tenant_id": 1,
        "status": status,
        "escalation_level": level,
        "created_at": created,
        "sla_due_at": None if minute is None else NOON + timedelta(minutes=minute),
        "resolved_at": None if resolved is None else NOON + timedelta(minutes=resolved),
    }


def test_how_enquiries_were_answered(database: Database, files: FileStore) -> None:
    given = [
        query(-30, -30, status="resolved"),
        query(-30, 0, status="closed", level=1),
        query(-30, level=4),
        query(0, level=2),
        query(60),
        query(60, status="closed"),
        query(24 * 60),
        query(None),
    ]
    types = {"escalation_level": pl.Int64(), "resolved_at": pl.Datetime("us", "UTC")}
    queries = pl.DataFrame(given, schema_overrides=types, infer_schema_length=None).with_row_index("id")
    frames = compute_day(database, files, SQL, DAY, as_of=NOON, sources={"queries": queries})
    assert only(frames["sla_daily"]) == {
        "day": DAY, "tenant_id": 1, "deadlines": 6, "resolved_in_time": 1, "breaches": 3, "unresolved": 2,
        "not_yet_due": 1, "undated": 1, "escalated_1": 3, "escalated_2": 2, "escalated_3": 1,
        "escalated_4": 1, "median_minutes_to_resolve": 45.0, "p90_minutes_to_resolve": 57.0,
        "minutes_over": 60,
    }  # fmt: skip


def test_what_the_crm_is_asked_for_are_the_days_alone() -> None:
    days = [date(2026, 5, 3), date(2026, 5, 1), date(2026, 5, 2), date(2026, 7, 1)]
    (demand,) = (demand for demand in demands(days) if demand.source == "queries")
    (selection,) = demand.alternatives
    assert [(lo.date(), hi.date()) for lo, hi in selection.ranges if lo and hi] == [
        (date(2026, 5, 1), date(2026, 5, 4)),
        (date(2026, 7, 1), date(2026, 7, 2)),
    ]


def test_a_day_without_anything_is_filed_empty_and_typed(database: Database, files: FileStore) -> None:
    restate(database, files, SQL, [DAY], as_of=NOON)
    frame = files.read(dataset(CAMPAIGN_DAILY))
    assert frame.is_empty()
    assert dict(frame.schema) == {column.name: FRAME_TYPES[column.type] for column in CAMPAIGN_DAILY.columns}


def test_own_sql_that_returns_other_columns_is_refused(
    database: Database, files: FileStore, tmp_path: Path
) -> None:
    own = tmp_path / "stats" / "job_health.sql"
    own.parent.mkdir()
    own.write_text("SELECT 1 AS day", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"job_health\.sql: it must return the columns day, channel"):
        compute_day(database, files, replace(SQL, own=tmp_path), DAY, as_of=NOON)


def test_a_day_is_read_by_an_index(database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL reads a small table whole whatever its indexes")
    seen: list[str] = []
    with database.reading() as connection:
        for table in ("jobs", "events JOIN jobs ON jobs.id = events.job_id"):
            plan_ = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE jobs.due_at >= 1 AND jobs.due_at < 2"
            )
            seen += [row[3] for row in plan_]
    assert all("USING INDEX" in step for step in seen), seen


def published(db: Database, files: FileStore, target: Path) -> duckdb.DuckDBPyConnection:
    publish(db, files, SQL, target, as_of=NOON)
    return duckdb.connect(str(target), read_only=True)


def test_the_published_file_holds_the_days_their_totals_and_names(
    database: Database, files: FileStore, tmp_path: Path
) -> None:
    an_eventful_day(database, files)
    plan(database, {"due_at": NEXT, "subject_id": 77}, run_id="next")
    restate(database, files, SQL, [DAY, NEXT.date()], as_of=NEXT)
    with published(database, files, tmp_path / "out" / "it's.duckdb") as connection:
        for each in PUBLISHED:
            key = ", ".join(each.key)
            twice = f"SELECT {key} FROM {each.name} GROUP BY {key} HAVING count(*) > 1"
            assert connection.sql(twice).fetchall() == []
        days = connection.sql("FROM campaign_daily").pl()
        totals = connection.sql("FROM campaign_totals").pl()
        assert connection.sql("SELECT name FROM tenants").fetchall() == [("Acme Travel",)] * 2
    counts = [column.name for column in CAMPAIGN_DAILY.columns[5:]]
    assert totals.select(counts).sum().row(0) == days.select(counts).sum().row(0)
    acme = totals.filter(pl.col("tenant_id") == 1, pl.col("campaign") == "birthday").row(0, named=True)
    assert (acme["first_day"], acme["last_day"], acme["planned"]) == (DAY, NEXT.date(), 9)
    assert pl.read_parquet(files.root / "stats" / "campaign_totals.parquet").equals(totals)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["it's.duckdb"]


def test_every_table_and_column_says_what_it_is(database: Database, files: FileStore, tmp_path: Path) -> None:
    with published(database, files, tmp_path / "analytics.duckdb") as connection:
        said = {
            (table, column): (kind, comment)
            for table, column, kind, comment in connection.sql(
                "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal"
            ).fetchall()
        }
        tables = dict(connection.sql("SELECT table_name, comment FROM duckdb_tables()").fetchall())
        storage = connection.sql("SELECT tags['storage_version'] FROM duckdb_databases() WHERE NOT internal")
        assert storage.fetchall() == [("v1.0.0+",)]
    assert set(tables) == {each.name for each in PUBLISHED}
    assert all(tables.values())
    shown = (*PUBLISHED, *VIEWS.values())
    assert set(said) == {(each.name, column.name) for each in shown for column in each.columns}
    assert all(comment for _, comment in said.values())


_READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
for _ in sys.stdin:
    print(connection.sql("SELECT coalesce(sum(moments), 0) FROM campaign_daily").fetchall()[0][0], flush=True)
"""


def test_a_reader_neither_blocks_publishing_nor_is_blocked(
    database: Database, files: FileStore, tmp_path: Path
) -> None:
    target = tmp_path / "analytics.duckdb"
    publish(database, files, SQL, target, as_of=NOON)
    command = [sys.executable, "-c", _READER, str(target)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as reader:
        assert reader.stdin
        assert reader.stdout

        def read() -> int:
            assert reader.stdin
            assert reader.stdout
            reader.stdin.write("\n")
            reader.stdin.flush()
            return int(reader.stdout.readline())

        assert read() == 0
        plan(database, {}, {})
        restate(database, files, SQL, [DAY], as_of=NOON)
        publish(database, files, SQL, target, as_of=NOON)
        assert read() == 0  # the file it opened
        with duckdb.connect(str(target), read_only=True) as connection:
            assert connection.sql("SELECT sum(moments) FROM campaign_daily").fetchall() == [(2,)]
        reader.stdin.close()
    assert reader.returncode == 0


def test_a_failed_publication_leaves_the_old_file(
    database: Database, files: FileStore, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "analytics.duckdb"
    publish(database, files, SQL, target, as_of=NOON)
    before = target.read_bytes()
    files.replace(dataset(CAMPAIGN_DAILY), pl.DataFrame({"day": [DAY], "old_name": [1]}), day=DAY)
    with pytest.raises(ConfigurationError, match="automation stats restate"):
        publish(database, files, SQL, target, as_of=NOON)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ["analytics.duckdb"]


@pytest.fixture
def front(database: Database, files: FileStore, tmp_path: Path) -> Front:
    crm = tmp_path / "crm.db"
    build_crm(f"sqlite:///{crm}", as_of=NOON, customers=50)
    made = Settings(home=tmp_path, crm_url=f"sqlite:///{crm}")
    return Front(Installation(made, database, files, SQL), NOON, "tester")


def test_small_figures_are_shown_with_the_digits_that_say_something(front: Front) -> None:
    columns = ", ".join(column.name for column in SPEND_DAILY.columns)
    day = "DATE '2026-05-01', 1"
    rows = f"({day}, 'a', 's', NULL, 'email', 1, 0.00884::DOUBLE), ({day}, 'b', 's', NULL, 'sms', 0, 0.0)"
    with duckdb.connect(str(front.settings.analytics)) as connection:
        connection.execute(f"CREATE TABLE spend_daily AS FROM (VALUES {rows}) AS t ({columns})")
    said = CliRunner().invoke(stats, ["show", "spend_daily"], obj=front).output
    assert "sent 1, cost 0.00884" in said
    assert "│ cost 0 " in said
    assert "sent 0" not in said
    with pytest.raises(RefusedError, match="another version"):
        CliRunner().invoke(stats, ["show", "rfm"], obj=front, catch_exceptions=False)
    front.settings.analytics.write_text("cut off", encoding="utf-8")
    with pytest.raises(RefusedError, match="is damaged"):
        CliRunner().invoke(stats, ["show", "rfm"], obj=front, catch_exceptions=False)


def test_the_commands_restate_publish_show_and_ingest(front: Front, tmp_path: Path) -> None:
    def run(group: click.Group, *words: str) -> str:
        result = CliRunner().invoke(group, words, obj=front, catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    with pytest.raises(RefusedError, match="run `automation stats publish`"):
        run(stats, "show", "job_health")
    one, two = plan(front.database, {}, {"tenant_id": 2})
    inbox = tmp_path / "feedback"
    inbox.mkdir()
    line = {"id": "e1", "type": "opened", "at": NOON.isoformat(), "job_id": one}
    (inbox / "a.jsonl").write_text(json.dumps(line) + "\nbad\n", encoding="utf-8")
    assert "1 file: 1 event, 0 known already, 1 line rejected" in run(feedback, "ingest")
    assert "restated 2 days" in run(stats, "restate")
    (late,) = plan(front.database, {"subject_id": 77, "due_at": NOON - timedelta(days=20)}, run_id="late")
    tell(front.database, ("late", "opened", late))
    assert "restated 3 days" in run(stats, "restate")
    assert "restated 1 day" in run(stats, "restate", "--from", "2026-05-01", "--to", "2026-05-01")
    assert "campaign_daily 3" in run(stats, "publish")
    rows = [json.loads(row) for row in run(stats, "show", "campaign_daily", "--json").splitlines()]
    assert [(row["tenant_id"], row["planned"], row["opened"]) for row in rows] == [
        (1, 1, 1),
        (2, 1, 0),
        (1, 1, 1),
    ]
    assert "birthday" in run(stats, "show", "campaign_totals", "--tenant", "1", "--campaign", "birthday")
    assert run(stats, "show", "campaign_totals", "--campaign", "x' OR true --", "--json") == ""
    assert "deadlines" in run(stats, "show", "sla_daily")
    with pytest.raises(RefusedError, match="job_health has no column campaign: it has day"):
        run(stats, "show", "job_health", "--campaign", "birthday")
    with pytest.raises(RefusedError, match="swap them"):
        run(stats, "restate", "--from", "2026-05-02", "--to", "2026-05-01")
    assert two


def test_reading_for_statistics_writes_nothing(database: Database, files: FileStore) -> None:
    an_eventful_day(database, files)
    count = sa.text("SELECT count(*), sum(attempts), max(id) FROM jobs")
    before = database.read(str(count)).row(0)
    restate(database, files, SQL, [DAY], as_of=NOON)
    assert database.read(str(count)).row(0) == before
