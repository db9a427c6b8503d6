"""Conditions against the columns of an audience: what can never hold is refused, with what is allowed."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from automation_pipelines.catalogue.happenings import HAPPENINGS
from automation_pipelines.catalogue.types import Type
from automation_pipelines.conditions.tree import ORDERED, Condition, Leaf, Operator
from automation_pipelines.conditions.values import NUMERIC, comparable, is_decimal
from automation_pipelines.model import Scalar

Path = tuple[str | int, ...]


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
    if condition.event is not None:
        yield from _event_findings(condition)
        return
    name = condition.leaf.field
    if name not in types:
        # Settings are many: they are told to who asks for one.
        told = [known for known in types if known.startswith("setting.") == name.startswith("setting.")]
        yield Finding(("field",), unknown("column", name, told))
        return
    yield from _leaf_findings(condition.leaf, types[name])


def _event_findings(condition: Condition) -> Iterator[Finding]:
    happening = condition.happening
    if happening.event not in HAPPENINGS:
        yield Finding(("event",), unknown("event", happening.event, HAPPENINGS))
        return
    entry = HAPPENINGS[happening.event]
    for word in ("campaign", "step"):
        if getattr(condition, word) is not None and not entry.of_messages:
            yield Finding((word,), f"{word}: event '{entry.name}' is no message's and has no {word}")
    if condition.where is None:
        return
    if any(True for _ in condition.where.happenings):
        yield Finding(("where",), "where: an event has no events of its own, only columns")
        return
    types = {column.name: column.type for column in entry.columns}
    for finding in findings(condition.where, types):
        yield Finding(("where", *finding.path), f"where of event '{entry.name}': {finding.message}")


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
    if operator in ORDERED and kind is Type.TEXT:
        return True
    if operator in ORDERED and kind in NUMERIC and isinstance(value, str):
        return is_decimal(value)
    return comparable(value, kind) is not None


def unknown(what: str, name: str, allowed: Collection[str]) -> str:
    """Say `unknown <what> 'x' (did you mean 'y'?), allowed: …` for a name that is not among `allowed`."""
    nearest = get_close_matches(name, list(allowed), n=1)
    hint = f" (did you mean '{nearest[0]}'?)" if nearest else ""
    return f"unknown {what} '{name}'{hint}, allowed: {', '.join(sorted(allowed)) or 'none'}"
