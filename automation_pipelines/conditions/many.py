"""Many conditions over one table: each distinct comparison is evaluated once, and the answers combined.

A query with a column for every rule is quadratic in the engine, and one query for each rule asks the same
things again and again. Here the answers to the comparisons come back as columns of bits, some dozens at a
time, and a rule is a few operations on bits. A tenant's own rules see its own rows only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from automation_pipelines.catalogue.types import Type
from automation_pipelines.conditions.sql import Predicate, compile_condition
from automation_pipelines.conditions.tree import Condition
from automation_pipelines.engine import Engine

CHUNK = 64
"""How many comparisons are asked for at once: 16 cost a sixth more, and hundreds begin to cost memory."""

_HELD = pl.Schema({"rule": pl.Int64(), "row_id": pl.Int64()})
_FULL = 4_000_000  # pairs that wait in memory before they go to the table

Tenants = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition and its number; over the rows of `tenants`, or with `None` over everybody's."""

    number: int
    condition: Condition | None = None
    tenants: Tenants = None


def belonging(
    engine: Engine, table: str, rules: Sequence[Rule], types: Mapping[str, Type], into: str = "belonging"
) -> None:
    """Keep table `into` with (rule, row_id): a row for each row of `table` that a rule holds for.

    `table` has `row_id`, `tenant_id` and the columns of `types`. Without a condition a rule holds for all.
    """
    waiting = [pl.DataFrame(schema=_HELD)]
    engine.keep(into, "SELECT CAST(0 AS BIGINT) AS rule, CAST(0 AS BIGINT) AS row_id WHERE false")
    for tenants, group in _by_tenants(rules).items():
        for pairs in _pairs(engine, table, tenants, group, types):
            waiting.append(pairs)
            if sum(map(len, waiting)) > _FULL:
                _move(engine, waiting, into)
    _move(engine, waiting, into)


def _move(engine: Engine, waiting: list[pl.DataFrame], into: str) -> None:
    engine.extend(into, pl.concat(waiting))
    del waiting[1:]


def _by_tenants(rules: Sequence[Rule]) -> dict[Tenants, list[Rule]]:
    groups: dict[Tenants, list[Rule]] = {}
    for rule in rules:
        key = None if rule.tenants is None else tuple(sorted(set(rule.tenants)))
        groups.setdefault(key, []).append(rule)
    return groups


def _pairs(
    engine: Engine, table: str, tenants: Tenants, rules: Sequence[Rule], types: Mapping[str, Type]
) -> Iterator[pl.DataFrame]:
    """The pairs of each of some rules with the same tenants."""
    rows = f'FROM "{table}"'
    scope: dict[str, object] = {}
    if tenants is not None:
        rows, scope = f"{rows} WHERE list_contains($tenants, tenant_id)", {"tenants": list(tenants)}
    identities = engine.query(f"SELECT row_id {rows}", scope)["row_id"]
    leaves = _Leaves(types)
    for rule in rules:
        if rule.condition is not None:
            leaves.learn(rule.condition)
    leaves.ask(engine, rows, scope)
    for rule in rules:
        kept = identities
        if rule.condition is not None:
            kept = identities.filter(leaves.combined(rule.condition, len(identities)))
        number = pl.repeat(rule.number, len(kept), dtype=pl.Int64, eager=True)
        yield pl.DataFrame({"rule": number, "row_id": kept.cast(pl.Int64)})


class _Leaves:
    """The distinct comparisons of some rules, and the answer of every row to each."""

    def __init__(self, types: Mapping[str, Type]) -> None:
        self.types = types
        self.predicates: dict[str, Predicate] = {}
        self.answers: dict[str, pl.Series] = {}

    def learn(self, condition: Condition) -> None:
        """Note what must be asked."""
        if condition.group is not None:
            for member in condition.group[1]:
                self.learn(member)
            return
        name = self._name(condition)
        if name not in self.predicates:
            number = len(self.predicates)
            self.predicates[name] = compile_condition(condition, self.types, f"p{number}")

    def ask(self, engine: Engine, rows: str, scope: Mapping[str, object]) -> None:
        """Evaluate each once over the same rows, which the engine returns in the same order each time."""
        named = list(self.predicates.items())
        for start in range(0, len(named), CHUNK):
            chunk = named[start : start + CHUNK]
            columns = ", ".join(f"{predicate.sql} AS a{place}" for place, (_, predicate) in enumerate(chunk))
            bound = {name: value for _, predicate in chunk for name, value in predicate.parameters.items()}
            answers = engine.query(f"SELECT {columns} {rows}", {**scope, **bound})
            self.answers |= {name: answers[f"a{place}"] for place, (name, _) in enumerate(chunk)}

    def combined(self, condition: Condition, height: int) -> pl.Series:
        """The answer of every row to a whole tree."""
        if condition.group is None:
            return self.answers[self._name(condition)]
        word, members = condition.group
        found = pl.repeat(word == "all", height, dtype=pl.Boolean, eager=True)
        for member in members:
            answer = self.combined(member, height)
            found = found & answer if word == "all" else found | answer
        return ~found if word == "none" else found

    @staticmethod
    def _name(condition: Condition) -> str:
        # Not the thing itself, for which 1, 1.0 and true are one.
        return repr(condition.leaf if condition.event is None else (condition.happening, condition.at_least))
