"""Another tool's lists and past sends, taken over."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from automation_pipelines.errors import SourceError
from automation_pipelines.ledger import suppressions
from automation_pipelines.ledger.tables import consents, past_sends
from automation_pipelines.takeover import Defaults, Kind, Taken, take_over
from tests.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WELCOME = {
    "id": "welcome",
    "title": "Welcome",
    "audience": "new_customers",
    "steps": [{"id": "hello", "channel": "email", "template": "hello"}],
}


def _take(world: World, kind: Kind, path: Path, **defaults: str) -> Taken:
    installation = world.installation
    return take_over(
        installation.database,
        installation.sqlfiles,
        installation.campaigns,
        kind,
        path,
        defaults=Defaults(**defaults),
        now=NOW,
    )


def test_suppressions_of_another_tool_hold_here(world: World, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "Tenant_ID,address,reason,topic,at\n"
        "1, Kim@Mail.example.com ,unsubscribed,,2025-01-01T00:00:00Z\n"
        "1,lee@mail.example.com,,offers,\n"
    )
    assert _take(world, "suppressions", file) == Taken(2, 2)
    database = world.installation.database
    kim = suppressions.address_hash(database.salt, "email", "kim@mail.example.com")
    found = suppressions.of_address(database, 1, "email", kim, NOW)
    assert found.select("topic", "reason").rows() == [("", "unsubscribed")]
    assert _take(world, "suppressions", file) == Taken(2, 0)


def test_consents_are_kept_by_channel_and_topic(world: World, tmp_path: Path) -> None:
    file = tmp_path / "consents.jsonl"
    file.write_text(
        '{"address": "+44 20 7946 0000", "channel": "sms", "state": "opted_in", '
        '"at": "2025-05-01T10:00:00+01:00"}\n'
        '{"address": "kim@mail.example.com", "topic": "news", "state": "pending", '
        '"at": "2025-05-01T10:00:00Z"}\n'
    )
    assert _take(world, "consents", file, tenant="1") == Taken(2, 2)
    rows = world.installation.database.read(consents.select().order_by(consents.c.id))
    assert rows.select("channel", "topic", "state", "origin").rows() == [
        ("sms", "", "opted_in", "consents.jsonl"),
        ("email", "news", "pending", "consents.jsonl"),
    ]
    assert rows["at"][0] == datetime(2025, 5, 1, 9, tzinfo=UTC)


def test_a_consent_without_a_time_could_undo_a_later_word(world: World, tmp_path: Path) -> None:
    file = tmp_path / "consents.csv"
    file.write_text("tenant_id,address,state\n1,kim@mail.example.com,opted_in\n")
    with pytest.raises(SourceError, match=":2: at: missing, when it was said"):
        _take(world, "consents", file)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "Address,address\nx@y.example,x@y.example\n", "Address: given twice"),
        ("b.jsonl", '{"address": ["x@y.example"]}\n', "address: holds lists or objects"),
        ("c.jsonl", '{"address": {"a": "x@y.example"}}\n', "address: holds lists or objects"),
    ],
)
def test_columns_that_cannot_be_read_are_refused(
    world: World, tmp_path: Path, name: str, text: str, why: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(SourceError, match=why):
        _take(world, "suppressions", file, tenant="1")


def test_past_sends_name_steps_that_exist(world: World, tmp_path: Path) -> None:
    world.apply(WELCOME)
    file = tmp_path / "sends.csv"
    file.write_text("subject,at\n7,2026-02-28T09:00:00Z\n8,2026-02-28T09:00:00Z\n")
    taken = _take(world, "sends", file, tenant="1", campaign="welcome", step="hello")
    assert taken == Taken(2, 2)
    rows = world.installation.database.read(past_sends.select().order_by(past_sends.c.id))
    assert rows["subject_id"].to_list() == [7, 8]
    with pytest.raises(SourceError, match="'welcome/hallo' is no step of an applied campaign"):
        _take(world, "sends", file, tenant="1", campaign="welcome", step="hallo")


def test_a_file_with_a_wrong_line_is_refused_whole(world: World, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "tenant_id,address,reason,at\n"
        "1,kim@mail.example.com,unsubscribed,\n"
        "one,kim@mail.example.com,,\n"
        "1,nobody,,\n"
        "1,kim@mail.example.com,tired,\n"
        "1,kim@mail.example.com,,2025-01-01\n"
    )
    with pytest.raises(SourceError) as refused:
        _take(world, "suppressions", file)
    assert str(refused.value).splitlines() == [
        f"{file}:3: tenant_id: 'one' is no tenant",
        f"{file}:4: address: no e-mail address",
        f"{file}:5: reason: one of bounced, complained, unsubscribed, manual, imported",
        f"{file}:6: at: '2025-01-01' is no instant with a zone, such as 2026-05-01T09:00:00Z",
        "nothing was taken over",
    ]
    assert suppressions.active(world.installation.database, NOW).is_empty()


def test_an_unknown_column_is_refused_since_it_could_be_an_opt_out(world: World, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("tenant_id,address,topics\n1,kim@mail.example.com,offers\n")
    with pytest.raises(
        SourceError, match="topics: unknown column; suppressions have tenant_id, channel, address, topic"
    ):
        _take(world, "suppressions", file)


def test_a_lifted_suppression_ends_and_the_audit_knows(world: World) -> None:
    database = world.installation.database
    hashed = suppressions.address_hash(database.salt, "email", "kim@mail.example.com")
    suppressions.add(database, [suppressions.Suppression(1, "email", hashed, "manual", NOW)])
    assert suppressions.lift(database, 1, "email", hashed, None, by="ada", at=NOW) == 1
    assert suppressions.active(database, NOW).is_empty()
    assert suppressions.lift(database, 1, "email", hashed, None, by="ada", at=NOW) == 0


def test_what_another_tool_had_sent_is_not_sent_again(world: World, tmp_path: Path) -> None:
    world.add("tenants", id=1)
    for key, created in ((1, "2026-03-01T08:00"), (2, "2026-03-01T08:00"), (3, "2026-03-01T08:30")):
        world.add("customers", id=key, created_at=created)
    greeting = {"id": "birthday", "title": "B", "audience": "birthdays"}
    world.apply(WELCOME, start="2026-03-01T00:00")
    world.apply(
        {**greeting, "steps": [{"id": "wish", "channel": "email", "template": "t"}]}, start="2026-02-20T00:00"
    )
    world.add("customers", id=4, birthday="1990-03-01", created_at="2020-01-01T00:00")
    world.add("customers", id=5, birthday="1990-03-01", created_at="2020-01-01T00:00")
    file = tmp_path / "sends.csv"
    file.write_text(
        "campaign,step,subject,at\n"
        "welcome,hello,1,2026-02-28T23:00:00Z\n"
        "birthday,wish,4,2026-02-28T20:00:00Z\n"  # this year's, last night
        "birthday,wish,5,2025-03-01T09:00:00Z\n"  # last year's
    )
    assert _take(world, "sends", file, tenant="1").added == 3
    world.tick_through("2026-03-01T08:30", "2026-03-01T09:30")
    assert [(step, subject) for step, subject, *_ in world.sent()] == [
        ("hello", 2),
        ("hello", 3),
        ("wish", 5),
    ]
    refused = world.decisions().filter(pl.col("reason") == "duplicate")
    assert sorted(refused.select("step", "subject_id").unique().rows()) == [("hello", 1), ("wish", 4)]


def test_a_campaign_about_what_was_sent_is_no_obstacle(world: World, tmp_path: Path) -> None:
    steps = [{"id": "call", "offset": "2 days", "channel": "email", "template": "hello"}]
    world.apply({"id": "after-that", "title": "After that", "audience": "messages_sent", "steps": steps})
    file = tmp_path / "list.csv"
    file.write_text("address\nkim@mail.example.com\n")
    assert _take(world, "suppressions", file, tenant="1") == Taken(1, 1)
