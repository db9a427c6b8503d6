"""A day that is more than usual waits for somebody's word, and nothing of it is written meanwhile."""

from datetime import date

import pytest
from click.testing import CliRunner

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import guards
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
BIRTHDAY = """
id: birthday
title: Birthday
audience: birthdays
conditions: {field: segment, operator: equals, value: vip}
policy: {guard: {factor: 2, at_least: 2}, max_lateness: 12 hours}
steps: [{id: greeting, channel: email, template: t}]
"""
TODAY = date(2026, 3, 10)


@pytest.fixture
def shop(world: World) -> World:
    """Two customers have their birthday on each of three days, and seven on the tenth, two of them vip."""
    world.add("tenants", id=1)
    for day in (7, 8, 9):
        for number in (1, 2):
            world.add("customers", id=10 * day + number, birthday=f"1990-03-{day:02}", segment="vip")
    for number in range(1, 8):
        world.add("customers", id=number, birthday="1990-03-10", segment="vip" if number < 3 else "other")
    return world


def three_days(shop: World, text: str = BIRTHDAY) -> None:
    shop.apply(text, start=LONG_AGO)
    for day in (7, 8, 9):
        shop.tick(f"2026-03-{day:02}T09:00")


def test_a_bad_filter_is_held_and_after_its_correction_the_right_ones_go(shop: World) -> None:
    three_days(shop)
    shop.apply(BIRTHDAY.replace("equals", "not_equals").replace("vip", "nobody"), on="2026-03-09T12:00")
    held = shop.tick("2026-03-10T09:00")
    assert held.plan.by_reason() == {"guarded": 7}
    assert (held.planned, held.settled) == (0, 0)
    (notice,) = held.notices
    assert notice.startswith("birthday: 7 moments on 2026-03-10, 4 are let go without approval")
    guards.answer(
        shop.installation.database, "birthday", None, guards.REJECTED, by="ops", at=at("2026-03-10T10:00")
    )
    assert shop.tick("2026-03-10T10:30").plan.by_reason() == {"guarded": 7}
    shop.apply(BIRTHDAY, on="2026-03-10T11:00")
    shop.tick("2026-03-10T11:30")
    assert {subject for _, subject, _, due in shop.sent() if due.startswith("2026-03-10")} == {1, 2}


def test_approval_plans_from_the_data_of_then(shop: World) -> None:
    three_days(shop, BIRTHDAY.replace("equals", "not_equals").replace("vip", "nobody"))
    assert shop.tick("2026-03-10T09:00").plan.by_reason() == {"guarded": 7}
    shop.remove("customers", 5)
    guards.answer(
        shop.installation.database, "birthday", TODAY, guards.APPROVED, by="ops", at=at("2026-03-10T17:00")
    )
    assert shop.tick("2026-03-10T17:00").planned == 6
    (day,) = guards.held(shop.installation.database)
    assert (day.campaign, day.day, day.moments, day.allowed, day.answer) == (
        "birthday",
        TODAY,
        7,
        4,
        "approved",
    )


def test_what_nobody_answers_grows_stale(shop: World) -> None:
    three_days(shop, BIRTHDAY.replace("equals", "not_equals").replace("vip", "nobody"))
    shop.tick("2026-03-10T09:00")
    shop.tick("2026-03-10T21:30")
    assert [reason for *_, reason in shop.skipped()] == ["stale"] * 7
    assert shop.decisions([TODAY]).filter(reason="stale")["held_by"].unique().to_list() == ["guarded"]


def test_without_a_past_nothing_but_a_cap_holds(shop: World) -> None:
    shop.apply(BIRTHDAY.replace("equals", "not_equals").replace("vip", "nobody"), start=LONG_AGO)
    assert shop.tick("2026-03-10T09:00").planned == 7


def test_a_cap_counts_what_is_planned_already(shop: World) -> None:
    shop.apply(BIRTHDAY.replace("factor: 2, at_least: 2", "cap: 2"), start=LONG_AGO)
    assert shop.tick("2026-03-10T08:30").planned == 2
    shop.change("customers", 3, segment="vip")
    assert shop.tick("2026-03-10T09:00").plan.by_reason() == {"guarded": 1}


def test_a_campaign_that_falls_silent_is_named_once(shop: World) -> None:
    for week in (3, 10, 17, 24):
        shop.add("customers", id=500 + week, birthday=f"1990-02-{week:02}", segment="vip")
    shop.apply(BIRTHDAY, start=LONG_AGO)
    for week in (3, 10, 17, 24):
        shop.tick(f"2026-02-{week:02}T09:00")
    early = shop.tick("2026-03-03T08:30").notices
    on_time = shop.tick("2026-03-03T09:30").notices
    later = shop.tick("2026-03-03T10:00").notices
    assert (early, len(on_time), later) == ((), 1, ())
    assert on_time[0].startswith("birthday: nobody belongs to it today")


def test_nobody_can_answer_what_is_not_held(shop: World) -> None:
    with pytest.raises(RefusedError, match="no day of it waits"):
        guards.answer(
            shop.installation.database, "birthday", None, guards.APPROVED, by="ops", at=at(LONG_AGO)
        )


def test_days_are_listed_and_answered_from_the_command_line(shop: World) -> None:
    shop.apply(BIRTHDAY.replace("factor: 2, at_least: 2", "cap: 1"), start=LONG_AGO)
    shop.tick("2026-03-10T08:30")
    front = Front(shop.installation, at("2026-03-10T08:45"), "ann")

    def run(*words: str) -> str:
        return CliRunner().invoke(automation, ["campaign", *words], obj=front).output

    assert "2026-03-10" in run("guards")
    assert run("approve", "birthday", "--day", "2026-03-10") == "birthday, 2026-03-10: approved\n"
    assert run("guards") == "no day waits for an answer\n"
    assert shop.tick("2026-03-10T09:00").planned == 2
