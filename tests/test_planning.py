"""Who could be left out, or written to twice, at the edges of what planning looks at."""

from datetime import date, timedelta

import pytest

from automation_pipelines import decisions
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.engine import open_engine
from automation_pipelines.explain import explain
from automation_pipelines.selection import Need, empty, select
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.tick import run_tick
from tests.world import World, at

pytestmark = pytest.mark.planner

DAY = timedelta(days=1)
LONG_AGO = "2026-01-01T00:00"

BIRTHDAY = """
id: birthday
title: Birthday
audience: birthdays
steps: [{id: greeting, channel: email, template: t}]
"""
RE_ENGAGEMENT = """
id: we-miss-you
title: We miss you
audience: inactive_customers
policy: {repeat_after: "{inactivity_days} days"}
steps: [{id: hello, offset: "{inactivity_days} days", channel: email, template: t}]
"""


def test_a_clock_that_was_a_week_ahead_for_one_tick_hides_nobody_afterwards(world: World) -> None:
    world.add("tenants", id=1)
    world.apply(BIRTHDAY, start=LONG_AGO)
    world.tick("2026-03-17T08:30")  # the clock is set right again after this
    world.add("customers", id=2, birthday="1990-03-10")
    world.tick("2026-03-10T08:30")
    assert world.sent() == [("greeting", 2, 0, "2026-03-10T09:00")]


def test_what_is_as_late_as_it_may_be_is_still_decided(world: World) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=2, birthday="1990-03-10")
    world.apply(BIRTHDAY, start=LONG_AGO)
    world.tick("2026-03-11T09:00")
    assert world.sent() == [("greeting", 2, 0, "2026-03-10T09:00")]


@pytest.mark.parametrize(
    ("zone", "first"), [("America/New_York", "2026-03-03"), ("Europe/Berlin", "2026-03-27")]
)
def test_silent_for_the_same_days_once_more_is_written_to_again_in_a_week_with_an_hour_less(
    world: World, zone: str, first: str
) -> None:
    world.add("tenants", id=1, time_zone=zone, inactivity_days=7)
    world.add("customers", id=2, last_activity_at=at(f"{first}T15:00") - 7 * DAY)
    world.apply(RE_ENGAGEMENT, start=LONG_AGO)
    world.tick(f"{first}T15:00")
    world.change("customers", 2, last_activity_at=f"{first}T16:00")
    world.tick((at(f"{first}T15:00") + 7 * DAY).isoformat())
    assert len(world.sent()) == 2


def test_ranges_that_meet_on_one_day_are_one_range_of_days() -> None:
    ranges = (
        (at("2026-03-08T00:00"), at("2026-03-10T06:00")),
        (at("2026-03-10T18:00"), at("2026-03-12T00:00")),
    )
    with open_engine() as engine:
        engine.add(**{source: empty(source) for source in SOURCES})
        need = Need("birthdays", ranges)
        select(engine, SqlFiles(), need, as_of=at("2026-03-10T00:00"), leap_day="02-28")
        assert engine.query("SELECT lo, hi FROM ranges").rows() == [(date(2026, 3, 8), date(2026, 3, 12))]


class TestRecord:
    """What is told of a moment after something went wrong."""

    def test_a_run_repeated_after_a_crash_keeps_what_it_had_decided(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.add("tenants", id=1)
        world.add("customers", id=2, birthday="1990-03-10")
        world.add("customers", id=3, birthday="1990-03-10", email_opt_out=True)
        world.apply(BIRTHDAY, start=LONG_AGO)
        again = {"as_of": at("2026-03-10T08:30"), "run_id": "the-same"}
        with monkeypatch.context() as broken:
            broken.setattr(decisions, "append", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
            with pytest.raises(OSError, match="disk full"):
                run_tick(world.installation, **again)
        for _ in range(2):
            run_tick(world.installation, **again)
        told = world.decisions().sort("subject_id").select("subject_id", "reason").rows()
        assert told == [(2, "planned"), (3, "suppressed")]

    def test_the_newest_decision_is_told_though_the_tenant_moved_to_an_earlier_hour(
        self, world: World
    ) -> None:
        world.add("tenants", id=1, send_time="20:00")
        world.add("customers", id=2, birthday="1990-03-10", email="broken")
        world.apply(BIRTHDAY, start=LONG_AGO)
        world.tick("2026-03-10T20:00")
        world.change("tenants", 1, send_time="09:00")
        world.change("customers", 2, email="kim@mail.example.com")
        world.tick("2026-03-10T20:30")
        (told,) = explain(world.installation, subject="2")
        assert told.decision["reason"] == "planned"
        assert told.earlier == ("2026-03-10 20:00 no_recipient",)

    def test_a_planner_whose_clock_is_behind_has_the_last_word_if_it_planned(self, world: World) -> None:
        world.add("tenants", id=1)
        world.add("customers", id=2, birthday="1990-03-10", email="broken")
        world.apply(BIRTHDAY, start=LONG_AGO)
        world.tick("2026-03-10T09:06")
        world.change("customers", 2, email="kim@mail.example.com")
        world.tick("2026-03-10T09:00")
        (told,) = explain(world.installation, subject="2")
        assert told.decision["reason"] == "planned"
