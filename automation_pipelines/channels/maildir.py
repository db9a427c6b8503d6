"""E-mail into a directory: complete messages that any mail client opens. The embedded default.

A message's file name derives from its identity, so handing it over again finds it there, also after a
reader has moved it from `new` to `cur`.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from automation_pipelines.channels.durable import WRITERS, publish, to_disk
from automation_pipelines.model import Email, Handoff, Outcome, Reject, Retry, Sent


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
            return [Retry(f"the maildir cannot be used: {error.strerror}", provider=True)] * len(handoffs)
        with ThreadPoolExecutor(WRITERS) as pool:
            answers: list[Outcome | None] = list(pool.map(lambda one: self._write(one, read), handoffs))
        to_disk(self._directory / "new")
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
            # A file's lines end as its system's do.
            publish(handoff.content.replace(b"\r\n", b"\n"), target, self._directory / "tmp")
        except OSError as error:
            return Retry(f"the message cannot be written: {error.strerror}", provider=True)
        return Sent(name)
