"""One connection to a server, and the messages that go over it, one after the other.

Where the server announces PIPELINING (RFC 2920) the content of a message leaves together with the
envelope of the next, so that a message costs one round trip instead of four. What is said is the same.
"""

import smtplib
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn, assert_never

from automation_pipelines.channels.smtp.letter import END, Letter
from automation_pipelines.channels.smtp.replies import is_failure, is_success, one_line, outcome_of
from automation_pipelines.channels.smtp.server import Server
from automation_pipelines.model import Email, Outcome, Reject, Retry, Sent

_TIMEOUT = 60.0  # seconds for each reply
_LAST_TIMEOUT = 300.0  # servers may look at a whole message before they answer

_TAKEN, _GO_AHEAD, _CLOSING, _LOGIN_FIRST = frozenset({250, 251}), 354, 421, 530
_DATA, _RSET = b"DATA\r\n", b"RSET\r\n"


Reply = tuple[int, bytes]
Take = Callable[[], Letter | None]
Settle = Callable[[Letter, Outcome | None], None]


class Session:
    """A connection, open, encrypted and authenticated."""

    def __init__(self, server: Server, trusted: ssl.SSLContext) -> None:
        """Connect as the server's URL says; `OSError` when that fails."""
        self.server = server
        self.proven = False
        """A message has had its answer over it: to lose it now says nothing about the server."""
        self.hand: deque[Letter] = deque()
        """What was taken and has no answer. When the connection is lost, their fate hangs on `left`."""
        self._smtp = server.connect(trusted, _TIMEOUT)
        self._pipelining = self._smtp.has_extn("pipelining")
        self._ahead = 0
        self._begun = False

    @property
    def open(self) -> bool:
        """Whether more can be said."""
        return self._smtp.sock is not None

    def close(self) -> None:
        """Hang up."""
        self._smtp.close()

    def quit(self) -> None:
        """Say goodbye."""
        with suppress(OSError):
            self._smtp.quit()
        self._smtp.close()

    def carry(self, take: Take, settle: Settle) -> None:
        """Hand over what there is to take; `OSError` when the connection is lost."""
        accepted: Letter | None = None
        while True:
            following = self._next(take, settle) if accepted is None or self._pipelining else None
            if accepted is None and following is None:
                return
            self._write(accepted, following)
            if accepted is not None:
                self._conclude(accepted, settle)
            accepted = following if following is not None and self._announce(following, settle) else None

    def _next(self, take: Take, settle: Settle) -> Letter | None:
        while (letter := take()) is not None:
            self.hand.append(letter)
            if not self._international(letter.email) or self._smtp.has_extn("smtputf8"):
                return letter
            refusal = Reject("the mail server takes no addresses outside ASCII (SMTPUTF8)")
            self._settle(letter, refusal, settle)
        return None

    def _settle(self, letter: Letter, answer: Outcome | None, settle: Settle) -> None:
        if isinstance(answer, Retry | Reject):
            answer = replace(answer, error=self.server.redacted(answer.error))
        self.hand.remove(letter)
        settle(letter, answer)

    def _write(self, accepted: Letter | None, following: Letter | None) -> None:
        """Send the content of one message and, where the server reads on, the envelope of the next."""
        ahead = list(self._envelope(following)) if following is not None and self._pipelining else []
        content = accepted.wire if accepted is not None else b""
        sent = self._push(b"".join((content, *ahead)))
        if accepted is not None:
            if sent < len(content):
                msg = "the connection was lost before the end of the message"
                raise smtplib.SMTPServerDisconnected(msg)
            accepted.left = True
        self._ahead = len(ahead)

    def _push(self, data: bytes) -> int:
        """Write, and return how much has left: not all of it when the connection is lost."""
        view, sent = memoryview(data), 0
        with suppress(OSError):
            while sent < len(data) and self._smtp.sock is not None:
                sent += self._smtp.sock.send(view[sent:])
        return sent

    def _envelope(self, letter: Letter) -> Iterator[bytes]:
        """What can be said without waiting for answers.

        Not that the content follows, where there are copies: with one of them accepted and the recipient
        refused it would have to.
        """
        if self._begun:
            yield _RSET
        yield self._mail(letter.email)
        yield _rcpt(letter.email.recipient)
        if not letter.email.copies:
            yield _DATA

    def _announce(self, letter: Letter, settle: Settle) -> bool:
        """Go through the envelope; whether the server now waits for the content."""
        if self._begun:
            self._ask(_RSET)
        willing = self._agreed(letter, self._ask(self._mail(letter.email)), settle, of_the_sender=True)
        known = False
        if willing or self._ahead:
            reply = self._ask(_rcpt(letter.email.recipient))
            known = reply[0] in _TAKEN
            willing = willing and self._agreed(letter, reply, settle)
        for copy in self._copies(letter.email) if willing else ():
            self._ask(_rcpt(copy))
        if willing or self._ahead:
            reply = self._ask(_DATA)
            if not willing and reply[0] == _GO_AHEAD:
                self._say_nothing(known)
            willing = willing and self._agreed(letter, reply, settle, wanted=frozenset({_GO_AHEAD}))
        self._begun = not willing
        return willing

    def _agreed(
        self,
        letter: Letter,
        reply: Reply,
        settle: Settle,
        *,
        wanted: frozenset[int] = _TAKEN,
        of_the_sender: bool = False,
    ) -> bool:
        """Whether the server agrees; if it refuses, that is the answer for the message."""
        code, text = reply
        if code in wanted:
            return True
        if not is_failure(code) or code == _LOGIN_FIRST:
            _lose(code, text)
        self.proven = True
        refusal = outcome_of(code, text)
        self._settle(letter, _all_the_same(refusal) if of_the_sender else refusal, settle)
        return False

    def _say_nothing(self, known: bool) -> None:  # noqa: FBT001
        """End what the server waits for although it refused; hang up where somebody would get it."""
        if known:
            self.close()
        elif self._push(END):
            self._reply()

    def _conclude(self, letter: Letter, settle: Settle) -> None:
        """Take what the server says at the end of a message; where that makes no sense, nobody can tell."""
        self._wait(_LAST_TIMEOUT)
        code, text = self._reply()
        self._wait(_TIMEOUT)
        understood = is_success(code) or is_failure(code)
        self._settle(letter, outcome_of(code, text) if understood else None, settle)
        if code == _CLOSING or not understood:
            _lose(code, text)
        self.proven = True

    def _ask(self, command: bytes) -> Reply:
        """The reply to a command, which may have been written ahead."""
        if self._ahead:
            self._ahead -= 1
        else:
            self._smtp.send(command)
        code, text = self._reply()
        if code == _CLOSING:
            _lose(code, text)
        return code, text

    def _reply(self) -> Reply:
        if not self.open:
            msg = "the connection is closed"
            raise smtplib.SMTPServerDisconnected(msg)
        return self._smtp.getreply()

    def _wait(self, seconds: float) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)

    def _mail(self, email: Email) -> bytes:
        size = f" SIZE={len(email.content)}" if self._smtp.has_extn("size") else ""
        utf8 = " SMTPUTF8" if self._international(email) else ""
        return f"MAIL FROM:<{email.sender}>{size}{utf8}\r\n".encode()

    def _copies(self, email: Email) -> list[str]:
        """The copies that the server takes: the message is its recipient's, whatever becomes of them."""
        return [copy for copy in email.copies if copy.isascii() or self._smtp.has_extn("smtputf8")]

    def _international(self, email: Email) -> bool:
        return not all(map(str.isascii, (email.sender, email.recipient, *self._copies(email))))


def _all_the_same(refusal: Outcome) -> Outcome:
    """A refusal that came before any recipient was named: it says nothing of one."""
    match refusal:
        case Retry():
            return replace(refusal, provider=True)
        case Reject():
            return replace(refusal, suppress=None)
        case Sent():
            return refusal
        case never:
            assert_never(never)


def _rcpt(address: str) -> bytes:
    return f"RCPT TO:<{address}>\r\n".encode()


def _lose(code: int, text: bytes) -> NoReturn:
    """Give a connection up because of what the server said about itself."""
    raise smtplib.SMTPResponseException(code, one_line(text))
