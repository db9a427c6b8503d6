"""Who is held out: always the same subjects, more of them when the share grows, never others."""

from typing import Any

import polars as pl
import pytest

from tests.world import World

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
PEOPLE = 60


@pytest.fixture
def shop(world: World) -> World:
    """A tenant with sixty customers who have their birthday on the same day."""
    world.add("tenants", id=1)
    for number in range(1, PEOPLE + 1):
        world.add("customers", id=number, birthday="1990-03-10")
    return world


def greeting(name: str, **more: Any) -> dict[str, Any]:
    step = {"id": "hello", "channel": "email", "template": "t"}
    return {"id": name, "title": name, "audience": "birthdays", "steps": [step], **more}


def held(shop: World, campaign: str) -> set[int]:
    rows = shop.jobs().filter(pl.col("campaign") == campaign, pl.col("reason") == "holdout")
    return set(rows["subject_id"])


def test_a_larger_share_holds_out_the_same_and_more(shop: World) -> None:
    shop.apply(greeting("wish", policy={"holdout": 20}), start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    few = held(shop, "wish")
    shop.apply(greeting("wish", policy={"holdout": 50}), on="2026-06-01T00:00")
    shop.tick("2027-03-10T09:00")
    many = held(shop, "wish")
    assert 0 < len(few) < len(many) < PEOPLE
    assert few < many
    seen = shop.decisions().filter(pl.col("reason") == "holdout").select("holdout_draw", "holdout")
    assert (seen["holdout_draw"] < seen["holdout"]).all()


def test_the_tenants_holdout_is_the_same_people_in_all_marketing_and_in_nothing_else(shop: World) -> None:
    shop.add("tenant_settings", id=1, name="holdout", value="25")
    for name in ("wish", "other"):
        shop.apply(greeting(name), start=LONG_AGO)
    shop.apply(greeting("receipt", purpose="transactional"), start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    assert 0 < len(held(shop, "wish")) < PEOPLE // 2
    assert held(shop, "wish") == held(shop, "other")
    assert held(shop, "receipt") == set()


def test_who_could_not_have_been_reached_is_not_held_out(shop: World) -> None:
    shop.apply(greeting("wish", policy={"holdout": 100}), start=LONG_AGO)
    shop.change("customers", 7, email=None)
    shop.tick("2026-03-10T09:00")
    assert held(shop, "wish") == set(range(1, PEOPLE + 1)) - {7}
