"""What stands between a channel and an HTTP server on loopback, and can be shut before anything is said."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Thread

from automation_pipelines.channels import Channel
from automation_pipelines.model import Handoff
from tests.conformance.posts import SECRET
from tests.loopback import LOST, Asked, Loopback, Said, serving

TIMEOUT = 1.0
_LONGER = 3 * TIMEOUT


@dataclass
class Gate:
    """A port that leads to another one while it is `open`; `shut` hangs up, `stuck` says nothing."""

    leads_to: int
    state: str = "open"
    port: int = 0

    def serve(self, listening: socket.socket) -> None:
        """Take connections until the socket is closed."""
        held = []
        while True:
            try:
                came, _ = listening.accept()
            except OSError:
                return
            if self.state == "open":
                onward = socket.create_connection(("127.0.0.1", self.leads_to))
                Thread(target=_carry, args=(came, onward), daemon=True).start()
                Thread(target=_carry, args=(onward, came), daemon=True).start()
            elif self.state == "stuck":
                held.append(came)
            else:
                came.close()


def _carry(here: socket.socket, there: socket.socket) -> None:
    try:
        while data := here.recv(65536):
            there.sendall(data)
        there.shutdown(socket.SHUT_WR)
    except OSError:
        here.close()
        there.close()


@contextmanager
def gate_to(port: int) -> Iterator[Gate]:
    """Open a gate to a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        gate = Gate(port, port=listening.getsockname()[1])
        Thread(target=gate.serve, args=(listening,), daemon=True).start()
        yield gate
        listening.shutdown(socket.SHUT_RDWR)


@dataclass
class GatedPost:
    """A channel over HTTPS, and the server behind the gate; only what it takes under `path` misbehaves."""

    server: Loopback
    gate: Gate
    channel: Channel
    handoffs: Callable[[int], Handoff]
    counted: Callable[[int], int]
    path: str
    refusal: Said

    def handoff(self, job: int) -> Handoff:
        return self.handoffs(job)

    def effects(self, job: int) -> int:
        return self.counted(job)

    def misbehave(self, how: str) -> bool:
        match how:
            case "temporary":
                self._before(Said(503, {"error": SECRET}))
            case "throttled":
                self._before(Said(429, {"error": SECRET}))
            case "throttled for two minutes":
                self._before(Said(429, {"error": SECRET}, {"Retry-After": "120"}))
            case "permanent":
                self._before(self.refusal)
            case "unreachable":
                self.gate.state = "shut"
            case "slow before hand-off":
                self.gate.state = "stuck"
            case "lost after hand-off":
                self._after(lambda: LOST)
            case "slow after hand-off":
                self._after(_slowly)
            case "malformed":
                self._after(lambda: Said(raw=f"{SECRET}?\r\n\r\n".encode()))
            case _:
                return False
        return True

    def behave(self) -> None:
        self.server.behave()
        self.gate.state = "open"

    def _before(self, said: Said) -> None:
        self.server.before = lambda asked: said if asked.path == self.path else None

    def _after(self, say: Callable[[], Said | None]) -> None:
        def said(asked: Asked) -> Said | None:
            return say() if asked.path == self.path else None

        self.server.after = said


def _slowly() -> None:
    time.sleep(_LONGER)


@contextmanager
def gated(answer: Callable[[Asked], Said]) -> Iterator[tuple[Loopback, Gate]]:
    """Serve over TLS behind a gate."""
    with ExitStack() as stack:
        server = stack.enter_context(serving(Loopback(answer, tls=True)))
        yield server, stack.enter_context(gate_to(server.port))
