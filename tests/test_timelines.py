"""Timelines: days since a stage was entered, hours within the day, leaving it, and how far everybody is."""

from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines.ledger.tables import jobs
from automation_pipelines.progress import progress
from tests.flowing import finish, go, tell
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
HOOK: dict[str, Any] = {
    "id": "hook",
    "title": "Ninety-day hook",
    "audience": "stage_entries",
    "kind": "timeline",
    "timeline": {"stage": "qualified", "duration_days": 90},
    "policy": {"late": "all"},
    "steps": [
        {"id": "hello", "day": 1, "channel": "email", "template": "t"},
        {"id": "call", "day": 3, "delay": "10 hours", "channel": "email", "template": "t"},
        {"id": "offer", "day": 5, "delay": "9 hours", "channel": "email", "template": "t"},
    ],
}
BY_HAND: dict[str, Any] = {**HOOK, "id": "hand", "entry": "manual", "audience": "started_customers"}


@pytest.fixture
def company(world: World) -> World:
    world.add("tenants", id=1, time_zone="America/New_York")
    return world


def enter(world: World, customer: int, moment: str, **more: Any) -> None:
    stage = {"pipeline_stage": "qualified", "stage_entered_at": moment}
    world.add("customers", id=customer, **{**stage, **more})


class TestDays:
    """Day 1 is the local day of entry; the delay is the local time of the day."""

    def test_day_one_is_at_once_and_the_others_at_their_local_time(self, company: World) -> None:
        enter(company, 2, "2026-03-03T02:15")  # still the evening of the 2nd in New York
        company.apply(HOOK, start=LONG_AGO)
        for moment in ("2026-03-03T02:30", "2026-03-04T15:00", "2026-03-06T14:00", "2026-03-06T14:30"):
            company.tick(moment)
        assert company.sent() == [
            ("call", 2, 0, "2026-03-04T15:00"),
            ("hello", 2, 0, "2026-03-03T02:15"),
            ("offer", 2, 0, "2026-03-06T14:00"),
        ]

    def test_ten_in_the_morning_stays_ten_when_the_clocks_go_forward(self, company: World) -> None:
        enter(company, 2, "2026-03-06T20:00")
        company.apply(HOOK, start=LONG_AGO)
        for moment in ("2026-03-06T20:00", "2026-03-08T13:30", "2026-03-08T14:00", "2026-03-10T13:00"):
            company.tick(moment)
        assert [due for *_, due in company.sent()] == [
            "2026-03-08T14:00",
            "2026-03-06T20:00",
            "2026-03-10T13:00",
        ]

    @pytest.mark.parametrize(
        ("zone", "entered", "due"),
        [
            ("Pacific/Kiritimati", "2026-03-02T11:00", "2026-03-04T20:00"),  # the 3rd there, 14 hours ahead
            ("Pacific/Pago_Pago", "2026-03-02T10:30", "2026-03-03T21:00"),  # still the 1st there
            ("Asia/Kathmandu", "2026-03-02T18:20", "2026-03-05T04:15"),  # five past midnight of the 3rd
        ],
    )
    def test_the_third_day_is_two_days_later_wherever_that_is(
        self, company: World, zone: str, entered: str, due: str
    ) -> None:
        company.change("tenants", 1, time_zone=zone)
        enter(company, 2, entered)
        company.apply(HOOK, start=LONG_AGO)
        company.tick(entered)
        company.tick(due)
        assert ("call", 2, 0, due) in company.sent()

    def test_nothing_lies_before_the_entry(self, company: World) -> None:
        first = {"id": "morning", "day": 1, "delay": "8 hours", "channel": "email", "template": "t"}
        enter(company, 2, "2026-03-03T19:40")
        company.apply({**HOOK, "steps": [first]}, start=LONG_AGO)
        company.tick("2026-03-03T20:00")
        assert company.sent() == [("morning", 2, 0, "2026-03-03T19:40")]

    def test_only_those_in_its_stage_take_part(self, company: World) -> None:
        enter(company, 2, "2026-03-03T19:40", pipeline_stage="proposal")
        company.apply(HOOK, start=LONG_AGO)
        company.tick("2026-03-03T20:00")
        assert company.sent() == []


