"""One HTTP request and what came of it: bounded in time and size, over addresses that were looked at first.

Nothing is followed, remembered or read from the environment: no redirects, cookies or proxies. What an
answer means is `answers`' and the channels'.
"""

import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property

import httpcore
import httpx

from automation_pipelines.channels.answers import Answer
from automation_pipelines.channels.dialing import Dialer, ForbiddenAddressError, Objection, within
from automation_pipelines.model import Handoff, Outcome, Reject

_LARGEST_ANSWER = 65_536
_PATIENCE = 3  # how often in a row a server may be silent before it is not asked again in the same batch
_KEPT_SECONDS = 5.0  # shorter than servers keep a connection, so few are lost while a request is on its way


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request did not leave whole, so nobody has taken it."""

    error: str
    for_good: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """It left, and no answer came that can be read: it may have been taken."""

    error: str


class Http:
    """A few connections at once, each used for many requests. Safe to use from one thread at a time."""

    def __init__(self, connections: int, seconds: float, objection: Objection = lambda _: None) -> None:
        """Connect to nothing yet. `seconds` is for a whole exchange, however it is spent.

        (But for looking up the name, which only the system's resolver bounds.)
        """
        self._connections = connections
        self._seconds = seconds
        self._dialer = Dialer(objection)
        self._silent: Counter[bytes] = Counter()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._connections, thread_name_prefix="http")

    @cached_property
    def _transport(self) -> httpx.HTTPTransport:
        return _Transport(self._dialer, self._connections)

    def each(
        self, deliver: Callable[[Handoff], Outcome | None], handoffs: Sequence[Handoff]
    ) -> list[Outcome | None]:
        """Deliver all of them, as many at once as there are connections."""
        self._transport  # noqa: B018 - made before several threads ask for it
        self._silent.clear()

        def guarded(handoff: Handoff) -> Outcome | None:
            try:
                return deliver(handoff)
            except Exception as error:  # noqa: BLE001 - a bug with one message must not stop the others
                # What it says may quote what is secret.
                return Reject(f"cannot be handed over: {type(error).__name__}")

        return list(self._pool.map(guarded, handoffs))

    def exchange(self, request: httpx.Request) -> Answer | NotSent | Lost:
        """Make a request; an answer's body is cut where it gets too long or takes too long."""
        where = request.url.netloc
        if self._silent[where] >= _PATIENCE:
            # One that hangs must not take its time from all others, once for each request.
            return NotSent("it has not answered others, so it was not asked")
        try:
            with within(self._seconds), closing(self._transport.handle_request(request)) as response:
                self._silent[where] = 0
                return Answer(response.status_code, response.headers, _start_of(response))
        except (ForbiddenAddressError, httpx.HTTPError) as error:
            self._silent[where] += isinstance(error, httpx.TimeoutException)
            return self._unanswered(error)

    def _unanswered(self, error: Exception) -> NotSent | Lost:
        """Tell what failed before the end of the request had left from what failed after it."""
        match error:
            case ForbiddenAddressError():
                return NotSent(str(error), for_good=True)
            case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
                return NotSent("it makes no valid HTTP request", for_good=True)
            case httpx.TimeoutException():
                words = f"no answer within {self._seconds:g} s"
                return Lost(words) if isinstance(error, httpx.ReadTimeout) else NotSent(words)
            case httpx.ConnectError() | httpx.WriteError():
                return NotSent(f"no connection: {error}"[:300])
            case _:
                # The library's own words would quote what came.
                return Lost("no answer came that can be read")

    def close(self) -> None:
        """Give back threads and connections; it can be used again."""
        if "_pool" in self.__dict__:
            self._pool.shutdown()
            del self._pool
        if "_transport" in self.__dict__:
            self._transport.close()
            del self._transport


def _start_of(response: httpx.Response) -> bytes:
    """Read a body as far as it comes: the status has said already what became of the request."""
    body = bytearray()
    try:
        for part in response.iter_raw():
            body += part
            if len(body) >= _LARGEST_ANSWER:
                break
    except httpx.HTTPError:
        pass
    return bytes(body[:_LARGEST_ANSWER])


class _Transport(httpx.HTTPTransport):
    """The library's own, but for how it connects, which it has no parameter for."""

    def __init__(self, dialer: httpcore.NetworkBackend, connections: int) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=connections,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=dialer,
        )
