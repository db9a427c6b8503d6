"""Mail that came back: what it says, whom it is believed, and that nothing is read twice or lost."""

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines.errors import ConfigurationError, FeedbackError, MalformedError
from automation_pipelines.feedback import Ingested
from automation_pipelines.feedback.letters import Desk, read
from automation_pipelines.feedback.mailbox import desk_of, ingest_mails, open_mailbox
from automation_pipelines.feedback.told import Told
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.identity import identity_of, installation_name
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.ledger.tables import events, jobs, suppressions
from automation_pipelines.messages.tokens import Claim, LinkKeys
from automation_pipelines.settings import Settings
from tests.past import NOON, plan

CASES = Path(__file__).parents[3] / "shared" / "cases"
JANE = "jane@mail.example.com"
SECRET = "s" * 32
OURS = f"{'ab' * 16}.{'cd' * 8}"


def letter(subject: str = "Re: Hello", body: str = "Thanks!", **headers: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = JANE, "us@acme.example", subject
    mail["Date"], mail["Message-ID"] = "Fri, 01 May 2026 10:00:00 +0000", "<r1@mail.example.com>"
    for name, value in headers.items():
        del mail[name.replace("_", "-")]
        mail[name.replace("_", "-")] = value
    mail.set_content(body)
    return mail.as_bytes()


def report(
    *groups: str, kind: str = "delivery-status", job: int = 12, identity: str = OURS, to: str = JANE
) -> bytes:
    """A multipart/report about one of our messages."""
    about = f"Message-ID: <{identity}@acme.example>\nX-Job-ID: {job}\nTo: {to}\nSubject: Hello\n\nHi\n"
    first = ("Reporting-MTA: dns; mx.example\n",) if kind == "delivery-status" else ()
    said = "\n".join((*first, *groups))
    parts = {"text/plain": "Sorry.\n", f"message/{kind}": said, "message/rfc822": about}
    head = (
        "From: MAILER-DAEMON@mx.example\nTo: us@acme.example\nSubject: Undelivered\nMessage-ID: <b1@mx>\n"
        "Date: Fri, 01 May 2026 10:00:00 +0000\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="b"\n\n'
    )
    body = "".join(f"--b\nContent-Type: {type_}\n\n{text}\n" for type_, text in parts.items())
    return f"{head}{body}--b--\n".encode()


def recipient(
    address: str = JANE, action: str = "failed", status: str = "5.1.1", said: str = "user unknown"
) -> str:
    final = f"Final-Recipient: rfc822; {address}\n"
    return f"{final}Action: {action}\nStatus: {status}\nDiagnostic-Code: smtp; 550 {said}\n"


def tell(content: bytes, desk: Desk | None = None) -> tuple[Told, ...]:
    return read(content, desk or Desk(), NOON)


def meant(content: bytes) -> list[tuple[str, str | None]]:
    return [(str(one.type), one.kind) for one in tell(content)]


REPORTS = [
    (recipient(), "bounced", "hard"),
    (recipient(status="5.2.2", said="mailbox full"), "bounced", "soft"),
    (recipient(status="5.7.1", said="spam"), "bounced", "block"),
    (recipient(action="delayed", status="4.4.1", said="timeout"), "deferred", "soft"),
    (recipient(action="delivered", status="2.0.0"), "delivered", None),
    (recipient(action="", status="5.1.1"), "bounced", "hard"),
]


@pytest.mark.parametrize(("group", "type_", "kind"), REPORTS)
def test_a_delivery_report(group: str, type_: str, kind: str | None) -> None:
    (told,) = tell(report(group))
    assert (told.type, told.kind) == (type_, kind)
    assert (told.job_id, told.message_id, told.address, told.proved) == (12, OURS, JANE, False)
    assert told.at == datetime(2026, 5, 1, 10, tzinfo=UTC)


def test_a_report_of_two_recipients_tells_of_both() -> None:
    told = tell(report(recipient(), recipient("bob@x.example", status="5.2.2"), to=f"{JANE}, bob@x.example"))
    assert [(one.address, one.kind) for one in told] == [(JANE, "hard"), ("bob@x.example", "soft")]
    assert len({one.identity for one in told}) == 2


def test_a_dead_address_that_ours_was_passed_on_to_is_not_ours() -> None:
    (told,) = tell(report(recipient("jane@elsewhere.example")))
    assert (told.address, told.kind) == (None, "soft")


def test_a_complaint_and_a_receipt() -> None:
    (told,) = tell(report(f"Feedback-Type: abuse\nOriginal-Rcpt-To: <{JANE}>\n", kind="feedback-report"))
    assert (told.type, told.job_id, told.address) == ("complained", 12, JANE)
    (kept,) = tell(report("Feedback-Type: not-spam\n", kind="feedback-report"))
    assert kept.type == "unknown"
    receipt = f"Original-Recipient: rfc822;{JANE}\nDisposition: manual-action/MDN-sent-manually; displayed\n"
    (seen,) = tell(report(receipt, kind="disposition-notification"))
    assert (seen.type, seen.kind) == ("opened", "receipt")


def test_a_bounce_in_a_servers_own_words() -> None:
    body = (
        "Hi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your message "
        f"to the following addresses.\n\n<{JANE}>:\n192.0.2.1 does not like recipient.\n"
        "Remote host said: 550 No such user here\n"
    )
    content = letter("failure notice", body, From="MAILER-DAEMON@mx.example", Return_Path="<>")
    assert [(one.type, one.kind, one.address) for one in tell(content)] == [("bounced", "hard", JANE)]


ANSWERS: list[tuple[dict[str, str], list[tuple[str, str | None]]]] = [
    ({"In_Reply_To": f"<{OURS}@acme.example>"}, [("replied", None)]),
    ({"References": f"<x@y> <{OURS}@acme.example>"}, [("replied", None)]),
    ({"In_Reply_To": f"<{OURS}@acme.example>", "Auto_Submitted": "no"}, [("replied", None)]),
    (
        {"In_Reply_To": f"<{OURS}@acme.example>", "Auto_Submitted": "auto-replied (vacation)"},
        [("unknown", "auto")],
    ),
    ({"In_Reply_To": f"<{OURS}@acme.example>", "X_Autoreply": "yes"}, [("unknown", "auto")]),
    ({"In_Reply_To": f"<{OURS}@acme.example>", "subject": "Out of Office: Hello"}, [("unknown", "auto")]),
    ({"In_Reply_To": f"<{OURS}@acme.example>", "subject": "Abwesenheitsnotiz"}, [("unknown", "auto")]),
    ({"In_Reply_To": "<somebody-elses@x.example>"}, []),
    ({}, []),
]


@pytest.mark.parametrize(("headers", "expected"), ANSWERS)
def test_who_answers_a_message_of_ours(
    headers: dict[str, str], expected: list[tuple[str, str | None]]
) -> None:
    assert meant(letter(**headers)) == expected


def test_a_mail_unsubscribes_by_its_token_else_for_its_sender() -> None:
    keys = LinkKeys(SECRET)
    claim = Claim(3, "email", "ab" * 32, "news", "spring", 12)
    desk = Desk(keys, {"us@acme.example": frozenset({3}), "all@acme.example": frozenset({1, 2})})
    (told,) = tell(
        letter(f"unsubscribe {keys.sign('unsubscribe', claim)}", Auto_Submitted="auto-generated"), desk
    )
    assert (told.type, told.tenant_id, told.address_hash) == ("unsubscribed", 3, "ab" * 32)
    assert (told.topic, told.job_id, told.address) == ("news", 12, None)
    (forged,) = tell(letter("Unsubscribe " + "A" * 140), desk)
    assert (forged.tenant_id, forged.address, forged.job_id) == (3, JANE, None)
    (several,) = tell(letter("unsubscribe", To="all@acme.example"), desk)
    assert (several.tenant_id, several.all_tenants_but) == (None, frozenset())
    assert tell(letter("How do I unsubscribe my cat from your list?"), desk) == ()


def test_no_mail_brings_the_reader_down() -> None:
    deep = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3000))
    strange = [
        b"",
        b"\x00\xff" * 1000,
        deep,
        b"Subject: =?x?q?y?=\nFrom: \xff\n\n",
        b"A" * 2_000_000,
        report("Action: \xff\nFinal-Recipient:"),
        b"Content-Type: text/plain; charset=nonsense\n\n\xff",
        letter(Date="Fri, 99 Foo 99999 99:99:99"),
        b"Date: \n" * 5000,
    ]
    for content in strange:
        try:
            tell(content)
        except MalformedError:
            continue


