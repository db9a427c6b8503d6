"""Declared values beside columns: what can be equal, what counts as a number, how it reads as text."""

import math
import re
from datetime import date, datetime
from decimal import Decimal
from typing import assert_never

from automation_pipelines.catalogue.types import Type

NUMERIC = frozenset({Type.ID, Type.INTEGER, Type.MONEY, Type.NUMBER})
DECIMAL = r"[ \t\r\n]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\r\n]*"
"""A decimal number, spaces around it allowed, for Python and DuckDB alike; it counts when it is finite."""

# JavaScript spells a number out when its decimal exponent lies within these.
_PLAIN_EXPONENTS = (-6, 20)

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

Bound = int | float | str | bool | date | datetime


def comparable(value: object, kind: Type) -> Bound | None:
    """Return `value` as bound beside a column of type `kind`; `None` when no value of it can be equal."""
    match kind:
        case Type.ID | Type.INTEGER | Type.MONEY | Type.NUMBER:
            return _number(value)
        case Type.TEXT:
            return value if isinstance(value, str) else None
        case Type.BOOLEAN:
            return value if isinstance(value, bool) else None
        case Type.DATE:
            return _date(value)
        case Type.INSTANT:
            return _instant(value)
        case _:
            assert_never(kind)


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        return double(value)  # no column holds it, and the engine binds no more than 127 bits
    return None if math.isnan(value) else value


def double(value: float | Decimal) -> float:
    """Return a number of any size as a double."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _date(value: object) -> date | None:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _instant(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def is_decimal(text: str) -> bool:
    """Say whether a text counts as a number."""
    return re.fullmatch(DECIMAL, text) is not None and math.isfinite(float(text))


def text_of(value: object) -> str:
    """Write a scalar as the text a `contains` looks for; numbers as JavaScript writes them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    number = Decimal(repr(value)).normalize()
    if number == 0:
        return "0"
    exponent = number.adjusted()
    if _PLAIN_EXPONENTS[0] <= exponent <= _PLAIN_EXPONENTS[1]:
        return f"{number:f}"
    sign, digits, _ = number.as_tuple()
    head, tail = str(digits[0]), "".join(map(str, digits[1:]))
    return f"{'-' * sign}{head}{'.' * bool(tail)}{tail}e{exponent:+d}"
