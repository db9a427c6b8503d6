"""Who of the staff gets an enquiry: in rounds, or whoever has the least to do."""

import json
from collections import Counter
from typing import Any

import polars as pl
import pytest

from automation_pipelines.preview import preview
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"


@pytest.fixture
def desk(world: World) -> World:
    """Five agents, one who left, and a manager."""
    world.add("tenants", id=1)
    for agent in range(11, 16):
        world.add("users", id=agent, name=f"Agent {agent}")
    world.add("users", id=10, active=False)
    world.add("users", id=16, role="manager")
    world.add("customers", id=1)
    return world


def rule(strategy: str, **more: Any) -> dict[str, Any]:
    step = {"id": "give", "action": "assign_query", "assign": {"strategy": strategy, **more}}
    spec = {"id": "assign", "title": "Assign", "audience": "unassigned_queries", "purpose": "internal"}
    return {**spec, "steps": [step]}


def ask(desk: World, first: int, last: int, **more: Any) -> None:
    for number in range(first, last + 1):
        desk.add("queries", id=number, created_at="2026-03-10T08:00", **more)


def given(desk: World) -> dict[int, int]:
    rows = desk.installation.database.read("SELECT subject_text, variables FROM job_payloads")
    return {int(subject): json.loads(text)["assignee_id"] for subject, text in rows.iter_rows()}


@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded"])
def test_a_hundred_enquiries_are_twenty_each_also_over_two_ticks(desk: World, strategy: str) -> None:
    desk.apply(rule(strategy), start=LONG_AGO)
    ask(desk, 100, 136)
    desk.tick("2026-03-10T08:30")
    ask(desk, 137, 199)
    desk.tick("2026-03-10T09:00")  # nothing was delivered meanwhile: the CRM shows all of them unassigned
    assert Counter(given(desk).values()) == dict.fromkeys(range(11, 16), 20)


def test_a_round_goes_on_after_whoever_was_last(desk: World) -> None:
    desk.apply(rule("round_robin"), start=LONG_AGO)
    ask(desk, 100, 101)
    desk.tick("2026-03-10T08:30")
    ask(desk, 102, 105)
    desk.tick("2026-03-10T09:00")
    assert given(desk) == {100: 11, 101: 12, 102: 13, 103: 14, 104: 15, 105: 11}


def test_who_has_enough_to_do_gets_nothing_before_the_others_caught_up(desk: World) -> None:
    ask(desk, 1, 3, agent_id=11)
    ask(desk, 4, 4, agent_id=12, status="closed")
    desk.apply(rule("least_loaded"), start=LONG_AGO)
    ask(desk, 100, 109)
    desk.tick("2026-03-10T08:30")
    assert Counter(given(desk).values()) == {12: 3, 13: 3, 14: 2, 15: 2}


def test_a_given_user_and_their_name_for_templates(desk: World) -> None:
    desk.apply(rule("user", user=14), start=LONG_AGO)
    ask(desk, 100, 101)
    done = desk.tick("2026-03-10T08:30")
    assert given(desk) == {100: 14, 101: 14}
    assert done.plan.rows["assignee_id"].to_list() == [14, 14]
    variables = json.loads(done.plan.rows["variables"][0])
    assert variables["assignee"] == {"name": "Agent 14", "email": "user14@staff.example.com"}


def test_without_anybody_to_give_it_to_it_stays_open(desk: World) -> None:
    desk.apply(rule("user", user=10), start=LONG_AGO)
    ask(desk, 100, 100)
    assert desk.tick("2026-03-10T08:30").plan.by_reason() == {"no_recipient": 1}
    desk.change("users", 10, active=True)
    desk.tick("2026-03-10T09:00")
    assert given(desk) == {100: 10}


def test_a_preview_goes_on_with_the_round(desk: World) -> None:
    desk.apply(rule("round_robin"), start=LONG_AGO)
    ask(desk, 100, 101)
    desk.add("queries", id=102, created_at="2026-03-10T08:45")
    seen = preview(desk.installation, since=at("2026-03-10T08:30"), until=at("2026-03-10T09:00"))
    assert seen.sort("subject_id")["assignee_id"].to_list() == [11, 12, 13]
    assert desk.jobs().filter(pl.col("campaign") == "assign").is_empty()
