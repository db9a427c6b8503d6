"""Each channel with something real on its other side, behind one face for the conformance suite."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from mailbox import Maildir
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from automation_pipelines.channels import Channel
from automation_pipelines.channels.crm import CrmChannel
from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.maildir import MaildirChannel
from automation_pipelines.channels.outbox import OutboxChannel, WaitChannel
from automation_pipelines.messages import Content
from automation_pipelines.messages.mime import Mailbox, Sender, build_email
from automation_pipelines.model import Call, Command, Email, Handoff, Note, Wait, WriteBack
from automation_pipelines.sqlfiles import SqlFiles
from tests.mailserver import Behaviour, mail_server

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
SENDER = Sender(Mailbox("Acme", "hello@acme.example.com"))
SECRET = "right horse"
RAISE_LEVEL = """-- Raises a level; note: a colon in a comment is no parameter, nor is this :one
UPDATE queries SET escalation_level = escalation_level + 1
WHERE id = :subject_id AND tenant_id = :tenant_id"""


def email(job: int) -> Handoff:
    """The message of a job."""
    content = Content(f"Offer {job}", "<p>Hello</p>\r\n.\r\n", "Hello\r\n.\r\n..")
    recipient = Mailbox("Kim", f"kim{job}@mail.example.com")
    return build_email(content, SENDER, recipient, job_id=job, tenant_id=1, identity=f"{job}.test", at=AT)


def write_back(job: int, action: str = "raise_level") -> WriteBack:
    """The write-back of a job: raises the level of query 1 by one, so that a second time shows."""
    return WriteBack(job, 1, f"{job}.test", action, {"subject_id": 1, "subject_text": "1", "tenant_id": 1})


HEADERS = {"Authorization": f"Bearer {SECRET}"}


def handoff_of(kind: type[Handoff], job: int) -> Handoff:
    """A hand-off of that kind."""
    head = (job, 1, f"{job}.test")
    made: dict[type[Handoff], Handoff] = {
        Email: email(job),
        WriteBack: write_back(job),
        Note: Note(*head, "+15550100", f"Offer {job}", "Hello — for you"),
        Call: Call(*head, "POST", "https://hooks.example.com/x", HEADERS, {"job": job, "password": SECRET}),
        Command: Command(*head, "hubspot", "create-deal", {"amount": 12.5, "key": SECRET}),
        Wait: Wait(*head),
    }
    return made[kind]


class Post(Protocol):
    """A channel and its other side."""

    channel: Channel

    def handoff(self, job: int) -> Handoff: ...

    def effects(self, job: int) -> int:
        """How often this job had an effect on the other side."""
        ...

    def misbehave(self, how: str) -> bool:
        """Make the other side misbehave from now on; `False` when it cannot in this way."""
        ...

    def behave(self) -> None: ...


@dataclass
class SmtpPost:
    """An SMTP server with a password and a certificate."""

    channel: EmailChannel
    behaviour: Behaviour

    def handoff(self, job: int) -> Handoff:
        return email(job)

    def effects(self, job: int) -> int:
        return self.behaviour.jobs[str(job)]

    def misbehave(self, how: str) -> bool:
        b = self.behaviour
        match how:
            case "temporary":
                b.recipient = f"451 4.3.0 try later, someone:{SECRET}"
            case "throttled":
                b.recipient = f"450 4.7.1 too many messages, someone:{SECRET}"
            case "throttled for two minutes":
                b.recipient = "450 4.7.1 slow down, try again in 2 minutes"
            case "permanent":
                b.recipient = f"550 5.1.1 no such user, someone:{SECRET}"
            case "unreachable":
                b.recipient = None
            case "slow before hand-off":
                b.slow_recipient = 8
            case "lost after hand-off":
                b.message = None
            case "slow after hand-off":
                b.slow_answer = 8
            case "malformed":
                b.message = "what?"
            case _:
                return False
        return True

    def behave(self) -> None:
        kept = self.behaviour
        fresh = Behaviour()
        for name in ("recipient", "message", "slow_recipient", "slow_answer"):
            setattr(kept, name, getattr(fresh, name))


@dataclass
class MaildirPost:
    """A directory, which a mail client reads."""

    directory: Path
    channel: MaildirChannel = field(init=False)

    def __post_init__(self) -> None:
        self.channel = MaildirChannel(self.directory)

    def handoff(self, job: int) -> Handoff:
        return email(job)

    def effects(self, job: int) -> int:
        messages = Maildir(self.directory, create=False) if self.directory.is_dir() else []
        return sum(message["X-Job-ID"] == str(job) for message in messages)

    def misbehave(self, how: str) -> bool:
        if how != "temporary":
            return False
        self.directory.write_text("in the way")
        return True

    def behave(self) -> None:
        self.directory.unlink(missing_ok=True)


@dataclass
class OutboxPost:
    """A directory in which hand-offs wait to be carried on."""

    name: str
    kind: type[Handoff]
    directory: Path
    channel: OutboxChannel = field(init=False)

    def __post_init__(self) -> None:
        self.channel = OutboxChannel(self.name, self.kind, self.directory)  # type: ignore[arg-type]

    def handoff(self, job: int) -> Handoff:
        return handoff_of(self.kind, job)

    def effects(self, job: int) -> int:
        return len(list(self.directory.glob(f"{job}.test.*")))

    def misbehave(self, how: str) -> bool:
        match how:
            case "temporary":
                self.directory.write_text("in the way")
            case _:
                return False
        return True

    def behave(self) -> None:
        self.directory.unlink(missing_ok=True)


@dataclass
class WaitPost:
    """Nothing."""

    channel: WaitChannel = field(default_factory=WaitChannel)

    def handoff(self, job: int) -> Handoff:
        return handoff_of(Wait, job)

    def effects(self, job: int) -> int:  # noqa: ARG002
        """Nothing has an effect, so having none is the whole of it."""
        return 1

    def misbehave(self, how: str) -> bool:  # noqa: ARG002
        return False

    def behave(self) -> None:
        pass


@dataclass
class CrmPost:
    """A CRM database with one query, whose level every write-back raises by one."""

    url: str
    sql_dir: Path
    channel: CrmChannel = field(init=False)
    action: str = "raise_level"
    lock: sa.Connection | None = None

    def __post_init__(self) -> None:
        actions = self.sql_dir / "actions"
        actions.mkdir(parents=True)
        (actions / "raise_level.sql").write_text(RAISE_LEVEL)
        (actions / "wrong.sql").write_text("UPDATE no_such_table SET x = 1")
        with self.engine.begin() as connection:
            columns = "id BIGINT, tenant_id BIGINT, escalation_level INT"
            connection.execute(sa.text(f"CREATE TABLE queries ({columns})"))
            connection.execute(sa.text("INSERT INTO queries VALUES (1, 1, 0)"))
        self.channel = CrmChannel(self.url, SqlFiles(self.sql_dir))

    @property
    def engine(self) -> sa.Engine:
        url = self.url.replace("postgresql://", "postgresql+psycopg://")
        return sa.create_engine(url, poolclass=sa.NullPool)

    def level(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(sa.text("SELECT escalation_level FROM queries")) or 0)

    def handoff(self, job: int) -> WriteBack:
        return write_back(job, self.action)

    def effects(self, job: int) -> int:  # noqa: ARG002
        """One job is used per post in the suite, so the level counts its effects."""
        return self.level()

    def misbehave(self, how: str) -> bool:
        match how:
            case "permanent":
                self.action = "wrong"
            case "temporary":
                self.lock = self.engine.connect()
                self.lock.execute(sa.text("UPDATE queries SET id = id"))
            case _:
                return False
        return True

    def behave(self) -> None:
        self.action = "raise_level"
        if self.lock is not None:
            self.lock.rollback()
            self.lock.close()


@contextmanager
def smtp_post(tls: str) -> Iterator[SmtpPost]:
    """A server with STARTTLS or implicit TLS, and a password."""
    behaviour = Behaviour()
    with ExitStack() as stack:
        port = stack.enter_context(mail_server(behaviour, tls=tls, auth=True))
        scheme = "smtps" if tls == "implicit" else "smtp"
        channel = EmailChannel(f"{scheme}://someone:right%20horse@localhost:{port}", connections=4)
        stack.callback(channel.close)
        yield SmtpPost(channel, behaviour)
