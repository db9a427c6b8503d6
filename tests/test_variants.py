"""The parts of [0, 1) that variants have: GrowthBook's at first, and as little as possible moves later."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation_pipelines.campaign import Variant
from automation_pipelines.planning.variants import Part, parts

SHARED = Path(__file__).parents[2] / "shared" / "cases" / "growthbook.json"


def _declared(**weights: float) -> list[Variant]:
    return [Variant(id=name, weight=weight) for name, weight in weights.items()]


def _told(*declarations: list[Variant]) -> list[tuple[str, float, float]]:
    return [(part.variant, float(part.lo), float(part.hi)) for part in parts(declarations)]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"a": 1, "b": 1}, [("a", 0, 0.5), ("b", 0.5, 1)]),
        ({"a": 0.4, "b": 0.6}, [("a", 0, 0.4), ("b", 0.4, 1)]),
        ({"a": 1, "b": 0, "c": 3}, [("a", 0, 0.25), ("c", 0.25, 1)]),
        ({"a": 0, "b": 0}, []),
    ],
)
def test_at_first_the_parts_follow_one_another(
    weights: dict[str, float], expected: list[tuple[str, float, float]]
) -> None:
    assert _told(_declared(**weights)) == expected


@pytest.mark.skipif(not SHARED.exists(), reason="the shared cases are not beside this checkout")
def test_the_first_parts_are_growthbooks() -> None:
    cases = [c for c in json.loads(SHARED.read_text())["getBucketRanges"] if c["coverage"] == 1]
    checked = 0
    for case in cases:
        weights = case["weights"] or [1] * case["variations"]
        if len(weights) != case["variations"] or (abs(sum(weights) - 1) > 0.001 and case["weights"]):
            continue  # ours are relative, and there is one for each variant
        made = _told([Variant(id=f"v{n}", weight=w) for n, w in enumerate(weights)])
        expected = [pytest.approx(tuple(pair), abs=1e-6) for pair in case["expected"] if pair[0] < pair[1]]
        assert [(lo, hi) for _, lo, hi in made] == expected
        checked += 1
    assert checked >= 5


def test_more_weight_takes_from_the_ends_of_the_others_only() -> None:
    told = _told(_declared(a=1, b=1), _declared(a=3, b=1))
    assert told == [("a", 0, 0.5), ("b", 0.5, 0.75), ("a", 0.75, 1)]


def test_a_new_variant_takes_its_share_from_each_of_the_others() -> None:
    told = _told(_declared(a=1, b=1), _declared(a=1, b=1, c=2))
    assert told == [("a", 0, 0.25), ("c", 0.25, 0.5), ("b", 0.5, 0.75), ("c", 0.75, 1)]


def test_a_variant_that_goes_leaves_its_part_to_the_others() -> None:
    told = _told(_declared(a=1, b=1, c=2), _declared(b=1, c=2))
    assert [name for name, lo, hi in told if lo >= 0.25] == ["b", "c"]
    assert {name for name, lo, _ in told if lo < 0.25} == {"b", "c"}


def test_another_order_in_the_file_moves_nobody() -> None:
    first = _declared(a=1, b=2, c=3)
    assert _told(first, _declared(c=3, b=2, a=1)) == _told(first)


def test_what_changed_twice_and_back_is_well_defined() -> None:
    assert _total("a", parts([_declared(a=1, b=1), _declared(a=3, b=1), _declared(a=1, b=1)])) == Fraction(
        1, 2
    )


_WEIGHTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), min_size=1).filter(
    lambda weights: sum(weights.values()) > 0
)


@given(st.lists(_WEIGHTS, min_size=2, max_size=5))
def test_no_more_moves_than_must(history: list[dict[str, int]]) -> None:
    declarations = [_declared(**weights) for weights in history]
    before, after = parts(declarations[:-1]), parts(declarations)
    assert sum((part.length for part in after), Fraction(0)) == 1
    shares = [{name: Fraction(w, sum(ws.values())) for name, w in ws.items()} for ws in history[-2:]]
    for name in "abcd":
        assert _total(name, after) == shares[1].get(name, 0)
    must = sum(
        max(Fraction(0), shares[1].get(n, Fraction(0)) - shares[0].get(n, Fraction(0))) for n in "abcd"
    )
    assert 1 - _kept(before, after) == must


def _total(name: str, made: tuple[Part, ...]) -> Fraction:
    return sum((part.length for part in made if part.variant == name), Fraction(0))


def _kept(before: tuple[Part, ...], after: tuple[Part, ...]) -> Any:
    return sum(
        max(Fraction(0), min(one.hi, other.hi) - max(one.lo, other.lo))
        for one in before
        for other in after
        if one.variant == other.variant
    )
