"""Draws by hash: where somebody lies in [0, 1), the same in every engine and for ever."""

import json
from pathlib import Path

import polars as pl
import pytest

from automation_pipelines.engine import Engine, open_engine

SHARED = Path(__file__).parents[2] / "shared" / "cases" / "growthbook.json"

# (seed, key, where): GrowthBook's published vectors of version 2, then letters of one to four bytes.
VECTORS = [
    ("seed", "a", 0.0505),
    ("seed", "b", 0.2696),
    ("foo", "ab", 0.2575),
    ("foo", "def", 0.2019),
    ("89123klj", "8952klfjas09ujkasdf", 0.124),
    ("90850943850283058242805", "123", 0.7516),
    ("()**(%$##$%#$#", '___)((*":&', 0.0128),
    ("welcome_ab", "c_542291999", 0.6139),
    ("campaña", "869893551", 0.0076),
    ("exp-1", "ü68913102", 0.9383),
    ("😀", "ü835851908", 0.3729),
    ("😀", "c_433591485", 0.5078),
    ("", "924013495", 0.611),
    ("1:welcome:", "e\u0301🇩🇪👨\u200d👩\u200d👧\0", 0.9844),  # letters of several code points
]


def _draws(engine: Engine, cases: list[tuple[str, str, float]]) -> pl.DataFrame:
    engine.add(cases=pl.DataFrame(cases, schema=["seed", "key", "expected"], orient="row"))
    return engine.query("SELECT seed, key, expected, draw01(seed, key) AS drawn FROM cases")


def test_a_draw_is_growthbooks() -> None:
    with open_engine() as engine:
        drawn = _draws(engine, VECTORS)
    assert drawn["drawn"].to_list() == pytest.approx([expected for *_, expected in VECTORS], abs=1e-9)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared cases are not beside this checkout")
def test_a_draw_is_growthbooks_in_all_shared_cases() -> None:
    cases = [case for case in json.loads(SHARED.read_text())["hash"] if case["version"] == 2]
    with open_engine() as engine:
        drawn = _draws(engine, [(case["seed"], case["value"], case["expected"]) for case in cases])
    wrong = drawn.filter((pl.col("drawn") - pl.col("expected")).abs() > 1e-9)
    assert wrong.rows() == []


def test_the_draws_of_many_are_spread_evenly() -> None:
    with open_engine() as engine:
        counted = engine.query(
            "SELECT CAST(floor(draw01('1:welcome:', CAST(range AS VARCHAR)) * 10) AS INTEGER) AS tenth, "
            "count(*) AS n FROM range(20000) GROUP BY ALL ORDER BY ALL"
        )
    assert counted["tenth"].to_list() == list(range(10))
    assert all(1850 < n < 2150 for n in counted["n"])
