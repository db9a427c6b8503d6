"""All ways in by files: our words, posts of providers, mails; each read once, what is wrong kept apart."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines import feedback
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.feedback import Ingested, open_inbox
from automation_pipelines.forgetting.files import feedback as forget
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import events, suppressions
from automation_pipelines.messages.echo import echo_headers, echoes_of
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from tests.past import NOON, plan

SENDGRID = [{"email": "jane@x.example", "timestamp": 1777636800, "event": "open", "sg_event_id": "e"}]


def put(home: Path, name: str, content: str | bytes) -> None:
    path = home / "feedback" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def ingest(db: Database, home: Path) -> Ingested:
    return feedback.ingest(db, SqlFiles(), Settings(home=home), now=NOON)


def told(db: Database) -> dict[tuple[str, str], int]:
    e = events.c
    counts = sa.select(e.provider, e.type, sa.func.count()).group_by(e.provider, e.type)
    return {(provider, type_): count for provider, type_, count in db.read(counts).iter_rows()}


def test_everything_that_waits_is_read_once(database: Database, tmp_path: Path) -> None:
    (job,) = plan(database, {})
    line = {"id": "e1", "type": "delivered", "at": NOON.isoformat(), "job_id": job}
    put(tmp_path, "a.jsonl", json.dumps(line))
    put(tmp_path, "sendgrid/1.json", json.dumps(SENDGRID))
    clicks = [json.dumps([{**SENDGRID[0], "event": "click", "url": f"https://x/{n}"}]) for n in range(3)]
    put(tmp_path, "sendgrid/2.jsonl", "\n".join([*clicks, "", "{nonsense", clicks[0]]))
    put(tmp_path, "twilio/3.form", "MessageSid=SM1&MessageStatus=delivered&To=%2B15550100")
    legacy = {"event": "opened", "recipient": "jane@x.example", "timestamp": "1777636800", "token": "t"}
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in legacy.items()
    )
    put(tmp_path, "mailgun/4", parts + "--b--\r\n")
    put(tmp_path, "sendgrid/.5.json", "[")
    put(tmp_path, "mail/6.eml", "From: MAILER-DAEMON@x.example\nFinal: no report\n\n")
    put(tmp_path, "unheard-of/7.json", "{}")
    assert len(feedback.waiting(open_inbox(str(tmp_path / "feedback")))) == 6
    assert ingest(database, tmp_path) == Ingested(files=6, events=7, duplicates=1, rejected=1)
    assert told(database) == {
        ("file", "delivered"): 1,
        ("sendgrid", "opened"): 1,
        ("sendgrid", "clicked"): 3,
        ("twilio", "delivered"): 1,
        ("mailgun", "opened"): 1,
    }
    reasons = tmp_path / "feedback" / "sendgrid" / "rejected" / "2.jsonl.reasons.txt"
    assert reasons.read_text().startswith("line 5: the body is no JSON that SendGrid would post")
    assert ingest(database, tmp_path) == Ingested()
    put(tmp_path, "sendgrid/1.json", json.dumps(SENDGRID))
    assert ingest(database, tmp_path) == Ingested(files=1, duplicates=1)


def test_by_hand_and_from_another_mailbox(tmp_path: Path) -> None:
    installation = Installation.open(Settings(home=tmp_path))
    installation.initialise(NOON)
    put(tmp_path, "sendgrid/1.json", json.dumps(SENDGRID))
    (tmp_path / "mails").mkdir()
    (tmp_path / "mails" / "a.eml").write_bytes(b"Subject: unsubscribe\nFrom: jane@x.example\n\n")
    front = Front(installation, NOON, "ann")
    arguments = ["feedback", "ingest", "--mailbox", str(tmp_path / "mails")]
    result = CliRunner().invoke(automation, arguments, obj=front)
    assert result.output.startswith("2 files: 2 events, 0 known already"), result.output
    assert told(installation.database) == {("sendgrid", "opened"): 1, ("mailbox", "unsubscribed"): 1}
    installation.database.close()


def test_who_is_forgotten_goes_from_posts_and_mails_too(tmp_path: Path) -> None:
    put(tmp_path, "done/a.jsonl", "jane@x.example\nbob@x.example\n")
    for name in ("sendgrid/done/1.json", "sendgrid/rejected/2.json", "mail/done/3.eml", "mail/done/4.eml"):
        put(tmp_path, name, "To: Bob@x.example" if name.endswith("4.eml") else "To: Jane@x.example")
    root = tmp_path / "feedback"
    assert forget(open_inbox(str(root)), ["jane@x.example"], dry_run=True) == 4
    assert forget(open_inbox(str(root)), ["jane@x.example"], dry_run=False) == 4
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == ["4.eml", "a.jsonl"]
    assert (root / "done" / "a.jsonl").read_text() == "bob@x.example\n"


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        ("sendgrid", 'X-SMTPAPI: {"unique_args": {"job_id": "12", "identity": "a.b"}}\r\n'),
        ("mailgun", 'X-Mailgun-Variables: {"job_id": "12", "identity": "a.b"}\r\n'),
        ("postmark", "X-PM-Metadata-job_id: 12\r\nX-PM-Metadata-identity: a.b\r\n"),
        ("sparkpost", 'X-MSYS-API: {"metadata": {"job_id": "12", "identity": "a.b"}}\r\n'),
        ("brevo", 'X-Mailin-custom: {"job_id": "12", "identity": "a.b"}\r\n'),
    ],
)
def test_a_provider_is_asked_to_echo_whose_message_it_is(provider: str, header: str) -> None:
    assert echo_headers([provider], 12, "a.b") == header
    assert echoes_of(Settings()) == ()
    secret = "webhook_key" if provider in {"sendgrid", "mailgun"} else "webhook_secret"
    assert echoes_of(Settings.model_validate({provider: {secret: "x"}})) == (provider,)


def test_a_line_of_a_full_mailbox_gives_it_rest(database: Database, tmp_path: Path) -> None:
    (job,) = plan(database, {})
    detail = {"kind": "soft", "cause": "full"}
    line = {"id": "e1", "type": "bounced", "at": NOON.isoformat(), "job_id": job, "detail": detail}
    put(tmp_path, "a.jsonl", json.dumps(line))
    ingest(database, tmp_path)
    s = suppressions.c
    assert database.read(sa.select(s.address_hash, s.expires_at)).rows() == [
        ("hash-1", NOON + timedelta(days=30))
    ]
