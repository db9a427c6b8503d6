"""A directory as the other side: each hand-off becomes one durable file there.

Where a channel has no provider yet, its hand-offs wait here for whoever carries them on, and so does
everything in a test. A file's name derives from the identity, so handing over again finds it: in the
directory, or in its subdirectory `done`, where whoever has carried a file on puts it.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, assert_never

from automation_pipelines.channels.durable import WRITERS, publish, to_disk
from automation_pipelines.model import (
    Call,
    Command,
    Email,
    Handoff,
    Note,
    Outcome,
    Reject,
    Retry,
    Sent,
    Wait,
    WriteBack,
)

DONE = "done"
Kind = type[Email] | type[WriteBack] | type[Note] | type[Call] | type[Command]


class OutboxChannel:
    """Any channel over a directory; takes one kind of hand-off, as the channel it stands for does."""

    repeatable = True

    def __init__(self, name: str, kind: Kind, directory: Path) -> None:
        """Remember where; the directory is made by the first hand-off."""
        self.name = name
        self._kind = kind
        self._directory = directory

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Write each hand-off that is not there yet."""
        if not handoffs:
            return []
        try:
            (self._directory / DONE).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            unusable = f"the outbox of {self.name} cannot be used: {error.strerror}"
            return [Retry(unusable, provider=True)] * len(handoffs)
        with ThreadPoolExecutor(WRITERS) as pool:
            answers: list[Outcome | None] = list(pool.map(self._write, handoffs))
        to_disk(self._directory)
        return answers

    def close(self) -> None:
        """Nothing is kept open."""

    def _write(self, handoff: Handoff) -> Outcome:
        if not isinstance(handoff, self._kind):
            return Reject(f"{type(handoff).__name__} is nothing for channel {self.name}")
        try:
            suffix, content = _file(self.name, handoff)
        except (TypeError, ValueError) as error:
            return Reject(f"cannot be written as JSON: {error}")
        target = self._directory / f"{handoff.identity}{suffix}"
        if target.exists() or (self._directory / DONE / target.name).exists():
            return Sent(handoff.identity)
        try:
            publish(content, target, self._directory)
        except OSError as error:
            return Retry(f"the hand-off cannot be written: {error.strerror}", provider=True)
        return Sent(handoff.identity)


class WaitChannel:
    """Channel `wait`: nothing leaves, and that succeeds at once."""

    name = "wait"
    repeatable = True

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Let each of them pass."""
        return [
            Sent() if isinstance(one, Wait) else Reject(f"{type(one).__name__} is nothing to wait for")
            for one in handoffs
        ]

    def close(self) -> None:
        """Nothing is kept open."""


def _file(channel: str, handoff: Handoff) -> tuple[str, bytes]:
    """Return a hand-off as a file: how its name ends, and what is in it."""
    document = partial(_json, channel, handoff)
    match handoff:
        case Email(content=content):
            return ".eml", content
        case Note(to=to, title=title, text=text, content=content):
            approved = {} if content is None else {"content": asdict(content)}
            return document(to=to, title=title, text=text, **approved)
        case Call(method=method, url=url, headers=headers, body=body):
            return document(method=method, url=url, headers=dict(headers), body=dict(body))
        case Command(target=target, action=action, parameters=parameters):
            return document(target=target, action=action, parameters=dict(parameters))
        case WriteBack(action=action, values=values):
            return document(action=action, values=dict(values))
        case Wait():
            return document()
        case never:
            assert_never(never)


def _json(channel: str, handoff: Handoff, **content: Any) -> tuple[str, bytes]:  # noqa: ANN401 - JSON
    head = {
        "identity": handoff.identity,
        "job_id": handoff.job_id,
        "tenant_id": handoff.tenant_id,
        "channel": channel,
    }
    text = json.dumps({**head, **content}, ensure_ascii=False, indent=2, allow_nan=False)
    return ".json", f"{text}\n".encode("utf-8", "replace")
