"""Suppressions: the same hash as in SQL, told twice is told once, asked in bulk."""

from datetime import datetime, timedelta
from itertools import permutations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation_pipelines.ledger import suppressions
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import Contact, Suppression, address_hash
from tests.ledger.planned import NOW, count_statements

DAY = timedelta(days=1)


def entry(at: datetime = NOW, **changes: object) -> Suppression:
    values = {"tenant_id": 1, "channel": "email", "address_hash": "a", "reason": "unsubscribed", "at": at}
    return Suppression(**(values | changes))  # type: ignore[arg-type]


def in_sql(address: str) -> str:
    statement = "SELECT sha256($salt || ':' || $channel || ':' || lower(trim($address)))"
    parameters = {"salt": "s", "channel": "email", "address": address}
    with duckdb.connect() as connection:
        return str(connection.execute(statement, parameters).fetchall()[0][0])


@pytest.mark.parametrize(
    "address", [" Kim@Example.COM ", "ΟΔΟΣ@example.gr", "İ@example.tr", "\tx@example.com", ""]
)
def test_the_hash_is_the_same_in_sql(address: str) -> None:
    assert address_hash("s", "email", address) == in_sql(address)


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0"), max_size=8))
def test_the_hash_of_any_text_is_the_same_in_sql(address: str) -> None:
    assert address_hash("s", "email", address) == in_sql(address)


def test_the_hash_depends_on_salt_and_channel_and_not_on_case() -> None:
    assert address_hash("s", "email", "A@b.c") == address_hash("s", "email", " a@B.c")
    assert (
        len({address_hash(*key) for key in [("s", "email", "a"), ("t", "email", "a"), ("s", "sms", "a")]})
        == 3
    )


def test_it_holds_from_its_time_until_it_expires(database: Database) -> None:
    suppressions.add(database, [entry(expires_at=NOW + DAY), entry(address_hash="b")])
    for at, expected in ((NOW - DAY, []), (NOW, ["a", "b"]), (NOW + DAY, ["b"])):
        assert sorted(suppressions.active(database, at)["address_hash"]) == expected


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_telling_changes_nothing(database: Database, order: tuple[int, ...]) -> None:
    told = [
        entry(NOW + DAY, expires_at=NOW + 3 * DAY),
        entry(NOW, expires_at=NOW + 2 * DAY),
        entry(NOW + 2 * DAY),
    ]
    for number in order[:2]:
        suppressions.add(database, [told[number]])
    suppressions.add(database, [told[order[2]], told[order[0]]])
    assert database.read("SELECT count(*) AS n FROM suppressions").item() == 1
    assert suppressions.active(database, NOW).height == 1
    assert suppressions.active(database, NOW + 400 * DAY).height == 1


def test_contacts_are_asked_for_in_one_statement(database: Database) -> None:
    suppressions.add(
        database,
        [
            entry(),
            entry(reason="bounced"),
            entry(address_hash="b", topic="news"),
            entry(address_hash="c", expires_at=NOW),
        ],
    )
    everything = Contact(1, "email", "a", "birthday")
    news, other = Contact(1, "email", "b", "news"), Contact(1, "email", "b", "offers")
    free = [Contact(1, "email", "c", ""), Contact(2, "email", "a", ""), Contact(1, "sms", "a", ""), other]
    found: dict[Contact, frozenset[str]] = {}
    asked = [everything, news, *free]
    assert count_statements(database, lambda: found.update(suppressions.among(database, asked, NOW))) == 1
    assert found == {everything: frozenset({"unsubscribed", "bounced"}), news: frozenset({"unsubscribed"})}


def test_nothing_told_and_nothing_asked_is_nothing_done(database: Database) -> None:
    suppressions.add(database, [])
    assert suppressions.among(database, [], NOW) == {}
