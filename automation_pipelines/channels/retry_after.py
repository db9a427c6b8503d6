"""Retry-After (RFC 9110), as every provider that speaks HTTP writes it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

_LONGEST = timedelta(days=1)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """How long the other side asks to be left alone: seconds, or a date, which its own clock is held against.

    `None` where it does not ask, or in a way nobody can read; never longer than a day.
    """
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdecimal():
        return min(timedelta(seconds=int(asked[:9])), _LONGEST)
    until, now = _date(asked), _date(headers.get("date", ""))
    if until is None or now is None:
        return None
    return min(max(until - now, timedelta(0)), _LONGEST)


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None
