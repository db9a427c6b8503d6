"""One person, one message: digests of what is due together, and several records of one address."""

import json

import polars as pl
import pytest

from tests.world import World

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
OPEN_QUOTES = """
id: quotes
title: Your quotes
audience: open_quotes
digest: true
steps: [{id: day-3, offset: 3 days, at: "09:00", channel: email, template: t}]
"""
BIRTHDAY = """
id: birthday
title: Birthday
audience: birthdays
steps: [{id: greeting, channel: email, template: t}]
"""


@pytest.fixture
def shop(world: World) -> World:
    world.add("tenants", id=1)
    return world


def test_three_open_quotes_are_one_mail_that_lists_them_all(shop: World) -> None:
    shop.add("customers", id=1)
    shop.add("customers", id=2)
    for quote, customer in ((7, 1), (5, 1), (9, 1), (8, 2)):
        row = {"customer_id": customer, "number": f"Q-{quote}", "sent_at": "2026-03-07T12:00"}
        shop.add("quotes", id=quote, **row)
    shop.apply(OPEN_QUOTES, start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    assert [(step, subject) for step, subject, *_ in shop.sent()] == [("day-3", 5), ("day-3", 8)]
    assert shop.skipped() == [("day-3", 7, "merged"), ("day-3", 9, "merged")]
    merged = shop.decisions().filter(pl.col("reason") == "merged")
    assert merged["merged_with"].to_list() == [5, 5]
    payload = shop.installation.database.read("SELECT variables FROM job_payloads WHERE subject_text = '5'")
    items = json.loads(payload["variables"][0])["items"]
    assert [item["number"] for item in items] == ["Q-5", "Q-7", "Q-9"]


def test_two_records_of_one_address_get_one_greeting_a_day(shop: World) -> None:
    for number in (4, 2, 3):
        shop.add(
            "customers",
            id=number,
            birthday="1990-03-10",
            email="kim@mail.example.com" if number == 2 else " KIM@mail.example.com",
        )
    shop.add("customers", id=9, birthday="1990-03-10")
    shop.apply(BIRTHDAY, start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    assert [subject for _, subject, *_ in shop.sent()] == [2, 9]
    assert shop.skipped() == [("greeting", 3, "merged"), ("greeting", 4, "merged")]


def test_a_record_that_turns_up_later_that_day_adds_nothing(shop: World) -> None:
    shop.add("customers", id=3, birthday="1990-03-10", email="kim@mail.example.com")
    shop.apply(BIRTHDAY, start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    shop.add("customers", id=2, birthday="1990-03-10", email="KIM@mail.example.com")
    shop.tick("2026-03-10T09:30")
    assert [subject for _, subject, *_ in shop.sent()] == [3]
    assert shop.skipped() == [("greeting", 2, "merged")]


def test_what_is_no_marketing_goes_to_every_record(shop: World) -> None:
    for number in (2, 3):
        shop.add("customers", id=number, birthday="1990-03-10", email="kim@mail.example.com")
    shop.apply(BIRTHDAY.replace("steps:", "purpose: transactional\nsteps:"), start=LONG_AGO)
    shop.tick("2026-03-10T09:00")
    assert [subject for _, subject, *_ in shop.sent()] == [2, 3]
