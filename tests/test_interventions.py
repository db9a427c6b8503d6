"""What people order about one subject: pauses that move the days to come, ends, and what is refused."""

from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger.tables import audit
from tests.flowing import finish, reasons, tell
from tests.world import World

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
DAYS: dict[str, Any] = {
    "id": "days",
    "title": "Days",
    "audience": "stage_entries",
    "timeline": {"stage": "new", "duration_days": 30},
    "policy": {"late": "all"},
    "steps": [
        {"id": f"day-{day}", "day": day, "delay": "9 hours", "channel": "email", "template": "t"}
        for day in (4, 5, 6)
    ],
}


@pytest.fixture
def company(world: World) -> World:
    """Somebody who entered on 2 March: day 4 is the 5th."""
    world.add("tenants", id=1, time_zone="UTC")
    world.add("customers", id=2, pipeline_stage="new", stage_entered_at="2026-03-02T08:00")
    world.apply(DAYS, start=LONG_AGO)
    return world


def mornings(world: World, first: int, last: int) -> None:
    """A tick at nine on each of these days of March."""
    for day in range(first, last + 1):
        world.tick(f"2026-03-{day:02}T09:00")


def sent(world: World) -> list[tuple[str, str]]:
    return [(step, due) for step, _, _, due in world.sent()]


class TestPause:
    def test_the_remaining_days_move_by_those_paused(self, company: World) -> None:
        mornings(company, 5, 5)
        tell(company, "pause", 2, "2026-03-05T12:00", "days")
        mornings(company, 6, 9)
        tell(company, "resume", 2, "2026-03-10T08:00", "days")
        mornings(company, 10, 12)
        assert sent(company) == [
            ("day-4", "2026-03-05T09:00"),
            ("day-5", "2026-03-11T09:00"),
            ("day-6", "2026-03-12T09:00"),
        ]

    def test_a_step_that_was_still_to_come_that_day_moves_too(self, company: World) -> None:
        tell(company, "pause", 2, "2026-03-05T07:00", "days")
        mornings(company, 5, 9)
        assert set(reasons(company, "day-4")) == {"inactive"}
        tell(company, "resume", 2, "2026-03-10T08:00", "days")
        mornings(company, 10, 11)
        assert sent(company) == [("day-4", "2026-03-10T09:00"), ("day-5", "2026-03-11T09:00")]

    def test_several_pauses_add_up(self, company: World) -> None:
        tell(company, "pause", 2, "2026-03-03T12:00", "days")
        tell(company, "resume", 2, "2026-03-05T12:00", "days")  # day 4 moves from the 5th to the 7th
        tell(company, "pause", 2, "2026-03-07T12:00", "days")
        tell(company, "resume", 2, "2026-03-08T12:00", "days")  # day 5 from the 8th to the 9th
        mornings(company, 5, 10)
        assert sent(company) == [
            ("day-4", "2026-03-07T09:00"),
            ("day-5", "2026-03-09T09:00"),
            ("day-6", "2026-03-10T09:00"),
        ]

    def test_a_pause_within_a_day_moves_nothing(self, company: World) -> None:
        tell(company, "pause", 2, "2026-03-04T09:00", "days")
        tell(company, "resume", 2, "2026-03-04T19:00", "days")
        mornings(company, 5, 5)
        assert sent(company) == [("day-4", "2026-03-05T09:00")]

    def test_the_days_are_those_of_the_tenant(self, company: World) -> None:
        company.change("tenants", 1, time_zone="Pacific/Kiritimati")  # 14 hours ahead
        tell(company, "pause", 2, "2026-03-03T09:30", "days")  # 23:30 on the 3rd there
        tell(company, "resume", 2, "2026-03-03T10:30", "days")  # 00:30 on the 4th
        for moment in ("2026-03-04T19:00", "2026-03-05T19:00"):
            company.tick(moment)
        assert sent(company) == [("day-4", "2026-03-05T19:00")]

    def test_a_pause_across_the_change_of_clocks_keeps_the_hour(self, company: World) -> None:
        company.change("tenants", 1, time_zone="Europe/Berlin")
        company.change("customers", 2, stage_entered_at="2026-03-25T08:00")
        tell(company, "pause", 2, "2026-03-27T12:00", "days")
        tell(company, "resume", 2, "2026-03-30T12:00", "days")
        company.tick("2026-03-31T07:00")
        assert sent(company) == [("day-4", "2026-03-31T07:00")]

    def test_it_is_found_however_long_the_pause(self, company: World) -> None:
        mornings(company, 5, 5)
        tell(company, "pause", 2, "2026-03-05T12:00", "days")
        company.tick("2026-03-06T09:00")
        tell(company, "resume", 2, "2026-06-05T12:00", "days")
        company.tick("2026-06-06T09:00")
        assert sent(company)[-1] == ("day-5", "2026-06-06T09:00")

    def test_others_are_not_paused(self, company: World) -> None:
        company.add("customers", id=3, pipeline_stage="new", stage_entered_at="2026-03-02T08:00")
        tell(company, "pause", 2, "2026-03-03T12:00", "days")
        mornings(company, 5, 5)
        assert company.sent() == [("day-4", 3, 0, "2026-03-05T09:00")]

    def test_minutes_after_an_instant_are_not_moved(self, world: World) -> None:
        world.add("tenants", id=1)
        world.add("customers", id=2)
        world.add("quotes", id=7, customer_id=2, sent_at="2026-03-02T09:00")
        step = {"id": "soon", "offset": "30 hours", "channel": "email", "template": "t"}
        world.apply(
            {"id": "days", "title": "Soon", "audience": "open_quotes", "steps": [step]}, start=LONG_AGO
        )
        tell(world, "pause", 7, "2026-03-02T12:00", "days")
        world.tick("2026-03-03T15:00")
        assert reasons(world, "soon") == ["inactive"]
        tell(world, "resume", 7, "2026-03-03T15:30", "days")
        world.tick("2026-03-03T16:00")
        assert world.sent() == [("soon", 7, 0, "2026-03-03T15:00")]


