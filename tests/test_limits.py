"""Maximum executions: exact over ticks, the earliest first, then the lowest subject ids."""

import pytest

from automation_pipelines.preview import preview
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
OFFER = """
id: offer
title: Offer
audience: birthdays
policy: {max_executions: 3}
steps: [{id: mail, channel: email, template: t}]
"""


@pytest.fixture
def shop(world: World) -> World:
    world.add("tenants", id=1)
    for number in (7, 5, 6):
        world.add("customers", id=number, birthday="1990-03-10")
    for number in (1, 2):
        world.add("customers", id=number, birthday="1990-03-11")
    return world


def test_the_places_go_to_the_earliest_and_lowest_and_the_rest_is_limited(shop: World) -> None:
    shop.add("customers", id=8, birthday="1990-03-10", email=None)  # takes no place
    shop.apply(OFFER.replace("3", "2"), start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    assert [subject for _, subject, *_ in shop.sent()] == [5, 6]
    assert shop.skipped() == [("mail", 7, "limited")]
    (why,) = shop.decisions().filter(reason="limited")["limited_by"]
    assert why == "2 executions"


def test_what_was_executed_before_counts_over_all_time(shop: World) -> None:
    shop.apply(OFFER.replace("3", "4"), start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    shop.tick("2026-03-11T09:00")
    shop.tick("2027-03-10T09:00")
    assert [subject for _, subject, *_ in shop.sent()] == [1, 5, 6, 7]
    assert [subject for _, subject, _ in shop.skipped()] == [2, 5, 6, 7]


def test_each_tenant_has_its_own_places_and_a_preview_knows_them(shop: World) -> None:
    shop.add("tenants", id=2)
    shop.add("customers", id=20, tenant_id=2, birthday="1990-03-11")
    shop.apply(OFFER, start=LONG_AGO)
    shop.with_ticks(180)
    seen = preview(shop.installation, since=at("2026-03-10T08:30"), until=at("2026-03-11T12:00"))
    told = sorted(seen.select("subject_id", "reason").rows())
    places = [(1, "limited"), (2, "limited"), (5, "planned"), (6, "planned"), (7, "planned"), (20, "planned")]
    assert told == places
