"""Twilio's Messages on loopback: accounts, senders, errors and the list of messages, as its API has them.

It keeps what it took, whatever it answered.
"""

import base64
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from automation_pipelines.channels.twilio import Name, TwilioChannel
from automation_pipelines.model import ContentTemplate, Note
from automation_pipelines.settings.providers import Twilio
from tests.conformance.posts import SECRET

ACCOUNT = f"AC{'0' * 32}"
SERVICE = f"MG{'1' * 32}"
TEMPLATE = f"HX{'2' * 32}"
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
TAKEN = 201


def error(code: int, message: str, status: int = 400) -> dict[str, Any]:
    """An error as Twilio writes it."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return {"code": code, "message": message, "more_info": more, "status": status}


@dataclass
class Behaviour:
    """What the server does from now on; `status` other than 201 refuses, with `body`, what is sent."""

    status: int = TAKEN
    body: Mapping[str, Any] | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    slow: float = 0
    """Seconds between taking a message and saying so."""
    hang_up: bool = False


@dataclass
class Server:
    """Its state; `messages` are resources of Twilio's, the newest first."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    messages: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    now: datetime | None = None
    lock: Lock = field(default_factory=Lock)
    http: ThreadingHTTPServer | None = None
    port: int = 0
    full: list[socket.socket] = field(default_factory=list)

    def add(self, to: str, body: str, **more: Any) -> dict[str, Any]:
        """Take a message."""
        created = format_datetime(self.now or datetime.now(UTC))
        with self.lock:
            row = {
                "sid": f"SM{len(self.messages):032x}",
                "account_sid": ACCOUNT,
                "to": to,
                "body": body,
                "status": "queued",
                "direction": "outbound-api",
                "date_created": created,
                "date_sent": None,
                "error_code": None,
                **more,
            }
            self.messages.insert(0, row)
        return row

    def open(self) -> None:
        """Listen, on the same port as before."""
        state = self

        class Handler(_Handler):
            server_state = state

        self.http = _Quiet(("127.0.0.1", self.port), Handler)
        self.port = self.http.server_address[1]
        Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        if self.http is not None:
            self.http.shutdown()
            self.http.server_close()
            self.http = None
        for one in self.full:
            one.close()
        self.full.clear()

    def clog(self) -> None:
        """Let nobody in: connections are neither taken nor refused."""
        self.close()
        listening = socket.create_server(("127.0.0.1", self.port), backlog=0)
        self.full.append(listening)
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", self.port))
            self.full.append(one)
        time.sleep(0.05)


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: Server

    def do_POST(self) -> None:
        state, length = self.server_state, int(self.headers["Content-Length"])
        form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
        state.requests.append(form)
        now = state.behaviour
        if self._stranger():
            return
        if now.status != TAKEN:
            self._say(now.status, now.body, now.headers)
            return
        row = state.add(form["To"], form.get("Body", "as the template says"), **{"from": form.get("From")})
        time.sleep(now.slow)
        if now.hang_up:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._say(TAKEN, row if now.body is None else now.body)

    def do_GET(self) -> None:
        if self._stranger():
            return
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        size, page = int(asked.get("PageSize", 50)), int(asked.get("Page", 0))
        found = [row for row in self.server_state.messages if asked.get("To") in (None, row["to"])]
        more = found[(page + 1) * size :]
        following = f"{PATH}?{urlencode({**asked, 'Page': page + 1})}" if more else None
        rows = found[page * size : (page + 1) * size]
        self._say(200, {"messages": rows, "page": page, "page_size": size, "next_page_uri": following})

    def _stranger(self) -> bool:
        """Refuse whoever has another token."""
        own = base64.b64encode(f"{ACCOUNT}:{SECRET}".encode()).decode()
        if self.headers["Authorization"] == f"Basic {own}" and urlsplit(self.path).path == PATH:
            return False
        self._say(401, error(20003, "Authenticate", 401))
        return True

    def _say(
        self, status: int, body: Mapping[str, Any] | str | None, headers: Mapping[str, str] | None = None
    ) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class TwilioPost:
    """One of the channels, and the server."""

    channel: TwilioChannel
    server: Server

    def handoff(self, job: int) -> Note:
        note = (job, 1, f"{job}.test", "+1 (555) 0100", "", f"Offer {job}")
        if self.channel.name == "sms":
            return Note(*note)
        return Note(*note, conversing=True)

    def template(self, job: int, *, conversing: bool = False, text: str = "") -> Note:
        """The same as an approved template."""
        content = ContentTemplate(TEMPLATE, {"1": "Zoë", "2": f'"{job}"'})
        return Note(job, 1, f"{job}.test", "+1 (555) 0100", "", text, content, conversing)

    def effects(self, job: int) -> int:
        return sum(row["body"] == f"Offer {job}" for row in self.server.messages)

    def misbehave(self, how: str) -> bool:
        now = self.server.behaviour
        match how:
            case "temporary":
                now.status, now.body = 503, error(20503, f"Service unavailable, {SECRET}", 503)
            case "throttled":
                now.status, now.body = 429, error(20429, f"Too Many Requests, {SECRET}", 429)
            case "throttled for two minutes":
                now.status, now.body = 429, error(20429, "Too Many Requests", 429)
                now.headers = {"Retry-After": "120"}
            case "permanent":
                now.status, now.body = 400, error(21211, f"The 'To' number +15550100 {SECRET} is not valid")
            case "unreachable":
                self.server.close()
            case "slow before hand-off":
                self.server.clog()
            case "lost after hand-off":
                now.hang_up = True
            case "slow after hand-off":
                now.slow = 3
            case "malformed":
                now.body = "what?"
            case _:
                return False
        return True

    def behave(self) -> None:
        self.server.behaviour = Behaviour()
        if self.server.http is None:
            self.server.close()
            self.server.open()


def account(port: int, **given: Any) -> Twilio:
    """Settings of an account of that server."""
    senders = {"numbers": "+15550001, +15550002", "whatsapp": "+15550003"}
    more = {"base_url": f"http://127.0.0.1:{port}", "timeout_seconds": 1, **senders, **given}
    return Twilio(account_sid=ACCOUNT, auth_token=SECRET, **more)


@contextmanager
def twilio_post(name: Name, **given: Any) -> Iterator[TwilioPost]:
    """A channel over a server of its own."""
    server = Server()
    server.open()
    post = TwilioPost(TwilioChannel(name, account(server.port, **given)), server)
    yield post
    post.channel.close()
    server.close()
