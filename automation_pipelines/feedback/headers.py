"""Headers of mails nobody vouches for: texts that can be stored, addresses, times, ids. Nothing raises."""

import re
from datetime import UTC, datetime, timedelta
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from automation_pipelines.ledger.identity import PATTERN

_LONGEST = 2000
_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]+")
_IDENTITY = re.compile(PATTERN)
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)


def text(mail: Message, name: str) -> str:
    """A header as one line, decoded; '' where there is none."""
    value = mail.get(name)
    return plain(str(value)) if value is not None else ""


def plain(value: str) -> str:
    """A header's value as one line, decoded."""
    try:
        said = str(make_header(decode_header(value[:_LONGEST])))
    except (HeaderParseError, LookupError, ValueError):
        said = value[:_LONGEST]
    return _UNFIT.sub(" ", said).strip()


def addresses(mail: Message, *names: str) -> list[str]:
    """Every address in these headers, in lower case."""
    values = [str(value)[:_LONGEST] for name in names for value in mail.get_all(name, [])]
    return [found.lower() for _, found in getaddresses(values) if "@" in found and not _UNFIT.search(found)]


def typed_address(value: str) -> str | None:
    """The address in `rfc822; somebody@example.com`."""
    found = value.rpartition(";")[2].strip().strip("<>").strip()
    return found if "@" in found and " " not in found else None


def at(mail: Message, now: datetime) -> datetime:
    """When it was written; the present where that cannot be."""
    try:
        said = parsedate_to_datetime(text(mail, "Date"))
    except (ValueError, TypeError, OverflowError, IndexError):
        return now
    moment = said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
    return moment if _OLDEST <= moment <= now + _AHEAD else now


def identity(*values: str) -> str | None:
    """The name of a hand-off of somebody's in one of these: the last one said, which is the newest."""
    found = [name for value in values for name in _IDENTITY.findall(value)]
    return found[-1] if found else None


def number(value: str) -> int | None:
    """A job's number."""
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else None  # noqa: PLR2004
