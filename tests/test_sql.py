"""The files of `sql/`: one portable statement each, its first line saying what a row is."""

import re
from pathlib import Path

import pytest
import sqlglot

from automation_pipelines.engine import shape
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.selection import prepare
from automation_pipelines.sqlfiles import SHIPPED, SqlFiles

FILES = sorted(SHIPPED.glob("*/*.sql"))
_SHAPED = {
    "answers": {
        "table": "audience_a",
        "columns": ["x"],
        "settings": ["y"],
        "counts": ["z"],
        "scored": True,
    },
    "candidates": {
        "audience": "a",
        "table": "audience_a",
        "anchor": "instant",
        "grain": "instant",
        "account": True,
        "ruled": True,
        "unruled": True,
        "tested": True,
    },
    "addressed": {"pauses": True},
    "due": dict.fromkeys(("spread", "gated", "looks_ahead", "promoting"), True),
    "entered": {"follows": True, "by_hand": True},
    "recipients": dict.fromkeys(("staff", "keepers", "contacts", "fixed"), True),
    "decided": {"held_out": True, "promoting": True},
    "reached": {"several": True},
    "counted": {"ways": ["t.customer_id = e.customer_id"] * 2, "counts": [("n", "e.at > $h")]},
}


def _statement(path: Path) -> str:
    text = path.read_text()
    return shape(text, **_SHAPED[path.stem]) if path.stem in _SHAPED else text


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_first_line_says_what_a_row_is(path: Path) -> None:
    assert re.match(r"-- (One|The|A) ", path.read_text()) or path.parent.name == "actions"
    assert path.read_text().startswith("-- ")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_it_holds_one_statement_that_transpiles_to_spark(path: Path) -> None:
    statement = _statement(path)
    assert len([s for s in sqlglot.parse(statement, dialect="duckdb") if s]) == 1
    dialect = "spark"
    (spark,) = sqlglot.transpile(
        statement, read="duckdb", write=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE
    )
    assert sqlglot.parse_one(spark, dialect=dialect)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_value_is_written_into_a_statement_by_jinja(path: Path) -> None:
    for name in re.findall(r"\{\{\s*(\w+)", path.read_text()):
        assert name in {
            "audience",
            "table",
            "campaign",
            "step",
            "column",
            "repeat_column",
            "predicate",
            "condition",
        }


def test_every_audience_can_be_prepared() -> None:
    prepare(SqlFiles())


def test_an_audience_of_the_users_own_that_cannot_run_is_refused_by_name(tmp_path: Path) -> None:
    own = tmp_path / "audiences" / "birthdays.sql"
    own.parent.mkdir()
    own.write_text("-- One row per customer.\nSELECT no_such_column FROM customers")
    with pytest.raises(ConfigurationError, match=r"audience birthdays .*birthdays\.sql"):
        prepare(SqlFiles(tmp_path))


def test_own_files_that_nothing_reads_are_named(tmp_path: Path) -> None:
    read = ["sources/quotes.sql", "actions/anything.sql", "audiences/birthdays.sql"]
    idle = ["audiences/quotes.sql", "quotes.sql", "sources/old/quotes.sql", "sources/qoutes.sql"]
    for name in read + idle:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("SELECT 1", encoding="utf-8")
    assert SqlFiles(tmp_path).idle() == tuple(tmp_path / name for name in idle)
    assert SqlFiles().idle() == ()
