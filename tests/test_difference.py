"""What an edit changes in the days to come, told before it is applied."""

from typing import Any

import pytest

from automation_pipelines.campaign import Campaign
from automation_pipelines.difference import difference
from tests.world import World, at

pytestmark = pytest.mark.planner

WELCOME: dict[str, Any] = {
    "id": "welcome",
    "title": "Welcome",
    "audience": "new_customers",
    "steps": [
        {"id": "day-1", "offset": "1 days", "channel": "email", "template": "hello"},
        {"id": "day-3", "offset": "3 days", "channel": "email", "template": "hello"},
    ],
}
NOW = "2026-03-02T12:00"


def _edit(world: World, days: int = 4, **changed: Any) -> list[tuple[Any, ...]]:
    rows = difference(
        world.installation, [Campaign.model_validate({**WELCOME, **changed})], since=at(NOW), days=days
    )
    return rows.select("step", "subject_text", "effect", "due_before", "due_after").rows()


def _started(world: World) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=1, created_at="2026-03-02T10:00")
    world.add("customers", id=2, created_at="2026-03-01T10:00", segment="vip")
    world.apply(WELCOME, start="2026-03-01T00:00")
    world.tick("2026-03-02T11:30")


def test_the_same_campaign_changes_nothing(world: World) -> None:
    _started(world)
    assert _edit(world, days=7) == []
    assert len(world.sent()) == 1


def test_a_condition_makes_sends_disappear_and_a_new_step_makes_them_appear(world: World) -> None:
    _started(world)
    world.with_ticks(1440)
    vip = {"field": "segment", "operator": "equals", "value": "vip"}
    day_2 = {"id": "day-2", "offset": "2 days", "channel": "email", "template": "hello"}
    assert _edit(world, conditions=vip, steps=[WELCOME["steps"][0], day_2, WELCOME["steps"][1]]) == [
        ("day-1", "1", "disappears", at("2026-03-03T09:00"), None),
        ("day-2", "2", "appears", None, at("2026-03-03T09:00")),
        ("day-3", "1", "disappears", at("2026-03-05T09:00"), None),
    ]


def test_another_time_moves_what_is_not_sent_yet(world: World) -> None:
    _started(world)
    world.with_ticks(1440)
    later = [{**step, "at": "15:00"} for step in WELCOME["steps"]]
    assert _edit(world, steps=later) == [
        ("day-1", "1", "moves", at("2026-03-03T09:00"), at("2026-03-03T15:00")),
        ("day-3", "2", "moves", at("2026-03-04T09:00"), at("2026-03-04T15:00")),
        ("day-3", "1", "moves", at("2026-03-05T09:00"), at("2026-03-05T15:00")),
    ]


def test_a_look_writes_nothing(world: World) -> None:
    _started(world)
    world.with_ticks(1440)
    before = world.jobs()
    _edit(world, steps=WELCOME["steps"][:1])
    assert world.jobs().equals(before)
    assert world.installation.campaigns.show("welcome").entry.version == 1
