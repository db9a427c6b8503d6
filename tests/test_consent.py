"""Who may be written to, and on which channel: consent, sunset, and the first way that is open."""

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from automation_pipelines.ledger import events
from automation_pipelines.ledger.agreements import refused_among
from automation_pipelines.ledger.suppressions import Contact, Suppression, add, address_hash
from automation_pipelines.ledger.tables import consents, jobs
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
TODAY = "2026-03-10T09:00"


@pytest.fixture
def shop(world: World) -> World:
    """A tenant with one customer, who has an address and a phone."""
    world.add("tenants", id=1)
    world.add("customers", id=2, birthday="1990-03-10", phone="+44 7700 900123", locale="de-DE")
    return world


def greeting(shop: World, channels: list[str] | None = None, **more: Any) -> None:
    step = {"id": "hello", "channels": channels or ["email"], "template": "t"}
    spec = {"id": "wish", "title": "Wish", "audience": "birthdays", "topic": "news", "steps": [step], **more}
    shop.apply(spec, start=LONG_AGO)


def say(shop: World, number: int, state: str, **more: Any) -> None:
    shop.add("consents", **{"id": number, "customer_id": 2, "state": state, **more})


def told(shop: World, moment: str = TODAY) -> list[tuple[Any, ...]]:
    """What a tick made of everybody: subject, channel, reason, what forbade it."""
    rows = shop.tick(moment).plan.rows
    return sorted(rows.select("subject_id", "channel", "reason", "suppressed_by").rows())


class TestTheCrm:
    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ([("opted_out", "", "2026-02-01T00:00")], "opted_out"),
            ([("opted_out", "news", "2026-02-01T00:00")], "opted_out"),
            ([("opted_out", "offers", "2026-02-01T00:00")], None),
            ([("pending", "news", "2026-02-01T00:00")], "pending"),
            ([("opted_out", "", "2026-02-01T00:00"), ("opted_in", None, "2026-02-02T00:00")], None),
            ([("opted_in", "", "2026-02-02T00:00"), ("opted_out", "", "2026-02-01T00:00")], None),
            ([("opted_in", "news", "2026-02-02T00:00"), ("opted_out", "", "2026-02-01T00:00")], "opted_out"),
        ],
    )
    def test_the_latest_word_on_a_topic_and_on_all_counts(
        self, shop: World, said: list[tuple[str, str, str]], expected: str | None
    ) -> None:
        for number, (state, topic, moment) in enumerate(said):
            say(shop, number, state, topic=topic, at=moment)
        greeting(shop)
        reason = "suppressed" if expected else "planned"
        assert told(shop) == [(2, "email", reason, expected)]

    def test_marketing_by_opt_in_goes_only_to_who_said_yes(self, shop: World) -> None:
        shop.add("customers", id=3, birthday="1990-03-10")
        say(shop, 1, "opted_in", topic="news")
        greeting(shop, policy={"consent": "opt_in"})
        assert told(shop) == [(2, "email", "planned", None), (3, "email", "suppressed", "no_consent")]

    def test_a_receipt_needs_no_consent(self, shop: World) -> None:
        say(shop, 1, "opted_out")
        greeting(shop, purpose="transactional")
        assert told(shop) == [(2, "email", "planned", None)]


class TestTheLedger:
    @staticmethod
    def say(shop: World, state: str, moment: str) -> Contact:
        database = shop.installation.database
        digest = address_hash(database.salt, "email", "customer2@mail.example.com")
        contact = Contact(1, "email", digest, "news")
        values = {**contact._asdict(), "topic": "", "state": state, "at": at(moment), "origin": "old tool"}
        with database.begin() as connection:
            connection.execute(sa.insert(consents).values(values))
        return contact

    def test_consent_taken_over_holds_until_the_crm_knows_better(self, shop: World) -> None:
        self.say(shop, "opted_out", "2026-02-01T00:00")
        greeting(shop)
        assert told(shop) == [(2, "email", "suppressed", "opted_out")]
        say(shop, 1, "opted_in", at="2026-03-01T00:00")
        assert told(shop, "2026-03-10T09:30") == [(2, "email", "planned", None)]

    def test_it_is_asked_once_more_before_the_hand_off(self, shop: World) -> None:
        contact = self.say(shop, "opted_in", "2026-02-01T00:00")
        other = contact._replace(address_hash="nobody's")
        database = shop.installation.database
        assert refused_among(database, [contact, other], at(TODAY)) == {}
        self.say(shop, "pending", "2026-02-02T00:00")
        assert refused_among(database, [contact, other], at(TODAY)) == {contact: frozenset({"pending"})}


