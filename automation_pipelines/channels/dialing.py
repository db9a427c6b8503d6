"""How connections are made for HTTP: to addresses that were looked at, and within a time.

What is said over them is `http`'s.
"""

import selectors
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Any

import httpcore

_CONNECT_SECONDS = 5.0  # for each address of a name, so that a dead one leaves time for the next

Objection = Callable[[str], str | None]
"""Says why an IP address must not be connected to."""


class ForbiddenAddressError(Exception):
    """A name leads where nothing may be sent; on its way through the libraries, which let it pass."""


_deadline: ContextVar[float] = ContextVar("deadline", default=inf)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound all that is read and written meanwhile; names are looked up in the resolver's own time."""
    before = _deadline.set(monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(before)


def _left() -> float | None:
    """How long the exchange of this thread may still take."""
    left = _deadline.get() - monotonic()
    if left <= 0:
        raise TimeoutError
    return None if left == inf else left


class Dialer(httpcore.NetworkBackend):
    """Looks a name up once, and connects to one of the addresses that were looked at, never to the name.

    All of a name's addresses must be allowed: one that leads to both sides of a wall is wrong or hostile.
    """

    def __init__(self, objection: Objection) -> None:
        self._objection = objection

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline stands for it
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers."""
        places = _look_up(host, port)
        for _, place in places:
            why = self._objection(str(place[0]))
            if why is not None:
                msg = f"{host} leads to {place[0]}, which is refused: {why}"
                raise ForbiddenAddressError(msg)
        *others, last = places
        for family, place in others:
            try:
                return _connected(family, place)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return _connected(*last)


_Place = tuple[int, tuple[Any, ...]]


def _look_up(host: str, port: int) -> list[_Place]:
    with _named(httpcore.ConnectTimeout, httpcore.ConnectError):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, place) for family, _, _, _, place in found))


def _connected(family: int, place: tuple[Any, ...]) -> "_Stream":
    with _named(httpcore.ConnectTimeout, httpcore.ConnectError):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(min(_left() or inf, _CONNECT_SECONDS))
            sock.connect(place)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
    return _Stream(sock)


class _Stream(httpcore.NetworkStream):
    """A connection each of whose steps ends with the exchange it belongs to: no drip outlasts it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        with _named(httpcore.ReadTimeout, httpcore.ReadError):
            self._sock.settimeout(_left())
            return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        with _named(httpcore.WriteTimeout, httpcore.WriteError):
            self._sock.settimeout(_left())
            self._sock.sendall(buffer)

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        try:
            with _named(httpcore.ConnectTimeout, httpcore.ConnectError):
                self._sock.settimeout(_left())
                return _Stream(ssl_context.wrap_socket(self._sock, server_hostname=server_hostname))
        except BaseException:
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the library's
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        if info == "is_readable":
            return _is_readable(self._sock)
        return None


def _is_readable(sock: socket.socket) -> bool:
    """Whether something came while nothing was asked: then the other side has closed."""
    if sock.fileno() < 0:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


@contextmanager
def _named(timeout: type[Exception], error: type[Exception]) -> Iterator[None]:
    """Give the system's errors the names that the library knows."""
    try:
        yield
    except TimeoutError as cause:
        raise timeout(str(cause)) from cause
    except (OSError, UnicodeError) as cause:
        raise error(str(cause)) from cause
