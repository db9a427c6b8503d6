"""Many conditions over one table: the same answers as each by itself, and never a neighbour's rows."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation_pipelines.catalogue.types import Type
from automation_pipelines.conditions import Condition, compile_condition
from automation_pipelines.conditions.many import CHUNK, Rule, belonging
from automation_pipelines.engine import FRAME_TYPES, Engine, open_engine

TYPES = {"level": Type.INTEGER, "segment": Type.TEXT, "vip": Type.BOOLEAN, "born": Type.DATE}
ROWS = [
    (10, 1, 1, "family", True, date(2000, 2, 29)),
    (11, 1, 2, "solo", False, None),
    (12, 2, 1, None, True, date(1990, 1, 1)),
    (13, 2, None, "family", None, date(1990, 1, 2)),
    (14, 3, 0, "1", False, date(2001, 3, 1)),
]
SCHEMA = {"row_id": pl.Int64, "tenant_id": pl.Int64} | {
    name: FRAME_TYPES[kind] for name, kind in TYPES.items()
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine() as opened:
        opened.add(rows=pl.DataFrame(ROWS, schema=SCHEMA, orient="row"))
        yield opened


def held(engine: Engine, *rules: Rule) -> set[tuple[int, int]]:
    belonging(engine, "rows", rules, TYPES)
    pairs = list(engine.query("SELECT rule, row_id FROM belonging").iter_rows())
    engine.drop("belonging")
    assert len(pairs) == len(set(pairs))
    return set(pairs)


def read(tree: Any) -> Condition:
    return Condition.model_validate(tree)


def leaf(field: str, operator: str, value: object) -> dict[str, object]:
    return {"field": field, "operator": operator, "value": value}


FAMILY, HIGH = leaf("segment", "equals", "family"), leaf("level", "greater_than", 0)


def test_each_rule_gets_its_rows(engine: Engine) -> None:
    rules = (
        Rule(1, read(FAMILY)),
        Rule(2, read({"none": [FAMILY, HIGH]})),
        Rule(3, read({"all": [FAMILY, {"any": [HIGH, leaf("born", "less_than", "1990-06-01")]}]})),
        Rule(4),
        Rule(5, read({"all": []})),
        Rule(6, read(leaf("level", "equals", "one"))),
    )
    everybody = {10, 11, 12, 13, 14}
    assert held(engine, *rules) == {
        *((1, row) for row in (10, 13)),
        (2, 14),
        *((3, row) for row in (10, 13)),
        *((number, row) for number in (4, 5) for row in everybody),
    }


def test_a_tenants_own_rules_see_its_own_rows(engine: Engine) -> None:
    family = read(FAMILY)
    rules = (
        Rule(1, family, (1,)),
        Rule(2, family, (2, 3, 2)),
        Rule(3, None, (3,)),
        Rule(4, None, ()),
        Rule(5, None, (9,)),
    )
    assert held(engine, *rules) == {(1, 10), (2, 13), (3, 14)}


def test_values_that_python_takes_for_equal_are_not_mixed_up(engine: Engine) -> None:
    rules = tuple(
        Rule(number, read(leaf("level", "in", [value]))) for number, value in enumerate((1, 1.0, True, "1"))
    )
    assert held(engine, *rules) == {(number, row) for number in (0, 1) for row in (10, 12)}


def test_no_rules_and_no_rows_keep_an_empty_table(engine: Engine) -> None:
    assert held(engine) == set()
    engine.add(nothing=pl.DataFrame(schema=SCHEMA))
    belonging(engine, "nothing", [Rule(1, read(FAMILY)), Rule(2)], TYPES, into="kept")
    assert engine.count("kept") == 0


def test_more_comparisons_than_are_asked_for_at_once(engine: Engine) -> None:
    rules = [Rule(number, read(leaf("level", "less_than", number / 100))) for number in range(3 * CHUNK)]
    expected = {
        (rule.number, row)
        for rule in rules
        for row, _, level, *_ in ROWS
        if level is not None and level < rule.number / 100
    }
    assert held(engine, *rules) == expected


LEAVES = st.sampled_from(
    [
        FAMILY,
        HIGH,
        leaf("segment", "not_in", ["solo", 1]),
        leaf("segment", "less_than", 2),
        leaf("vip", "equals", True),
        leaf("born", "greater_than", "1990-01-01"),
        leaf("level", "contains", 1),
    ]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda word, members: {word: members},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@given(trees=st.lists(TREES, max_size=8))
def test_the_answers_are_those_of_each_by_itself(engine: Engine, trees: list[Any]) -> None:
    alone = set()
    for number, tree in enumerate(trees):
        predicate = compile_condition(read(tree), TYPES)
        found = engine.query(f"SELECT row_id FROM rows WHERE {predicate.sql}", predicate.parameters)
        alone |= {(number, row) for row in found["row_id"]}
    assert held(engine, *(Rule(number, read(tree)) for number, tree in enumerate(trees))) == alone
