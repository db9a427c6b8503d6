"""Conditions and rules put to loose records: anything JSON can hold, under any key."""

import json
import math
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation_pipelines.conditions import matches, rule_matches
from automation_pipelines.errors import AutomationError, ConditionError, RefusedError
from tests.plain_conditions import holds

CASES = Path(__file__).parents[2] / "shared" / "cases"
NAN, INFINITY = math.nan, math.inf


def leaf(operator: str, value: object, field: str = "f") -> dict[str, object]:
    return {"field": field, "operator": operator, "value": value}


def ask(operator: str, value: object, found: object) -> bool:
    (answer,) = matches([leaf(operator, value)], [{"f": found}])
    return answer


@pytest.mark.parametrize(
    ("found", "operator", "value", "expected"),
    [
        # the same type and the same value
        ("5", "equals", 5, False),
        (5, "equals", "5", False),
        (True, "equals", 1, False),
        (1, "equals", True, False),
        (1.0, "equals", 1, True),
        (-0.0, "equals", 0, True),
        (0, "in", [-0.0], True),
        (0.1 + 0.2, "equals", 0.3, False),
        (0.30000000000000004, "equals", 0.30000000000000004, True),
        ("", "equals", 0, False),
        ("Confirmed", "equals", "confirmed", False),
        ("é", "equals", "e\u0301", False),
        ([1], "equals", 1, False),
        ({"a": 1}, "not_equals", "[object Object]", True),
        # numbers are doubles, however long they are written
        (2**53 + 1, "equals", 2**53, True),
        (123456789012345680000, "in", [123456789012345680000], True),
        (2**64, "greater_than", 2**63, True),
        (10**400, "equals", INFINITY, True),
        (-(10**400), "less_than", -1e300, True),
        # what is no number, and what is none in JSON either
        (NAN, "equals", NAN, False),
        (NAN, "not_equals", NAN, True),
        (NAN, "greater_than", 0, False),
        (NAN, "less_than", 0, False),
        (1, "less_than", NAN, False),
        (NAN, "contains", "aN", True),
        (INFINITY, "equals", INFINITY, True),
        (INFINITY, "greater_than", 1e308, True),
        (-INFINITY, "contains", "-Inf", True),
        (1, "less_than", INFINITY, True),
        # a number's text is JavaScript's
        (1.0, "contains", ".0", False),
        (1e21, "contains", "e+21", True),
        (1e-7, "contains", "1e-7", True),
        (1e-6, "contains", "000001", True),
        (2**53 + 1, "contains", "993", False),
        (123456789012345680000, "contains", "680000", True),
        (-0.0, "contains", "-", False),
        (5e-324, "contains", "5e-324", True),
        (1234, "contains", 23, True),
        ("1.0", "contains", 1.0, True),
        (True, "contains", "ru", True),
        (False, "not_contains", "true", True),
        # lists: an element; objects: never
        ([1, 2], "contains", 1, True),
        ([1, 2], "contains", "1", True),
        ([12], "contains", 1, False),
        (["vip-gold"], "contains", "vip", False),
        (["vip", "gold"], "contains", "vip,gold", False),
        (["vip"], "not_contains", "gold", True),
        ([None], "contains", "null", False),
        ([[1]], "contains", 1, False),
        ([], "contains", "", False),
        ({"a": "object"}, "contains", "object", False),
        ({"a": 1}, "not_contains", "a", True),
        # order: two numbers, two texts, or a text that is a decimal number
        ("10", "less_than", "9", True),
        ("82", "greater_than", "7", True),
        ("150", "greater_than", 9, True),
        (15, "greater_than", "9", True),
        (" 12 ", "greater_than", 11, True),
        ("012", "less_than", 13, True),
        ("1e3", "greater_than", 999, True),
        ("-.5", "less_than", 0, True),
        ("5.", "greater_than", 4, True),
        ("+5", "greater_than", 4, True),
        ("", "less_than", 1, False),
        (" ", "less_than", 1, False),
        (100, "greater_than", "", False),
        ("0x10", "greater_than", 1, False),
        ("0o17", "less_than", 1000, False),
        ("Infinity", "greater_than", 1, False),
        (1, "less_than", "Infinity", False),
        ("1e1000", "greater_than", 1, False),
        (1, "less_than", "1e1000", False),
        ("1" * 400, "greater_than", 1, False),
        ("1_000", "greater_than", 1, False),
        ("1 2", "greater_than", 0, False),
        ("5%", "greater_than", 0, False),
        ("\ufeff12", "greater_than", 0, False),
        ("١٢", "greater_than", 0, False),
        ("NaN", "less_than", 1, False),
        ("abc", "greater_than", 10, False),
        ("2026-5-1", "greater_than", "2026-10-01", True),
        ("2026-01-02", "greater_than", "2026-01-01T23:59:59Z", True),
        (False, "less_than", 1, False),
        ([1], "less_than", 1.5, False),
        ([[]], "less_than", "9", False),
        ({"a": 1}, "greater_than", "a", False),
        # any text is a text
        ("a\0b", "contains", "\0b", True),
        ("a\0b", "equals", "a", False),
        ("a\0b", "greater_than", "a", True),
        ("\U0001f600", "less_than", "\ufb01", True),
        ("\ue000", "greater_than", "\U00010000", True),
        ("x\ud83d", "contains", "x", True),
        ("\U0001f600", "contains", "\U0001f600", True),
        ("'; DROP TABLE records --", "contains", "';", True),
        ("%", "contains", "_", False),
        ("anything", "contains", "", True),
        ("zürich", "contains", "zurich", False),
        # lists of values
        ("web", "in", ["web", 1, True, None], True),
        (True, "in", ["true", 1], False),
        (1, "in", ["1", True, 1.0], True),
        ([1], "in", [1], False),
        ("x", "in", [], False),
        ("x", "not_in", [], True),
        (None, "in", [0, None], True),
        (None, "not_in", [None], False),
        (None, "in", [0, "null"], False),
    ],
)
def test_what_an_operator_means(found: object, operator: str, value: object, expected: bool) -> None:
    assert ask(operator, value, found) is expected
    assert holds(leaf(operator, value), {"f": found}) is expected


