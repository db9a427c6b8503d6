"""Messages inside the product: delivered into the automation database, listed, read once."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from automation_pipelines.channels.in_app import InAppChannel
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.notifications import listed, mark_read
from automation_pipelines.model import Note, Reject, Sent
from automation_pipelines.settings import Settings
from tests.mailroom import NOON


def note(job: int, to: str = "customer:12", *, tenant: int = 1, text: str = "Hello") -> Note:
    """A message of a job."""
    return Note(job, tenant, f"{job}.test", to, f"Offer {job}", text)


def send(database: Database, *notes: Note) -> list[object]:
    """Hand messages over by a channel of their own."""
    channel = InAppChannel("in_app", database.engine.url.render_as_string(hide_password=False))
    try:
        return list(channel.send(notes))
    finally:
        channel.close()


def test_a_recipient_sees_their_own_messages_newest_first_until_they_are_read(database: Database) -> None:
    send(database, note(1), note(2), note(3, "user:7"), note(4, tenant=2))
    mine = listed(database, "customer:12", tenant=1)
    assert [(one.title, one.text, one.read_at) for one in mine] == [
        ("Offer 2", "Hello", None),
        ("Offer 1", "Hello", None),
    ]
    assert mark_read(database, "customer:12", NOON, tenant=1, ids=[mine[0].id]) == 1
    assert [one.title for one in listed(database, "customer:12", tenant=1)] == ["Offer 1"]
    assert mark_read(database, "customer:12", NOON) == 2
    assert mark_read(database, "customer:12", NOON) == 0
    assert [one.read_at for one in listed(database, "customer:12", unread=False)] == [NOON] * 3
    assert len(listed(database, "user:7")) == 1


def test_nobody_reads_for_somebody_else(database: Database) -> None:
    send(database, note(1))
    [mine] = listed(database, "customer:12")
    assert mark_read(database, "user:7", NOON, ids=[mine.id]) == 0


def test_handed_over_again_a_message_that_was_read_stays_read(database: Database) -> None:
    send(database, note(1))
    mark_read(database, "customer:12", NOON)
    assert send(database, note(1), note(1), note(2)) == [Sent(), Sent(), Sent()]
    assert [one.title for one in listed(database, "customer:12", unread=False)] == ["Offer 2", "Offer 1"]
    assert [one.title for one in listed(database, "customer:12")] == ["Offer 2"]


def test_a_message_the_database_cannot_hold_does_not_stop_the_others(database: Database) -> None:
    if database.dialect == "sqlite":
        pytest.skip("SQLite holds any text")
    answers = send(database, note(1), note(2, text="a\0b"), note(3))
    assert [type(answer) for answer in answers] == [Sent, Reject, Sent]


def test_the_command_lists_what_is_unread_and_notes_that_it_was_read(tmp_path: Path) -> None:
    installation = Installation.open(Settings(home=tmp_path))
    installation.database.migrate(NOON)
    send(installation.database, note(1), note(2))

    def run(*words: str) -> str:
        front = Front(installation, NOON, "kim")
        result = CliRunner().invoke(automation, ["notifications", *words], obj=front)
        assert result.exit_code == 0, result.output
        return result.output

    mine = ("--recipient", "customer:12")
    assert "Offer 2" in run("list", *mine)
    [latest, _] = listed(installation.database, "customer:12")
    assert run("read", str(latest.id), *mine) == "customer:12: 1 message read\n"
    assert "Offer 2" not in run("list", *mine)
    assert "Offer 2" in run("list", "--all", *mine)
    assert run("read", *mine) == "customer:12: 1 message read\n"
    assert run("list", *mine) == "customer:12 has no unread messages\n"
