"""Conditions: a small tree of comparisons, checked against column types and compiled to SQL.

Pure. A condition is a leaf (`field`, `operator`, `value`) or a group (`all`, `any`, `none`). The
compiled predicate is true or false for every row, never null: a missing value fails every positive
operator and passes every negated one. What columns an audience has is the caller's to say.
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Literal, assert_never

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_serializer,
    model_validator,
)

from automation_pipelines.catalogue.types import Type
from automation_pipelines.model import Scalar

Operator = Literal[
    "equals", "not_equals", "contains", "not_contains", "greater_than", "less_than", "in", "not_in"
]
_Scalar = StrictBool | StrictInt | StrictFloat | StrictStr | None
_LEAF = frozenset({"field", "operator", "value"})
_GROUPS = ("all", "any", "none")
_NUMERIC = frozenset({Type.ID, Type.INTEGER, Type.MONEY, Type.NUMBER})
_ORDERED = ("greater_than", "less_than")
# JavaScript spells a number out when its decimal exponent lies within these.
_PLAIN_EXPONENTS = (-6, 20)
_DECIMAL = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"

Bound = int | float | str | bool | date | datetime
Path = tuple[str | int, ...]


class Condition(BaseModel):
    """A leaf or a group of conditions; exactly one of the four forms."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    field: str | None = None
    operator: Operator | None = None
    value: _Scalar | tuple[_Scalar, ...] = None
    all_of: tuple["Condition", ...] | None = Field(default=None, alias="all")
    any_of: tuple["Condition", ...] | None = Field(default=None, alias="any", min_length=1)
    none_of: tuple["Condition", ...] | None = Field(default=None, alias="none", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        groups = [name for name in _GROUPS if name in data or f"{name}_of" in data]
        if len(groups) + bool(_LEAF & data.keys()) != 1:
            msg = "a condition is {field, operator, value} or one of {all: […]}, {any: […]}, {none: […]}"
            raise ValueError(msg)
        if not groups and not data.keys() >= _LEAF:
            msg = f"condition on '{data.get('field', '?')}': missing {', '.join(sorted(_LEAF - data.keys()))}"
            raise ValueError(msg)
        return data

    @model_validator(mode="after")
    def _value_fits_operator(self) -> "Condition":
        wrong = _misfit(self.operator, self.value) if self.operator else ""
        if wrong:
            msg = f"condition on '{self.field}': {self.operator} {wrong}"
            raise ValueError(msg)
        return self

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        if self.group is not None:
            return {self.group[0]: self.group[1]}
        return {"field": self.field, "operator": self.operator, "value": self.value}

    @property
    def group(self) -> tuple[str, tuple["Condition", ...]] | None:
        """The group's word and members; `None` for a leaf."""
        for name, members in zip(_GROUPS, (self.all_of, self.any_of, self.none_of), strict=True):
            if members is not None:
                return name, members
        return None

    @property
    def fields(self) -> frozenset[str]:
        """The names of all fields it looks at."""
        if self.group is not None:
            return frozenset(name for member in self.group[1] for name in member.fields)
        return frozenset({self.leaf.field})

    @property
    def leaf(self) -> "Leaf":
        """The comparison of a leaf; `TypeError` for a group."""
        if self.field is None or self.operator is None:
            msg = "a group of conditions is no comparison"
            raise TypeError(msg)
        return Leaf(self.field, self.operator, self.value)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison of a column with a value, or with a list of values."""

    field: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]

    @property
    def items(self) -> tuple[Scalar, ...]:
        """The value as a list."""
        return self.value if isinstance(self.value, tuple) else (self.value,)


def _misfit(operator: Operator, value: object) -> str:
    """Say what is wrong with the value whatever the column; empty when nothing is."""
    if operator in ("in", "not_in"):
        return "" if isinstance(value, tuple) else "needs a list of values"
    if isinstance(value, tuple):
        return "needs a single value, not a list"
    if operator in ("contains", "not_contains") and (value is None or isinstance(value, bool)):
        return "needs a text or a number"
    if operator in _ORDERED and (value is None or isinstance(value, bool)):
        return "needs a number, a text or a date"
    return ""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A DuckDB predicate and the values it binds by name."""

    sql: str
    parameters: Mapping[str, object]


def compile_condition(condition: Condition, types: Mapping[str, Type], prefix: str = "c") -> Predicate:
    """Compile to a predicate over the columns of `types`, values bound as `$<prefix>_<n>`.

    A value that no value of the column can equal makes the comparison false; `check_condition` says so.
    """
    values: list[object] = []

    def bind(value: object) -> str:
        values.append(value)
        return f"${prefix}_{len(values) - 1}"

    def walk(node: Condition) -> str:
        if node.group is None:
            return _leaf_sql(node.leaf, types[node.leaf.field], bind)
        name, members = node.group
        parts = [walk(member) for member in members]
        joined = (" AND " if name == "all" else " OR ").join(parts) or "true"
        return f"NOT ({joined})" if name == "none" else f"({joined})"

    sql = walk(condition)
    return Predicate(sql, {f"{prefix}_{number}": value for number, value in enumerate(values)})


def _leaf_sql(leaf: Leaf, kind: Type, bind: Callable[[object], str]) -> str:
    column = '"' + leaf.field.replace('"', '""') + '"'
    values = [value for value in (comparable(item, kind) for item in leaf.items) if value is not None]
    match leaf.operator:
        case "equals" | "not_equals":
            positive = f"{column} = {bind(values[0])}" if values else "false"
        case "in" | "not_in":
            positive = f"list_contains({bind(values)}, {column})" if values else "false"
        case "contains" | "not_contains":
            positive = f"contains({_text_sql(column, kind)}, {bind(_text(leaf.value))})"
        case "greater_than":
            positive = _order_sql(column, kind, ">", leaf.value, bind)
        case "less_than":
            positive = _order_sql(column, kind, "<", leaf.value, bind)
        case _:
            assert_never(leaf.operator)
    negated = leaf.operator.startswith("not_")
    return f"{'NOT ' if negated else ''}coalesce({positive}, false)"


def _order_sql(column: str, kind: Type, sign: str, value: object, bind: Callable[[object], str]) -> str:
    if kind is Type.TEXT and isinstance(value, int | float):
        number = f"CASE WHEN regexp_full_match({column}, '{_DECIMAL}') THEN TRY_CAST({column} AS DOUBLE) END"
        return f"{number} {sign} {bind(value)}"
    if kind in _NUMERIC and isinstance(value, str):
        value = float(value) if _is_decimal(value) else None
    bound = None if kind is Type.BOOLEAN else comparable(value, kind)
    return "false" if bound is None else f"{column} {sign} {bind(bound)}"


def _text_sql(column: str, kind: Type) -> str:
    return f"number_text({column})" if kind is Type.NUMBER else f"CAST({column} AS VARCHAR)"


def _is_decimal(text: str) -> bool:
    return re.fullmatch(_DECIMAL, text) is not None and math.isfinite(float(text))


def _text(value: object) -> str:
    """Write a scalar as the text a `contains` looks for; numbers as JavaScript writes them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
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
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return value


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


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in a condition: where in the tree, and what."""

    path: Path
    message: str


_EXPECTED: dict[Type, str] = {
    Type.ID: "a whole number",
    Type.INTEGER: "a number",
    Type.MONEY: "a number (minor units)",
    Type.NUMBER: "a number",
    Type.TEXT: "a text",
    Type.BOOLEAN: "true or false",
    Type.DATE: "a date such as '2026-05-31'",
    Type.INSTANT: "an instant with a zone such as '2026-05-31T09:00:00Z'",
}


def check_condition(condition: Condition, types: Mapping[str, Type]) -> list[str]:
    """List what in `condition` makes no sense over these columns; empty when all of it does."""
    return [finding.message for finding in findings(condition, types)]


def findings(condition: Condition, types: Mapping[str, Type]) -> Iterator[Finding]:
    """As `check_condition`, with the place of each problem in the tree."""
    if condition.group is not None:
        name, members = condition.group
        for number, member in enumerate(members):
            for finding in findings(member, types):
                yield Finding((name, number, *finding.path), finding.message)
        return
    name = condition.leaf.field
    if name not in types:
        yield Finding(("field",), unknown("column", name, types))
        return
    yield from _leaf_findings(condition.leaf, types[name])


def _leaf_findings(leaf: Leaf, kind: Type) -> Iterator[Finding]:
    what = f"{leaf.operator} over column '{leaf.field}' ({kind})"
    if leaf.operator not in _operators(kind):
        yield Finding(("operator",), f"{what} makes no sense, allowed: {', '.join(_operators(kind))}")
        return
    for item in leaf.items:
        if not _fits(leaf.operator, item, kind):
            yield Finding(("value",), f"{what} can never hold for {item!r}: write {_EXPECTED[kind]}")


def _operators(kind: Type) -> tuple[Operator, ...]:
    equality: tuple[Operator, ...] = ("equals", "not_equals", "in", "not_in")
    if kind is Type.BOOLEAN:
        return ("equals", "not_equals")
    if kind in (Type.DATE, Type.INSTANT):
        return (*equality, "greater_than", "less_than")
    return (*equality, "contains", "not_contains", "greater_than", "less_than")


def _fits(operator: Operator, value: Scalar, kind: Type) -> bool:
    if operator in ("contains", "not_contains"):
        return True
    if operator in _ORDERED and kind is Type.TEXT:
        return True
    if operator in _ORDERED and kind in _NUMERIC and isinstance(value, str):
        return _is_decimal(value)
    return comparable(value, kind) is not None


def unknown(what: str, name: str, allowed: Collection[str]) -> str:
    """Say `unknown <what> 'x' (did you mean 'y'?), allowed: …` for a name that is not among `allowed`."""
    nearest = get_close_matches(name, list(allowed), n=1)
    hint = f" (did you mean '{nearest[0]}'?)" if nearest else ""
    return f"unknown {what} '{name}'{hint}, allowed: {', '.join(sorted(allowed)) or 'none'}"
