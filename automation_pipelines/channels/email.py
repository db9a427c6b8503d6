"""E-mail over SMTP: a few connections at once, each used for many messages.

What is said over a connection is `smtp`'s.
"""

import smtplib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property

from automation_pipelines.channels.smtp import Server, transmit
from automation_pipelines.model import Email, Handoff, Outcome, Reject, Retry


class EmailChannel:
    """Channel `email` over one SMTP server. Safe to use from one thread at a time."""

    name = "email"
    repeatable = False

    def __init__(self, url: str, *, connections: int = 8) -> None:
        """Read the URL, `ConfigurationError` if that fails; connect to nothing yet."""
        self._server = Server.parse(url)
        self._connections = connections
        self._idle: deque[smtplib.SMTP] = deque()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._connections, thread_name_prefix="smtp")

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Hand over all of them, as many at once as there are connections."""
        return list(self._pool.map(self._deliver, handoffs))

    def close(self) -> None:
        """Say goodbye on every connection."""
        if "_pool" in self.__dict__:
            self._pool.shutdown()
            del self._pool
        while self._idle:
            session = self._idle.pop()
            try:
                session.quit()
            except OSError:
                session.close()

    def _deliver(self, handoff: Handoff) -> Outcome | None:
        if not isinstance(handoff, Email):
            return Reject(f"{type(handoff).__name__} is no e-mail")
        try:
            return self._discreet(self._attempt(handoff))
        except OSError as error:
            return Retry(self._server.explain(error))
        except Exception as error:  # noqa: BLE001 - a bug with one message must not stop the others
            return Reject(f"cannot be handed over: {self._server.explain(error)}")

    def _discreet(self, answer: Outcome | None) -> Outcome | None:
        if isinstance(answer, Retry | Reject):
            return replace(answer, error=self._server.redacted(answer.error))
        return answer

    def _attempt(self, email: Email) -> Outcome | None:
        """Use an idle connection; servers close those as they like, so losing it is no failed attempt."""
        while True:
            try:
                session = self._idle.pop()
            except IndexError:
                return self._use(self._server.connect(), email)
            try:
                return self._use(session, email)
            except OSError:
                continue

    def _use(self, session: smtplib.SMTP, email: Email) -> Outcome | None:
        try:
            answer = transmit(session, email)
        except BaseException:
            session.close()
            raise
        if session.sock is not None:
            self._idle.append(session)
        return answer