class TestLeaving:
    """Leaving the stage ends the timeline, or not, as declared."""

    @pytest.mark.parametrize(("leaving", "third_day"), [("ends", "condition"), ("continues", "planned")])
    def test_who_has_moved_on_gets_the_rest_or_not(
        self, company: World, leaving: str, third_day: str
    ) -> None:
        company.change("tenants", 1, time_zone="UTC")
        enter(company, 2, "2026-03-02T09:00", updated_at="2026-03-02T09:00")
        company.apply({**HOOK, "timeline": {**HOOK["timeline"], "leaving": leaving}}, start=LONG_AGO)
        company.tick("2026-03-02T09:00")
        moved = {"pipeline_stage": "won", "stage_entered_at": "2026-03-03T12:00"}
        company.change("customers", 2, updated_at="2026-03-03T12:00", **moved)
        company.tick("2026-03-03T12:30")
        company.tick("2026-03-04T10:00")
        told = company.decisions()
        assert told.filter(told["step"] == "call")["reason"].to_list() == [third_day]

    def test_who_comes_back_begins_again(self, company: World) -> None:
        enter(company, 2, "2026-03-02T14:00")
        company.apply(HOOK, start=LONG_AGO)
        company.tick("2026-03-02T14:00")
        company.change("customers", 2, stage_entered_at="2026-04-06T14:00")
        company.tick("2026-04-06T14:00")
        assert [due for *_, due in company.sent()] == ["2026-03-02T14:00", "2026-04-06T14:00"]

    def test_or_never_again_where_that_is_declared(self, company: World) -> None:
        enter(company, 2, "2026-03-02T14:00")
        company.apply({**HOOK, "policy": {"late": "all", "reentry": "never"}}, start=LONG_AGO)
        for moment in ("2026-03-02T14:00", "2026-03-04T15:00", "2026-03-06T14:00"):
            company.tick(moment)
        before = company.sent()
        company.change("customers", 2, stage_entered_at="2026-04-06T14:00")
        company.tick("2026-04-06T14:00")
        assert company.sent() == before
        assert len(before) == 3


class TestByHand:
    """Who is started by hand has day 1 on that day, and nobody else takes part."""

    def test_only_who_was_started(self, company: World) -> None:
        enter(company, 2, "2026-01-05T14:00")
        enter(company, 3, "2026-01-05T14:00")
        company.apply(BY_HAND, start=LONG_AGO)
        tell(company, "start", 2, "2026-03-02T14:10", "hand")
        for moment in ("2026-03-02T14:30", "2026-03-04T15:00"):
            company.tick(moment)
        assert company.sent() == [("call", 2, 0, "2026-03-04T15:00"), ("hello", 2, 0, "2026-03-02T14:10")]

    def test_started_for_one_campaign_is_not_started_for_another(self, company: World) -> None:
        enter(company, 2, "2026-01-05T14:00")
        company.apply(BY_HAND, start=LONG_AGO)
        company.apply({**BY_HAND, "id": "other"}, start=LONG_AGO)
        tell(company, "start", 2, "2026-03-02T14:10", "other")
        company.tick("2026-03-02T14:30")
        assert company.jobs()["campaign"].to_list() == ["other"]

    def test_a_timeline_of_entries_that_begins_by_hand_counts_from_then(self, company: World) -> None:
        enter(company, 2, "2026-01-05T14:00")
        company.apply({**HOOK, "timeline": {**HOOK["timeline"], "default": False}}, start=LONG_AGO)
        company.tick("2026-03-02T14:00")
        tell(company, "start", 2, "2026-03-02T14:10", "hook")
        for moment in ("2026-03-02T14:30", "2026-03-04T15:00"):
            company.tick(moment)
        assert company.sent() == [("call", 2, 0, "2026-03-04T15:00"), ("hello", 2, 0, "2026-03-02T14:10")]


