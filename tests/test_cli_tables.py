"""What the command line lays out."""

import click
import polars as pl
import pytest

from automation_pipelines.cli.front import MOMENT, NUMBER, ROWS
from automation_pipelines.cli.tables import counted, say, table_of

WIDE = pl.DataFrame({f"column{number}": ["a value of some length"] for number in range(12)})


def test_a_table_that_goes_elsewhere_is_as_wide_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say(table_of(WIDE, "wide"))
    assert capsys.readouterr().out.count("a value of some length") == 12


def test_a_narrow_terminal_folds_what_it_cannot_show_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    say(table_of(pl.DataFrame({"key": ["abcdefghij" * 8], "n": [1]}), "narrow"))
    told = capsys.readouterr().out
    assert "…" not in told
    assert sum(told.count(letter) for letter in "bcdfghij") == 8 * 8


def test_what_people_wrote_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    say(table_of(pl.DataFrame({"error": ["[/oops] [red]"]}), "[jobs]"), "[x] and so on")
    told = capsys.readouterr().out
    assert "[/oops] [red]" in told
    assert "[jobs]" in told
    assert "[x] and so on" in told


@pytest.mark.parametrize(("number", "said"), [(0, "0 lines"), (1, "1 line"), (1200, "1,200 lines")])
def test_one_is_one(number: int, said: str) -> None:
    assert counted(number, "line") == said


def test_times_and_numbers_that_cannot_be_are_refused() -> None:
    for kind, text in (
        (MOMENT, "0001-01-01T00:00+14:00"),
        (MOMENT, "noon"),
        (ROWS, "-1"),
        (NUMBER, "9" * 25),
        (NUMBER, "9" * 5000),
    ):
        with pytest.raises(click.BadParameter):
            kind.convert(text, None, None)
