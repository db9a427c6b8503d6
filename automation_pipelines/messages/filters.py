"""What templates may do with values: money, dates, local times. No locale beyond ISO and plain English."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from jinja2.runtime import Context

# ISO 4217 currencies whose minor unit is not a hundredth.
_MINOR_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"), 0),
    **dict.fromkeys(("PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ISO_DATE_LENGTH = 10


def money(minor_units: int | None, currency: str) -> str:
    """`123450, "EUR"` → `EUR 1,234.50`; nothing for null."""
    if minor_units is None:
        return ""
    digits = _MINOR_DIGITS.get(currency.upper(), 2)
    whole, rest = divmod(abs(minor_units), 10**digits)
    fraction = f".{rest:0{digits}d}" if digits else ""
    return f"{currency.upper()} {'-' if minor_units < 0 else ''}{whole:,}{fraction}"


def _local(context: Context, value: str | date) -> date:
    """Return a date as it is, an instant in the tenant's zone; ISO text, as the ledger has it, too."""
    moment = value
    if isinstance(moment, str):
        whole_day = len(moment) == _ISO_DATE_LENGTH
        moment = date.fromisoformat(moment) if whole_day else datetime.fromisoformat(moment)
    if isinstance(moment, datetime):
        return moment.astimezone(ZoneInfo(context["tenant"]["time_zone"]))
    return moment


def _long(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


@jinja2.pass_context
def long_date(context: Context, value: str | date | None) -> str:
    """`14 March 2026`, for an instant its day in the tenant's zone; nothing for null."""
    return "" if value is None else _long(_local(context, value))


@jinja2.pass_context
def iso_date(context: Context, value: str | date | None) -> str:
    """`2026-03-14`, for an instant its day in the tenant's zone; nothing for null."""
    return "" if value is None else f"{_local(context, value):%Y-%m-%d}"


@jinja2.pass_context
def local_time(context: Context, value: str | datetime | None) -> str:
    """`14 March 2026, 09:00` in the tenant's zone; nothing for null."""
    if value is None:
        return ""
    moment = _local(context, value)
    return f"{_long(moment)}, {moment:%H:%M}"


FILTERS: dict[str, Callable[..., Any]] = {
    "money": money,
    "long_date": long_date,
    "iso_date": iso_date,
    "local_time": local_time,
}
