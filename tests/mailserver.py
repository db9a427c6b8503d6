"""A real SMTP server on loopback whose behaviour a test chooses, and which keeps its own log."""

import asyncio
import socket
import socketserver
import ssl
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def certified() -> trustme.LeafCert:
    """A certificate of that authority for servers on loopback."""
    return _authority().issue_cert("localhost", "127.0.0.1")


@cache
def trusted() -> Path:
    """The certificate of the authority that vouches for this server, as a file."""
    path = Path(tempfile.mkdtemp()) / "authority.pem"
    _authority().cert_pem.write_to_path(path)
    return path


@dataclass
class Behaviour:
    """What the server does with messages. Replies are sent as they are; `None` stands for hanging up."""

    recipient: str | None = "250 2.1.5 OK"
    message: str | None = "250 2.0.0 OK: queued as ABC123"
    slow_recipient: float = 0
    slow_answer: float = 0
    log: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, str]] = field(default_factory=list)
    copies: list[list[str]] = field(default_factory=list)
    refused: frozenset[str] = frozenset()
    sessions: set[Any] = field(default_factory=set)

    @property
    def jobs(self) -> Counter[str]:
        """How often each job's message arrived whole, answered or not."""
        return Counter(message["X-Job-ID"] for message in self.log)

    async def handle_RCPT(  # noqa: N802 - the server's own names
        self, server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        await asyncio.sleep(self.slow_recipient)
        if self.recipient is None:
            server.transport.abort()
            return "421 gone"
        if address in self.refused:
            return "550 5.1.1 no such user"
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.log.append(message_from_bytes(envelope.content, policy=policy.default))
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos[0]))
        self.copies.append(envelope.rcpt_tos[1:])
        self.sessions.add(session.peer)
        await asyncio.sleep(self.slow_answer)
        if self.message is None:
            server.transport.abort()
            return "421 gone"
        return self.message


def _authenticate(
    _server: object, _session: object, _envelope: object, _mechanism: str, data: LoginPassword
) -> AuthResult:
    return AuthResult(success=data == LoginPassword(b"someone", b"right horse"), handled=False)


class _Loopback(Controller):
    # The original asks for a connection to itself by host name.
    def _trigger_server(self) -> None:
        socket.create_connection(("127.0.0.1", self.port), 5).close()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def mail_server(behaviour: Behaviour, *, tls: str = "none", auth: bool = False) -> Iterator[int]:
    """Serve until the end of the block; yields the port."""
    options: dict[str, Any] = {"enable_SMTPUTF8": True}
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _authority().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if tls == "implicit":
        options |= {"ssl_context": context}
    if auth:
        needs_tls = {"auth_require_tls": tls == "starttls"}
        options |= {"authenticator": _authenticate, "auth_required": True, **needs_tls}
    server = _Loopback(behaviour, hostname="127.0.0.1", port=free_port(), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # over TLS from the start it believes there is none
        server.start()
        try:
            yield server.port
        finally:
            server.stop(no_assert=True)


_STANDARD = {
    "GREETING": "220 scripted ESMTP",
    "EHLO": "250 scripted",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 OK",
    "RCPT": "250 2.1.5 OK",
    "DATA": "354 go on",
    "END": "250 2.0.0 OK: queued as ABC123",
    "RSET": "250 2.0.0 OK",
    "QUIT": "221 2.0.0 bye",
}


@dataclass
class Script:
    """What a server says, word by word, and what it heard.

    A reply is looked up under the whole command (`RCPT TO:<kim@example.com>`), then under its verb; `END`
    is the end of a message, `BODY` its beginning. `None` stands for hanging up. Several replies under one
    name are said in turn, the last of them for ever.
    """

    replies: dict[str, str | list[str | None] | None] = field(default_factory=dict)
    features: tuple[str, ...] = ("PIPELINING", "8BITMIME")
    slow: str | None = None
    """A verb that takes eight seconds to be answered."""
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    groups: list[list[str]] = field(default_factory=list)
    messages: list[tuple[list[str], bytes]] = field(default_factory=list)
    """Accepted recipients and content of each message that came to its end, whatever was said then."""

    def reply(self, command: str) -> str | None:
        verb = command.partition(" ")[0]
        name = next((one for one in (command, verb) if one in self.replies), None)
        if name is None:
            return _STANDARD.get(verb, "502 5.5.1 no")
        said = self.replies[name]
        if isinstance(said, list):
            return said.pop(0) if len(said) > 1 else said[0]
        return said

    @property
    def recipients(self) -> list[str]:
        """The recipients of everything that arrived whole, in order."""
        return [recipient for recipients, _ in self.messages for recipient in recipients]


class _HangUp(Exception):  # noqa: N818
    pass


class _Dialogue(socketserver.BaseRequestHandler):
    """One connection. Answers leave when all that has come is read, as RFC 2920 has it."""

    def setup(self) -> None:
        self.script: Script = self.server.script  # type: ignore[attr-defined]
        self.script.connections += 1
        self.accepted: list[str] = []
        self.group: list[str] = []
        self.heard = self.unsaid = b""

    def handle(self) -> None:
        with suppress(_HangUp, OSError):
            self.say("GREETING")
            while True:
                self.obey(self.line().decode())

    def line(self) -> bytes:
        while b"\r\n" not in self.heard:
            self.flush()
            more = self.request.recv(1 << 16)
            if not more:
                raise _HangUp
            self.heard += more
        line, _, self.heard = self.heard.partition(b"\r\n")
        return line

    def flush(self) -> None:
        if self.group:
            self.script.groups.append(self.group)
        unsaid, self.group, self.unsaid = self.unsaid, [], b""
        self.request.sendall(unsaid)

    def obey(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        command = f"{verb.upper()} {rest}".strip()
        self.group.append(command.partition(" ")[0])
        self.script.commands.append(command)
        reply = self.say(command)
        match command.partition(" ")[0]:
            case "EHLO" if reply.startswith("250"):
                lines = ["scripted", *self.script.features]
                self.unsaid = "".join(f"250-{line}\r\n" for line in lines).encode() + b"250 HELP\r\n"
            case "RCPT" if reply.startswith("25"):
                self.accepted.append(command.partition("<")[2].partition(">")[0])
            case "DATA" if reply.startswith("354"):
                self.content()
            case "RSET":
                self.accepted = []
            case "QUIT":
                self.flush()
                raise _HangUp

    def content(self) -> None:
        if "BODY" in self.script.replies:
            self.say("BODY")
        lines = list(iter(self.line, b"."))
        self.group.append("CONTENT")
        content = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)
        self.script.messages.append((self.accepted, content))
        self.accepted = []
        self.say("END")

    def say(self, command: str) -> str:
        if self.script.slow and command.startswith(self.script.slow):
            sleep(8)
        reply = self.script.reply(command)
        if reply is None:
            self.flush()
            raise _HangUp
        self.unsaid += reply.replace("\n", "\r\n").encode() + b"\r\n"
        return reply


class _Threads(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def scripted(script: Script) -> Iterator[int]:
    """Serve by that script until the end of the block; yields the port."""
    with _Threads(("127.0.0.1", 0), _Dialogue) as server:
        server.script = script  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
