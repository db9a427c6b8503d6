"""What templates may do with values: money, numbers, dates, local times, plurals, in the reader's language.

The language is `message.locale`, chosen with the part; instants are told in the tenant's zone. In plain
text spaces are ordinary ones: a no-break space would make an SMS twice as long and a subject unreadable.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format
from babel.numbers import (
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
    get_currency_symbol,
)
from jinja2.runtime import Context

from automation_pipelines.messages.locales import locale_of
from automation_pipelines.messages.source import DEFAULT_LOCALE

_ISO_DATE_LENGTH = 10
_ORDINARY_SPACES = {0xA0: " ", 0x202F: " "}


def _locale(context: Context) -> Locale:
    message = context.get("message") or {}
    return locale_of(message.get("locale") or DEFAULT_LOCALE)


def _written(context: Context, text: str) -> str:
    return text if context.eval_ctx.autoescape else text.translate(_ORDINARY_SPACES)


@jinja2.pass_context
def money(context: Context, minor_units: int | None, currency: str | None) -> str:
    """`123450, "EUR"` → `€1,234.50` or `1.234,50 €`; nothing for null."""
    if minor_units is None:
        return ""
    code, locale = (currency or "").upper(), _locale(context)
    amount = Decimal(minor_units).scaleb(-get_currency_precision(code))
    if not code:
        return number(context, amount)
    text = format_currency(amount, code, locale=locale)
    symbol = get_currency_symbol(code, locale)
    # CLDR keeps letters and digits apart, which Babel does not: KWD 1.500, but €1.50.
    return _written(
        context,
        re.sub(f"({re.escape(symbol)})(?=[0-9])", "\\1\u00a0", text) if symbol[-1:].isalpha() else text,
    )


@jinja2.pass_context
def number(context: Context, value: float | Decimal | str | None) -> str:
    """`1234.5` → `1,234.5`; nothing for null."""
    return "" if value is None else _written(context, format_decimal(value, locale=_locale(context)))


@jinja2.pass_context
def percent(context: Context, value: float | Decimal | None) -> str:
    """`0.25` → `25%`; nothing for null."""
    return "" if value is None else _written(context, format_percent(value, locale=_locale(context)))


@jinja2.pass_context
def plural(context: Context, count: float | Decimal | str | None, **forms: str) -> str:
    """`3|plural(one="# day", other="# days")` → `3 days`: the form the language asks for, # the number."""
    if count is None:
        return ""
    form = forms.get(_locale(context).plural_form(Decimal(count) if isinstance(count, str) else count))
    if form is None:
        form = forms["other"]
    return form.replace("#", number(context, count))


def _local(context: Context, value: str | date) -> date:
    """Return a date as it is, an instant in the tenant's zone; ISO text, as the ledger has it, too.

    A time that names no zone is what clocks there show already, wherever this runs.
    """
    moment = value
    if isinstance(moment, str):
        whole_day = len(moment) == _ISO_DATE_LENGTH
        moment = date.fromisoformat(moment) if whole_day else datetime.fromisoformat(moment)
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return moment.astimezone(ZoneInfo(context["tenant"]["time_zone"]))
    return moment


def _formatted(context: Context, value: str | date | None, write: Callable[[date, Locale], str]) -> str:
    if value is None:
        return ""
    return _written(context, write(_local(context, value), _locale(context)))


@jinja2.pass_context
def long_date(context: Context, value: str | date | None) -> str:
    """`14 March 2026`, for an instant its day in the tenant's zone; nothing for null."""
    return _formatted(context, value, lambda day, locale: format_date(day, "long", locale))


@jinja2.pass_context
def short_date(context: Context, value: str | date | None) -> str:
    """`14/03/2026`, for an instant its day in the tenant's zone; nothing for null."""
    return _formatted(context, value, lambda day, locale: format_date(day, "short", locale))


@jinja2.pass_context
def weekday(context: Context, value: str | date | None) -> str:
    """`Saturday`, for an instant its day in the tenant's zone; nothing for null."""
    return _formatted(context, value, lambda day, locale: format_date(day, "EEEE", locale))


@jinja2.pass_context
def iso_date(context: Context, value: str | date | None) -> str:
    """`2026-03-14`, for an instant its day in the tenant's zone; nothing for null."""
    return "" if value is None else _local(context, value).isoformat()[:_ISO_DATE_LENGTH]


@jinja2.pass_context
def local_time(context: Context, value: str | datetime | None) -> str:
    """`14 March 2026, 09:00` in the tenant's zone; nothing for null."""
    return _formatted(context, value, _day_and_time)


def _day_and_time(moment: date, locale: Locale) -> str:
    if not isinstance(moment, datetime):
        return format_date(moment, "long", locale)
    # The locale's own long form would add the name of the zone.
    order = str(get_datetime_format("medium", locale))
    clock = format_time(moment.time(), "short", locale=locale)
    return order.replace("'", "").replace("{1}", format_date(moment, "long", locale)).replace("{0}", clock)


def default(value: object, instead: object = "", boolean: bool = False) -> object:  # noqa: FBT001, FBT002 - Jinja's own form
    """Return what stands in for a variable that is not there, or is null; with `true`, for an empty one."""
    absent = value is None or isinstance(value, jinja2.Undefined)
    return instead if absent or (boolean and not value) else value


FILTERS: dict[str, Callable[..., Any]] = {
    "money": money,
    "number": number,
    "percent": percent,
    "plural": plural,
    "long_date": long_date,
    "short_date": short_date,
    "weekday": weekday,
    "iso_date": iso_date,
    "local_time": local_time,
    "default": default,
}
