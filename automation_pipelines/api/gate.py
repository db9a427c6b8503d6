"""What every request passes: limits on its body, security headers on its answer, a line in the log, a count.

Pure ASGI, and knows no page. The log never holds a token, an address or a query: a path is told by its
pattern.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("automation.access")
LONGEST_BODY = 1_000_000
"""Bytes; a provider's batch is smaller, and nobody else has anything to say."""
SLOWEST_BODY = 20.0
"""Seconds in which a body must have come."""
_TOO_LONG = 413
_TOO_SLOW = 408
_BROKEN = 500

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex, nofollow, noarchive"),
)
"""What an answer has that does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, as it is logged and counted: the pattern of its path, and no more."""

    method: str
    place: str
    status: int
    seconds: float


@dataclass(frozen=True)
class Gate:
    """Wraps the application."""

    app: ASGIApp
    prefix: str
    """The path of the public URL: taken off, for proxies that leave it on."""
    seen: Callable[[Seen], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        status: int | None = None
        scope = self._stripped(scope)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _secured(message)}
            await send(message)

        try:
            await self.app(scope, _limited(scope, receive), answer)
        except Exception as error:
            _tell(error)
            if status is not None:  # it broke half-way: only an end that is none can tell
                raise
            await PlainTextResponse("500\n", _BROKEN)(scope, receive, answer)
        finally:
            seen = Seen(scope["method"], pattern(scope), status or _BROKEN, perf_counter() - started)
            self.seen(seen)
            LOG.info("%s %s %d %.1f ms", _method(seen.method), seen.place, status, seen.seconds * 1000)

    def _stripped(self, scope: Scope) -> Scope:
        path = scope["path"]
        if not self.prefix or not path.startswith(f"{self.prefix}/"):
            return scope
        return {**scope, "path": path[len(self.prefix) :], "raw_path": None}


def pattern(scope: MutableMapping[str, Any]) -> str:
    """The path without what is somebody's: `/u/<token>`; `?` for one that is none of ours."""
    first, _, rest = scope["path"].lstrip("/").partition("/")
    match first:
        case "u" | "p" | "v" | "o" | "c" if rest:
            return f"/{first}/<token>"
        case "webhooks" if rest.isalnum() and rest.isascii() and len(rest) <= 20:  # noqa: PLR2004
            return f"/webhooks/{rest}"
        case "health" | "metrics" if not rest:
            return f"/{first}"
    return "?"


def _tell(error: Exception) -> None:
    """Log where it broke. What it says may hold what was in the request, and is left out."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    logging.getLogger("automation.serve").error("%s\n%s", type(error).__name__, frames)


def _method(word: str) -> str:
    return word if word.isalpha() and word.isascii() else "?"


def _secured(message: Message) -> list[tuple[bytes, bytes]]:
    headers = list(message["headers"])
    there = {name.lower() for name, _ in headers}
    return headers + [(name, value) for name, value in _HEADERS if name not in there]


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Refuse a body as soon as it is known to be too long, and one that does not come."""
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    read, ends = 0, asyncio.get_running_loop().time() + SLOWEST_BODY
    whole = False

    async def limited() -> Message:
        nonlocal read, whole
        if whole:
            return await receive()
        if not told.isdigit() or int(told[:12]) > LONGEST_BODY:
            raise _refusal(_TOO_LONG)
        try:
            async with asyncio.timeout_at(ends):
                message = await receive()
        except TimeoutError:
            raise _refusal(_TOO_SLOW) from None
        read += len(message.get("body", b""))
        if read > LONGEST_BODY:
            raise _refusal(_TOO_LONG)
        whole = not message.get("more_body", False)
        return message

    return limited


def _refusal(status: int) -> HTTPException:
    # The rest of the body is not read: the connection is of no use any more.
    return HTTPException(status, headers={"Connection": "close"})
