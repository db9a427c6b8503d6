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
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import breakers
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.figures import figures
from automation_pipelines.ledger.tables import jobs
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
    assert re.search(r'automation_jobs\{channel="email",state="completed",tenant="1"\} 2.0', told)
    assert "automation_oldest_waiting_seconds" in told


class TestFigures:
    def test_speed_is_that_of_the_last_hour(self, room: Mailroom) -> None:
        ids = room.plan(2, expires_at=None)
        for job, seconds in zip(ids, (2, 6), strict=True):
            done = {"handed_off_at": NOON, "finished_at": NOON + timedelta(seconds=seconds)}
            with room.database.begin() as connection:
                connection.execute(jobs.update().where(jobs.c.id == job).values(state="completed", **done))
        row = figures(room.database, NOON + timedelta(minutes=30)).row(0, named=True)
        assert (row["completed"], row["average_seconds"], row["p95_seconds"]) == (2, 4.0, 6.0)
        assert row["per_minute"] == pytest.approx(2 / 60)
        later = figures(room.database, NOON + timedelta(hours=2)).row(0, named=True)
        assert (later["completed"], later["per_minute"], later["average_seconds"]) == (2, 0.0, None)

    def test_a_provider_that_is_left_alone_shows(self, room: Mailroom) -> None:
        room.plan(1, expires_at=None)
        tally = breakers.Tally(breakers.Key(1, "email"), failures=9, alive=False, error="down")
        breakers.record(room.database, [tally], breakers.Policy(3, timedelta(minutes=1)), NOON)
        assert figures(room.database, NOON)["open_breakers"].to_list() == [1]
