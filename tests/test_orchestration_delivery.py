"""Delivery in Dagster's runs: figures that are plotted, and an end in good order."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from automation_pipelines.ledger import breakers
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.orchestration import build_definitions
from automation_pipelines.settings import Settings
from tests.conftest import MIGRATED_AT
from tests.mailroom import NOON, Mailroom
from tests.slow_delivery import Slow

SECONDS = 60


@pytest.fixture
def room(tmp_path: Path) -> Mailroom:
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'a.db'}")
    made = Mailroom(Database.open(settings.database), settings)
    made.database.migrate(MIGRATED_AT)
    made.apply()
    return made


def test_a_run_that_is_told_to_end_finishes_what_it_has_begun_and_leaves_the_rest(room: Mailroom) -> None:
    room.plan(80, expires_at=None)
    log = room.settings.home / "provider.log"
    home = room.settings.home / "dagster"
    home.mkdir()
    environment = {
        **os.environ,
        "AUTOMATION_HOME": str(room.settings.home),
        "AUTOMATION_DATABASE_URL": room.settings.database,
        "DAGSTER_HOME": str(home),
    }
    command = [
        sys.executable,
        "-m",
        "dagster",
        "job",
        "execute",
        "-m",
        "tests.slow_delivery",
        "-j",
        "deliver",
    ]
    with subprocess.Popen(
        command, env=environment, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE
    ) as run:
        end = time.monotonic() + SECONDS
        while not log.exists():
            assert run.poll() is None, run.stderr and run.stderr.read().decode()
            assert time.monotonic() < end, "it took too long"
            time.sleep(0.05)
        for _ in range(2):  # Dagster and whoever stops a service may both say so
            run.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        run.communicate(timeout=SECONDS)
        assert run.returncode != 0
    sent = log.read_text().split()
    assert Counter(room.states()) == {"completed": len(sent), "pending": 80 - len(sent)}
    assert 0 < len(sent) < 80
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (only,) = instance.get_runs()
        told = shown(instance)
    assert only.is_finished
    assert (told["completed"], told["waiting"]) == (len(sent), 80 - len(sent))
    room.deliver({"email": Slow(log, seconds=0)})
    assert set(room.states()) == {"completed"}
    assert sorted(map(int, log.read_text().split())) == sorted(room.jobs())


def test_figures_are_numbers_in_every_run_and_tables_to_read(room: Mailroom) -> None:
    ids = room.plan(3, expires_at=None)
    room.plan(1, tenant=2, expires_at=NOON + timedelta(minutes=1))
    changed = jobs.update().where(jobs.c.id == ids[0])
    dead = {"state": "dead", "finished_at": NOON - timedelta(days=9), "handed_off_at": NOON}
    with room.database.begin() as connection:
        connection.execute(changed.values(**dead))
    tally = breakers.Tally(breakers.Key(1, "sms"), failures=9, alive=False, error="down")
    breakers.record(room.database, [tally], breakers.Policy(3, timedelta(hours=9)), NOON)
    log = room.settings.home / "provider.log"
    definitions = build_definitions(
        room.settings,
        clock=lambda: NOON + timedelta(hours=2),
        channels=lambda: {"email": Slow(log, seconds=0)},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        definitions.resolve_job_def("deliver").execute_in_process(instance=instance)
        first = shown(instance)
        definitions.resolve_job_def("deliver").execute_in_process(instance=instance)
        again = shown(instance)
    counts = {name: value for name, value in first.items() if name in NUMBERS}
    assert counts == dict.fromkeys(NUMBERS, 0) | {
        "completed": 2, "late": 2, "expired": 1, "dead": 1, "open_breakers": 1,
    }  # fmt: skip
    assert {name: value for name, value in again.items() if name in NUMBERS} == dict.fromkeys(NUMBERS, 0) | {
        "dead": 1, "open_breakers": 1,
    }  # fmt: skip
    assert first["by_channel_and_tenant"].splitlines() == [
        "|channel|tenant|dead|completed|skipped|expired|late|open breakers|",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        "|email|1|1|2|0|0|2|0|",
        "|email|2|0|0|1|1|0|0|",
        "|sms|1|0|0|0|0|0|1|",
    ]
    assert (
        first["lateness"]
        == "- letters: 1 expired before they could be sent; 2 sent late, up to 2 h 00 min after they were due"
    )


NUMBERS = (
    "completed",
    "late",
    "expired",
    "waiting",
    "delayed",
    "dead",
    "unknown",
    "open_breakers",
    "oldest_waiting_seconds",
)


def shown(instance: dg.DagsterInstance) -> dict[str, Any]:
    """The metadata of the latest run of delivery."""
    event = instance.get_latest_materialization_event(dg.AssetKey("deliveries"))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}