@pytest.mark.parametrize("record", [{}, {"other": "undefined"}, {"f": None}])
def test_what_is_missing_or_null_fails_what_is_said_and_passes_what_is_denied(record: Any) -> None:
    for operator, value in (("equals", "null"), ("contains", "null"), ("in", ["null", 0, ""])):
        assert matches([leaf(operator, value)], [record]) == [False]
        assert matches([leaf(f"not_{operator}", value)], [record]) == [True]
    for operator, value in (("greater_than", -1), ("less_than", 1), ("less_than", "undefined")):
        assert matches([leaf(operator, value)], [record]) == [False]


@pytest.mark.parametrize(
    "name", ["__proto__", "toString", "a.b", 'say "x"', "with space", "", "f0_word", "$v_0", "é\0"]
)
def test_a_field_is_one_literal_key(name: str) -> None:
    asked = [leaf("equals", "yes", name)]
    assert matches(asked, [{name: "yes"}, {}, {"a": {"b": "yes"}}]) == [True, False, False]


def test_one_key_may_hold_anything_in_each_record() -> None:
    records: list[dict[str, object]] = [
        {"f": value} for value in (1, "1", 1.0, True, None, [1], {"1": 1}, 2**200, "", [])
    ]
    assert matches([leaf("equals", 1)], records) == [True, False, True] + [False] * 7
    assert matches([leaf("contains", 1)], records) == [True] * 3 + [False] * 2 + [True, False, True] + [
        False,
        False,
    ]
    assert matches([leaf("less_than", 5)], records) == [True, True, True] + [False] * 7


def test_all_must_hold_and_none_at_all_hold_for_everything() -> None:
    records: list[dict[str, object]] = [{"f": 1, "g": 1}, {"f": 1}, {}]
    assert matches([leaf("equals", 1), leaf("equals", 1, "g")], records) == [True, False, False]
    assert matches([], records) == [True, True, True]
    assert matches([leaf("equals", 1)], []) == []