class TestStop:
    def test_nothing_more_goes_out(self, company: World) -> None:
        mornings(company, 5, 5)
        finish(company, "2026-03-05T09:01")
        tell(company, "stop", 2, "2026-03-05T12:00", "days")
        mornings(company, 6, 7)
        assert sent(company) == [("day-4", "2026-03-05T09:00")]
        assert reasons(company, "day-5")[0] == "inactive"

    def test_what_was_planned_already_is_not_sent(self, company: World) -> None:
        mornings(company, 5, 5)
        tell(company, "stop", 2, "2026-03-05T09:01", "days")
        assert company.jobs()["state"].to_list() == ["cancelled"]

    def test_who_is_let_in_again_goes_on(self, company: World) -> None:
        tell(company, "stop", 2, "2026-03-04T12:00", "days")
        tell(company, "start", 2, "2026-03-05T12:00", "days")
        mornings(company, 6, 6)
        assert ("day-5", "2026-03-06T09:00") in sent(company)

    def test_who_is_started_again_by_hand_begins_anew_and_the_old_days_stay_ended(self, world: World) -> None:
        world.add("tenants", id=1)
        world.add("customers", id=2, pipeline_stage="new")
        world.apply({**DAYS, "entry": "manual", "audience": "started_customers"}, start=LONG_AGO)
        tell(world, "start", 2, "2026-03-02T08:00", "days")
        tell(world, "stop", 2, "2026-03-03T08:00", "days")
        tell(world, "start", 2, "2026-03-04T08:00", "days")
        mornings(world, 5, 7)
        assert sent(world) == [("day-4", "2026-03-07T09:00")]


class TestRefused:
    @pytest.mark.parametrize(
        ("before", "order"),
        [
            ((), "resume"),
            ((), "start"),
            (("pause",), "pause"),
            (("pause", "resume"), "resume"),
            (("stop",), "pause"),
            (("stop",), "stop"),
        ],
    )
    def test_orders_that_make_no_sense(self, company: World, before: tuple[Any, ...], order: Any) -> None:
        for day, one in enumerate(before, start=1):
            tell(company, one, 2, f"2026-03-0{day}T12:00", "days")
        with pytest.raises(RefusedError, match=f"cannot {order} subject 2"):
            tell(company, order, 2, "2026-03-05T12:00", "days")

    def test_whom_nobody_knows(self, company: World) -> None:
        with pytest.raises(RefusedError, match="none of them has the key '99'"):
            tell(company, "pause", 99, "2026-03-05T12:00", "days")

    def test_a_campaign_that_nobody_applied(self, company: World) -> None:
        with pytest.raises(RefusedError, match="nothing"):
            tell(company, "pause", 2, "2026-03-05T12:00", "nothing")

    def test_orders_out_of_their_order(self, company: World) -> None:
        tell(company, "pause", 2, "2026-03-05T12:00", "days")
        with pytest.raises(RefusedError, match="the order before it"):
            tell(company, "resume", 2, "2026-03-04T12:00", "days")

    def test_a_campaign_that_is_over(self, company: World) -> None:
        company.installation.campaigns.cancel(
            "days", "ada", company.installation.campaigns.running()[0].started_at
        )
        with pytest.raises(RefusedError, match="cancelled"):
            tell(company, "pause", 2, "2026-03-05T12:00", "days")


def test_every_order_is_audited(company: World) -> None:
    tell(company, "pause", 2, "2026-03-05T12:00", "days")
    told = company.installation.database.read(sa.select(audit.c.action, audit.c.by))
    assert ("subject.pause", "ada") in told.rows()
