"""A mailbox over IMAP (RFC 9051): what is not seen is read, and seen once it was.

Nothing is moved or deleted there. What a mail says is `letters`'.
"""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from urllib.parse import unquote, urlsplit

from automation_pipelines.errors import ConfigurationError, FeedbackError

_SECONDS = 30
_PORTS = {"imaps": 993, "imap": 143}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Imap:
    """One folder of one account, connected to when first asked."""

    def __init__(self, url: str, largest: int) -> None:
        """Read the URL: imaps://user:password@host/folder, or imap:// for STARTTLS; connect to nothing."""
        try:
            parts = urlsplit(url)
            self._port = parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            parts = None
        if parts is None or not parts.hostname or not parts.username:
            msg = "the mailbox's URL cannot be read: write imaps://user:password@host/INBOX"
            raise ConfigurationError(msg)
        self._scheme, self._host = parts.scheme, parts.hostname
        self._login = unquote(parts.username), unquote(parts.password or "")
        self._folder = unquote(parts.path.strip("/")) or "INBOX"
        self._largest = largest

    def __str__(self) -> str:
        """The mailbox without its password."""
        return f"{self._scheme}://{self._host}/{self._folder}"

    def mails(self) -> Iterator[tuple[str, bytes]]:
        """Those not seen, by their numbers, which are for ever."""
        found = self._asked("SEARCH", "UNSEEN")
        for name in b" ".join(one for one in found if isinstance(one, bytes)).split():
            # What was expunged meanwhile is not there any more.
            for part in self._asked("FETCH", name.decode(), f"(BODY.PEEK[]<0.{self._largest}>)"):
                if isinstance(part, tuple):
                    yield name.decode(), part[1]

    def mark(self, name: str, *, rejected: bool) -> None:
        """Seen; and flagged, for somebody to look at, where it could not be read."""
        self._asked("STORE", name, "+FLAGS", r"(\Seen \Flagged)" if rejected else r"(\Seen)")

    def close(self) -> None:
        """Log out."""
        if "_connection" in self.__dict__:
            with suppress(imaplib.IMAP4.error, OSError):
                self._connection.logout()

    def _asked(self, command: str, *arguments: str) -> list[bytes | tuple[bytes, bytes] | None]:
        try:
            status, answer = self._connection.uid(command, *arguments)
        except (imaplib.IMAP4.error, OSError) as error:
            raise self._away(error) from None
        if status != "OK":
            raise self._away(None)
        return answer

    @cached_property
    def _connection(self) -> imaplib.IMAP4:
        try:
            connection = self._dialled()
            connection.login(*self._login)
            status, _ = connection.select(_quoted(self._folder))
        except (imaplib.IMAP4.error, OSError) as error:
            raise self._away(error) from None
        if status != "OK":
            msg = f"the mailbox {self} has no such folder"
            raise FeedbackError(msg)
        return connection

    def _dialled(self) -> imaplib.IMAP4:
        context = ssl.create_default_context()
        if self._scheme == "imaps":
            return imaplib.IMAP4_SSL(self._host, self._port, ssl_context=context, timeout=_SECONDS)
        connection = imaplib.IMAP4(self._host, self._port, timeout=_SECONDS)
        # Passwords go in the clear on this machine alone.
        if self._host not in _LOOPBACK:
            connection.starttls(context)
        return connection

    def _away(self, error: Exception | None) -> FeedbackError:
        said = type(error).__name__ if error is not None else "it refuses"
        return FeedbackError(
            f"the mailbox {self} cannot be read now: {said}; see AUTOMATION_FEEDBACK_MAILBOX"
        )


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
