"""What is particular to files of hand-offs: what is in them, who may read them, who carries them on."""

import json
from email import message_from_bytes
from pathlib import Path

import pytest

from automation_pipelines.channels import build_channels, build_test_channels
from automation_pipelines.channels.outbox import OutboxChannel
from automation_pipelines.model import Call, Command, Email, Handoff, Note, Reject, Sent, WriteBack
from automation_pipelines.settings import Settings
from tests.conformance.posts import HEADERS, SECRET, handoff_of

HEAD = {"identity": "1.test", "job_id": 1, "tenant_id": 1}


def written(folder: Path) -> dict[str, object]:
    """The one file of an outbox."""
    [path] = folder.glob("*.json")
    document: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_a_note_becomes_a_file_that_says_whom_and_what(tmp_path: Path) -> None:
    channel = build_channels(Settings(home=tmp_path))["sms"]
    assert channel.send([handoff_of(Note, 1)]) == [Sent("1.test")]
    assert written(tmp_path / "outbox" / "sms") == {
        **HEAD,
        "channel": "sms",
        "to": "+15550100",
        "title": "Offer 1",
        "text": "Hello \u2014 for you",
    }


def test_a_call_and_a_command_become_files_that_say_all_of_it(tmp_path: Path) -> None:
    channels = build_channels(Settings(home=tmp_path))
    channels["webhook"].send([handoff_of(Call, 1)])
    channels["hubspot"].send([handoff_of(Command, 1)])
    assert written(tmp_path / "outbox" / "webhook") == {
        **HEAD,
        "channel": "webhook",
        "method": "POST",
        "url": "https://hooks.example.com/x",
        "headers": HEADERS,
        "body": {"job": 1, "password": SECRET},
    }
    assert written(tmp_path / "outbox" / "hubspot") == {
        **HEAD,
        "channel": "hubspot",
        "target": "hubspot",
        "action": "create-deal",
        "parameters": {"amount": 12.5, "key": SECRET},
    }


def test_in_a_test_everything_is_written_and_nothing_leaves_whatever_is_configured(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        smtp_url="smtp://mail.example.com",
        crm_url="postgresql://crm.example.com/crm",
    )
    channels = build_test_channels(settings)
    assert isinstance(channels["email"].send([handoff_of(Email, 1)])[0], Sent)
    assert isinstance(channels["crm"].send([handoff_of(WriteBack, 1)])[0], Sent)
    message = message_from_bytes((tmp_path / "test-outbox" / "email" / "1.test.eml").read_bytes())
    assert message["Subject"] == "Offer 1"
    values = {"subject_id": 1, "subject_text": "1", "tenant_id": 1}
    document = {**HEAD, "channel": "crm", "action": "raise_level", "values": values}
    assert written(tmp_path / "test-outbox" / "crm") == document
    assert not (tmp_path / "outbox").exists()


def test_what_was_carried_on_does_not_come_back(tmp_path: Path) -> None:
    channel = OutboxChannel("sms", Note, tmp_path)
    channel.send([handoff_of(Note, 1)])
    (tmp_path / "1.test.json").rename(tmp_path / "done" / "1.test.json")
    assert channel.send([handoff_of(Note, 1)]) == [Sent("1.test")]
    assert list(tmp_path.glob("*.json")) == []


def test_files_are_whole_and_for_their_owner_only(tmp_path: Path) -> None:
    OutboxChannel("webhook", Call, tmp_path).send([handoff_of(Call, job) for job in range(50)])
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert len(files) == 50
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert all(json.loads(path.read_text(encoding="utf-8")) for path in files)


@pytest.mark.parametrize("kind", [Call, Command])
def test_secrets_of_a_hand_off_are_in_no_printed_form_of_it(kind: type[Handoff]) -> None:
    assert SECRET not in repr(handoff_of(kind, 1))
    assert SECRET not in str(handoff_of(kind, 1))


def test_what_is_no_json_is_refused_and_takes_nothing_else_down(tmp_path: Path) -> None:
    channel = OutboxChannel("hubspot", Command, tmp_path)
    wrong = Command(2, 1, "2.test", "hubspot", "create-deal", {"amount": float("nan")})
    answers = channel.send([handoff_of(Command, 1), wrong])
    assert [type(answer) for answer in answers] == [Sent, Reject]


def test_text_that_is_no_unicode_does_not_stop_a_hand_off(tmp_path: Path) -> None:
    channel = OutboxChannel("sms", Note, tmp_path)
    assert isinstance(channel.send([Note(1, 1, "1.test", "+1", "", "a \ud800 b")])[0], Sent)
    assert written(tmp_path)["text"] == "a ? b"
