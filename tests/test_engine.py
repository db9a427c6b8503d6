"""The engine's own manners: what is kept, counted, appended to and forgotten."""

import polars as pl
import pytest

from automation_pipelines.engine import open_engine


def test_what_is_kept_is_counted_and_can_grow() -> None:
    with open_engine() as engine:
        engine.add(numbers=pl.DataFrame({"n": [1, 2, 3]}))
        engine.keep("large", "SELECT n FROM numbers WHERE n > $least", {"least": 1})
        engine.extend("large", pl.DataFrame({"n": [7]}))
        assert (engine.count("numbers"), engine.count("large")) == (3, 3)
        assert sorted(engine.query("SELECT n FROM large")["n"]) == [2, 3, 7]
        engine.drop("large")
        assert engine.names() == {"numbers"}


def test_what_is_cleared_is_gone_and_the_engine_goes_on() -> None:
    with open_engine() as engine:
        engine.add(numbers=pl.DataFrame({"n": [1]}))
        engine.keep("kept", "SELECT n FROM numbers")
        engine.clear()
        assert engine.names() == frozenset()
        for name in ("numbers", "kept"):
            with pytest.raises(Exception, match=name):
                engine.query(f"SELECT * FROM {name}")
        assert engine.query("SELECT hash63('a') AS h, current_setting('TimeZone') AS zone")["zone"][0] == "UTC"


def test_engines_see_nothing_of_each_other() -> None:
    with open_engine() as one, open_engine() as other:
        one.keep("mine", "SELECT 1 AS n")
        assert other.names() == frozenset()
        other.keep("mine", "SELECT 2 AS n")
        assert one.query("SELECT n FROM mine")["n"][0] == 1
