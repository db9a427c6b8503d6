"""E-mail into a directory: complete messages that any mail client opens. The embedded default.

A message's file name derives from its identity, so handing it over again finds it there, also after a
reader has moved it from `new` to `cur`.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import get_ident

from automation_pipelines.model import Email, Handoff, Outcome, Reject, Retry, Sent

# Waiting for the disk is nearly all of it, and many waits cost little more than one.
_WRITERS = 16


class MaildirChannel:
    """Channel `email` over a maildir (https://cr.yp.to/proto/maildir.html)."""

    name = "email"
    repeatable = True

    def __init__(self, directory: Path) -> None:
        """Remember where; the directory is made by the first message."""
        self._directory = directory

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Write each message that is not there yet."""
        try:
            read = self._prepare()
        except OSError as error:
            return [Retry(f"the maildir cannot be used: {error.strerror}")] * len(handoffs)
        with ThreadPoolExecutor(_WRITERS) as pool:
            answers: list[Outcome | None] = list(pool.map(lambda one: self._write(one, read), handoffs))
        _to_disk(self._directory / "new")
        return answers

    def close(self) -> None:
        """Nothing is kept open."""

    def _prepare(self) -> frozenset[str]:
        """Make the three directories; return the names of what a reader has already taken."""
        for name in ("tmp", "new", "cur"):
            (self._directory / name).mkdir(parents=True, exist_ok=True)
        # A name in `cur` carries the reader's flags after a colon.
        return frozenset(entry.name.partition(":")[0] for entry in os.scandir(self._directory / "cur"))

    def _write(self, handoff: Handoff, read: frozenset[str]) -> Outcome:
        if not isinstance(handoff, Email):
            return Reject(f"{type(handoff).__name__} is no e-mail")
        name = handoff.identity
        target = self._directory / "new" / name
        if name in read or target.exists():
            return Sent(name)
        try:
            self._publish(handoff.content, target)
        except OSError as error:
            return Retry(f"the message cannot be written: {error.strerror}")
        return Sent(name)

    def _publish(self, content: bytes, target: Path) -> None:
        """Whole and on disk, or not at all: two workers with the same message write the same file."""
        unfinished = self._directory / "tmp" / f"{target.name}.{os.getpid()}.{get_ident()}"
        with unfinished.open("wb") as file:
            file.write(content.replace(b"\r\n", b"\n"))  # a file's lines end as its system's do
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)


def _to_disk(directory: Path) -> None:
    """Make the names in a directory survive a power failure, where the file system can."""
    with suppress(OSError):
        opened = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
