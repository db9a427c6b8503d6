"""Conditions over loose records: JSON objects, in which a key may hold anything.

A record is spread over typed columns, one set for each field that is asked for; the conditions become
one predicate over them, and the engine is asked once for all records. A field is one literal key.
"""

import atexit
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import assert_never

import duckdb
import polars as pl

from automation_pipelines.conditions.reading import read_conditions
from automation_pipelines.conditions.sql import Values, combined, decimal_sql
from automation_pipelines.conditions.tree import Condition, Leaf
from automation_pipelines.conditions.values import double, is_decimal, text_of
from automation_pipelines.engine import Engine, in_memory
from automation_pipelines.errors import ConditionError, RefusedError

Record = Mapping[str, object]

_KINDS = (str, bool, int, float, Decimal, list, tuple, dict, Mapping, type(None))
_SURROGATES = 0xD800


def matches(conditions: object, records: Iterable[Record]) -> list[bool]:
    """Say of each record whether all of `conditions` hold; none at all hold for every record.

    `conditions` is a list of `{field, operator, value}` and `{all|any|none: […]}`; `ConditionError` names
    those that are refused.
    """
    return holding(read_conditions(conditions), records)


def holding(condition: Condition, records: Iterable[Record]) -> list[bool]:
    """As `matches`, for conditions already read."""
    for happening in condition.happenings:
        msg = f"condition on event '{happening.event}': a loose record has no past in which it is looked for"
        raise ConditionError([msg], [()])
    listed = list(records)
    _require_objects(listed)
    if not listed:
        return []
    numbers = {
        name: number for number, name in enumerate(dict.fromkeys(leaf.field for leaf in condition.leaves))
    }
    searched = {leaf.field for leaf in condition.leaves if "contains" in leaf.operator}
    frame = pl.DataFrame({"row": range(len(listed))}).with_columns(
        column
        for name, number in numbers.items()
        for column in _columns(f"f{number}", name, listed, searched=name in searched)
    )
    values = Values("v")
    predicate = combined(condition, lambda node: _leaf_sql(node.leaf, f"f{numbers[node.leaf.field]}", values))
    engine = Engine(_shared().cursor())  # frames are a cursor's own
    try:
        engine.add(records=frame)
        answers = engine.query(f"SELECT {predicate} AS holds FROM records ORDER BY row", values.bound)
    finally:
        engine.connection.close()
    return answers["holds"].to_list()


@cache
def _shared() -> duckdb.DuckDBPyConnection:
    """Connect once: it costs ten times what asking about one record does. No macros are needed."""
    atexit.register(_shared.cache_clear)
    return duckdb.connect(":memory:", config=in_memory())


def _require_objects(records: Sequence[object]) -> None:
    for number, record in enumerate(records, 1):
        if not isinstance(record, Mapping):
            msg = f"record {number} is no object of fields and values but a {type(record).__name__}"
            raise RefusedError(msg)


def _columns(prefix: str, name: str, records: Sequence[Record], *, searched: bool) -> Iterator[pl.Series]:
    """Spread a field of all records over one column for each kind of value; null in the others."""
    found = [record.get(name) for record in records]
    for number, value in enumerate(found, 1):
        if not isinstance(value, _KINDS):
            msg = f"record {number}: '{name}' holds a {type(value).__name__}, which is no JSON"
            raise RefusedError(msg)
    words = [_units(value) if isinstance(value, str) else None for value in found]
    truths = [value if isinstance(value, bool) else None for value in found]
    nulls = [value is None and name in record for value, record in zip(found, records, strict=True)]
    yield pl.Series(f"{prefix}_word", words, pl.String)
    yield pl.Series(f"{prefix}_number", [_comparable(value) for value in found], pl.Float64)
    yield pl.Series(f"{prefix}_truth", truths, pl.Boolean)
    yield pl.Series(f"{prefix}_null", nulls, pl.Boolean)
    if searched:
        items = [_items(value) for value in found]
        yield pl.Series(f"{prefix}_text", [_text(value) for value in found], pl.String)
        yield pl.Series(f"{prefix}_items", items, pl.List(pl.String))


def _number(value: object) -> float | None:
    """Return the number as JavaScript holds it: a double, whatever its size."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return double(value) + 0.0  # -0 is 0


def _comparable(value: object) -> float | None:
    """Return the number unless it is NaN, which equals nothing and has no order."""
    number = _number(value)
    return None if number is None or number != number else number  # noqa: PLR0124 - that is NaN


def _text(value: object) -> str | None:
    """Return what `contains` searches in; lists have `_items` instead, and objects nothing."""
    if isinstance(value, str):
        return _units(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    number = _number(value)
    return None if number is None else text_of(number)


def _items(value: object) -> list[str] | None:
    if not isinstance(value, list | tuple):
        return None
    return [text for text in map(_text, value) if text is not None]


def _units(text: str) -> str:
    """Return the text with one character for each UTF-16 unit, in their order.

    So texts have JavaScript's order in every engine, and half a pair can be kept: units from the
    surrogates on move past them.
    """
    if text.isascii() or max(text) < chr(_SURROGATES):
        return text
    units = memoryview(text.encode("utf-16-be", "surrogatepass")).tolist()
    pairs = (256 * high + low for high, low in zip(units[::2], units[1::2], strict=True))
    return "".join(chr(unit if unit < _SURROGATES else unit + 0x800) for unit in pairs)


def _leaf_sql(leaf: Leaf, field: str, values: Values) -> str:
    match leaf.operator:
        case "equals" | "not_equals" | "in" | "not_in":
            positive = _membership(leaf, field, values)
        case "contains" | "not_contains":
            sought = values.bind(_text(leaf.value))
            positive = f"contains({field}_text, {sought}) OR list_contains({field}_items, {sought})"
        case "greater_than":
            positive = _order(leaf.value, ">", field, values)
        case "less_than":
            positive = _order(leaf.value, "<", field, values)
        case _:
            assert_never(leaf.operator)
    negated = leaf.operator.startswith("not_")
    return f"{'NOT ' if negated else ''}coalesce({positive}, false)"


def _membership(leaf: Leaf, field: str, values: Values) -> str:
    """Compare with the values of each kind in that kind's column. A null is equal to a null that is there."""
    words = [_units(item) for item in leaf.items if isinstance(item, str)]
    truths = [item for item in leaf.items if isinstance(item, bool)]
    numbers = [number for number in map(_comparable, leaf.items) if number is not None]
    kinds = (("word", words), ("truth", truths), ("number", numbers))
    parts = [f"list_contains({values.bind(some)}, {field}_{kind})" for kind, some in kinds if some]
    parts += [f"{field}_null"] * (None in leaf.items)
    return " OR ".join(f"coalesce({part}, false)" for part in parts) or "false"


def _order(value: object, sign: str, field: str, values: Values) -> str:
    if isinstance(value, str):
        as_words = f"{field}_word {sign} {values.bind(_units(value))}"
        if not is_decimal(value):
            return as_words
        return f"coalesce({as_words}, {field}_number {sign} {values.bind(float(value))})"
    number = _comparable(value)
    if number is None:
        return "false"
    return f"coalesce({field}_number, {decimal_sql(f'{field}_word')}) {sign} {values.bind(number)}"
