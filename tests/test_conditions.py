"""Conditions: what each operator means, over real columns in the real engine."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automation_pipelines.catalogue.types import Type
from automation_pipelines.conditions import Condition, check_condition, compile_condition
from automation_pipelines.engine import FRAME_TYPES, Engine, open_engine

CASES = Path(__file__).parents[2] / "shared" / "cases" / "conditions_sample.jsonl"
TYPES = {
    "level": Type.INTEGER,
    "amount": Type.MONEY,
    "score": Type.NUMBER,
    "segment": Type.TEXT,
    "vip": Type.BOOLEAN,
    "born": Type.DATE,
    "seen": Type.INSTANT,
}
ROW = {
    "level": 3,
    "amount": 125_000,
    "score": 1e16,
    "segment": "family",
    "vip": True,
    "born": date(2000, 2, 29),
    "seen": datetime(2026, 5, 31, 9, tzinfo=UTC),
}
NULLS: dict[str, Any] = dict.fromkeys(ROW)


@pytest.fixture(scope="module")
def engine() -> Any:
    with open_engine() as opened:
        yield opened


def leaf(field: str, operator: str, value: object) -> Condition:
    return Condition.model_validate({"field": field, "operator": operator, "value": value})


def holds(engine: Engine, condition: Condition, row: Mapping[str, Any], types: Mapping[str, Type]) -> bool:
    schema = {name: FRAME_TYPES[kind] for name, kind in types.items()}
    engine.add(subject=pl.DataFrame({name: [row[name]] for name in types}, schema=schema))
    predicate = compile_condition(condition, types)
    answer = engine.query(f"SELECT {predicate.sql} AS answer FROM subject", predicate.parameters)["answer"][0]
    assert answer is not None
    return bool(answer)


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("segment", "equals", "family", True),
        ("segment", "equals", "Family", False),
        ("segment", "not_equals", "luxury", True),
        ("segment", "contains", "mil", True),
        ("segment", "not_contains", "mil", False),
        ("segment", "contains", "", True),
        ("segment", "greater_than", "eagle", True),
        ("segment", "less_than", "Zoo", False),
        ("segment", "less_than", 7, False),
        ("segment", "in", ["family", "luxury"], True),
        ("segment", "not_in", ["family", "luxury"], False),
        ("segment", "in", [], False),
        ("segment", "not_in", [], True),
        ("level", "equals", 3.0, True),
        ("level", "equals", "3", False),
        ("level", "not_equals", "3", True),
        ("level", "greater_than", 2.5, True),
        ("level", "less_than", "10", True),
        ("level", "less_than", "0x10", False),
        ("level", "less_than", "", False),
        ("level", "in", [1, 2, 3.0], True),
        ("level", "in", [True, "3"], False),
        ("amount", "contains", 25, True),
        ("amount", "contains", "1.25", False),
        ("score", "contains", "000000", True),
        ("score", "contains", "e+", False),
        ("vip", "equals", True, True),
        ("vip", "equals", 1, False),
        ("vip", "greater_than", 0, False),
        ("born", "equals", "2000-02-29", True),
        ("born", "less_than", "2000-03-01", True),
        ("born", "greater_than", "not a date", False),
        ("seen", "equals", "2026-05-31T11:00:00+02:00", True),
        ("seen", "less_than", "2026-05-31T11:00:00+01:00", True),
        ("seen", "less_than", "2026-05-31T11:00:00", False),
        ("seen", "in", ["2026-05-31T09:00:00Z"], True),
        ("level", "less_than", 10**40, True),
        ("level", "greater_than", -(10**400), True),
        ("level", "equals", 10**400, False),
        ("score", "not_in", [10**400, 10**40], True),
        ("score", "contains", 10**400, False),
        ("segment", "less_than", 10**40, False),
        ("level", "equals", None, False),
        ("level", "not_equals", None, True),
    ],
)
def test_operator(engine: Engine, field: str, operator: str, value: object, expected: bool) -> None:
    assert holds(engine, leaf(field, operator, value), ROW, TYPES) is expected


@pytest.mark.parametrize("field", sorted(TYPES))
@pytest.mark.parametrize("operator", ["equals", "contains", "greater_than", "less_than", "in"])
def test_a_missing_value_fails_every_positive_operator_and_passes_its_negation(
    engine: Engine, field: str, operator: str
) -> None:
    value: object = "2026-05-31" if operator == "contains" else {"in": [1, "x", True]}.get(operator, "1")
    assert not holds(engine, leaf(field, operator, value), NULLS, TYPES)
    if operator in ("equals", "contains", "in"):
        assert holds(engine, leaf(field, f"not_{operator}", value), NULLS, TYPES)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"all": []}, True),
        ({"all": ["yes", "yes"]}, True),
        ({"all": ["yes", "no"]}, False),
        ({"any": ["no", "yes"]}, True),
        ({"any": ["no", "no"]}, False),
        ({"none": ["no", "no"]}, True),
        ({"none": ["no", "yes"]}, False),
        ({"all": ["yes", {"any": ["no", {"none": ["no"]}]}]}, True),
        ({"none": [{"all": ["yes", "no"]}]}, True),
    ],
)
def test_groups(engine: Engine, tree: Any, expected: bool) -> None:
    def written(node: Any) -> Any:
        if isinstance(node, str):
            return {"field": "level", "operator": "equals", "value": 3 if node == "yes" else 4}
        return {word: [written(member) for member in members] for word, members in node.items()}

    assert holds(engine, Condition.model_validate(written(tree)), ROW, TYPES) is expected


def test_what_is_no_number_has_no_order(engine: Engine) -> None:
    for operator, expected in (("greater_than", False), ("less_than", False), ("not_equals", True)):
        assert holds(engine, leaf("score", operator, 1), {**ROW, "score": float("nan")}, TYPES) is expected


def leaves() -> st.SearchStrategy[Any]:
    scalar = st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.just("2000-02-29"))
    single = st.tuples(st.sampled_from(["equals", "not_equals"]), scalar)
    ordered = st.tuples(
        st.sampled_from(["greater_than", "less_than", "contains"]), st.one_of(st.integers(), st.text())
    )
    listed = st.tuples(st.sampled_from(["in", "not_in"]), st.lists(scalar, max_size=4))
    return st.builds(
        lambda name, pair: {"field": name, "operator": pair[0], "value": pair[1]},
        st.sampled_from(sorted(TYPES)),
        st.one_of(single, ordered, listed),
    )


def trees() -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves(),
        lambda inner: st.builds(
            lambda word, members: {word: members},
            st.sampled_from(["all", "any", "none"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=6,
    )


@given(tree=trees(), row=st.sampled_from([ROW, NULLS]))
def test_every_tree_is_true_or_false_and_none_is_its_negation(engine: Engine, tree: Any, row: Any) -> None:
    answer = holds(engine, Condition.model_validate(tree), row, TYPES)
    assert holds(engine, Condition.model_validate({"none": [tree]}), row, TYPES) is not answer


@given(tree=trees())
def test_a_condition_survives_being_stored(tree: Any) -> None:
    condition = Condition.model_validate(tree)
    stored = condition.model_dump_json(by_alias=True)
    assert Condition.model_validate_json(stored).model_dump_json(by_alias=True) == stored


def test_values_are_bound_and_names_quoted() -> None:
    hostile = "x' OR true --"
    types = {'odd "name"; DROP TABLE x': Type.TEXT}
    predicate = compile_condition(leaf(next(iter(types)), "equals", hostile), types, prefix="where")
    assert predicate.sql == 'coalesce("odd ""name""; DROP TABLE x" = $where_0, false)'
    assert predicate.parameters == {"where_0": hostile}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"field": "level", "operator": "in", "value": 3}, "condition on 'level': in needs a list"),
        (
            {"field": "level", "operator": "equals", "value": [3]},
            "condition on 'level': equals needs a single",
        ),
        ({"field": "level", "operator": "equals"}, "condition on 'level': missing value"),
        ({"field": "level", "operator": "contains", "value": None}, "contains needs a text or a number"),
        ({"field": "level", "operator": "contains", "value": True}, "contains needs a text or a number"),
        ({"field": "level", "operator": "less_than", "value": None}, "less_than needs"),
        ({"field": "level", "operator": "greater_than", "value": False}, "greater_than needs"),
        ({"field": "level", "operator": "like", "value": "x"}, "operator"),
        ({"all": [], "any": []}, "one of"),
        ({"all": [], "field": "level"}, "one of"),
        ({}, "one of"),
        ({"any": []}, "at least 1 item"),
        ({"all": [{"field": "level", "operator": "in", "value": "x"}]}, "condition on 'level'"),
    ],
)
def test_refused_when_declared(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace("[", r"\[")):
        Condition.model_validate(written)


@pytest.mark.parametrize(
    ("field", "operator", "value", "message"),
    [
        ("levl", "equals", 1, "unknown column 'levl' (did you mean 'level'?), allowed: amount, born, level"),
        ("vip", "greater_than", 1, "allowed: equals, not_equals"),
        ("vip", "equals", "true", "write true or false"),
        ("born", "contains", "2000", "contains over column 'born' (date) makes no sense"),
        ("born", "equals", "29.02.2000", "a date such as"),
        ("born", "equals", "2001-02-29", "a date such as"),
        ("seen", "less_than", "2026-05-31T09:00:00", "an instant with a zone"),
        ("level", "equals", "3", "can never hold for '3': write a number"),
        ("level", "greater_than", "ten", "can never hold for 'ten'"),
        ("segment", "in", ["family", 7], "can never hold for 7: write a text"),
        ("segment", "in", ["family", None], "can never hold for None"),
    ],
)
def test_checked_against_the_columns(field: str, operator: str, value: object, message: str) -> None:
    problems = check_condition(Condition.model_validate({"any": [leaf(field, operator, value)]}), TYPES)
    assert len(problems) == 1
    assert message in problems[0]


def test_every_problem_of_a_tree_is_reported() -> None:
    tree = {
        "all": [leaf("nope", "equals", 1), {"none": [leaf("vip", "in", [1]), leaf("level", "equals", 1)]}]
    }
    assert len(check_condition(Condition.model_validate(tree), TYPES)) == 2


def _type_of(value: object) -> Type | None:
    match value:
        case bool():
            return Type.BOOLEAN
        case int() if abs(value) < 2**53:
            return Type.INTEGER
        case int() | float():
            return Type.NUMBER
        case str() | None:
            return Type.TEXT
        case _:
            return None


@pytest.mark.skipif(not CASES.exists(), reason="the collected cases are not beside this checkout")
def test_the_collected_cases(engine: Engine) -> None:
    asked = 0
    for line in CASES.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if case["recommended"] == "invalid":
            with pytest.raises(ValidationError):
                Condition.model_validate(case["condition"])
            continue
        condition = Condition.model_validate(case["condition"])
        value = case["data"].get(condition.leaf.field)
        kind = _type_of(value)
        # A column never holds a list, and a null equals nothing, not even a null in a list.
        if kind is None or (value is None and None in condition.leaf.items):
            continue
        answer = holds(engine, condition, {condition.leaf.field: value}, {condition.leaf.field: kind})
        assert answer is case["recommended"], case
        asked += 1
    assert asked > 100
