"""Frequency caps: how many marketing messages one person gets, and which of them."""

from typing import Any

import pytest

from automation_pipelines.catalogue.caps import read_caps
from automation_pipelines.catalogue.tenant_settings import CHANNELS
from automation_pipelines.preview import preview
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"


def birthday(
    name: str, clock: str, *, channel: str = "email", topic: str = "general", **policy: Any
) -> dict[str, Any]:
    """A campaign that writes to everybody whose birthday it is, at that local time."""
    step = {"id": name, "channel": channel, "template": "t", "at": clock}
    spec = {"id": name, "title": name, "audience": "birthdays", "topic": topic, "steps": [step]}
    return {**spec, "policy": policy}


@pytest.fixture
def shop(world: World) -> World:
    """A tenant with one customer whose birthday is the tenth of March."""
    world.add("tenants", id=1)
    world.add("customers", id=2, birthday="1990-03-10", phone="+44 7700 900123")
    return world


def capped_at(shop: World, text: str, *campaigns: dict[str, Any]) -> None:
    shop.add("tenant_settings", id=1, name="caps", value=text)
    for campaign in campaigns:
        shop.apply(campaign, start=LONG_AGO)


@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_a_minor_message_in_the_morning_never_takes_the_place_of_a_major_one_later(
    shop: World, minutes: int
) -> None:
    shop.with_ticks(minutes)
    capped_at(
        shop, "1 per day", birthday("minor", "09:00", priority=7), birthday("major", "15:00", priority=2)
    )
    shop.tick_through("2026-03-10T08:00", "2026-03-10T09:00", minutes)
    shop.tick_through("2026-03-10T14:00", "2026-03-10T15:00", minutes)
    assert shop.sent() == [("major", 2, 0, "2026-03-10T15:00")]
    assert shop.skipped() == [("minor", 2, "capped")]


def test_what_was_sent_counts_and_the_decision_says_which_cap_it_was(shop: World) -> None:
    capped_at(shop, "5 per day; 1 per 24 hours", birthday("early", "09:00"), birthday("late", "15:00"))
    shop.tick("2026-03-10T08:30")
    shop.tick("2026-03-10T14:30")
    assert [step for step, *_ in shop.sent()] == ["early"]
    (told,) = shop.decisions().filter(reason="capped").select("step", "capped_by").rows()
    assert told == ("late", "1 per 24 hours")


def test_a_preview_knows_who_will_be_capped(shop: World) -> None:
    capped_at(shop, "1 per day", birthday("early", "09:00"), birthday("late", "15:00"))
    shop.with_ticks(60)
    seen = preview(shop.installation, since=at("2026-03-10T08:00"), until=at("2026-03-10T16:00"))
    assert seen.select("step", "reason").rows() == [("early", "planned"), ("late", "capped")]


def test_a_cap_on_a_channel_or_topic_counts_nothing_else(shop: World) -> None:
    news = birthday("news", "10:00", topic="news")
    sms = birthday("sms", "11:00", channel="sms")
    also_sms = birthday("also-sms", "12:00", channel="sms")
    also_news = birthday("also-news", "13:00", topic="news")
    capped_at(shop, "1 per day by sms; 1 per week about news", news, sms, also_sms, also_news)
    shop.tick("2026-03-10T14:00")
    assert [step for step, *_ in shop.sent()] == ["news", "sms"]


def test_a_person_is_one_whichever_the_channel(shop: World) -> None:
    capped_at(shop, "1 per day", birthday("mail", "10:00"), birthday("sms", "11:00", channel="sms"))
    shop.tick("2026-03-10T12:00")
    assert [step for step, *_ in shop.sent()] == ["mail"]


def test_what_is_not_capped_neither_counts_nor_is_stopped(shop: World) -> None:
    receipt = {**birthday("receipt", "08:00"), "purpose": "transactional"}
    free = birthday("free", "10:00", capped=False)
    capped_at(shop, "1 per day", receipt, free, birthday("first", "11:00"), birthday("second", "12:00"))
    shop.tick("2026-03-10T13:00")
    assert [step for step, *_ in shop.sent()] == ["first", "free", "receipt"]


def test_days_are_those_of_the_recipient(world: World) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=2, birthday="1990-03-10", time_zone="Pacific/Auckland")
    world.add("customers", id=3, birthday="1990-03-10")
    first, second = birthday("first", "10:00"), birthday("second", "12:00")
    capped_at(world, "1 per day", first, second)
    world.tick("2026-03-10T13:00")  # 10:00 and 12:00 UTC are the 10th and the 11th in Auckland
    assert [(step, subject) for step, subject, *_ in world.sent()] == [
        ("first", 2),
        ("first", 3),
        ("second", 2),
    ]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("one per day", "is no cap"),
        ("0 per day", "at least 1"),
        ("1 per day by pigeon", "no channel 'pigeon'"),
        ("1 per month", "is no cap"),
    ],
)
def test_a_cap_that_cannot_be_read_is_refused_with_the_part_that_is_wrong(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        read_caps(f"1 per day; {text}", CHANNELS)
