"""What a customer received can be shown again, byte for byte, while its payload is kept."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines.channels import build_channels, closing
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.delivery.copies import Copy, exact_copy
from automation_pipelines.errors import RefusedError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import job_payloads
from automation_pipelines.messages import TemplateSource
from automation_pipelines.model import Email
from automation_pipelines.settings import Settings
from tests.mailroom import LINKS, NOON, Mailroom
from tests.mailserver import Behaviour, mail_server

LETTER = TemplateSource(
    "Grüße, {{ recipient.name }}",
    '<p>{{ word }} · {{ tenant.name }}</p><a href="{{ browser_url }}">browser</a>'
    '<a href="{{ unsubscribe_url }}">out</a> <a href="{{ preferences_url }}">choose</a>',
    "{{ word }} {{ unsubscribe_url }} {{ preferences_url }}",
)


@dataclass
class Raw(Behaviour):
    """Keeps the bytes as they came."""

    received: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.received.append(envelope.content)
        return await super().handle_DATA(server, session, envelope)


@dataclass
class Sent:
    """A letter that was sent, and its bytes at the server."""

    room: Mailroom
    job: int
    received: bytes

    def copy(self) -> Copy:
        return exact_copy(self.room.database, self.room.campaigns, self.room.settings, self.job)


@pytest.fixture
def sent(database: Database, tmp_path: Path) -> Sent:
    server = Raw()
    with mail_server(server) as port:
        url = database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
        settings = Settings(
            home=tmp_path, database_url=url, smtp_url=f"smtp://127.0.0.1:{port}?tls=none", **LINKS
        )
        room = Mailroom(database, settings, template=LETTER)
        room.apply()
        (job,) = room.plan(1)
        channels = build_channels(settings)
        with closing(channels):
            room.deliver({"email": channels["email"]})
        assert room.states() == ["completed"]
    return Sent(room, job, server.received[0])


def test_it_is_byte_for_byte_what_the_server_got_though_the_campaign_has_changed(sent: Sent) -> None:
    sent.room.template = TemplateSource("Other", "<p>{{ unsubscribe_url }}</p>", "{{ unsubscribe_url }}")
    sent.room.apply(title="Changed")
    made = sent.copy()
    assert isinstance(made.handoff, Email)
    assert made.handoff.content == sent.received
    assert made.html is not None
    assert re.search(r'href="https://mail\.acme\.example\.com/v/[\w-]{40,}"', made.html)
    assert "Dear &#183; Acme Travel" in made.html
    assert made.text.startswith("Dear")


def test_on_the_command_line_it_is_printed_or_written(sent: Sent, tmp_path: Path) -> None:
    front = Front(Installation.open(sent.room.settings), NOON, "ann")

    def run(*arguments: str) -> bytes:
        return (
            CliRunner()
            .invoke(automation, ["jobs", "copy", str(sent.job), *arguments], obj=front)
            .stdout_bytes
        )

    assert run("--eml") == sent.received
    assert run("--html").decode().rstrip("\n") == (sent.copy().html or "").rstrip("\n")
    assert run().startswith(b"Dear")
    run("--to", str(tmp_path / "copies"))
    assert (tmp_path / "copies" / f"{sent.job}.eml").read_bytes() == sent.received
    assert (tmp_path / "copies" / f"{sent.job}.html").stat().st_mode & 0o077 == 0
    front.installation.database.close()


def test_what_is_gone_or_never_was_is_said(sent: Sent) -> None:
    (waiting,) = sent.room.plan(1, due_at=NOON + timedelta(days=1))
    with pytest.raises(RefusedError, match="pending and was never handed over"):
        exact_copy(sent.room.database, sent.room.campaigns, sent.room.settings, waiting)
    with pytest.raises(RefusedError, match="there is no job 999"):
        exact_copy(sent.room.database, sent.room.campaigns, sent.room.settings, 999)
    with sent.room.database.begin() as connection:
        connection.execute(sa.delete(job_payloads))
    with pytest.raises(RefusedError, match="retention time is over, or its customer was forgotten"):
        sent.copy()
