"""What an HTTP answer means for a hand-off, where the other side keeps to HTTP and has no words of its own.

What an answer's body says is never repeated: it may quote the request, and that may hold secrets.
"""

from dataclasses import dataclass
from http import HTTPStatus

import httpx

from automation_pipelines.channels.destinations import host_of
from automation_pipelines.channels.retry_after import retry_after
from automation_pipelines.model import Outcome, Reject, Retry, Sent

_SUCCESS, _REDIRECT, _SERVER_ERROR = range(200, 300), range(300, 400), range(500, 600)
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
# Not this request is the trouble, but the server or the way to it: the next would fare no better.
_OUT_OF_ORDER = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and the beginning of its body."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def words(self) -> str:
        """The status for people, in the standard's words, not the server's."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)


def outcome_of(answer: Answer, who: str) -> Outcome:
    """Read an answer of `who` by its status alone."""
    said = f"{who} answered {answer.words}"
    status = answer.status
    if status in _SUCCESS:
        return Sent()
    if status in _OUT_OF_ORDER:
        return Retry(said, retry_after(answer.headers), provider=True)
    if status in _LATER or status in _SERVER_ERROR:
        return Retry(said, retry_after(answer.headers))
    if status in _REDIRECT:
        return Reject(f"{said} and points to {_pointed_to(answer)}: write the final address")
    return Reject(said)


def _pointed_to(answer: Answer) -> str:
    try:
        host = host_of(httpx.URL(answer.headers.get("location", "")))
    except (httpx.InvalidURL, ValueError):
        return "nothing that can be read"
    return (host[:100] if host.isprintable() else "") or "another path there"