def test_groups_may_be_nested() -> None:
    rich, near = leaf("greater_than", 100, "amount"), leaf("in", ["Bern", "Basel"], "city")
    asked = [{"any": [rich, {"all": [near, {"none": [leaf("equals", "lost", "status")]}]}]}]
    records: list[dict[str, object]] = [
        {"amount": 200, "status": "lost"},
        {"amount": 5, "city": "Bern"},
        {"amount": 5, "city": "Bern", "status": "lost"},
        {},
    ]
    assert matches(asked, records) == [True, True, False, False]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (leaf("in", 9), "condition on 'f': in needs a list"),
        (leaf("not_in", {}), "on 'f': write a text"),
        (leaf("equals", [1]), "condition on 'f': equals needs a single value"),
        (leaf("equals", {}), "on 'f': write a text"),
        (leaf("in", [[1]]), "on 'f': write a text"),
        (leaf("contains", None), "condition on 'f': contains needs a text or a number"),
        (leaf("not_contains", False), "condition on 'f': not_contains needs"),
        (leaf("less_than", None), "condition on 'f': less_than needs"),
        (leaf("greater_than", True), "condition on 'f': greater_than needs"),
        ({"field": "f", "operator": "equals"}, "condition on 'f': missing value"),
        (leaf("like", "x"), "conditions[0].operator on 'f'"),
        ({"field": 5, "operator": "equals", "value": 1}, "conditions[0].field on 5"),
        (
            {"any": [leaf("equals", 1), leaf("in", 1, "g")]},
            "conditions[0].any[1]: condition on 'g': in needs",
        ),
        (MappingProxyType({"field": "f", "operator": "equals"}), "condition on 'f': missing value"),
        ({"any": []}, "conditions[0].any: a list of at least one condition is needed"),
        ({"none": []}, "conditions[0].none: a list of at least one condition is needed"),
        ({"all": "f"}, "conditions[0].all: a list of conditions is needed"),
        (leaf("Equals", 1), "conditions[0].operator on 'f'"),
        ({"all": None}, "a condition is {field, operator, value}"),
        ({"field": None, "operator": "equals", "value": 1}, "a condition is {field, operator, value}"),
        ({"field": "f", "operator": None, "value": 1}, "a condition is {field, operator, value}"),
        (
            {"event": "email_opened", "where": {"field": "step"}},
            "condition on 'step': missing operator, value",
        ),
        ("f = 1", "conditions[0]: a condition is {field, operator, value}"),
        (None, "conditions[0]: a condition is {field, operator, value}"),
    ],
)
def test_what_is_refused_is_named(condition: object, message: str) -> None:
    with pytest.raises(ConditionError) as refused:
        matches([condition], [{"f": 1}])
    assert len(refused.value.problems) == 1
    assert message in refused.value.problems[0]


def test_all_that_is_refused_is_said_at_once() -> None:
    with pytest.raises(ConditionError) as refused:
        matches([leaf("in", 1), leaf("equals", 1), leaf("less_than", None, "g")], [])
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["conditions[0]", "conditions[2]"]


def test_groups_in_groups_have_an_end() -> None:
    asked: dict[str, object] = leaf("equals", 1)
    for _ in range(200):
        asked = {"none": [asked]}
    assert matches([asked], [{"f": 1}, {"f": 2}]) == [True, False]
    for _ in range(1000):
        asked = {"none": [asked]}
    with pytest.raises(ConditionError, match=r"^conditions are nested too deeply$"):
        matches([asked], [{"f": 1}])


@pytest.mark.parametrize("conditions", [None, "x", 7, {"f": 1}])
def test_conditions_are_a_list(conditions: object) -> None:
    with pytest.raises(ConditionError, match="condition"):
        matches(conditions, [{}])


