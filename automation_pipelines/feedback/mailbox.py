"""Where mail that came back lies: a maildir, a directory of .eml files, an IMAP mailbox; no person's own.

What a mail says is `letters`'. A mail is marked as read once what it tells is durable: after a crash in
between it is read again, which changes nothing.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

from automation_pipelines.errors import ConfigurationError, MalformedError
from automation_pipelines.feedback.filing import DONE, REJECTED, Ingested, file_away
from automation_pipelines.feedback.imap import Imap
from automation_pipelines.feedback.inbox import Folder, Inbox
from automation_pipelines.feedback.letters import LARGEST, Desk, read
from automation_pipelines.feedback.store import store
from automation_pipelines.feedback.told import Told
from automation_pipelines.ledger import daily
from automation_pipelines.ledger.database import Database
from automation_pipelines.messages.tokens import LinkKeys
from automation_pipelines.settings import Settings

_BATCH = 200


class Mailbox(Protocol):
    """A place with mails that were not read yet."""

    def mails(self) -> Iterator[tuple[str, bytes]]:
        """Each of them behind the name by which it is marked."""
        ...

    def mark(self, name: str, *, rejected: bool) -> None:
        """It has been read, or cannot be."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


class Maildir:
    """A maildir: what is in `new/` moves to `cur/` as seen."""

    def __init__(self, directory: Path) -> None:
        """Remember the place."""
        self._directory = directory

    def mails(self) -> Iterator[tuple[str, bytes]]:
        """Those in `new/`, the oldest first."""
        return _files(sorted((self._directory / "new").glob("[!.]*")))

    def mark(self, name: str, *, rejected: bool) -> None:
        """Move it, as mail programs do; what cannot be read is flagged."""
        path = Path(name)
        seen = self._directory / "cur" / f"{path.name.partition(':')[0]}:2,{'FS' if rejected else 'S'}"
        seen.parent.mkdir(exist_ok=True)
        if path.exists():
            path.replace(seen)

    def close(self) -> None:
        """Nothing is open."""


class Letters:
    """Mails as files of an inbox: they move to `done/`, or to `rejected/`."""

    def __init__(self, inbox: Inbox, names: Sequence[str]) -> None:
        """Remember which."""
        self._inbox, self._names = inbox, names

    def mails(self) -> Iterator[tuple[str, bytes]]:
        """Each of them that is still there."""
        for name in self._names:
            content = self._inbox.read(name, LARGEST)
            if content is not None:
                yield name, content

    def mark(self, name: str, *, rejected: bool) -> None:
        """Move it."""
        file_away(self._inbox, name, REJECTED if rejected else DONE)

    def close(self) -> None:
        """Nothing is open."""


def _files(paths: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        try:
            with path.open("rb") as file:
                yield str(path), file.read(LARGEST)
        except FileNotFoundError:  # another process was quicker
            continue


def open_mailbox(url: str) -> Mailbox:
    """By URL or path; connects to nothing yet."""
    if "://" in url:
        return Imap(url, LARGEST)
    directory = Path(url).expanduser()
    if not directory.is_dir():
        msg = "the mailbox is no directory and no URL: write imaps://user:password@host/INBOX, or a path"
        raise ConfigurationError(msg)
    if (directory / "new").is_dir():
        return Maildir(directory)
    inbox = Folder(directory)
    return Letters(inbox, [found.name for found in inbox.listing([""]) if is_mail(found.name)])


def is_mail(name: str) -> bool:
    """Whether a file is a mail."""
    return name.endswith(".eml")


def desk_of(db: Database, settings: Settings) -> Desk:
    """What reading mail needs of an installation."""
    secret = settings.link_secret
    tenants: dict[str, frozenset[int]] = {}
    for tenant, text in daily.profiles(db).iter_rows():
        row = json.loads(text)
        for address in {str(row.get(name) or "").lower() for name in ("reply_to", "sender_email")} - {""}:
            tenants[address] = tenants.get(address, frozenset()) | {tenant}
    return Desk(LinkKeys(secret.get_secret_value()) if secret else None, tenants)


def ingest_mails(db: Database, mailbox: Mailbox, desk: Desk, *, now: datetime) -> Ingested:
    """Read every mail that waits, and mark it once what it tells is durable."""
    total = Ingested()
    mails = mailbox.mails()
    while batch := list(islice(mails, _BATCH)):
        total += _ingest(db, mailbox, batch, desk, now)
    return total


def _ingest(
    db: Database, mailbox: Mailbox, batch: Sequence[tuple[str, bytes]], desk: Desk, now: datetime
) -> Ingested:
    told: list[Told] = []
    rejected: set[str] = set()
    for name, content in batch:
        try:
            told += read(content, desk, now)
        except MalformedError:
            rejected.add(name)
    recorded = store(db, told, now)
    for name, _ in batch:
        mailbox.mark(name, rejected=name in rejected)
    return Ingested(len(batch), recorded.events, recorded.duplicates, len(rejected), recorded.proved)
