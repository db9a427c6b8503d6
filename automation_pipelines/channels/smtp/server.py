"""Where a server is and how to talk to it: its URL, and its secrets, which nobody else sees."""

import base64
import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, get_args
from urllib.parse import parse_qs, unquote, urlsplit

from automation_pipelines.channels.smtp.replies import LONGEST, one_line
from automation_pipelines.errors import ConfigurationError

Tls = Literal["implicit", "starttls", "none"]
_PORTS = {"implicit": 465, "starttls": 587, "none": 25}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MISWRITTEN = (
    "AUTOMATION_SMTP_URL cannot be read: write smtp://user:password@host:587?tls=starttls, "
    "smtp://localhost:25?tls=none or smtps://user:password@host (special characters as %XX, "
    "several servers separated by blanks)"
)
_IN_THE_CLEAR = "AUTOMATION_SMTP_URL would send the password in the clear: write ?tls=starttls, or smtps://…"
_NOT_ASCII = "AUTOMATION_SMTP_URL: user and password must be ASCII, servers agree on nothing else"


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to connect."""

    host: str
    port: int
    tls: Tls
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> "Server":
        """Read a URL; without `tls` an `smtp://` server must offer STARTTLS."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigurationError(_MISWRITTEN) from None
        asked = parse_qs(parts.query).get("tls", ["starttls"])[-1]
        known: dict[str, Tls] = {word: word for word in get_args(Tls)}
        tls = "implicit" if parts.scheme == "smtps" else known.get(asked)
        if parts.scheme not in ("smtp", "smtps") or not host or tls is None:
            raise ConfigurationError(_MISWRITTEN)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if tls == "none" and user and host not in _LOOPBACK:
            raise ConfigurationError(_IN_THE_CLEAR)
        if not (user + password).isascii():
            raise ConfigurationError(_NOT_ASCII)
        return cls(host, port or _PORTS[tls], tls, user, password)

    def connect(self, trusted: ssl.SSLContext, timeout: float) -> smtplib.SMTP:
        """Open a session, encrypted and authenticated as the URL says; `OSError` when that fails."""
        where = self.host, self.port, _own_name()
        if self.tls == "implicit":
            session: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=timeout, context=trusted)
        else:
            session = smtplib.SMTP(*where, timeout=timeout)
        try:
            if session.sock is not None:
                # The end of a message would wait until the segments before it are acknowledged.
                session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session.ehlo_or_helo_if_needed()
            if self.tls == "starttls":
                session.starttls(context=trusted)
                session.ehlo()
            if self.user:
                session.login(self.user, self.password)
        except BaseException:
            session.close()
            raise
        return session

    def explain(self, error: Exception) -> str:
        """Say what went wrong without the secrets, even where the server repeats them."""
        if isinstance(error, smtplib.SMTPResponseException):
            return self.redacted(f"{error.smtp_code} {one_line(error.smtp_error)}")
        return self.redacted(f"{type(error).__name__}: {one_line(str(error))}")

    def redacted(self, text: str) -> str:
        """Take the secrets out of what a server has said."""
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return text[:LONGEST]

    def _secrets(self) -> Iterator[str]:
        """The password as it is written, and as it travels."""
        if self.password:
            for secret in (f"\0{self.user}\0{self.password}", self.password):
                yield base64.b64encode(secret.encode()).decode()
            yield self.password


@cache
def _own_name() -> str:
    """How we greet: looked up once, not for every connection."""
    return smtplib.SMTP().local_hostname


def servers(urls: str) -> tuple[Server, ...]:
    """Read one or several URLs, separated by blanks; each server once."""
    found = tuple(dict.fromkeys(map(Server.parse, urls.split())))
    if not found:
        raise ConfigurationError(_MISWRITTEN)
    return found
