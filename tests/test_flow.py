"""Steps after steps: from when they count, what they wait for, what ends them, and whom they go to."""

import pytest

from automation_pipelines.preview import preview
from tests.flowing import finish, go, reasons
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"


def chain(*steps: dict[str, object], **more: object) -> dict[str, object]:
    """A sequence for quotes, counted from when they were sent."""
    return {
        "id": "chain",
        "title": "Chain",
        "audience": "open_quotes",
        "purpose": "transactional",
        "policy": {"late": "all"},
        "steps": [{"channel": "email", "template": "t", **step} for step in steps],
        **more,
    }


@pytest.fixture
def quote(world: World) -> World:
    world.add("tenants", id=1, time_zone="Europe/Berlin")
    world.add("customers", id=2)
    world.add("quotes", id=7, customer_id=2, sent_at="2026-03-10T10:00")
    return world


class TestFromWhen:
    """A step after another counts from that one's finish."""

    def test_minutes_count_from_the_finish_of_the_step_above(self, quote: World) -> None:
        quote.apply(
            chain({"id": "one"}, {"id": "two", "after": "one", "offset": "90 minutes"}), start=LONG_AGO
        )
        quote.tick("2026-03-10T10:00")
        finish(quote, "2026-03-10T10:20")
        quote.tick_through("2026-03-10T10:30", "2026-03-10T12:30")
        assert quote.sent() == [("one", 7, 0, "2026-03-10T10:00"), ("two", 7, 0, "2026-03-10T11:50")]

    def test_days_count_from_the_local_day_of_that_finish(self, quote: World) -> None:
        quote.change("quotes", 7, sent_at="2026-03-10T22:30")
        quote.apply(
            chain({"id": "one"}, {"id": "two", "after": "one", "offset": "1 days", "at": "18:00"}),
            start=LONG_AGO,
        )
        quote.tick("2026-03-10T22:30")
        finish(quote, "2026-03-10T23:10")  # already the 11th in Berlin
        quote.tick_through("2026-03-11T16:00", "2026-03-12T18:00", minutes=520)
        assert quote.sent()[-1] == ("two", 7, 0, "2026-03-12T17:00")

    def test_a_local_time_that_had_passed_when_it_finished_is_at_once(self, quote: World) -> None:
        quote.apply(
            chain({"id": "one"}, {"id": "two", "after": "one", "offset": "0 days", "at": "09:00"}),
            start=LONG_AGO,
        )
        quote.tick("2026-03-10T10:00")
        finish(quote, "2026-03-10T10:20")
        quote.tick("2026-03-10T10:30")
        assert quote.sent()[-1] == ("two", 7, 0, "2026-03-10T10:20")

    def test_what_was_decided_against_counts_from_when_it_would_have_been_due(self, quote: World) -> None:
        never = {"field": "destination", "operator": "equals", "value": "Rome"}
        quote.apply(
            chain({"id": "one", "when": never}, {"id": "two", "after": "one", "offset": "2 hours"}),
            start=LONG_AGO,
        )
        quote.tick_through("2026-03-10T10:00", "2026-03-10T12:00")
        assert quote.skipped() == [("one", 7, "condition")]
        assert quote.sent() == [("two", 7, 0, "2026-03-10T12:00")]

    def test_three_in_a_row_each_wait_for_the_one_before(self, quote: World) -> None:
        quote.apply(
            chain(
                {"id": "one"},
                {"id": "two", "after": "one", "offset": "3 days"},
                {"id": "three", "after": "two", "offset": "7 days"},
            ),
            start=LONG_AGO,
        )
        go(quote, "2026-03-10T10:00", "2026-03-22T12:00", minutes=1440)
        # 08:00 in winter, and after the clocks went forward on the 29th it would be 07:00.
        assert quote.sent() == [
            ("one", 7, 0, "2026-03-10T10:00"),
            ("three", 7, 0, "2026-03-20T08:00"),
            ("two", 7, 0, "2026-03-13T08:00"),
        ]

    def test_after_a_message_on_two_channels_it_waits_for_both(self, quote: World) -> None:
        quote.change("customers", 2, phone="+49301234567")
        quote.apply(
            chain(
                {"id": "one", "channel": None, "channels": ["email", "sms"], "send": "all"},
                {"id": "two", "after": "one", "offset": "1 hours"},
            ),
            start=LONG_AGO,
        )
        quote.tick("2026-03-10T10:00")
        finish(quote, "2026-03-10T10:10", step="one/email")
        quote.tick("2026-03-10T11:30")
        assert reasons(quote, "two") == ["waiting"]
        finish(quote, "2026-03-10T11:40", step="one/sms")
        quote.tick("2026-03-10T13:00")
        assert quote.sent()[-1] == ("two", 7, 0, "2026-03-10T12:40")


