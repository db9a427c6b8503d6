"""What a server's reply means for a message: taken, later, or never."""

import re
from datetime import timedelta

from automation_pipelines.model import Outcome, Reject, Retry, Sent

LONGEST = 500
"""Characters of an error."""

# RFC 3463: at the start of a line of the reply, or after a # wherever it is, as qmail and others write it.
_ENHANCED = re.compile(r"(?:^[#(\[<]*|#)([245]\.\d{1,3}\.\d{1,3})(?!\w|\.\d)", re.MULTILINE)
# No such mailbox, moved, no mail to this domain (RFC 7505). Most other permanent failures say nothing of
# the address: they are about content, senders, policies, sizes, or a mailbox that is full.
_DEAD = frozenset({"5.1.1", "5.1.6", "5.1.10"})
_SYSTEM = frozenset({"4.3.1", "4.3.2"})
_THROTTLED = re.compile(
    r"throttl|rate[ -]limit|limit exceeded|sending (rate|quota)|too many (connections|sessions|messages)",
    re.IGNORECASE,
)
_CLOSING = 421
_QUEUED = re.compile(r"(?:queued as|\bid[=:]) ?([\w.@+-]{4,200})", re.IGNORECASE)

_ASKED = r"(?:again|retry|come back|wait|greylist\w*|blocked|deferred)\b[^\d.;]{0,40}"
_CLOCK = re.compile(rf"{_ASKED}(\d{{1,2}}):(\d\d):(\d\d)\b", re.IGNORECASE)
_UNITS = re.compile(rf"{_ASKED}(\d{{1,6}}) ?(s|m|h)(?:ec|in|r|our|inute|econd)?s?\b", re.IGNORECASE)
_HEADER = re.compile(r"retry-after[:=]? ?(\d{1,6})\b", re.IGNORECASE)
_LONGEST_WAIT = timedelta(days=1)


def outcome_of(code: int, reply: bytes | str) -> Outcome:
    """Read the reply to a message. The enhanced code (RFC 3463) is more exact than the reply code."""
    said = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    text = one_line(said)
    if is_success(code):
        queued = _QUEUED.search(text)
        return Sent(queued[1] if queued else None)
    found = _ENHANCED.search(said)
    enhanced = found[1] if found and not found[1].startswith("2") else str(code)
    error = f"{code} {text}"[:LONGEST]
    if enhanced.startswith("5"):
        return Reject(error, "bounced" if enhanced in _DEAD else None)
    of_the_server = code == _CLOSING or enhanced in _SYSTEM or _THROTTLED.search(text) is not None
    return Retry(error, wait_asked(text), provider=of_the_server)


def wait_asked(text: str) -> timedelta | None:
    """How long a server asks to be left in peace, where it says so; never more than a day.

    There is no standard for it: these are the words of greylisting and rate limits.
    """
    if clock := _CLOCK.search(text):
        hours, minutes, seconds = map(int, clock.groups())
        asked = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    elif units := _UNITS.search(text):
        asked = int(units[1]) * timedelta(seconds={"s": 1, "m": 60, "h": 3600}[units[2].lower()])
    elif header := _HEADER.search(text):
        asked = timedelta(seconds=int(header[1]))
    else:
        return None
    return min(asked, _LONGEST_WAIT) or None


def is_success(code: int) -> bool:
    """Whether the server has done what it was asked."""
    return 200 <= code <= 299  # noqa: PLR2004 - the classes of RFC 5321


def is_failure(code: int) -> bool:
    """Whether the server has certainly not done what it was asked."""
    return 400 <= code <= 599  # noqa: PLR2004


def one_line(reply: bytes | str) -> str:
    """Return what a server said as text for an error."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())[:LONGEST]
