"""The demo plays two days through real runs, and playing them again sends nothing again."""

import sqlite3
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from rich.console import Console

from automation_pipelines.cli.demo import DemoNotes, demo
from automation_pipelines.cli.front import Front
from automation_pipelines.demo.crm import build_crm
from automation_pipelines.errors import RefusedError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.orchestration import build_definitions, summary
from automation_pipelines.orchestration import demo as stage
from automation_pipelines.settings import Settings
from tests.world import at

NOW = at("2026-06-10T14:10")


@pytest.fixture
def front(tmp_path: Path) -> Front:
    return Front(Installation.open(Settings(home=tmp_path)), NOW, "test")


def _set_up(front: Front, *options: str) -> str:
    done = CliRunner().invoke(demo, ["--customers", "300", *options], obj=front, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_setting_up_twice_keeps_the_crm_and_starts_nothing_anew(front: Front) -> None:
    assert "300 customers" in _set_up(front)
    versions = [(entry.campaign, entry.version, entry.state) for entry in front.installation.campaigns.list()]
    assert {state for _, _, state in versions} == {"running"}
    assert "used as it is" in _set_up(front)
    again = [(entry.campaign, entry.version, entry.state) for entry in front.installation.campaigns.list()]
    assert again == versions


def test_time_has_passed_in_the_demos_crm_when_it_is_set_up_later(front: Front) -> None:
    _set_up(front)
    later = Front(front.installation, NOW + timedelta(days=1), "test")
    assert "lived on" in _set_up(later)
    with sqlite3.connect(str(sa.make_url(front.settings.crm).database)) as connection:
        newest = connection.execute("SELECT max(created_at) FROM customers").fetchone()[0]
    assert newest > f"{NOW:%Y-%m-%d %H:%M:%S}"


def test_a_crm_that_is_not_the_demos_is_never_replaced(front: Front) -> None:
    build_crm(front.settings.crm, as_of=NOW, customers=10)
    with pytest.raises(RefusedError, match="did not build"):
        _set_up(front, "--force")


def test_the_demos_own_crm_can_be_built_anew(front: Front) -> None:
    _set_up(front)
    assert "Built a CRM" in _set_up(front, "--force")


def test_two_days_are_played_once(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "CADENCE", timedelta(hours=24))
    _set_up(front)
    notes = DemoNotes.read(front.settings)
    assert notes is not None
    console = Console(record=True, width=160, file=StringIO())
    with dg.DagsterInstance.ephemeral() as instance:
        first = _play(front, instance, console)
        rows = len(front.database.read(jobs.select()))
        again = _play(front, instance, console)
    summary.tell(console, front.installation, sizes=first.audiences, now=NOW)
    summary.conclude(console, front.installation, runs=again.runs, seconds=1, new=again.planned, repeated=0)
    assert first.planned > 0
    assert (again.planned, len(front.database.read(jobs.select()))) == (0, rows)
    text = console.export_text()
    assert "sla-escalation" in text
    assert "added 0 new jobs" in text
    assert "automation explain" in text
    assert front.installation.files.days("stats/campaign_daily")[-2:] == [date(2026, 6, 9), date(2026, 6, 10)]


def _play(front: Front, instance: dg.DagsterInstance, console: Console) -> stage.Play:
    clock = stage.MovedClock(NOW)
    changed = {"tick_minutes": 720, "first_day": date(2026, 6, 9)}
    definitions = build_definitions(front.settings.model_copy(update=changed), clock=clock)
    played = stage.Play(front.installation, definitions, instance, clock)
    stage.play(played, NOW, console)
    return played


def test_the_demo_ticks_from_yesterday_to_now_and_later_from_where_it_stopped() -> None:
    first = stage.moments(None, NOW)
    assert (first[0], first[-1]) == (at("2026-06-09T00:00"), NOW)
    assert stage.moments(NOW, NOW + timedelta(minutes=7)) == [NOW, NOW + timedelta(minutes=7)]
    assert stage.moments(NOW, NOW - timedelta(hours=1)) == [NOW, NOW]
