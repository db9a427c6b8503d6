"""`automation campaign enter|hold|release|leave|progress`, as they are typed."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from automation_pipelines.cli.campaigns import campaign
from automation_pipelines.cli.front import Front
from automation_pipelines.errors import RefusedError
from tests.world import World, at

NOW = at("2026-03-02T09:00")
TIMELINE = {
    "id": "hook",
    "title": "Hook",
    "audience": "started_customers",
    "entry": "manual",
    "timeline": {"stage": "new", "duration_days": 90, "leaving": "continues"},
    "steps": [{"id": "hello", "day": 1, "channel": "email", "template": "t"}],
}
Run = Callable[..., Result]


@pytest.fixture
def run(world: World) -> Run:
    world.add("tenants", id=1)
    world.add("tenants", id=9)
    world.add("customers", id=2, pipeline_stage="new")
    world.add("customers", id=3, tenant_id=9)
    world.apply(TIMELINE, start="2026-01-01T00:00")

    def invoke(*words: str, hours: int = 0, fails: bool = False) -> Result:
        front = Front(world.installation, NOW + timedelta(hours=hours), "ann")
        result = CliRunner().invoke(campaign, words, obj=front, env={"COLUMNS": "200"})
        assert (result.exit_code != 0) == fails, result.output
        assert not fails or isinstance(result.exception, RefusedError)
        return result

    return invoke


def test_one_after_another(run: Run, world: World) -> None:
    assert "2 of tenant 1 starts now" in run("enter", "hook", "--subject", "2").output
    world.tick("2026-03-02T09:00")
    (row,) = [json.loads(line) for line in run("progress", "hook", "--json", hours=1).output.splitlines()]
    assert (row["day"], row["percentage"], row["pending"], row["standing"]) == (1, 1, 1, "running")
    assert "on hold" in run("hold", "hook", "--subject", "2", hours=2).output
    assert "paused" in run("progress", "hook", hours=3).output
    assert "goes on" in run("release", "hook", "--subject", "2", hours=4).output
    assert "has left" in run("leave", "hook", "--subject", "2", hours=5).output
    told = run("progress", "hook", "--subject", "2", hours=6).output
    assert "stopped" in told
    assert "hello" in told


def test_what_makes_no_sense_is_refused(run: Run) -> None:
    run("hold", "hook", "--subject", "2", fails=True)
    run("release", "hook", "--subject", "2", fails=True)
    run("enter", "nothing", "--subject", "2", fails=True)
    run("enter", "hook", "--subject", "99", fails=True)
    run("enter", "hook", "--subject", "9" * 5000, fails=True)
    run("enter", "hook", "--subject", "3", "--tenant", "1", fails=True)
    run("enter", "hook", "--subject", "2")
    run("enter", "hook", "--subject", "2", fails=True)


def test_nobody_yet(run: Run) -> None:
    assert "nobody" in run("progress", "hook").output
