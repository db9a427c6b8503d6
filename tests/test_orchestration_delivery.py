"""Delivery in Dagster's runs: figures that are plotted, and an end in good order."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from automation_pipelines.ledger import breakers
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.settings import Settings
from tests.conftest import MIGRATED_AT
from tests.mailroom import Mailroom

SECONDS = 60


@pytest.fixture
def room(tmp_path: Path) -> Mailroom:
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'a.db'}")
    made = Mailroom(Database.open(settings.database), settings)
    made.database.migrate(MIGRATED_AT)
    made.apply()
    return made


def test_a_run_that_is_told_to_end_finishes_what_it_has_begun_and_leaves_the_rest(room: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
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
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "tests.slow_delivery", "-j", "deliver"]
    with subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[1], stderr=subprocess.PIPE) as run:
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
        event = instance.get_latest_materialization_event(dg.AssetKey("deliveries"))
    assert only.is_finished
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["completed"].value == len(sent)
    assert event.asset_materialization.metadata["waiting"].value == 80 - len(sent)
    monkeypatch.setattr("tests.slow_delivery.SECONDS", 0)
    room.deliver({"email": Slow(log)})
    assert set(room.states()) == {"completed"}
    assert sorted(map(int, log.read_text().split())) == sorted(room.jobs())