class TestProgress:
    """Where everybody is, from the record alone."""

    def rows(self, world: World, moment: str, **asked: Any) -> list[dict[str, Any]]:
        return progress(world.installation, "hook", at(moment), **asked).runs.to_dicts()

    def test_the_day_the_percentage_and_what_was_sent(self, company: World) -> None:
        enter(company, 2, "2026-03-02T14:00")
        company.apply(HOOK, start=LONG_AGO)
        company.tick("2026-03-02T14:00")
        finish(company, "2026-03-02T14:05")
        company.tick("2026-03-04T15:00")
        (row,) = self.rows(company, "2026-03-04T16:00")
        assert (row["day"], row["percentage"], row["completed"], row["pending"]) == (3, 3, 1, 1)
        assert (row["subject"], str(row["entered_on"]), row["standing"]) == ("2", "2026-03-02", "running")

    def test_skipped_failed_and_held_are_counted(self, company: World) -> None:
        enter(company, 2, "2026-03-02T14:00")
        never = {"field": "country", "operator": "equals", "value": "FR"}
        hello, call, offer = HOOK["steps"]
        company.apply({**HOOK, "steps": [hello, {**call, "when": never}, offer]}, start=LONG_AGO)
        company.tick("2026-03-02T14:00")
        finish(company, "2026-03-02T14:05", state="dead")
        company.tick("2026-03-04T15:00")
        company.change("customers", 2, email="nowhere")
        company.tick("2026-03-06T14:00")
        (row,) = self.rows(company, "2026-03-06T15:00")
        assert (row["failed"], row["skipped"], row["held"], row["completed"]) == (1, 1, 1, 0)
        with company.installation.database.begin() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.state == "dead").values(state="unknown"))
        (row,) = self.rows(company, "2026-03-06T15:00")
        assert row["failed"] == 1, "in doubt is no success, as in the counts"
        with company.installation.database.begin() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.state == "unknown").values(state="dead"))
        steps = progress(company.installation, "hook", at("2026-03-06T15:00"), subject="2").steps
        told = steps.select("step", "state", "reason").rows()
        assert told == [
            ("hello", "dead", None),
            ("call", "skipped", "condition"),
            ("offer", "held", "no_recipient"),
        ]

    def test_a_pause_stands_still_and_the_end_is_the_end(self, company: World) -> None:
        enter(company, 2, "2026-03-02T14:00")
        company.apply(HOOK, start=LONG_AGO)
        go(company, "2026-03-02T14:00", "2026-03-02T14:00")
        tell(company, "pause", 2, "2026-03-03T12:00", "hook")
        (row,) = self.rows(company, "2026-03-13T12:00")
        assert (row["day"], row["standing"]) == (2, "paused")
        assert row["paused_since"] == at("2026-03-03T12:00")
        tell(company, "resume", 2, "2026-03-13T12:00", "hook")
        (row,) = self.rows(company, "2026-03-14T12:00")
        assert (row["day"], row["standing"]) == (3, "running")
        (row,) = self.rows(company, "2026-07-01T12:00")
        assert (row["day"], row["percentage"], row["standing"]) == (90, 100, "finished")

    def test_who_left_stays_on_that_day(self, company: World) -> None:
        enter(company, 2, "2026-03-02T14:00")
        company.apply(HOOK, start=LONG_AGO)
        go(company, "2026-03-02T14:00", "2026-03-02T14:00")
        tell(company, "stop", 2, "2026-03-05T18:00", "hook")
        (row,) = self.rows(company, "2026-03-20T12:00")
        assert (row["day"], row["standing"], row["stopped_at"]) == (4, "stopped", at("2026-03-05T18:00"))

    def test_one_of_many_can_be_asked_for(self, company: World) -> None:
        for customer in (2, 3, 4):
            enter(company, customer, "2026-03-02T14:00")
        company.apply(HOOK, start=LONG_AGO)
        company.tick("2026-03-02T14:00")
        assert len(self.rows(company, "2026-03-02T15:00")) == 3
        assert [row["subject"] for row in self.rows(company, "2026-03-02T15:00", subject="3")] == ["3"]
        assert self.rows(company, "2026-03-02T15:00", tenant_id=9) == []

    def test_who_was_started_and_has_had_no_step_yet_is_on_day_one(self, company: World) -> None:
        enter(company, 2, "2026-01-05T14:00")
        company.apply({**BY_HAND, "id": "hook"}, start=LONG_AGO)
        tell(company, "start", 2, "2026-03-02T14:10", "hook")
        (row,) = self.rows(company, "2026-03-02T14:20")
        assert (row["subject"], row["day"], row["completed"], row["standing"]) == ("2", 1, 0, "running")
