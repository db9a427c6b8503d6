"""The documents about data: generated ones are up to date, example queries run."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.statistics import STATISTICS
from automation_pipelines.cli.docs import docs
from automation_pipelines.dictionary import render
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.sqlfiles import SHIPPED, SqlFiles
from automation_pipelines.stats import publish, restate
from tests.past import MIGRATED, NOON, plan, settle, tell

DOCS = Path(__file__).parent.parent / "docs"
QUERIES = re.findall(
    r"^## (\d+\. .*?)\n.*?```sql\n(.*?)```",
    (DOCS / "queries.md").read_text("utf-8"),
    re.DOTALL | re.MULTILINE,
)


def test_the_dictionary_in_docs_is_the_catalogues() -> None:
    written = (DOCS / "data-dictionary.md").read_text("utf-8")
    assert written == render(), "run: automation docs dictionary --output docs/data-dictionary.md"


def test_the_dictionary_names_every_table_and_column() -> None:
    page = render()
    for table in (*SOURCES.values(), *AUDIENCES.values(), *STATISTICS.values()):
        sections = re.findall(rf"^### {table.name}\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
        names = [f"| `{column.name}` |" for column in table.columns]
        assert any(all(name in section for name in names) for section in sections), table.name


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    output = tmp_path / "docs" / "page.md"
    assert CliRunner().invoke(docs, ["dictionary", "--output", str(output)]).exit_code == 0
    assert output.read_text("utf-8") == CliRunner().invoke(docs, ["dictionary"]).output == render()


def test_every_statistic_has_its_statement_and_every_statement_its_entry() -> None:
    assert {path.stem for path in (SHIPPED / "stats").glob("*.sql")} == set(STATISTICS)


@pytest.fixture(scope="module")
def analytics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small published file: two tenants, three weeks, every kind of outcome."""
    home = tmp_path_factory.mktemp("analytics")
    db = Database.open(f"sqlite:///{home / 'ledger.db'}")
    db.migrate(MIGRATED)
    _start_a_series(db)
    _try_two_variants(db)
    days = [NOON + timedelta(days=7 * week) for week in range(3)]
    for week, due in enumerate(days):
        moments = [
            {"tenant_id": tenant, "subject_id": n, "due_at": due, "occurrence": week}
            for tenant in (1, 2)
            for n in range(4)
        ]
        work = plan(db, *moments, run_id=f"week-{week}")
        for job, state in zip(work, ("completed", "completed", "dead", "unknown") * 2, strict=True):
            settle(db, job, state, minutes=5)
        late = {
            "reason": "stale",
            "held_by": "no_recipient",
            "due_at": due,
            "subject_id": 9,
            "occurrence": week,
        }
        plan(db, late, run_id=f"late-{week}")
        types = ("delivered", "opened", "clicked", "complained")
        tell(db, *((f"{week}-{type_}", type_, work[0]) for type_ in types))
    files, sql = FileStore(home / "files"), SqlFiles()
    queries = pl.DataFrame(
        {
            "id": [1],
            "tenant_id": [1],
            "status": ["open"],
            "escalation_level": [4],
            "created_at": [NOON - timedelta(hours=9)],
            "sla_due_at": [NOON - timedelta(hours=8)],
            "resolved_at": pl.Series([None], dtype=pl.Datetime("us", "UTC")),
        }
    )
    _look(files, days[-1])
    sources = {"queries": queries, "conversions": _conversions(), "tenant_settings": _NO_SETTINGS}
    restate(db, files, sql, [day.date() for day in days], as_of=days[-1], sources=sources)
    publish(db, files, sql, home / "analytics.duckdb", as_of=days[-1] + timedelta(days=30))
    db.close()
    return home / "analytics.duckdb"


def _start_a_series(db: Database) -> None:
    """The campaign of the moments below: its first step is all that fell due."""
    steps = [{"id": step, "day": day, "channel": "wait"} for day, step in ((1, "wish"), (5, "again"))]
    declared = {"id": "birthday", "title": "Birthday", "audience": "stage_entries", "steps": steps}
    spec = Campaign.model_validate(declared | {"timeline": {"stage": "new_lead", "duration_days": 60}})
    CampaignStore(db).apply(spec, "", {}, "ann", MIGRATED)
    CampaignStore(db).start("birthday", "ann", MIGRATED)


def _try_two_variants(db: Database) -> None:
    """Two customers get one each, two are held out."""
    arms = [("a", "planned"), ("b", "planned"), (None, "holdout"), (None, "holdout")]
    moments = [
        {"campaign": "offer", "subject_id": n, "customer_id": n, "variant": variant, "reason": reason}
        for n, (variant, reason) in enumerate(arms)
    ]
    for job in plan(db, *moments, run_id="offer")[:2]:
        settle(db, job, "completed")


_NO_SETTINGS = pl.DataFrame(schema={"tenant_id": pl.Int64(), "name": pl.String(), "value": pl.String()})


def _conversions() -> pl.DataFrame:
    """Five customers, each a first time, one of them again."""
    rows = [
        {"id": n, "tenant_id": 1, "customer_id": n % 5, "converted_at": NOON + n * timedelta(hours=9)}
        for n in range(6)
    ]
    columns = {column.name: FRAME_TYPES[column.type] for column in SOURCES["conversions"].columns}
    return pl.DataFrame(rows, schema=columns).with_columns(amount=pl.lit(100), currency=pl.lit("EUR"))


def _look(files: FileStore, at: datetime) -> None:
    """A tick that selected the customers."""
    stamp = {"run_id": pl.lit("look"), "mode": pl.lit("live"), "as_of": pl.lit(at)}
    rows = pl.DataFrame({"row_id": [1, 2], "tenant_id": [1, 1], "subject_id": [1, 2]})
    files.publish("audiences/customers", rows.with_columns(**stamp), day=at.date(), run="look")


def test_questions_are_numbered_in_order() -> None:
    assert [title.split(".")[0] for title, _ in QUERIES] == [str(n + 1) for n in range(len(QUERIES))]
    assert len(QUERIES) >= 10


@pytest.mark.parametrize("query", [sql for _, sql in QUERIES], ids=[title for title, _ in QUERIES])
def test_an_example_query_answers(analytics: Path, query: str) -> None:
    with duckdb.connect(str(analytics), read_only=True) as connection:
        rows = connection.sql(query).fetchall()
    assert rows
    assert any(value for row in rows for value in row if isinstance(value, int | float))
