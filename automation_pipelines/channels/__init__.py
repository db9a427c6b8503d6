"""How jobs leave the house: one file per channel, one Protocol, one registry.

A channel knows addresses, servers and wire formats. It knows no campaign, no ledger and no clock, and
it decides nothing: it reports what became of each hand-off.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from automation_pipelines.channels.channel import Channel
from automation_pipelines.channels.crm import CrmChannel
from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.maildir import MaildirChannel
from automation_pipelines.channels.outbox import Kind, OutboxChannel, WaitChannel
from automation_pipelines.channels.proof import ProofChannel
from automation_pipelines.channels.providers import PROVIDERS, WRITABLE, build, is_filed, missing
from automation_pipelines.model import Email, WriteBack
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles

__all__ = [
    "Channel",
    "build_channels",
    "build_test_channels",
    "closing",
    "unavailable",
    "url_refusal",
    "written",
]

_OWN: Mapping[str, Kind] = {"email": Email, "crm": WriteBack}


def build_channels(settings: Settings) -> dict[str, Channel]:
    """Assemble the channels of an installation, by name; connects to nothing.

    E-mail goes to the SMTP server, without one into the maildir of the embedded default. Write-backs
    need a CRM whose transactions we know how to mark; over any other, or files, there are none. What
    has no provider here is filed, or is not there: `unavailable` says why.
    """
    email, wait = _email(settings), WaitChannel()
    channels: dict[str, Channel] = {email.name: email, wait.name: wait}
    for name, provider in PROVIDERS.items():
        if is_filed(settings, name):
            channels[name] = OutboxChannel(name, provider.kind, settings.outbox / name)
        elif missing(settings, name) is None:
            channels[name] = build(settings, name)
    if settings.crm_backend in WRITABLE:
        crm = CrmChannel(settings.crm, SqlFiles(settings.sql_dir))
        channels[crm.name] = crm
    return channels


@contextmanager
def closing(channels: Mapping[str, Channel]) -> Iterator[None]:
    """Give back the connections of all of them at the end, whatever happens."""
    try:
        yield
    finally:
        for channel in channels.values():
            channel.close()


def unavailable(settings: Settings) -> dict[str, str]:
    """The channels that this installation cannot deliver, each with what to do about it."""
    why = {name: missing(settings, name) for name in PROVIDERS if not is_filed(settings, name)}
    return {name: text for name, text in why.items() if text is not None}


def url_refusal(settings: Settings, url: str) -> str | None:
    """Why this installation would make no call to a URL; `None`: it would, or whoever reads the files may."""
    if is_filed(settings, "webhook"):
        return None
    from automation_pipelines.channels.destinations import Destinations  # noqa: PLC0415 - takes 0.1 s

    return Destinations.of(settings.webhook).objection(url)


def written(settings: Settings) -> dict[str, str]:
    """The message channels that write to the CRM here, each with the action that it is."""
    return {
        name: provider.action
        for name, provider in PROVIDERS.items()
        if provider.action and not is_filed(settings, name) and missing(settings, name) is None
    }


def build_test_channels(settings: Settings, proofs_to: Sequence[str] = ()) -> dict[str, Channel]:
    """Assemble the channels of a test: nothing leaves, whatever is configured, everything can be read.

    Each hand-off, e-mails and write-backs too, becomes a file under `<home>/test-outbox/<channel>`; with
    `proofs_to` every e-mail goes to those addresses instead, and to no other.
    """
    kinds = {**_OWN, **{name: provider.kind for name, provider in PROVIDERS.items()}}
    root, wait = settings.home / "test-outbox", WaitChannel()
    channels: dict[str, Channel] = {
        wait.name: wait,
        **{name: OutboxChannel(name, kind, root / name) for name, kind in kinds.items()},
    }
    if proofs_to:
        channels["email"] = ProofChannel(proofs_to, _email(settings))
    return channels


def _email(settings: Settings) -> EmailChannel | MaildirChannel:
    if settings.smtp_url is None:
        return MaildirChannel(settings.outbox)
    return EmailChannel.of(settings.smtp_url, settings)
