"""A real SMTP server on loopback whose behaviour a test chooses, and which keeps its own log."""

import asyncio
import socket
import ssl
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
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
