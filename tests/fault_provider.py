"""A mail server that takes what comes as fast as it can, notes whose it was, and can go away for a while."""

import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.mailserver import free_port

_JOB = re.compile(rb"^X-Job-ID: (\d+)\r$", re.MULTILINE)
_MESSAGE = re.compile(rb"^Message-ID: (\S+)\r$", re.MULTILINE)
_REPLIES = {
    b"EHLO": b"250-here\r\n250 PIPELINING\r\n",
    b"DATA": b"354 go ahead\r\n",
    b"QUIT": b"221 bye\r\n",
}
_END = b"\r\n.\r\n"


@dataclass(frozen=True, slots=True)
class Taken:
    """One message it took."""

    job: int
    message: bytes
    at: float


@dataclass
class Provider:
    """Its log outlives its being away."""

    port: int = field(default_factory=free_port)
    taken: list[Taken] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Serve until the end of the block; then hang up on everybody, wherever they are."""
        loop, ready, shut = asyncio.new_event_loop(), threading.Event(), threading.Event()
        sessions: set[_Session] = set()

        async def serve() -> asyncio.Server:
            def session() -> _Session:
                return _Session(self.taken, sessions, shut)

            return await loop.create_server(session, "127.0.0.1", self.port, reuse_address=True)

        def run() -> None:
            server = loop.run_until_complete(serve())
            ready.set()
            loop.run_forever()
            server.close()
            shut.set()
            for one in list(sessions):
                one.transport.abort()
            loop.run_until_complete(asyncio.sleep(0.05))
            loop.close()

        thread = threading.Thread(target=run)
        thread.start()
        assert ready.wait(30)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def times(self) -> Counter[int]:
        """How often it took each job's message, answered or not."""
        return Counter(one.job for one in self.taken)

    def in_any_second(self) -> int:
        """The most it got within one second."""
        at, first, most = sorted(one.at for one in self.taken), 0, 0
        for last, moment in enumerate(at):
            while moment - at[first] > 1:
                first += 1
            most = max(most, last - first + 1)
        return most


class _Session(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, taken: list[Taken], sessions: "set[_Session]", shut: threading.Event) -> None:
        self._taken, self._sessions, self._shut = taken, sessions, shut
        self._buffer, self._content = bytearray(), False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._sessions.add(self)
        if self._shut.is_set():  # it had been let in already: nobody would ever answer it
            transport.abort()
            return
        transport.write(b"220 here\r\n")

    def connection_lost(self, _error: Exception | None) -> None:
        self._sessions.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._message() if self._content else self._command():
            pass

    def _message(self) -> bool:
        end = self._buffer.find(_END)
        if end < 0:
            return False
        content = bytes(self._buffer[: end + 2])
        del self._buffer[: end + len(_END)]
        self._content = False
        job, message = _JOB.search(content), _MESSAGE.search(content)
        assert job is not None
        assert message is not None
        self._taken.append(Taken(int(job[1]), message[1], time.monotonic()))
        self.transport.write(b"250 2.0.0 OK\r\n")
        return True

    def _command(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        word = bytes(self._buffer[:4]).upper()
        del self._buffer[: end + 2]
        self._content = word == b"DATA"
        self.transport.write(_REPLIES.get(word, b"250 2.1.0 OK\r\n"))
        return True
