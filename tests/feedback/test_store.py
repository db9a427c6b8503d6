"""What was told reaches the ledger once, whatever the order: jobs found, addresses hashed, silence kept."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines.feedback import Told, store
from automation_pipelines.ledger import conversations
from automation_pipelines.ledger.conversations import Party
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.events import Recorded
from automation_pipelines.ledger.identity import identity_of, installation_name
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.ledger.tables import events, job_payloads, jobs, suppressions
from automation_pipelines.model import EventType
from tests.past import NOON, plan, settle, states

JANE = "jane@mail.example.com"


def told(identity: str, type_: str = "delivered", *, day: float = 0, **more: Any) -> Told:
    values = {"provider": "sendgrid", "channel": "email", **more}
    return Told(identity=identity, type=EventType(type_), at=NOON + timedelta(days=day), **values)


def written_to(db: Database, *addresses: str, channel: str = "email", **more: Any) -> list[int]:
    """Jobs of such addresses, each hashed as planning hashes it."""
    moments = [
        {"address": one, "address_hash": address_hash(db.salt, channel, one), "channel": channel, **more}
        for one in addresses
    ]
    return plan(db, *moments)


def silenced(db: Database) -> set[tuple[Any, ...]]:
    """(tenant, channel, reason, until) of everything, in days after noon."""
    s = suppressions.c
    rows = db.read(sa.select(s.tenant_id, s.channel, s.reason, s.topic, s.expires_at))
    day = timedelta(days=1)
    return {(*row[:4], row[4] and (row[4] - NOON) / day) for row in rows.iter_rows()}


def recorded(db: Database, *columns: str) -> set[tuple[Any, ...]]:
    return set(db.read(sa.select(*(events.c[name] for name in columns))).iter_rows())


def test_what_is_told_is_kept_whole_and_no_address_is(database: Database) -> None:
    (job,) = written_to(database, JANE)
    first = told("e1", "clicked", job_id=job, address=JANE, link="https://a.example/", machine=True)
    second = told("e2", "bounced", job_id=job, address=JANE.upper(), kind="soft", cause="too_big")
    assert store(database, [first, second, first], NOON) == Recorded(2, 1, 0)
    assert store(database, [second], NOON) == Recorded(0, 1, 0)
    columns = ("identity", "job_id", "tenant_id", "provider", "channel", "kind", "machine", "link", "detail")
    assert recorded(database, *columns) == {
        ("e1", job, 1, "sendgrid", "email", None, True, "https://a.example/", None),
        ("e2", job, 1, "sendgrid", "email", "soft", None, None, '{"cause":"too_big"}'),
    }
    # Of clicks there are too many to remember whose they were; of bounces it matters.
    assert recorded(database, "identity", "address_hash") == {
        ("e1", None),
        ("e2", address_hash(database.salt, "email", JANE)),
    }
    assert silenced(database) == set()


def test_the_job_is_found_by_what_was_echoed(database: Database) -> None:
    named, by_identity, by_provider = written_to(database, "a@x.example", "b@x.example", "c@x.example")
    for job in (named, by_identity, by_provider):
        settle(database, job, "completed")
    with database.begin() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == by_provider).values(provider_id="px-1"))
        key = connection.execute(sa.select(jobs).where(jobs.c.id == by_identity)).mappings().one()
    installation = installation_name(database.salt)
    own = ("occurrence", "tenant_id", "subject_id", "recipient_id")
    occurrence, tenant, subject, recipient = (key[name] for name in own)
    identity = identity_of((occurrence, tenant, "birthday", "wish", subject, recipient), "live", installation)
    foreign = f"{identity.split('.')[0]}.{'0' * 16}"
    store(
        database,
        [
            told("by-number", job_id=named),
            told("by-identity", message_id=f"<{identity}@acme.example>"),
            told("by-provider", provider_id="px-1"),
            told("both", job_id=by_identity, message_id=identity, proved=False),
            told("no-such", job_id=99_999),
            told("too-large", job_id=2**70),
            told("unproved", job_id=named, proved=False),
            told("wrongly-proved", job_id=named, message_id=identity, proved=False),
            told("another-installation", job_id=named, message_id=f"<{foreign}@acme.example>"),
        ],
        NOON,
    )
    assert recorded(database, "identity", "job_id") == {
        ("by-number", named),
        ("by-identity", by_identity),
        ("by-provider", by_provider),
        ("both", by_identity),
        ("no-such", None),
        ("too-large", None),
        ("unproved", None),
        ("wrongly-proved", by_identity),
        ("another-installation", None),
    }


RULES: list[tuple[dict[str, Any], set[tuple[str, float | None]]]] = [
    ({"type_": "bounced", "kind": "hard", "cause": "no_address"}, {("bounced", None)}),
    ({"type_": "bounced", "kind": "soft", "cause": "full"}, {("bounced", 30)}),
    ({"type_": "bounced", "kind": "soft", "cause": "expired"}, set()),
    ({"type_": "bounced", "kind": "block", "cause": "spam"}, set()),
    ({"type_": "deferred", "kind": "soft", "cause": "full"}, set()),
    ({"type_": "complained"}, {("complained", None)}),
    ({"type_": "unsubscribed"}, {("unsubscribed", None)}),
    ({"type_": "failed", "kind": "bounced"}, {("bounced", 30)}),
    ({"type_": "failed", "kind": "complained"}, {("complained", None)}),
    ({"type_": "failed", "kind": "dropped"}, set()),
    ({"type_": "unknown", "kind": "resubscribed"}, set()),
]


@pytest.mark.parametrize(("said", "expected"), RULES)
def test_whom_an_event_silences_and_for_how_long(
    sqlite_database: Database, said: dict[str, Any], expected: set[tuple[str, float | None]]
) -> None:
    (job,) = written_to(sqlite_database, JANE)
    store(sqlite_database, [told("e", job_id=job, address=JANE, **said)], NOON)
    assert silenced(sqlite_database) == {(1, "email", reason, "", until) for reason, until in expected}


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    database.migrate(NOON)
    yield database
    database.close()


def test_three_messages_that_bounced_softly_within_two_weeks_give_an_address_rest(database: Database) -> None:
    one, two, three, four = written_to(database, *[JANE] * 4)

    def soft(identity: str, job: int, day: float) -> Told:
        return told(identity, "bounced", day=day, job_id=job, address=JANE, kind="soft", cause="network")

    store(database, [soft("a", one, 0), soft("a-again", one, 0.5), soft("b", two, 3)], NOON)
    assert silenced(database) == set()
    store(database, [soft("c", three, 20)], NOON)  # too long after the first
    assert silenced(database) == set()
    store(database, [soft("d", four, 13)], NOON)  # told late, it makes three within the days before the 14th
    assert silenced(database) == {(1, "email", "bounced", "", 13 + 30)}


def test_of_a_job_that_went_on_to_another_channel_the_present_one_is_neither_silenced_nor_proved(
    database: Database,
) -> None:
    (job,) = written_to(database, "+15550100", channel="sms")
    settle(database, job, "unknown")
    store(database, [told("e1", "bounced", job_id=job, address=JANE, kind="hard", channel="email")], NOON)
    store(database, [told("e2", "bounced", job_id=job, kind="hard", channel="email")], NOON)
    assert silenced(database) == {(1, "email", "bounced", "", None)}
    assert states(database) == {job: "unknown"}
    assert recorded(database, "job_id", "channel") == {(job, "email")}
    assert store(database, [told("e3", "delivered", job_id=job, channel="sms")], NOON).proved == 1


def test_a_copy_that_bounced_is_not_the_recipients_fault(database: Database) -> None:
    (job,) = written_to(database, JANE)
    copy = told("e1", "bounced", job_id=job, address="boss@x.example", kind="hard")
    store(database, [copy], NOON)
    hashed = {row[0] for row in database.read(sa.select(suppressions.c.address_hash)).iter_rows()}
    assert hashed == {address_hash(database.salt, "email", "boss@x.example")}
    assert recorded(database, "identity", "job_id", "detail") == {("e1", None, f'{{"job_id":{job}}}')}


def test_a_message_whose_payload_is_gone_still_silences_its_address(database: Database) -> None:
    (job,) = written_to(database, JANE)
    with database.begin() as connection:
        connection.execute(sa.delete(job_payloads))
    digest = address_hash(database.salt, "email", JANE)
    asked = told("e1", "unsubscribed", job_id=job, address_hash=digest, tenant_id=1, topic="news")
    store(database, [asked, told("e2", "complained", tenant_id=7, address="x@y.example")], NOON)
    assert silenced(database) == {
        (1, "email", "unsubscribed", "news", None),
        (7, "email", "complained", "", None),
    }


STOP = {"type_": "unsubscribed", "kind": "stop"}
START = {"type_": "replied", "kind": "start"}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_latest_of_stop_and_start_counts_whatever_the_order_of_arrival(
    sqlite_database: Database, order: tuple[int, ...]
) -> None:
    written_to(sqlite_database, "+15550100", channel="sms")
    written = {"channel": "sms", "address": "+1 555 0100", "tenant_id": 1, "provider": "twilio"}
    words = [
        told("s1", **STOP, day=1, **written),
        told("s2", **START, day=2, **written),
        told("s3", **STOP, day=3, **written),
    ]
    for place in order:
        store(sqlite_database, [words[place]], NOON)
    assert silenced(sqlite_database) == {(1, "sms", "unsubscribed", "", None)}
    store(sqlite_database, [told("s4", **START, day=4, **written)], NOON)
    assert silenced(sqlite_database) == {(1, "sms", "unsubscribed", "", 4)}
    store(sqlite_database, [words[2], told("s0", **STOP, day=0.5, **written)], NOON)
    assert silenced(sqlite_database) == {(1, "sms", "unsubscribed", "", 4)}


def test_who_shares_a_number_is_stopped_with_it_and_who_has_one_of_their_own_is_not(
    database: Database,
) -> None:
    plan(database, {"tenant_id": 1}, {"tenant_id": 2}, {"tenant_id": 7})
    shared = {"channel": "whatsapp", "address": "+15550100", "all_tenants_but": frozenset({7})}
    own = {"channel": "whatsapp", "address": "+15550100", "tenant_id": 7}
    stop = told("s1", **STOP, day=1, **shared)
    assert store(database, [stop, told("s2", **STOP, day=1, **own)], NOON).events == 2
    everybody = {(tenant, "whatsapp", "unsubscribed", "", None) for tenant in (1, 2, 7)}
    assert silenced(database) == everybody
    store(database, [told("s3", **START, day=2, **shared)], NOON)
    assert {(row[0], row[4]) for row in silenced(database)} == {(1, 2), (2, 2), (7, None)}
    digest = address_hash(database.salt, "whatsapp", "+15550100")
    parties = {Party(tenant, "whatsapp", digest) for tenant in (1, 2, 7)}
    assert conversations.open_among(database, parties, NOON + timedelta(days=1, hours=20)) == {
        Party(7, "whatsapp", digest)
    }
    assert conversations.open_among(database, parties, NOON + timedelta(days=2, hours=20)) == {
        Party(1, "whatsapp", digest),
        Party(2, "whatsapp", digest),
    }
