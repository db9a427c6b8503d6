"""Numbers as people read them. What they mean is said elsewhere."""

import re
from collections.abc import Iterable
from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision

_FINE, _LEAST = 0.01, 0.001
_EMPTY = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_SPACE = "\N{NO-BREAK SPACE}"
_TOGETHER = re.compile(r"(?<=[^\W\d])(?=\d)")
"""Letters before digits, which CLDR keeps apart and Babel does not: KWD 1.500, but €1.50."""


def count(number: float | None) -> str:
    """`12345` → 12,345."""
    return _EMPTY if number is None else f"{number:,.0f}"


def counted(number: float, thing: str, things: str = "") -> str:
    """How many of a thing: 1 message, 1,200 messages."""
    return f"{count(number)} {thing if number == 1 else things or f'{thing}s'}"


def share(part: float | None) -> str:
    """`0.0213` → 2.1 %, and two decimals below one per cent, where they matter."""
    if part is None:
        return _EMPTY
    exact = 0 if part in {0, 1} else 2 if abs(part) < _FINE else 1
    return f"{part * 100:,.{exact}f}{_SPACE}%"


def points(difference: float | None) -> str:
    """How far two shares are apart, in percentage points: +0.4 points."""
    if difference is None:
        return _EMPTY
    return f"{_signed(difference * 100, 2 if abs(difference) < _FINE else 1)}{_SPACE}points"


def span(low: float | None, high: float | None) -> str:
    """An interval of shares: 1.2 % to 3.4 %."""
    return _EMPTY if low is None or high is None else f"{share(low)} to {share(high)}"


def span_of_points(low: float | None, high: float | None) -> str:
    """An interval of differences: -0.2 to +1.1 points."""
    if low is None or high is None:
        return _EMPTY
    exact = 2 if max(abs(low), abs(high)) < _FINE else 1
    return f"{_signed(low * 100, exact)} to {_signed(high * 100, exact)}{_SPACE}points"


def p_value(p: float | None) -> str:
    """How likely it is by chance alone: 0.031; nothing where nothing was compared."""
    if p is None:
        return ""
    return "< 0.001" if p < _LEAST else f"{p:.3f}"


def money(minor: float | None, currency: str | None) -> str:
    """Minor units in their currency, whole from a thousand on: €1,235."""
    if minor is None:
        return _EMPTY
    code = (currency or "").upper()
    if not code.isalpha() or len(code) != 3:  # noqa: PLR2004 - ISO 4217
        return f"{minor / 100:,.2f}"
    amount = Decimal(round(minor)).scaleb(-get_currency_precision(code))
    if abs(amount) < 1_000:  # noqa: PLR2004
        text = format_currency(amount, code, locale="en")
    else:
        text = format_currency(amount, code, "¤#,##0", locale="en", currency_digits=False)
    return _TOGETHER.sub(_SPACE, text)


def amounts(told: Iterable[tuple[str, float]]) -> str:
    """Money in several currencies, which do not add up: €120 and $80."""
    parts = [money(minor, currency) for currency, minor in told]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def change(now: float, before: float) -> str:
    """How much more or less than before: +12 %."""
    return f"{_signed((now / before - 1) * 100, 0)}{_SPACE}%" if before else _EMPTY


def minutes(number: float | None) -> str:
    """A length of time: 45 min, 3.5 h, 2.1 days."""
    if number is None:
        return _EMPTY
    for size, word in ((1_440, "days"), (60, "h")):
        if number >= size * (2 if word == "days" else 1):
            return f"{number / size:,.1f}{_SPACE}{word}"
    return f"{number:.0f}{_SPACE}min"


def _signed(number: float, decimals: int) -> str:
    text = f"{abs(number):,.{decimals}f}"
    if not text.strip("0.,"):
        return text
    return f"{'+' if number > 0 else _MINUS}{text}"
