"""A real HTTP server on loopback that a test plays a provider with, and which keeps its own log."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.mailserver import certified


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer; a `raw` one is written as it is, and nothing at all where it is empty."""

    status: int = 200
    content: object = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


LOST = Said(raw=b"")


@dataclass
class Loopback:
    """What the server does: `answer` has the effects, `before` and `after` say something else."""

    answer: Callable[[Asked], Said]
    tls: bool = False
    before: Callable[[Asked], Said | None] = lambda _: None
    """What is said instead, before there is an effect."""
    after: Callable[[Asked], Said | None] = lambda _: None
    """What is said instead, once there is one."""
    slow: float = 0
    crucial: Callable[[Asked], bool] = lambda _: True
    """The requests that `misbehave` is about: not logging in, and the like."""
    port: int = 0
    log: list[Asked] = field(default_factory=list)
    _http: ThreadingHTTPServer | None = None

    def respond(self, asked: Asked) -> Said:
        """The answer, with its effect, or what stands for it."""
        self.log.append(asked)
        if not self.crucial(asked):
            return self.answer(asked)
        refused = self.before(asked)
        if refused is not None:
            return refused
        said = self.answer(asked)
        time.sleep(self.slow)
        return self.after(asked) or said

    def start(self) -> None:
        """Listen: on a free port, then always on that one."""
        self._http = _Server(("127.0.0.1", self.port), _handler(self))
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certified().configure_cert(context)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.port = self._http.server_port
        serve = {"poll_interval": 0.02}
        threading.Thread(target=self._http.serve_forever, kwargs=serve, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def behave(self) -> None:
        """Do as one should again."""
        self.before = self.after = lambda _: None
        self.slow = 0
        if self._http is None:
            self.start()

    def misbehave(self, how: str) -> bool:
        """Misbehave in one of the ways of the conformance suite; `False` when this is none of them."""
        match how:
            case "temporary":
                self.before = lambda _: Said(503, "try later")
            case "throttled":
                self.before = lambda _: Said(429, "too many")
            case "throttled for two minutes":
                self.before = lambda _: Said(429, "too many", {"Retry-After": "120"})
            case "unreachable":
                self.stop()
            case "lost after hand-off":
                self.after = lambda _: LOST
            case "slow after hand-off":
                self.slow = 2
            case "malformed":
                self.after = lambda _: Said(raw=b"what?\r\n\r\n")
            case _:
                return False
        return True


def _handler(server: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def serve(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = server.respond(Asked(self.command, unquote(url.path), parse_qs(url.query), headers, body))
            if said.raw is not None:
                self.wfile.write(said.raw)
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            text = said.content if isinstance(said.content, str) else json.dumps(said.content)
            content = b"" if said.content is None else text.encode()
            self.send_response(said.status)
            kind = "text/plain" if isinstance(said.content, str) else "application/json"
            for name, value in {"Content-Type": kind, **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = serve  # noqa: N815

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that gave up is nothing to tell."""


@contextmanager
def serving(server: Loopback) -> Iterator[Loopback]:
    """Serve until the end of the block."""
    server.start()
    try:
        yield server
    finally:
        server.stop()
