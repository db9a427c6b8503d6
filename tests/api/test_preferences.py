"""What somebody chooses holds, by channel and topic; the latest word counts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines.api.offers import Offer, Offers
from automation_pipelines.api.preferences import Way, chosen
from automation_pipelines.api.readers import Reader, parties_of
from automation_pipelines.api.words import accepted, words_for
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.preferences import Choice, Party, Standing, record, standings
from automation_pipelines.ledger.suppressions import Contact, Suppression, add, address_hash, among
from automation_pipelines.ledger.tables import consents
from automation_pipelines.messages.tokens import Claim
from automation_pipelines.settings import Settings
from tests.mailroom import Mailroom
from tests.world import World

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KIM = Party(1, "email", "a" * 64)
ALL = ""


def say(db: Database, minute: int, **topics: bool) -> None:
    """Choose, at some minute after noon; `everything` is all topics."""
    choices = [Choice(KIM, ALL if topic == "everything" else topic, yes) for topic, yes in topics.items()]
    with db.begin() as connection:
        record(db, connection, choices, NOON + timedelta(minutes=minute))


def hears(db: Database, minute: int, topic: str) -> bool:
    """What delivery would find."""
    contact = Contact(*KIM, topic)
    return not among(db, [contact], NOON + timedelta(minutes=minute))


def test_the_latest_word_counts_and_saying_it_twice_changes_nothing(database: Database) -> None:
    for minute, wanted in ((1, False), (2, False), (3, True), (4, True), (5, False), (6, True)):
        say(database, minute, offers=wanted)
        assert hears(database, minute + 1, "offers") is wanted
        assert hears(database, minute + 1, "travel")
    told = database.read(sa.select(consents.c.state, consents.c.topic))
    assert set(told.iter_rows()) == {("opted_in", "offers")}
    assert told.height == 1


def test_who_comes_back_lifts_their_own_words_and_no_others(database: Database) -> None:
    reasons = ("unsubscribed", "complained", "imported", "bounced", "manual")
    add(database, [Suppression(*KIM, reason, NOON) for reason in reasons])
    say(database, 1, everything=True, offers=True)
    (standing,) = standings(database, [KIM], NOON + timedelta(hours=1)).values()
    assert standing == Standing(frozenset(), frozenset({"offers"}), blocked=True)
    # To hear again of one thing vouches for nothing else.
    assert not standing.hears_of("travel", opt_in=True)


def test_a_refusal_that_was_taken_over_is_outweighed_by_what_is_said_here(database: Database) -> None:
    with database.begin() as connection:
        row = {**KIM._asdict(), "state": "opted_out", "topic": ALL, "at": NOON, "origin": "import"}
        connection.execute(consents.insert().values(row))
    (before,) = standings(database, [KIM], NOON + timedelta(minutes=1)).values()
    assert before.ended == {ALL}
    say(database, 1, everything=True, offers=True, travel=False)
    (after,) = standings(database, [KIM], NOON + timedelta(minutes=2)).values()
    assert (after.hears_of("offers"), after.hears_of("travel")) == (True, False)


CHOICES: list[tuple[set[str], dict[str, bool], set[str], dict[str, bool]]] = [
    # ended before, shown as, ticked, said
    (set(), {"a": True, "b": True}, {"a", "b"}, {}),
    (set(), {"a": True, "b": True}, {"a"}, {"b": False}),
    ({"b"}, {"a": True, "b": False}, {"a", "b"}, {"b": True}),
    (set(), {"a": True, "b": False}, {"a"}, {}),
    ({ALL}, {"a": False, "b": False}, set(), {}),
    ({ALL}, {"a": False, "b": False}, {"a"}, {ALL: True, "a": True, "b": False}),
    (set(), {"a": True}, {"a", "made-up"}, {}),
]


@pytest.mark.parametrize(("ended", "shown", "ticked", "said"), CHOICES)
def test_only_what_was_changed_is_said(
    ended: set[str], shown: dict[str, bool], ticked: set[str], said: dict[str, bool]
) -> None:
    way = Way(KIM, Standing(frozenset(ended)), shown)
    assert {one.topic: one.wanted for one in chosen(way, frozenset(ticked))} == said


def reader(**changes: Any) -> Reader:
    claim = Claim(1, "email", "a" * 64, "offers", "letters", 1)
    values: dict[str, Any] = {"claim": claim, "words": words_for("en"), "tenant": "Acme", "customer_id": 7}
    return Reader(**{**values, "addresses": (("email", "kim@example.com"),), **changes})


def test_other_ways_to_a_customer_are_asked_of_the_crm_as_it_is_now(world: World) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=7, email="kim@example.com", phone="+49 151 12345678")
    world.add("customers", id=8, phone="+49 151 99999999")
    salt = world.installation.database.salt
    wanted = frozenset({"email", "sms", "push"})
    found = parties_of(world.installation, reader(), wanted)
    assert found == (KIM, Party(1, "sms", address_hash(salt, "sms", "+4915112345678")))
    nobody = Claim(2, "email", "a" * 64, "offers", "letters", 1)
    assert parties_of(world.installation, reader(claim=nobody), wanted) == (KIM._replace(tenant_id=2),)
    assert parties_of(world.installation, reader(customer_id=None), wanted) == (KIM,)


def test_there_is_to_choose_what_running_marketing_is_about(database: Database, tmp_path: Path) -> None:
    room = Mailroom(database, Settings(home=tmp_path))
    letter = {"id": "letter", "channels": ["email", "sms"], "template": "letter"}
    room.apply(topic="partners", tenants=[1], policy={"consent": "opt_in"}, steps=[letter])
    offers = Offers(room.campaigns, lambda: NOON)
    assert offers.of(1, "offers") == Offer(
        ("offers", "partners"), frozenset({"email", "sms"}), frozenset({"partners"})
    )
    assert offers.of(2, "offers") == Offer(("offers",), frozenset(), frozenset())


def test_languages_of_a_browser_are_heard_in_its_order() -> None:
    assert accepted("fr;q=0.4, de-AT, en;q=0, x;q=nonsense, *") == ("de-AT", "*", "fr")
    assert words_for(*accepted("xx, pt-BR;q=0.9, de;q=0.1")).tag == "pt"
    assert accepted("," * 10_000) == ()
    assert words_for(None, 7, "").tag == "en"
