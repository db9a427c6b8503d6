"""Who says no in the CRM after a message was planned and before it was sent does not get it."""

from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines.ledger import operations
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.ledger.tables import consents
from tests.world import World, at

PLANNED, NEXT = "2026-03-10T09:00", "2026-03-10T09:30"


@pytest.fixture
def shop(world: World) -> World:
    """Customers 2 and 3 have had a greeting planned by each of two campaigns with topics of their own."""
    world.add("tenants", id=1)
    for number in (2, 3):
        address = f"kim{number}@mail.example.com"
        world.add("customers", id=number, birthday="1990-03-10", email=address)
    for topic in ("news", "offers"):
        step = {"id": "hello", "channels": ["email"], "template": "t"}
        spec = {
            "id": f"wish-{topic}",
            "title": "Wish",
            "audience": "birthdays",
            "topic": topic,
            "steps": [step],
        }
        world.apply(spec, start="2026-01-01T00:00")
    world.tick(PLANNED)
    return world


def left(shop: World) -> list[tuple[Any, ...]]:
    """What still waits after the next tick: campaign and subject."""
    shop.tick(NEXT)
    rows = operations.find(shop.installation.database, operations.JobFilter(), 100)
    waiting = rows.filter(rows["state"] == "pending").select("campaign", "subject_text")
    assert set(rows["reason"].drop_nulls()) <= {"suppressed"}
    return sorted(waiting.rows())


EVERYTHING = [(f"wish-{topic}", number) for topic in ("news", "offers") for number in ("2", "3")]


def test_who_says_nothing_gets_everything(shop: World) -> None:
    assert left(shop) == EVERYTHING


def test_the_flag_of_a_customer_stops_all_that_waits(shop: World) -> None:
    shop.change("customers", 2, email_opt_out=True)
    assert left(shop) == [("wish-news", "3"), ("wish-offers", "3")]


def test_it_binds_every_record_with_that_address(shop: World) -> None:
    shop.change("customers", 2, email="KIM3@mail.example.com ", email_opt_out=True)
    assert left(shop) == [("wish-news", "2"), ("wish-offers", "2")]


@pytest.mark.parametrize(
    ("topic", "channel", "state", "stopped"),
    [
        (None, "email", "opted_out", {"wish-news", "wish-offers"}),
        ("news", "email", "opted_out", {"wish-news"}),
        ("news", "email", "pending", {"wish-news"}),
        ("news", "email", "opted_in", set()),
        ("news", "sms", "opted_out", set()),
    ],
)
def test_a_word_stops_what_it_is_about(
    shop: World, topic: str | None, channel: str, state: str, stopped: set[str]
) -> None:
    shop.add(
        "consents", id=1, customer_id=2, channel=channel, topic=topic, state=state, at="2026-03-10T09:10"
    )
    assert left(shop) == [one for one in EVERYTHING if one[1] == "3" or one[0] not in stopped]


@pytest.mark.parametrize("said", ["2026-03-10T09:05", "2026-03-10T09:15"])
def test_a_later_yes_to_us_counts(shop: World, said: str) -> None:
    shop.add(
        "consents", id=1, customer_id=2, channel="email", topic="", state="opted_out", at="2026-03-10T09:10"
    )
    hashed = address_hash(shop.installation.database.salt, "email", "kim2@mail.example.com")
    word = {"tenant_id": 1, "channel": "email", "address_hash": hashed, "topic": "", "origin": "page"}
    with shop.installation.database.begin() as connection:
        connection.execute(sa.insert(consents).values(**word, state="opted_in", at=at(said)))
    assert (left(shop) == EVERYTHING) is (said > "2026-03-10T09:10")


def test_what_is_no_marketing_goes_anyway(world: World) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=2, birthday="1990-03-10")
    step = {"id": "hello", "channels": ["email"], "template": "t"}
    spec = {
        "id": "wish",
        "title": "Wish",
        "audience": "birthdays",
        "purpose": "transactional",
        "steps": [step],
    }
    world.apply(spec, start="2026-01-01T00:00")
    world.tick(PLANNED)
    world.change("customers", 2, email_opt_out=True)
    assert left(world) == [("wish", "2")]
