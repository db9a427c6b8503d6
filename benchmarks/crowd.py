"""Many clients at once, in one process: each sends its next request when the answer to the last one is there.

So the service is never idle, and what is measured is its answer time at saturation. A small client:
whatever it costs, the service cannot have.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

import uvloop


@dataclass
class Answers:
    """What came back, and how long each took."""

    seconds: float = 0.0
    taken: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return len(self.taken) / self.seconds

    def within(self, share: float) -> float:
        """The time within which that share of the answers came."""
        ordered = sorted(self.taken)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class _Client(asyncio.Protocol):
    """One connection that is kept."""

    def __init__(
        self, requests: Iterator[bytes], answers: Answers, ends: float, done: asyncio.Future[None]
    ) -> None:
        self._requests, self._answers, self._ends, self._done = requests, answers, ends, done
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None) if perf_counter() < self._ends else None
        if request is None:
            self._transport.close()
            return
        self._sent = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        self._answers.taken.append(perf_counter() - self._sent)
        self._answers.statuses[int(head[9:12])] += 1
        self._buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self._done.done():
            self._done.set_result(None)


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def ask(port: int, requests: Iterator[bytes], *, clients: int, seconds: float) -> Answers:
    """Let so many clients ask for so long."""
    return uvloop.run(_ask(port, requests, clients, seconds))


async def _ask(port: int, requests: Iterator[bytes], clients: int, seconds: float) -> Answers:
    loop, answers = asyncio.get_running_loop(), Answers()
    started = perf_counter()
    ends = [loop.create_future() for _ in range(clients)]
    for end in ends:
        await loop.create_connection(
            lambda end=end: _Client(requests, answers, started + seconds, end),  # type: ignore[misc]
            "127.0.0.1",
            port,
            family=socket.AF_INET,
        )
    await asyncio.gather(*ends)
    answers.seconds = perf_counter() - started
    return answers
