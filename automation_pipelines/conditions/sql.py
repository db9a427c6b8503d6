"""Conditions as DuckDB predicates: values bound, true or false for every row, never null."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from automation_pipelines.catalogue.types import Type
from automation_pipelines.conditions.tree import Condition, Happening, Leaf
from automation_pipelines.conditions.values import DECIMAL, NUMERIC, comparable, is_decimal, text_of


@dataclass(frozen=True, slots=True)
class Predicate:
    """A DuckDB predicate, the values it binds by name, and what must have been counted for it.

    It refers to each count as a column of that happening's name; a null count is none.
    """

    sql: str
    parameters: Mapping[str, object]
    happenings: tuple[Happening, ...] = ()


def compile_condition(condition: Condition, types: Mapping[str, Type], prefix: str = "c") -> Predicate:
    """Compile to a predicate over the columns of `types`, values bound as `$<prefix>_<n>`.

    A value that no value of the column can equal makes the comparison false; `check_condition` says so.
    """
    values = Values(prefix)

    def node_sql(node: Condition) -> str:
        if node.event is not None:
            return f'coalesce("{node.happening.column}" >= {values.bind(node.at_least)}, false)'
        return _leaf_sql(node.leaf, types[node.leaf.field], values.bind)

    sql = combined(condition, node_sql)
    distinct = {happening.column: happening for happening in condition.happenings}
    return Predicate(sql, values.bound, tuple(distinct.values()))


class Values:
    """The values one predicate binds, named as they come: `$<prefix>_0`, `$<prefix>_1` and so on."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.bound: dict[str, object] = {}

    def bind(self, value: object) -> str:
        """Keep `value` and return how the statement refers to it."""
        name = f"{self.prefix}_{len(self.bound)}"
        self.bound[name] = value
        return f"${name}"


def combined(condition: Condition, node_sql: Callable[[Condition], str]) -> str:
    """Write the tree with each node that is no group as `node_sql` writes it, which must never be null."""
    if condition.group is None:
        return node_sql(condition)
    name, members = condition.group
    parts = [combined(member, node_sql) for member in members]
    joined = (" AND " if name == "all" else " OR ").join(parts) or "true"
    return f"NOT ({joined})" if name == "none" else f"({joined})"


def decimal_sql(text: str) -> str:
    """Write the number a text expression spells in decimal; null where it spells none."""
    number = f"TRY_CAST({text} AS DOUBLE)"
    return f"CASE WHEN regexp_full_match({text}, '{DECIMAL}') AND isfinite({number}) THEN {number} END"


def _leaf_sql(leaf: Leaf, kind: Type, bind: Callable[[object], str]) -> str:
    column = '"' + leaf.field.replace('"', '""') + '"'
    values = [value for value in (comparable(item, kind) for item in leaf.items) if value is not None]
    match leaf.operator:
        case "equals" | "not_equals":
            positive = f"{column} = {bind(values[0])}" if values else "false"
        case "in" | "not_in":
            positive = f"list_contains({bind(values)}, {column})" if values else "false"
        case "contains" | "not_contains":
            positive = f"contains({_text_sql(column, kind)}, {bind(text_of(leaf.value))})"
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
        number = comparable(value, Type.NUMBER)
        return "false" if number is None else f"{decimal_sql(column)} {sign} {bind(number)}"
    if kind in NUMERIC and isinstance(value, str):
        value = float(value) if is_decimal(value) else None
    bound = None if kind is Type.BOOLEAN else comparable(value, kind)
    if kind is Type.NUMBER and sign == ">" and bound is not None:
        return f"{column} > {bind(bound)} AND NOT isnan({column})"  # which is greater than all to the engine
    return "false" if bound is None else f"{column} {sign} {bind(bound)}"


def _text_sql(column: str, kind: Type) -> str:
    return f"number_text({column})" if kind is Type.NUMBER else f"CAST({column} AS VARCHAR)"
