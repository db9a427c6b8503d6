"""`automation deliver` once, to the end, and as a worker that stays; and the figures of delivery."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from rich.console import Console

from automation_pipelines.cli import bars
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import breakers, operations
from automation_pipelines.ledger.columnar import Query, read_postgresql, read_sqlite
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.figures import HOUR, figures
from automation_pipelines.ledger.lateness import lateness
from automation_pipelines.ledger.operations import JobFilter
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.model import State
from automation_pipelines.settings import Settings
from tests.mailroom import NOON, Mailroom

_SECONDS = 60


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Mailroom:
    made = Mailroom(database, Settings(home=tmp_path))
    made.apply()
    return made


@pytest.fixture
def front(room: Mailroom) -> Iterator[Front]:
    url = room.database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    installation = Installation.open(Settings(home=room.settings.home, database_url=url, claim_batch=2))
    yield Front(installation, NOON, "ann")
    installation.database.close()


def run(front: Front, *arguments: str) -> str:
    return CliRunner().invoke(automation, ["deliver", *arguments], obj=front).output


def letters(room: Mailroom) -> int:
    return len(list((room.settings.home / "outbox" / "new").glob("*")))


class TestDrain:
    def test_it_goes_on_to_the_end_and_says_what_it_did(self, room: Mailroom, front: Front) -> None:
        room.plan(5, expires_at=None)
        assert "completed 5" in run(front, "--drain")
        assert letters(room) == 5

    def test_what_cannot_leave_does_not_keep_it(self, room: Mailroom, front: Front) -> None:
        room.plan(3, expires_at=None)
        room.campaigns.pause("letters", "t", NOON)
        assert "completed" not in run(front, "--drain")
        assert room.states() == ["pending"] * 3


def test_a_bar_follows_what_is_left_even_where_more_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, looked = StringIO(), Event()
    left = iter([4, 3, 10])

    def look() -> int:
        if (now := next(left, None)) is None:
            looked.set()
        return 2 if now is None else now

    monkeypatch.setattr(bars, "Console", lambda: Console(file=screen, force_terminal=True, width=60))
    monkeypatch.setattr(bars, "_PAUSE", 0.01)
    with bars.shown(look):
        assert looked.wait(_SECONDS)
    assert "8/10" in screen.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [("--loop", "--drain"), ("--loop", "--limit", "1"), ("--drain", "--limit", "1"), ("--metrics", "80")],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    installation = Installation.open(Settings(home=tmp_path))
    assert "Usage" in run(Front(installation, NOON, "ann"), *arguments)


def _eventually(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + _SECONDS
    while not holds():
        assert process.poll() is None, "the worker ended"
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def test_a_worker_stays_is_measured_and_ends_in_order(room: Mailroom, front: Front) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = front.settings.database_url
    assert url is not None
    environment = {
        **os.environ,
        "AUTOMATION_HOME": str(room.settings.home),
        "AUTOMATION_DATABASE_URL": url.get_secret_value(),
    }
    command = [sys.executable, "-c", "from automation_pipelines.cli.main import main; main()", "deliver"]
    command += ["--loop", "--metrics", str(port)]
    room.plan(2, expires_at=None)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        _eventually(lambda: letters(room) == 2, process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            told = answer.read().decode()
        # What is planned while it sleeps goes when it looks again.
        room.plan(3, expires_at=None, subject_id=900)
        process.send_signal(signal.SIGTERM)
        assert process.wait(_SECONDS) == 0
        assert process.stdout is not None
        assert "completed 2" in process.stdout.read()
    assert re.search(r'automation_ended_jobs\{channel="email",outcome="completed",tenant="1"\} 2.0', told)
    assert re.search(r'automation_jobs\{channel="email",state="waiting",tenant="1"\} 0.0', told)
    assert "automation_oldest_waiting_seconds" in told


class TestFigures:
    def test_speed_is_that_of_the_time_asked_about(self, room: Mailroom) -> None:
        ids = room.plan(2, expires_at=None)
        for job, seconds in zip(ids, (2, 6), strict=True):
            end(room, job, state="completed", finished_at=NOON + timedelta(seconds=seconds))
        found = figures(room.database, NOON, NOON + HOUR / 2)
        row, overall = found.rows.row(0, named=True), found.total
        assert (row["completed"], row["average_seconds"], row["p95_seconds"]) == (2, 4.0, 6.0)
        assert (overall.average_seconds, overall.p95_seconds) == (4.0, 6.0)
        assert row["per_minute"] == pytest.approx(2 / 30, abs=0.001)
        assert figures(room.database, NOON + HOUR, NOON + 2 * HOUR).rows.is_empty()

    def test_what_stands_is_told_whenever_it_came_and_what_ended_since_then(self, room: Mailroom) -> None:
        _waiting, retried, dead, unknown, expired, late = room.plan(6, expires_at=None)
        end(room, retried, attempts=1, finished_at=None)
        end(room, dead, state="dead", finished_at=NOON - 50 * HOUR)
        end(room, unknown, state="unknown", finished_at=NOON + HOUR)
        end(room, expired, state="skipped", reason="expired", finished_at=NOON + HOUR)
        end(room, late, state="completed", finished_at=NOON + 2 * HOUR)
        room.plan(1, mode="test", expires_at=None)
        found = figures(room.database, NOON, NOON + 3 * HOUR)
        counts = {
            name: count
            for name, count in found.rows.select(pl.selectors.integer()).row(0, named=True).items()
            if count and name != "tenant_id"
        }
        assert counts == dict.fromkeys(
            ("waiting", "delayed", "dead", "unknown", "failed", "skipped", "expired", "completed", "late"), 1
        )
        assert found.total.behind(NOON + 3 * HOUR) == 3 * HOUR

    def test_what_ended_after_it_was_held_is_not_late(self, room: Mailroom) -> None:
        held, stale = room.plan(2, expires_at=None)
        end(room, held, state="skipped", reason="stale", held_by="waiting", finished_at=NOON)
        assert lateness(room.database, NOON, NOON + HOUR) == []
        end(room, stale, state="skipped", reason="stale", finished_at=NOON)
        assert list(map(str, lateness(room.database, NOON, NOON + HOUR))) == [
            "letters: 1 too late to be planned"
        ]

    def test_a_provider_that_is_left_alone_shows_even_where_no_job_is(self, room: Mailroom) -> None:
        tally = breakers.Tally(breakers.Key(1, "email"), failures=9, alive=False, error="down")
        breakers.record(room.database, [tally], breakers.Policy(3, timedelta(minutes=1)), NOON)
        (row,) = figures(room.database, NOON - HOUR, NOON).rows.iter_rows(named=True)
        assert (row["open_breakers"], row["waiting"]) == (1, 0)

    def test_they_cost_what_waits_and_ended_lately_however_long_the_record_is(
        self, room: Mailroom, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (old, *others) = room.plan(20, expires_at=None)
        end(room, others[0], state="dead", finished_at=NOON)
        end(room, old, state="completed", finished_at=NOON - 50 * HOUR)
        lengthen(room.database, old, 5_000)
        steps: list[str] = []
        read = Database.read

        def told(db: Database, statement: sa.Executable) -> pl.DataFrame:
            steps.extend(plan_of(db, Query.of(statement, {}, db.dialect)))
            return read(db, statement)

        monkeypatch.setattr(Database, "read", told)
        assert figures(room.database, NOON - HOUR, NOON + HOUR).rows["waiting"].to_list() == [18]
        assert (
            operations.numbers(room.database, JobFilter(states=(State.DEAD,)))["id"].to_list() == others[:1]
        )
        read_whole = re.compile(
            r"Seq Scan on jobs|SCAN jobs(?! USING INDEX ix_jobs_(claim|lease|dead|unknown))"
        )
        assert [step for step in steps if read_whole.search(step)] == []
        used = set(re.findall(r"ix_jobs_\w+", " ".join(steps)))
        assert used == {f"ix_jobs_{name}" for name in ("claim", "lease", "dead", "unknown", "finished")}


def end(room: Mailroom, job: int, **values: Any) -> None:
    with room.database.begin() as connection:
        changed = {"handed_off_at": NOON, **values}
        connection.execute(jobs.update().where(jobs.c.id == job).values(**changed))


def lengthen(database: Database, job: int, times: int) -> None:
    """Repeat a job under other keys, so that the planner of the database has something to choose about."""
    kept = ", ".join(f'"{column.name}"' for column in jobs.c if column.name not in {"id", "occurrence"})
    with database.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO jobs (occurrence, {kept}) "
            f"WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < {times + 1000}) "
            f"SELECT n.i, {kept} FROM n, jobs WHERE id = {job}"
        )
    with database.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


def plan_of(db: Database, query: Query) -> list[str]:
    """How the database goes about a statement, step by step."""
    if db.dialect == "postgresql":
        asked = replace(query, text=f"EXPLAIN {query.text}", columns={})
        return read_postgresql(db._readers, asked).to_series().to_list()
    with db.reading() as connection:
        asked = replace(query, text=f"EXPLAIN QUERY PLAN {query.text}", columns={})
        return read_sqlite(connection, asked)["detail"].to_list()
