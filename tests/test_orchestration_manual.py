"""Manual runs from Dagster's launchpad."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from automation_pipelines.ledger import plans
from automation_pipelines.orchestration import build_definitions
from tests.world import World, at

NOW = "2026-03-09T14:00"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
BIRTHDAY = """
id: birthday
title: Birthday
audience: birthdays
steps:
  - {id: wish, channel: email, template: hello}
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[World]:
    world = World.create(tmp_path, f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'crm.db'}")
    world.add("tenants", id=1)
    world.add("customers", id=1, birthday="1990-03-10")
    world.apply(BIRTHDAY, start="2026-01-01T00:00")
    world.tick("2026-03-09T13:30")
    yield world
    world.close()


def launch(world: World, **config: Any) -> dict[str, Any]:
    """Run the job as the launchpad does; returns its metadata."""
    definitions = build_definitions(world.installation.settings, clock=lambda: at(NOW))
    given = {"ops": {"run_named": {"config": {"campaign": "birthday", **config}}}}
    job = definitions.resolve_job_def("run_campaign")
    result = job.execute_in_process(run_config={**QUIET, **given})
    (output,) = (e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_OUTPUT)
    return {name: told.value for name, told in output.step_output_data.metadata.items()}


def test_who_is_named_gets_it_now_and_not_again_by_itself(office: World) -> None:
    told = launch(office, subjects=["1", "99"])
    rows = [(r.data["subject"], r.data["step"], r.data["decision"]) for r in told["outcomes"].records]
    assert rows == [("1", "wish", "planned"), ("99", "", "unknown")]
    assert plans.planned_through(office.installation.database) == at("2026-03-09T13:30")
    office.tick("2026-03-10T08:30")
    assert office.sent() == [("wish", 1, 0, NOW)]


def test_a_test_is_delivered_into_files(office: World) -> None:
    assert launch(office, subjects=["1"], test=True)["planned"] == 1
    assert len(list((office.installation.settings.home / "test-outbox" / "email").glob("*.eml"))) == 1
    assert office.tick("2026-03-10T08:30").planned == 1


def test_naming_nobody_is_refused(office: World) -> None:
    with pytest.raises(dg.Failure, match="who"):
        launch(office)


def test_the_launchpad_describes_every_field(office: World) -> None:
    definitions = build_definitions(office.installation.settings, clock=lambda: at(NOW))
    schema = (
        definitions.resolve_job_def("run_campaign").graph.node_named("run_named").definition.config_schema
    )
    fields = schema.config_type.fields  # type: ignore[union-attr]
    assert all(field.description for field in fields.values())