def _cases() -> list[dict[str, Any]]:
    path = CASES / "dsn_sample.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["file"])
def test_a_real_report(case: dict[str, Any]) -> None:
    told = tell((CASES / case["file"]).read_bytes())
    warning = case["file"] == "dsn/rfc3464-09.eml"  # "being retried": it has not bounced yet
    truth = [("deferred" if warning else one["expected"], one["bounce_class"]) for one in case["recipients"]]
    expected = [(type_, class_ == "hard") for type_, class_ in truth]
    assert [(one.type, one.kind == "hard") for one in told] == expected


class Server(socketserver.ThreadingTCPServer):
    """Enough of IMAP4rev1 for one account: a folder of mails with their flags."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, mails: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.mails = mails
        self.flags: list[set[str]] = [set() for _ in mails]


class Session(socketserver.StreamRequestHandler):
    server: Server

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("* OK IMAP4rev1 ready")
        while line := self.rfile.readline().decode().strip():
            tag, _, command = line.partition(" ")
            refused = self.answer(command)
            self.say(f"{tag} {'NO refused' if refused else 'OK done'}")

    def answer(self, command: str) -> bool:
        words = command.split()
        match [word.upper() for word in words[:2]]:
            case ["CAPABILITY", *_]:
                self.say("* CAPABILITY IMAP4rev1")
            case ["LOGIN", *_]:
                return command != 'LOGIN jane "pass word"'
            case ["SELECT", *_]:
                self.say(f"* {len(self.server.mails)} EXISTS")
                return words[1] != '"Back"'
            case ["UID", "SEARCH"]:
                unseen = [str(n) for n, flags in enumerate(self.server.flags, 1) if r"\Seen" not in flags]
                self.say(f"* SEARCH {' '.join(unseen)}")
            case ["UID", "FETCH"]:
                mail = self.server.mails[int(words[2]) - 1]
                self.wfile.write(b"* %s FETCH (UID %s BODY[]<0> {%d}\r\n%s)\r\n" % (
                    words[2].encode(), words[2].encode(), len(mail), mail))  # fmt: skip
            case ["UID", "STORE"]:
                self.server.flags[int(words[2]) - 1] |= set(re.findall(r"\\\w+", command))
            case ["LOGOUT", *_]:
                self.say("* BYE")
        return False


@pytest.fixture
def imap() -> Iterator[Any]:
    started: list[Server] = []

    def start(*mails: bytes) -> tuple[Server, str]:
        server = Server(list(mails))
        started.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server, f"imap://jane:pass%20word@127.0.0.1:{server.server_address[1]}/Back"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def of_job(db: Database, job: int) -> str:
    """The identity of a job that `plan` made."""
    row = db.read(sa.select(jobs).where(jobs.c.id == job)).row(0, named=True)
    key = (row["occurrence"], row["tenant_id"], "birthday", "wish", row["subject_id"], row["recipient_id"])
    return identity_of(key, "live", installation_name(db.salt))


def written_to(db: Database) -> int:
    (job,) = plan(db, {"address": JANE, "address_hash": address_hash(db.salt, "email", JANE)})
    return job


def known(db: Database) -> set[tuple[Any, ...]]:
    e = events.c
    return set(db.read(sa.select(e.type, e.kind, e.job_id, e.provider)).iter_rows())


def test_a_mailbox_is_read_once_and_a_forged_bounce_silences_nobody(database: Database, imap: Any) -> None:
    job = written_to(database)
    forged, true = report(recipient(), job=job), report(recipient(), job=job, identity=of_job(database, job))
    server, url = imap(forged, b"nothing of ours", true.replace(b"<b1@mx>", b"<b2@mx>"))
    desk = desk_of(database, Settings())
    assert ingest_mails(database, open_mailbox(url), desk, now=NOON) == Ingested(files=3, events=2)
    assert known(database) == {("bounced", "hard", None, "mailbox"), ("bounced", "hard", job, "mailbox")}
    assert database.read(sa.select(sa.func.count()).select_from(suppressions)).item() == 1
    assert server.flags == [{r"\Seen"}] * 3
    assert ingest_mails(database, open_mailbox(url), desk, now=NOON) == Ingested()
    server.flags = [set() for _ in server.mails]  # as if it had not come to marking them
    assert ingest_mails(database, open_mailbox(url), desk, now=NOON).duplicates == 2


def test_a_mailbox_that_cannot_be_opened_says_so_without_its_password(database: Database, imap: Any) -> None:
    _, url = imap()
    for wrong in (
        url.replace("pass%20word", "guess"),
        url.replace("/Back", "/Front"),
        "imap://jane:pw@127.0.0.1:9/X",
    ):
        with pytest.raises(FeedbackError) as caught:
            ingest_mails(database, open_mailbox(wrong), Desk(), now=NOON)
        assert "guess" not in str(caught.value)
        assert "pw" not in str(caught.value)
    for nonsense in ("imaps://host-without-user/INBOX", "pop3://a:b@c/", "/no/such/directory"):
        with pytest.raises(ConfigurationError):
            open_mailbox(nonsense)


def test_mails_in_a_maildir_and_in_files(database: Database, tmp_path: Path) -> None:
    job = written_to(database)
    content = report(recipient(), job=job, identity=of_job(database, job))
    (tmp_path / "maildir" / "new").mkdir(parents=True)
    (tmp_path / "maildir" / "new" / "1.eml").write_bytes(content)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.eml").write_bytes(content)
    (tmp_path / "files" / ".b.eml").write_bytes(content)
    for place, brought in (("maildir", Ingested(1, 1)), ("files", Ingested(1, 0, 1))):
        mailbox = open_mailbox(str(tmp_path / place))
        assert ingest_mails(database, mailbox, Desk(), now=NOON + timedelta(hours=1)) == brought
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.eml*"))
    assert left == ["files/.b.eml", "files/done/a.eml", "maildir/cur/1.eml:2,S"]
