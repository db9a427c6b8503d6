"""One SMTP server: its URL, a session with it, one message over a session, and what replies mean.

Pooling and threads are `email`'s. Secrets stay in here: no error carries them.
"""

import base64
import re
import smtplib
import ssl
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import parse_qs, unquote, urlsplit

from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Email, Outcome, Reject, Retry, Sent

_TIMEOUT = 60.0  # seconds for each reply
_LAST_TIMEOUT = 300.0  # servers may look at a whole message before they answer

_OK, _WILL_FORWARD, _GO_AHEAD, _CLOSING = 250, 251, 354, 421
_ENHANCED = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?!\S)")
_QUEUED = re.compile(r"(?:queued as|\bid[=:]) ?([\w.@+-]{4,200})", re.IGNORECASE)
_DOT = re.compile(rb"^\.", re.MULTILINE)

Tls = Literal["implicit", "starttls", "none"]
_PORTS = {"implicit": 465, "starttls": 587, "none": 25}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MISWRITTEN = (
    "AUTOMATION_SMTP_URL cannot be read: write smtp://user:password@host:587?tls=starttls, "
    "smtp://localhost:25?tls=none or smtps://user:password@host (special characters as %XX)"
)
_IN_THE_CLEAR = "AUTOMATION_SMTP_URL would send the password in the clear: write ?tls=starttls, or smtps://…"


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
        return cls(host, port or _PORTS[tls], tls, user, password)

    def connect(self) -> smtplib.SMTP:
        """Open a session, encrypted and authenticated as the URL says; `OSError` when that fails."""
        trusted = ssl.create_default_context()
        if self.tls == "implicit":
            session: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=_TIMEOUT, context=trusted)
        else:
            session = smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT)
        try:
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
            return self.redacted(f"{error.smtp_code} {_text(error.smtp_error)}")
        return self.redacted(f"{type(error).__name__}: {_text(str(error))}")

    def redacted(self, text: str) -> str:
        """Take the secrets out of what a server has said."""
        if not self.password:
            return text
        login = f"\0{self.user}\0{self.password}"
        encoded = [base64.b64encode(secret.encode()).decode() for secret in (login, self.password)]
        for secret in (*encoded, self.password):
            text = text.replace(secret, "***")
        return text


def transmit(session: smtplib.SMTP, email: Email) -> Outcome | None:
    """Hand one message over. `OSError`: the session was lost before the server could have taken it.

    `None`: it was lost after the end of the message and before the answer, so nobody can know. A copy
    that the server does not take is left out: the message is its recipient's.
    """
    takes_all = session.has_extn("smtputf8")
    copies = [copy for copy in email.copies if takes_all or copy.isascii()]
    international = not all(map(str.isascii, (email.sender, email.recipient, *copies)))
    if international and not takes_all:
        return Reject("the mail server takes no addresses outside ASCII (SMTPUTF8)")
    code, reply = session.mail(email.sender, ["SMTPUTF8"] if international else [])
    if code == _OK:
        code, reply = session.rcpt(email.recipient)
    for copy in copies if code in (_OK, _WILL_FORWARD) else ():
        refused, said = session.rcpt(copy)
        if refused == _CLOSING:
            return _refused(session, refused, said)
    if code in (_OK, _WILL_FORWARD):
        code, reply = session.docmd("DATA")
    if code != _GO_AHEAD:
        return _refused(session, code, reply)
    # One call: if it fails, the end of the message has not left.
    session.send(_DOT.sub(b"..", email.content) + b".\r\n")
    return _verdict(session)


def _refused(session: smtplib.SMTP, code: int, reply: bytes) -> Outcome:
    """Answer for a message that was refused before it was sent, and make the session fit for the next."""
    if code == _CLOSING or not _is_failure(code):
        raise smtplib.SMTPServerDisconnected(f"{code} {_text(reply)}")  # noqa: EM102, TRY003
    try:
        session.rset()
    except OSError:
        session.close()
    return outcome_of(code, reply)


def _verdict(session: smtplib.SMTP) -> Outcome | None:
    try:
        _wait(session, _LAST_TIMEOUT)
        code, reply = session.getreply()
        _wait(session, _TIMEOUT)
    except OSError:
        session.close()
        return None
    if not (_is_success(code) or _is_failure(code)):
        session.close()
        return None
    if code == _CLOSING:
        session.close()
    return outcome_of(code, reply)


def _wait(session: smtplib.SMTP, seconds: float) -> None:
    if session.sock is not None:
        session.sock.settimeout(seconds)


def _is_success(code: int) -> bool:
    return 200 <= code <= 299  # noqa: PLR2004 - the classes of RFC 5321


def _is_failure(code: int) -> bool:
    return 400 <= code <= 599  # noqa: PLR2004


def _text(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())[:500]


def outcome_of(code: int, reply: bytes | str) -> Outcome:
    """Read the reply to a message. The enhanced code (RFC 3463) is more exact than the reply code."""
    text = _text(reply)
    if _is_success(code):
        queued = _QUEUED.search(text)
        return Sent(queued[1] if queued else None)
    enhanced = _ENHANCED.match(text)
    permanent = str(code) if enhanced is None or enhanced[1] == "2" else enhanced[1]
    return Reject(f"{code} {text}") if permanent.startswith("5") else Retry(f"{code} {text}")