@pytest.mark.parametrize("record", [None, [], "text", 5])
def test_a_record_is_an_object(record: Any) -> None:
    with pytest.raises(RefusedError, match="record 2 is no object"):
        matches([leaf("equals", 1)], [{}, record])
    with pytest.raises(RefusedError, match="record 1 is no object"):
        matches([], [record])


def test_a_value_json_does_not_know_is_refused_where_it_is_asked_for() -> None:
    with pytest.raises(RefusedError, match="record 1: 'f' holds a set"):
        matches([leaf("equals", 1)], [{"f": {1}}])
    assert matches([leaf("equals", 1, "g")], [{"f": {1}}]) == [False]


def test_a_hundred_thousand_records_are_answered_in_their_order() -> None:
    records: list[dict[str, object]] = [{"f": n if n % 2 else str(n), "g": [n % 7]} for n in range(100_000)]
    held = matches([leaf("less_than", 50_000), leaf("contains", 3, "g")], records)
    assert held == [n < 50_000 and n % 7 == 3 for n in range(100_000)]


WORDS = st.sampled_from(
    ["", "1", "10", "9", " 12 ", "1e3", "web", "\U0001f600", "\ufb01x", "\ud83d", "a\0b", "true", "null"]
)
NUMBERS = st.one_of(
    st.integers(-3, 12), st.floats(), st.sampled_from([2**53, 2**53 + 1, 10**400, -0.0, 1e21, 1e-7, 1e16])
)
SCALARS = st.one_of(WORDS, st.text(max_size=3), NUMBERS, st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)
SAYABLE = SCALARS.filter(
    lambda value: not isinstance(value, str) or value != "\ud83d"
)  # pydantic keeps whole texts


def leaves() -> st.SearchStrategy[Any]:
    ordinary = SAYABLE.filter(lambda value: value is not None and not isinstance(value, bool))
    pairs = st.one_of(
        st.tuples(st.sampled_from(["equals", "not_equals"]), SAYABLE),
        st.tuples(st.sampled_from(["contains", "not_contains", "greater_than", "less_than"]), ordinary),
        st.tuples(st.sampled_from(["in", "not_in"]), st.lists(SAYABLE, max_size=4)),
    )
    return st.builds(lambda name, pair: leaf(*pair, field=name), st.sampled_from("fg"), pairs)


TREES = st.recursive(
    leaves(),
    lambda inner: st.builds(
        lambda word, members: {word: members},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=5,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from("fgh"), VALUES, max_size=3), max_size=6)


@settings(max_examples=300, deadline=None)
@given(conditions=st.lists(TREES, max_size=3), records=RECORDS)
def test_the_engine_answers_as_plain_python_does(conditions: Any, records: Any) -> None:
    expected = [all(holds(condition, record) for condition in conditions) for record in records]
    assert matches(conditions, records) == expected


NOW = "2026-03-10T12:00:00.000Z"
RULE: dict[str, object] = {
    "isActive": True,
    "validFrom": None,
    "validUntil": None,
    "maxExecutions": None,
    "executionCount": 0,
    "conditions": [leaf("equals", 1)],
}


