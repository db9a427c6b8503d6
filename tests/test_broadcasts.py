"""A slot of a schedule is for those who belong when it comes, however late something of it goes out."""

import pytest

from automation_pipelines.decisions import append
from automation_pipelines.ledger.tables import ticks
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
NEWS = """
id: news
title: News
audience: customers
purpose: marketing
conditions: {field: segment, operator: equals, value: vip}
schedule: {date: 2026-03-10, at: "09:00"}
steps: [{id: mail, channel: email, template: t}]
"""


@pytest.fixture
def shop(world: World) -> World:
    world.add("tenants", id=1)
    world.add("customers", id=1, email="one@mail.example.com", segment="vip")
    world.add("customers", id=2, email=None, segment="vip")
    world.add("customers", id=3, email="three@mail.example.com", segment="other")
    return world


def whom(shop: World) -> list[int]:
    return sorted(subject for _, subject, *_ in shop.sent())


def test_who_comes_to_belong_after_the_slot_was_not_meant(shop: World) -> None:
    shop.apply(NEWS, start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    shop.change("customers", 3, segment="vip")
    assert shop.tick("2026-03-10T09:00").plan.by_reason() == {"no_recipient": 1}
    assert shop.tick("2026-03-10T09:30").plan.by_reason() == {"no_recipient": 1}
    assert whom(shop) == [1]


def test_who_comes_to_belong_before_a_tick_has_seen_the_slot_is_meant(shop: World) -> None:
    shop.apply(NEWS, start=LONG_AGO)
    shop.tick("2026-03-10T08:30")
    shop.change("customers", 3, segment="vip")
    shop.tick("2026-03-10T13:00")
    assert whom(shop) == [1, 3]


def test_what_was_open_at_the_slot_is_still_sent(shop: World) -> None:
    shop.apply(NEWS, start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    shop.change("customers", 2, email="two@mail.example.com")
    shop.tick("2026-03-10T10:00")
    assert whom(shop) == [1, 2]


def test_a_campaign_that_was_paused_at_the_slot_is_for_those_who_belonged(shop: World) -> None:
    shop.apply(NEWS, start=LONG_AGO)
    shop.installation.campaigns.pause("news", "ops", at("2026-03-10T08:00"))
    shop.tick("2026-03-10T09:00")
    shop.change("customers", 3, segment="vip")
    shop.installation.campaigns.resume("news", "ops", at("2026-03-10T11:00"))
    shop.tick("2026-03-10T11:00")
    assert whom(shop) == [1]


def test_an_edit_after_the_slot_lets_in_whom_it_is_for_now(shop: World) -> None:
    shop.apply(NEWS, start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    shop.apply(NEWS.replace("value: vip", "value: other"), on="2026-03-10T09:20")
    shop.tick("2026-03-10T09:30")
    assert whom(shop) == [1, 3]


def test_an_hour_that_is_moved_into_what_has_passed_is_not_lost(shop: World) -> None:
    shop.apply(NEWS.replace("09:00", "18:00"), start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    shop.apply(NEWS.replace("09:00", "08:00"), on="2026-03-10T09:20")
    shop.tick("2026-03-10T09:30")
    assert whom(shop) == [1]


def test_a_clock_that_was_ahead_once_hides_nobody(shop: World) -> None:
    shop.apply(NEWS, start=LONG_AGO)
    shop.tick("2027-03-10T09:00")
    shop.tick("2026-03-10T09:00")
    assert whom(shop) == [1]


def test_a_crash_that_lost_what_was_open_leaves_nobody_out(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.apply(NEWS, start=LONG_AGO)
    with monkeypatch.context() as patch:
        patch.setattr(f"{append.__module__}.append", lambda *_, **__: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            shop.tick("2026-03-10T09:00")
    assert shop.installation.database.read(ticks.select())["files_published"].to_list() == [False]
    shop.change("customers", 2, email="two@mail.example.com")
    shop.tick("2026-03-10T09:30")
    assert whom(shop) == [1, 2]
