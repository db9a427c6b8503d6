"""One notice to one address by the Apprise library, and what became of it.

Apprise says yes or no; why it is no stands in its log, with addresses in it. So that log is heard here and
goes nowhere else.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import apprise

from automation_pipelines.channels.addresses import Address
from automation_pipelines.model import Outcome, Reject, Retry, Sent

_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 30.0
_LOGS = ("apprise", "urllib3", "requests")
_STATUS = re.compile(r"\berror[=:] ?(\d{3})\b")
_NO = re.compile(r"""["']ok["']: ?false""", re.IGNORECASE)
_WORD = re.compile(r"""["']error["']: ?["']([a-z_]{1,60})["']""")
_NOT_CONNECTED = re.compile(
    r"NewConnectionError|Failed to establish|ConnectTimeout|NameResolution|SSLError|CERTIFICATE|ProxyError"
)
_TOO_LARGE = frozenset({"msg_too_long", "no_text", "invalid_blocks", "msg_blocks_too_long"})
_WRONG_MESSAGE = frozenset({400, 413, 422})
_DOUBTFUL = frozenset({500, 502, 504})


def notify(address: Address, url: str, title: str, text: str) -> Outcome | None:
    """Hand a notice over. What is wrong with an address is wrong for every notice, so it may pass."""
    with _overheard() as heard:
        service = _service(url)
        if service is None:
            return Retry(f"no address of {address.service} that Apprise can read", provider=True)
        to_all = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False))
        to_all.add(service)
        taken = to_all.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT)
    return Sent() if taken else _refused(address, heard)


@lru_cache(maxsize=64)  # a service kept is one that keeps its own pace
def _service(url: str) -> Any:  # noqa: ANN401 - each service is a class of its own
    service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if service is None or len(service) > 1:  # of several targets nobody would know which of them took it
        return None
    service.socket_connect_timeout, service.socket_read_timeout = _CONNECT_SECONDS, _ANSWER_SECONDS
    service.redirects = False
    return service


def _refused(address: Address, heard: list[logging.LogRecord]) -> Outcome | None:
    lines = [" ".join(record.getMessage().split()) for record in heard]
    everything = "\n".join(lines)
    said = " ".join(line for line, record in zip(lines, heard, strict=True) if record.levelno > logging.INFO)
    error = address.redacted(f"{address.service}: {said}")[:500]
    statuses = _STATUS.findall(everything)
    if statuses:
        return _by_status(int(statuses[-1]), error, everything)
    return Retry(error, provider=True) if _NOT_CONNECTED.search(everything) else None


def _by_status(status: int, error: str, everything: str) -> Outcome | None:
    if status in _WRONG_MESSAGE:
        return Reject(error)
    if status in _DOUBTFUL:
        return None
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return _by_word(error, everything)
    return Retry(error, provider=True)


def _by_word(error: str, everything: str) -> Outcome | None:
    """Services such as Slack say no with status 200; an answer that says nothing leaves it open."""
    if not _NO.search(everything):
        return None
    word = _WORD.search(everything)
    told = f"{error} {word[1]}" if word else error
    return Reject(told) if word and word[1] in _TOO_LARGE else Retry(told, provider=True)


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def _overheard() -> Iterator[list[logging.LogRecord]]:
    """Everything that the library and those below it log, which appears nowhere else meanwhile."""
    ear = _Ear()
    loggers = [logging.getLogger(name) for name in _LOGS]
    before = [(one.level, one.propagate, one.handlers) for one in loggers]
    for one in loggers:
        one.setLevel(logging.DEBUG)
        one.propagate, one.handlers = False, [ear]
    try:
        yield ear.records
    finally:
        for one, (level, propagate, handlers) in zip(loggers, before, strict=True):
            one.setLevel(level)
            one.propagate, one.handlers = propagate, handlers
