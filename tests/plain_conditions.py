"""What the operators mean over loose records, said a second time in plain Python, value by value."""

import math
import re
from collections.abc import Mapping
from typing import Any

DECIMAL = re.compile(r"[ \t\r\n]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t\r\n]*", re.ASCII)
MISSING = object()


def holds(condition: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    for word, of in (("all", all), ("any", any)):
        if word in condition:
            return of(holds(member, record) for member in condition[word])
    if "none" in condition:
        return not any(holds(member, record) for member in condition["none"])
    found = record.get(condition["field"], MISSING)
    wanted = condition["value"]
    operator = condition["operator"].removeprefix("not_")
    answer = {"equals": equal, "contains": contains, "in": among}.get(operator, in_order(operator))(
        found, wanted
    )
    return not answer if condition["operator"].startswith("not_") else answer


def kind(value: object) -> type:
    return float if type(value) is int else type(value)


def number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def equal(found: object, wanted: object) -> bool:
    if found is MISSING or kind(found) is not kind(wanted):
        return False
    return number(found) == number(wanted) if kind(wanted) is float else found == wanted


def among(found: object, wanted: list[object]) -> bool:
    return any(equal(found, item) for item in wanted)


def written(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    return javascript(number(value)) if isinstance(value, int | float) else None


def javascript(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if 1e-6 <= abs(value) < 1e21 or value == 0:
        plain = f"{value:.0f}" if value == int(value) and abs(value) < 2**53 else repr(value)
        if "e" in plain:
            digits, exponent = plain.split("e")
            places = len(digits.partition(".")[2]) - int(exponent)
            plain = f"{value:.{places}f}" if int(exponent) < 0 else _shifted(digits, int(exponent))
        return plain.removesuffix(".0") if plain != "-0" else "0"
    digits, _, exponent = f"{value!r}".partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent):+d}"


def _shifted(digits: str, places: int) -> str:
    head, _, tail = digits.partition(".")
    return head + tail.removesuffix("0" if tail == "0" else "\0").ljust(places, "0")


def contains(found: object, wanted: object) -> bool:
    sought = written(wanted)
    if isinstance(found, list):
        return any(written(item) == sought for item in found)
    text = None if found is MISSING else written(found)
    return text is not None and within(units(sought), units(text))


def units(text: Any) -> list[int]:
    """The UTF-16 units of a text, in their order."""
    data = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[n : n + 2]) for n in range(0, len(data), 2)]


def within(part: list[int], whole: list[int]) -> bool:
    return any(whole[n : n + len(part)] == part for n in range(len(whole) - len(part) + 1))


def in_order(operator: str) -> Any:
    def compare(found: object, wanted: object) -> bool:
        pair: Any = (found, wanted)
        if isinstance(found, str) and isinstance(wanted, str):
            pair = (units(found), units(wanted))
        else:
            numbers = [decimal(value) for value in pair]
            if None in numbers:
                return False
            pair = numbers
        return bool(pair[0] > pair[1] if operator == "greater_than" else pair[0] < pair[1])

    return compare


def decimal(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if DECIMAL.fullmatch(value) and math.isfinite(float(value)) else None
    return number(value) if kind(value) is float else None