def applies(**changes: object) -> list[bool]:
    return rule_matches({**RULE, **changes}, [{"f": 1}, {"f": 2}], NOW)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"isActive": False}, False),
        ({"validFrom": NOW, "validUntil": NOW}, True),
        ({"validFrom": "2026-03-10T12:00:00.001Z"}, False),
        ({"validUntil": "2026-03-10T11:59:59.999Z"}, False),
        ({"validUntil": "2026-03-10T13:00:00+01:00"}, True),
        ({"validUntil": "2026-03-10T12:59:00+01:00"}, False),
        ({"validFrom": "2026-03-10 14:00:00+02"}, True),
        ({"validFrom": "2026-03-10t12:00z", "validUntil": "2026-03-10T17:30:00.000+0530"}, True),
        ({"validFrom": "0001-01-01T00:00:00+14:00", "validUntil": "9999-12-31T23:59:59-12:00"}, True),
        ({"validFrom": "9999-12-31T23:59:59-12:00"}, False),
        ({"validFrom": "2026-03-10"}, True),
        ({"validUntil": "2026-03-10"}, False),
        ({"maxExecutions": 3, "executionCount": 2}, True),
        ({"maxExecutions": 3, "executionCount": 3}, False),
        ({"maxExecutions": 3, "executionCount": None}, True),
        ({"maxExecutions": 3, "executionCount": -1}, True),
        ({"maxExecutions": None, "executionCount": 10**30}, True),
        ({"maxExecutions": 2.0, "executionCount": 2}, False),
        ({"maxExecutions": 0}, False),
        ({"maxExecutions": 0, "executionCount": None}, False),
        ({"conditions": {"any": [leaf("equals", 1), leaf("equals", 3)]}}, True),
        ({"name": "what other tools keep in it", "actions": []}, True),
    ],
)
def test_when_a_rule_applies(changes: dict[str, object], expected: bool) -> None:
    assert applies(**changes) == [expected, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"isActive": 1}, "isActive"),
        ({"isActive": "true"}, "isActive"),
        ({"isActive": None}, "isActive"),
        ({"maxExecutions": -1}, "maxExecutions"),
        ({"maxExecutions": "3"}, "maxExecutions: Input should be a valid number"),
        ({"maxExecutions": True}, "maxExecutions: Input should be a valid number"),
        ({"executionCount": "2"}, "executionCount: Input should be a valid number"),
        ({"validFrom": "not a date"}, "validFrom: 'not a date' is no time"),
        ({"validUntil": "2026-03-10T12:00:00"}, "validUntil: '2026-03-10T12:00:00' is no time with a zone"),
        ({"validUntil": ""}, "validUntil"),
        ({"validUntil": 0}, "validUntil: 0 is no time"),
        ({"validUntil": "2026-03-10T24:00:00Z"}, "validUntil: '2026-03-10T24:00:00Z' is no time"),
        ({"validUntil": "2026-03-10T12:00:00+24:00"}, "validUntil"),
        ({"validUntil": "2026-02-30T12:00:00Z"}, "validUntil"),
        ({"conditions": None}, "conditions: a list of conditions is needed"),
        ({"isActive": False, "conditions": [leaf("less_than", True)]}, "condition on 'f': less_than needs"),
    ],
)
def test_what_is_refused_of_a_rule(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConditionError) as refused:
        applies(**changes)
    assert message in str(refused.value)
    assert len(refused.value.problems) == 1


def test_any_mapping_is_a_rule_and_nothing_else_is() -> None:
    assert rule_matches(MappingProxyType(RULE), [{"f": 1}], NOW) == [True]
    others: list[object] = [None, [], "rule"]
    for other in others:
        with pytest.raises(ConditionError, match="a rule is an object with conditions"):
            rule_matches(other, [{"f": 1}], NOW)


@pytest.mark.parametrize("now", [None, "", "2026-03-10T12:00:00", datetime(2026, 3, 10)])  # noqa: DTZ001
def test_a_rule_is_asked_at_an_instant(now: Any) -> None:
    with pytest.raises(ValueError, match=r"time|zone"):
        rule_matches(RULE, [{"f": 1}], now)


def _answer(ask: Any) -> object:
    try:
        (answer,) = ask()
    except AutomationError:
        return "invalid"
    return answer


@pytest.mark.skipif(not CASES.exists(), reason="the collected cases are not beside this checkout")
def test_the_collected_cases() -> None:
    lines = (CASES / "conditions_sample.jsonl").read_text(encoding="utf-8").splitlines()
    for case in map(json.loads, lines):
        answer = _answer(lambda case=case: matches([case["condition"]], [case["data"]]))
        assert case["recommended"] in (answer, "either"), case
    lines = (CASES / "rules_sample.jsonl").read_text(encoding="utf-8").splitlines()
    for case in map(json.loads, lines):
        answer = _answer(lambda case=case: rule_matches(case["rule"], [case["data"]], case["now"]))
        assert case["recommended"] in (answer, "either"), case
