"""Conditions of due moments: what is skipped for good, what ends a campaign, what people did meanwhile."""

from typing import Any, ClassVar

import polars as pl
import pytest

from automation_pipelines.preview import preview
from tests.flowing import finish, reasons
from tests.happened import happen
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
OPENED = {"event": "email_opened", "within": "48 hours", "campaign": "news"}


def welcome(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A sequence for new customers."""
    return {
        "id": "welcome",
        "title": "Welcome",
        "audience": "new_customers",
        "policy": {"late": "all"},
        "steps": [{"channel": "email", "template": "t", **step} for step in steps],
        **more,
    }


@pytest.fixture
def shop(world: World) -> World:
    world.add("tenants", id=1)
    world.add("customers", id=2, created_at="2026-03-02T10:00")
    return world


def opened(world: World, moment: str, *, customer: int = 2, type: str = "opened", **more: Any) -> None:  # noqa: A002
    row = {"campaign": "news", "step": "one", "subject_id": customer, "customer_id": customer}
    happen(world.installation.database, "message_events", {**row, "type": type, "at": moment, **more})


class TestWhen:
    """A step is skipped for good where its own condition does not hold when it is due."""

    STEPS = ({"id": "one"}, {"id": "nudge", "offset": "72 hours", "when": {"none": [OPENED]}})

    def test_who_opened_within_the_time_is_skipped_for_good_though_ticks_go_on(self, shop: World) -> None:
        shop.apply(welcome(*self.STEPS), start=LONG_AGO)
        shop.tick("2026-03-02T10:00")
        opened(shop, "2026-03-03T11:00")  # 47 hours before it is due
        shop.tick_through("2026-03-05T10:00", "2026-03-05T13:00")
        assert shop.skipped() == [("nudge", 2, "condition")]

    @pytest.mark.parametrize(
        ("moment", "more"),
        [
            ("2026-03-03T09:59", {}),
            ("2026-03-04T10:00", {"machine": True}),
            ("2026-03-04T10:00", {"type": "clicked"}),
            ("2026-03-04T10:00", {"campaign": "other"}),
            ("2026-03-04T10:00", {"customer": 3}),
        ],
        ids=["too long ago", "by a program", "clicked only", "of another campaign", "somebody else"],
    )
    def test_anything_else_is_no_opening(self, shop: World, moment: str, more: dict[str, Any]) -> None:
        shop.add("customers", id=3, created_at="2020-03-02T10:00")
        shop.apply(welcome(*self.STEPS), start=LONG_AGO)
        shop.tick("2026-03-02T10:00")
        opened(shop, moment, **more)
        shop.tick("2026-03-05T10:00")
        assert ("nudge", 2, 0, "2026-03-05T10:00") in shop.sent()

    def test_late_it_is_judged_by_what_has_happened_by_now(self, shop: World) -> None:
        shop.apply(welcome(*self.STEPS), start=LONG_AGO)
        shop.tick("2026-03-02T10:00")
        opened(shop, "2026-03-05T12:00")  # after it was due, while nothing ran
        shop.tick("2026-03-05T15:00")
        assert shop.skipped() == [("nudge", 2, "condition")]

    def test_plain_columns_are_those_of_now(self, shop: World) -> None:
        french = {"field": "country", "operator": "equals", "value": "FR"}
        shop.apply(welcome({"id": "one"}, {"id": "two", "offset": "2 hours", "when": french}), start=LONG_AGO)
        shop.tick("2026-03-02T10:00")
        shop.change("customers", 2, country="FR")
        shop.tick("2026-03-02T12:00")
        assert ("two", 2, 0, "2026-03-02T12:00") in shop.sent()

    def test_each_step_has_its_own(self, shop: World) -> None:
        def of(country: str) -> dict[str, Any]:
            return {"field": "country", "operator": "equals", "value": country}

        shop.change("customers", 2, country="DE")
        shop.apply(welcome({"id": "fr", "when": of("FR")}, {"id": "de", "when": of("DE")}), start=LONG_AGO)
        shop.tick("2026-03-02T10:00")
        assert [step for step, *_ in shop.sent()] == ["de"]
        assert shop.skipped() == [("fr", 2, "condition")]

    def test_the_engagement_score_can_be_asked_for(self, shop: World) -> None:
        keen = {"field": "engagement_score", "operator": "greater_than", "value": 15}
        shop.add("customers", id=3, created_at="2026-03-02T10:00")
        shop.apply(welcome({"id": "one"}, {"id": "two", "offset": "2 hours", "when": keen}), start=LONG_AGO)
        shop.tick("2026-03-02T10:00")
        opened(shop, "2026-03-02T11:00", type="replied")
        opened(shop, "2026-03-02T11:00", customer=3)
        shop.tick("2026-03-02T12:00")
        made = shop.jobs().filter(pl.col("campaign") == "welcome", pl.col("step") == "two")
        assert made.select("subject_id", "state").rows() == [(2, "pending"), (3, "skipped")]

    def test_a_setting_of_the_tenant_can_be_asked_for(self, shop: World) -> None:
        often = {"field": "setting.inactivity_days", "operator": "less_than", "value": 10}
        shop.apply(welcome({"id": "one", "when": often}), start=LONG_AGO)
        shop.add("tenant_settings", id=1, name="inactivity_days", value="20")
        shop.tick("2026-03-02T10:00")
        assert shop.skipped() == [("one", 2, "condition")]


class TestExit:
    """From when it holds no further step goes out; what happened counts since the anchor."""

    BOOKED: ClassVar = {"event": "booking_made"}
    STEPS = ({"id": "one"}, {"id": "two", "offset": "3 days"}, {"id": "three", "offset": "7 days"})

    def test_who_books_gets_no_more(self, shop: World) -> None:
        shop.add("bookings", id=1, customer_id=2, booked_at="2026-02-20T10:00")  # before, so it is no answer
        shop.apply(welcome(*self.STEPS, exit=self.BOOKED), start=LONG_AGO)
        shop.tick("2026-03-02T10:00")
        shop.tick("2026-03-05T09:00")
        shop.add("bookings", id=2, customer_id=2, booked_at="2026-03-06T10:00")
        shop.tick("2026-03-09T09:00")
        assert [step for step, *_ in shop.sent()] == ["one", "two"]
        assert shop.skipped() == [("three", 2, "condition")]

    def test_who_answers_gets_no_more(self, shop: World) -> None:
        shop.apply(
            welcome(
                *self.STEPS, exit={"any": [{"event": "message_replied", "campaign": "this"}, self.BOOKED]}
            ),
            start=LONG_AGO,
        )
        shop.tick("2026-03-02T10:00")
        finish(shop, "2026-03-02T10:01")
        opened(shop, "2026-03-03T10:00", type="replied")  # to another campaign
        shop.tick("2026-03-05T09:00")
        opened(shop, "2026-03-06T10:00", type="replied", campaign="welcome")
        shop.tick("2026-03-09T09:00")
        assert (reasons(shop, "two"), reasons(shop, "three")) == (["planned"], ["condition"])

    def test_who_left_the_audience_has_no_more_moments(self, world: World) -> None:
        world.add("tenants", id=1)
        world.add("customers", id=2)
        world.add("quotes", id=7, customer_id=2, sent_at="2026-03-02T10:00")
        world.apply({**welcome(*self.STEPS), "audience": "open_quotes"}, start=LONG_AGO)
        world.tick("2026-03-02T10:00")
        world.change("quotes", 7, status="accepted")
        world.tick("2026-03-05T09:00")
        assert [step for step, *_ in world.sent()] == ["one"]
        assert reasons(world, "two") == []


def test_a_preview_of_conditions_is_what_then_happens(shop: World) -> None:
    steps = ({"id": "one", "when": {"none": [OPENED]}}, {"id": "two", "offset": "1 hours", "when": OPENED})
    shop.apply(welcome(*steps, exit={"event": "booking_made"}), start=LONG_AGO)
    opened(shop, "2026-03-02T09:00")
    looked = preview(shop.installation, since=at("2026-03-02T10:00"), until=at("2026-03-02T11:00"))
    shop.tick_through("2026-03-02T10:00", "2026-03-02T11:00")
    told = sorted(looked.select("step", "reason").rows())
    made = shop.decisions().filter(pl.col("campaign") == "welcome")
    assert told == sorted(made.select("step", "reason").rows())
    assert told == [("one", "condition"), ("two", "planned")]


class TestFifteenSteps:
    """Two weeks and a day of daily steps, most of them in the past."""

    TIMELINE: ClassVar[dict[str, Any]] = {
        "id": "daily",
        "title": "Daily",
        "audience": "stage_entries",
        "timeline": {"stage": "new", "duration_days": 15},
        "steps": [
            {"id": f"day-{day}", "day": day, "delay": "9 hours", "channel": "email", "template": "t"}
            for day in range(1, 16)
        ],
    }

    def entered(self, world: World, moment: str) -> None:
        world.add("tenants", id=1)
        world.add("customers", id=2, pipeline_stage="new", stage_entered_at=moment)

    def test_after_an_outage_the_latest_goes_and_the_others_do_not(self, world: World) -> None:
        self.entered(world, "2026-03-01T08:00")
        world.apply({**self.TIMELINE, "policy": {"max_lateness": "3 days"}}, start=LONG_AGO)
        world.tick("2026-03-04T09:00")
        world.tick("2026-03-11T09:00")
        assert [step for step, *_ in world.sent()] == ["day-11", "day-4"]
        told = {(step, reason) for step, _, reason in world.skipped()}
        assert told >= {("day-9", "superseded"), ("day-10", "superseded"), ("day-6", "stale")}

    @pytest.mark.parametrize(("backlog", "sent"), [("none", []), ("all", ["day-10"])])
    def test_at_the_first_start_nobody_gets_fifteen_at_once(
        self, world: World, backlog: str, sent: list[str]
    ) -> None:
        self.entered(world, "2026-03-01T08:00")
        world.apply({**self.TIMELINE, "policy": {"backlog": backlog}}, start="2026-03-10T12:00")
        world.tick("2026-03-10T12:00")
        assert [step for step, *_ in world.sent()] == sent
