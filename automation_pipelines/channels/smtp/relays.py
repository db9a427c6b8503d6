"""Which of several servers is next, and the connections that are kept to them."""

import ssl
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from functools import cached_property
from itertools import count

from automation_pipelines.channels.smtp.server import Server
from automation_pipelines.channels.smtp.session import Session

_REST = 60.0
"""Seconds for which a server that failed is left alone, while there are others."""


class Relays:
    """Servers that are as good as each other. Safe to use from many threads."""

    def __init__(self, servers: Sequence[Server], elapsed: Callable[[], float] = time.monotonic) -> None:
        """`elapsed` tells seconds that pass, from wherever."""
        self._servers = servers
        self._elapsed = elapsed
        self._resting: dict[Server, float] = {}
        self._turn = count()
        self._idle: dict[Server, deque[Session]] = {server: deque() for server in servers}

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def choose(self, avoid: Collection[Server]) -> Server | None:
        """A server, in turn, rather one with a connection that waits; a resting one if there is no other."""
        left = [server for server in self._servers if server not in avoid]
        now = self._elapsed()
        fit = [server for server in left if self._resting.get(server, now) <= now] or left
        if not fit:
            return None
        waiting = next((server for server in fit if self._idle[server]), None)
        return waiting or fit[next(self._turn) % len(fit)]

    def session(self, server: Server) -> Session:
        """A connection to it: one that waits, or a new one, and `OSError` when that fails."""
        try:
            return self._idle[server].pop()
        except IndexError:
            return Session(server, self._trusted)

    def keep(self, session: Session) -> None:
        """Let a connection wait for what comes next."""
        self._idle[session.server].append(session)

    def rest(self, server: Server, asked: timedelta | None = None) -> None:
        """Leave a server alone for a while, or for as long as it has asked for."""
        seconds = _REST if asked is None else asked.total_seconds()
        self._resting[server] = self._elapsed() + seconds
        self._dismiss(server, Session.close)

    def close(self) -> None:
        """Say goodbye on every connection."""
        for server in self._servers:
            self._dismiss(server, Session.quit)

    def _dismiss(self, server: Server, part: Callable[[Session], None]) -> None:
        while self._idle[server]:
            part(self._idle[server].pop())
