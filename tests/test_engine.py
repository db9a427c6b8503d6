"""The engine's own manners: what is kept, counted, appended to and forgotten."""

import polars as pl
import pytest

from automation_pipelines.conditions.values import text_of
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
        assert (
            engine.query("SELECT hash63('a') AS h, current_setting('TimeZone') AS zone")["zone"][0] == "UTC"
        )


def test_engines_see_nothing_of_each_other() -> None:
    with open_engine() as one, open_engine() as other:
        one.keep("mine", "SELECT 1 AS n")
        assert other.names() == frozenset()
        other.keep("mine", "SELECT 2 AS n")
        assert one.query("SELECT n FROM mine")["n"][0] == 1


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("ann@x.com a.b+c@x-y.co.uk o'neil@x.com a@1.co a@b.xn--p1ai ä@bücher.de a@пример.рф", True),
        ("a@例え.テスト a@हिन्दी.भारत a@佐々木.jp a@〆切.jp a@１.com", True),
        ("a a@ @x.com a@x a@x.c a@x.1om a@1.2.3.4 a@[1.2.3.4] a@b@x.com a@b_c.com .a@x.com a.@x.com", False),
        ("a..b@x.com a@-x.com a@x-.com a@x..com a@x.com. a@x.com,b@x.com a@x.com> mailto:a@x.com", False),
        # typed by another keyboard, or brought along when it was copied
        ("a@b＠x.com a＠x.com a@x。com a@x｡com a@x．com a@x，com", False),
        ("a\u200bb@x.com \ufeffa@x.com a\u00adb@x\u00ad.com a\x7f@x.com a@x\u2011y.com", False),
    ],
)
def test_an_address_can_be_tried_or_not(addresses: str, expected: bool) -> None:
    with open_engine() as engine:
        engine.add(asked=pl.DataFrame({"address": addresses.split()}))
        found = engine.query(
            "SELECT address FROM asked WHERE plausible_email(address) != $e", {"e": expected}
        )
        assert found["address"].to_list() == []


def test_an_address_has_no_space_in_it_or_around_it() -> None:
    with open_engine() as engine:
        engine.add(asked=pl.DataFrame({"space": [*" \t\n\r\v\f\0\u00a0\u2003\u2028\u3000"]}))
        found = engine.query(
            "SELECT space FROM asked WHERE plausible_email(space || 'a@x.com') "
            "OR plausible_email('a@x.com' || space) OR plausible_email('a' || space || 'b@x.com')"
        )
    assert found["space"].to_list() == []


def test_a_number_is_written_by_the_engine_as_by_conditions() -> None:
    powers = [
        float(f"{digits}e{power}") for digits in ("1", "-1.5", "9.87654321") for power in range(-30, 31)
    ]
    edges = [0.0, -0.0, 0.1 + 0.2, 4.35, 5e-324, 1.7976931348623157e308, 2.0**53, float("inf"), float("-inf")]
    with open_engine() as engine:
        engine.add(numbers=pl.DataFrame({"number": [*powers, *edges, float("nan")]}))
        written = engine.query("SELECT number, number_text(number) AS text FROM numbers")
    assert written["text"].to_list() == [text_of(number) for number in written["number"]]