class TestWaiting:
    """While the step above is not final there is nothing to send, and nothing is lost."""

    def test_it_waits_as_soon_as_it_would_have_been_due(self, quote: World) -> None:
        quote.apply(chain({"id": "one"}, {"id": "two", "after": "one", "offset": "1 hours"}), start=LONG_AGO)
        quote.tick("2026-03-10T10:00")
        quote.tick("2026-03-10T10:30")
        assert reasons(quote, "two") == []
        quote.tick("2026-03-10T11:00")
        quote.tick("2026-03-10T11:30")
        assert reasons(quote, "two") == ["waiting"]
        finish(quote, "2026-03-10T11:35")
        quote.tick("2026-03-10T12:00")
        quote.tick("2026-03-10T13:00")
        assert quote.sent()[-1] == ("two", 7, 0, "2026-03-10T12:35")

    def test_without_a_step_above_there_is_no_moment(self, quote: World) -> None:
        quote.apply(chain({"id": "one"}, {"id": "two", "after": "one"}), start=LONG_AGO)
        quote.change("customers", 2, email="nowhere")  # the first is judged again and again
        quote.tick_through("2026-03-10T10:00", "2026-03-10T12:00")
        assert reasons(quote, "two") == []


class TestRequired:
    """`requires: sent` ends the chain where the step above was not sent."""

    STEPS = ({"id": "one"}, {"id": "two", "after": "one", "offset": "1 hours", "requires": "sent"})

    @pytest.mark.parametrize(
        ("state", "outcome"),
        [("completed", "planned"), ("dead", "condition"), ("cancelled", "condition"), ("unknown", "waiting")],
    )
    def test_it_depends_on_what_became_of_it(self, quote: World, state: str, outcome: str) -> None:
        quote.apply(chain(*self.STEPS), start=LONG_AGO)
        quote.tick("2026-03-10T10:00")
        finish(quote, "2026-03-10T10:10", state=state)
        quote.tick_through("2026-03-10T10:30", "2026-03-10T12:00")
        assert reasons(quote, "two")[-1] == outcome

    def test_what_was_skipped_was_not_sent(self, quote: World) -> None:
        never = {"field": "destination", "operator": "equals", "value": "Rome"}
        one, two = self.STEPS
        quote.apply(chain({**one, "when": never}, two), start=LONG_AGO)
        quote.tick_through("2026-03-10T10:00", "2026-03-10T12:00")
        assert quote.skipped() == [("one", 7, "condition"), ("two", 7, "condition")]


def test_a_preview_of_a_chain_is_what_then_happens(quote: World) -> None:
    quote.apply(
        chain(
            {"id": "one"},
            {"id": "two", "after": "one", "offset": "90 minutes"},
            {"id": "three", "after": "two", "offset": "1 days", "requires": "sent"},
        ),
        start=LONG_AGO,
    )
    quote.tick("2026-03-10T09:30")
    quote.with_ticks(240)
    since, until = at("2026-03-10T10:00"), at("2026-03-11T12:00")
    looked = preview(quote.installation, since=since, until=until)
    told = sorted(looked.select("step", "due_at", "reason").rows())
    moment = "2026-03-10T10:00"
    while at(moment) <= until:
        quote.tick(moment)
        with quote.installation.database.begin() as connection:  # what is due leaves on the dot
            connection.exec_driver_sql(
                "UPDATE jobs SET state = 'completed', finished_at = due_at WHERE state = 'pending'"
            )
        moment = (at(moment) + quote.installation.settings.tick).isoformat()
    made = quote.decisions().sort("as_of").unique(["step"], keep="last")
    assert told == sorted(made.select("step", "due_at", "reason").rows())
    assert len(told) == 3


class TestOthersInBetween:
    """A step after another one is found however long ago the anchor was."""

    def test_after_ninety_days_and_a_late_first_step(self, quote: World) -> None:
        quote.apply(
            chain(
                {"id": "one", "offset": "60 days", "at": "09:00"},
                {"id": "two", "after": "one", "offset": "30 days", "at": "09:00"},
            ),
            start=LONG_AGO,
        )
        quote.tick("2026-05-09T07:00")
        finish(quote, "2026-05-11T12:00")  # two days late
        quote.tick("2026-06-10T07:00")
        assert quote.sent()[-1] == ("two", 7, 0, "2026-06-10T07:00")