class TestSunset:
    @pytest.fixture
    def weary(self, shop: World) -> World:
        """Three mails went to the customer in the last months."""
        shop.add("tenant_settings", id=1, name="sunset_days", value="90")
        shop.add("tenant_settings", id=2, name="sunset_messages", value="3")
        for month in (1, 2, 3):
            shop.add("quotes", id=month, customer_id=2, sent_at=f"2026-0{month}-01T08:00")
        step = {"id": "mail", "channel": "email", "template": "t"}
        quote = {"id": "quote", "title": "Quote", "audience": "open_quotes", "steps": [step]}
        shop.apply({**quote, "policy": {"max_lateness": "400 days"}}, start="2025-01-01T00:00")
        shop.tick("2026-03-01T09:00")
        done = {"state": "completed", "finished_at": at("2026-03-01T09:00")}
        with shop.installation.database.begin() as connection:
            connection.execute(sa.update(jobs).values(done))
        return shop

    def respond(self, shop: World, *, machine: bool) -> None:
        frame = pl.DataFrame({"identity": ["e"], "type": ["opened"], "job_id": [1]})
        detail = json.dumps({"machine": machine})
        frame = frame.with_columns(
            told_at=pl.lit(at("2026-03-02T00:00")),
            detail=pl.lit(detail),
            detail_of_stranger=pl.lit(None, pl.String),
            suppresses=pl.lit(None, pl.String),
        )
        events.record(shop.installation.database, frame, now=at("2026-03-02T00:00"))

    def test_who_never_responds_is_left_alone(self, weary: World) -> None:
        greeting(weary)
        self.respond(weary, machine=True)
        assert told(weary) == [(2, "email", "suppressed", "sunset")]

    def test_who_opened_one_of_them_is_not(self, weary: World) -> None:
        greeting(weary)
        self.respond(weary, machine=False)
        assert told(weary) == [(2, "email", "planned", None)]


class TestChannels:
    def test_the_first_on_which_somebody_can_be_reached(self, shop: World) -> None:
        shop.change("customers", 2, email="nonsense")
        shop.add("customers", id=3, birthday="1990-03-10", phone="12")
        shop.add("customers", id=4, birthday="1990-03-10", email=None, wallet_pass="W-4")
        shop.add("customers", id=5, birthday="1990-03-10", email=None, phone="no phone")
        greeting(shop, ["wallet", "sms", "email"])
        assert told(shop) == [
            (2, "sms", "planned", None),
            (3, "email", "planned", None),
            (4, "wallet", "planned", None),
            (5, "wallet", "no_recipient", None),
        ]

    def test_a_channel_that_is_suppressed_is_passed_over(self, shop: World) -> None:
        database = shop.installation.database
        digest = address_hash(database.salt, "sms", "+447700900123")
        since = at(TODAY) - timedelta(days=1)
        add(database, [Suppression(1, "sms", digest, "unsubscribed", since)])
        shop.change("customers", 2, email_opt_out=True)
        greeting(shop, ["email", "sms", "in_app"])
        assert told(shop) == [(2, "in_app", "planned", None)]

    def test_on_no_channel_they_may_be_reached_the_first_says_why(self, shop: World) -> None:
        shop.change("customers", 2, email_opt_out=True)
        say(shop, 1, "opted_out", channel="sms")
        greeting(shop, ["sms", "email"])
        assert told(shop) == [(2, "sms", "suppressed", "opted_out")]

    def test_templates_know_the_recipient(self, shop: World) -> None:
        step = {"id": "hello", "channel": "sms", "template": "t", "cc": ["boss@acme.example.com"]}
        shop.apply({"id": "wish", "title": "Wish", "audience": "birthdays", "steps": [step]}, start=LONG_AGO)
        variables = json.loads(shop.tick(TODAY).plan.rows["variables"][0])
        assert variables["recipient"] == {
            "name": "Kim Doe",
            "first_name": "Kim",
            "company_name": None,
            "email": "customer2@mail.example.com",
            "phone": "+44 7700 900123",
            "role": "customer",
            "locale": "de-DE",
            "country": None,
            "time_zone": "UTC",
        }
        assert variables["cc"] == ["boss@acme.example.com"]

    def test_staff_get_copies_by_their_role(self, shop: World) -> None:
        shop.add("users", id=11)
        shop.add("users", id=12, role="executive")
        shop.change("customers", 2, agent_id=11)
        step = {"id": "hello", "channel": "email", "template": "t", "cc": ["agent"], "bcc": ["executives"]}
        shop.apply({"id": "wish", "title": "Wish", "audience": "birthdays", "steps": [step]}, start=LONG_AGO)
        variables = json.loads(shop.tick(TODAY).plan.rows["variables"][0])
        assert variables["cc"] == ["user11@staff.example.com"]
        assert variables["bcc"] == ["user12@staff.example.com"]
