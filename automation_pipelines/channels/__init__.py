"""How jobs leave the house: one file per channel, one Protocol, one registry.

A channel knows addresses, servers and wire formats. It knows no campaign, no ledger and no clock, and
it decides nothing: it reports what became of each hand-off.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from automation_pipelines.channels.crm import CrmChannel
from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.maildir import MaildirChannel
from automation_pipelines.channels.outbox import Kind, OutboxChannel, WaitChannel
from automation_pipelines.channels.proof import ProofChannel
from automation_pipelines.model import Call, Command, Email, Handoff, Note, Outcome, WriteBack
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles


class Channel(Protocol):
    """One way out. The conformance suite in `tests/conformance` says what each must get right."""

    @property
    def name(self) -> str:
        """What campaigns call it."""
        ...

    @property
    def repeatable(self) -> bool:
        """True when handing over the same job again has no further effect."""
        ...

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Hand over; one answer for each, in order. A failed delivery is an answer, not an exception.

        `None`: the other side may or may not have taken it and nobody can tell. Such a job is left as
        it is until its lease ends; then its purpose decides whether it is repeated.
        """
        ...

    def close(self) -> None:
        """Give back connections; the channel can be used again."""
        ...


_PROVIDED: Mapping[str, Kind] = {"email": Email, "crm": WriteBack}
_FILED: Mapping[str, Kind] = {
    **dict.fromkeys(("sms", "whatsapp", "push", "wallet", "phone", "in_app", "chat", "interaction"), Note),
    "webhook": Call,
    **dict.fromkeys(("hubspot", "salesforce", "slack"), Command),
}
"""Channels without a provider yet, and what each takes: they are delivered into the outbox."""


def build_channels(settings: Settings) -> dict[str, Channel]:
    """Assemble the channels of an installation, by name; connects to nothing.

    E-mail goes to the SMTP server, without one into the maildir of the embedded default. Write-backs
    need a CRM whose transactions we know how to mark; over any other, or files, there are none.
    """
    email = _email(settings)
    channels: dict[str, Channel] = {email.name: email, **_outbox(_FILED, settings.outbox)}
    if settings.crm_backend in ("sqlite", "postgresql"):
        crm = CrmChannel(settings.crm, SqlFiles(settings.sql_dir))
        channels[crm.name] = crm
    return channels


def build_test_channels(settings: Settings, proofs_to: str | None = None) -> dict[str, Channel]:
    """Assemble the channels of a test: nothing leaves, whatever is configured, everything can be read.

    Each hand-off, e-mails and write-backs too, becomes a file under `<home>/test-outbox/<channel>`; with
    `proofs_to` every e-mail goes to that address instead, and to no other.
    """
    channels = _outbox({**_PROVIDED, **_FILED}, settings.home / "test-outbox")
    if proofs_to is not None:
        channels["email"] = ProofChannel(proofs_to, _email(settings))
    return channels


def _email(settings: Settings) -> EmailChannel | MaildirChannel:
    if settings.smtp_url is None:
        return MaildirChannel(settings.outbox)
    return EmailChannel(settings.smtp_url.get_secret_value(), connections=settings.smtp_connections)


def _outbox(kinds: Mapping[str, Kind], root: Path) -> dict[str, Channel]:
    wait = WaitChannel()
    return {wait.name: wait, **{name: OutboxChannel(name, kind, root / name) for name, kind in kinds.items()}}
