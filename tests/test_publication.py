"""The copy of the statistics on a PostgreSQL server: whole or not at all, for reading only."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import psycopg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from pydantic import SecretStr

from automation_pipelines.catalogue.measures import VIEWS, View
from automation_pipelines.catalogue.statistics import CAMPAIGN_DAILY, PUBLISHED
from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.stats import stats
from automation_pipelines.errors import ConfigurationError, FiguresError, StatsDatabaseError
from automation_pipelines.files import FileStore
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats import dataset, postgres, publish, restate
from automation_pipelines.stats.postgres import ANALYST, publish_copy
from tests.past import MIGRATED, NOON, plan, settle, tell

SQL = SqlFiles()
TABLES = [each.name for each in PUBLISHED]


class Company:
    """A ledger, its files, and where its statistics are published."""

    def __init__(self, home: Path) -> None:
        self.ledger = Database.open(f"sqlite:///{home / 'ledger.db'}")
        self.ledger.migrate(MIGRATED)
        self.files = FileStore(home / "files")
        self.target = home / "analytics.duckdb"

    def send(self, count: int, *, days_ago: int = 0) -> None:
        """So many messages go out, and the first is clicked; the file is published."""
        due = NOON - timedelta(days=days_ago)
        work = plan(
            self.ledger,
            *({"due_at": due, "occurrence": days_ago, "subject_id": n} for n in range(count)),
            run_id=f"{days_ago}-{count}",
        )
        for job in work:
            settle(self.ledger, job, "completed", minutes=1)
        tell(self.ledger, (f"{days_ago}-{count}", "clicked", work[0]))
        restate(self.ledger, self.files, SQL, [due.date()], as_of=NOON)
        publish(self.ledger, self.files, SQL, self.target, as_of=NOON)


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    made = Company(tmp_path)
    yield made
    made.ledger.close()


@contextmanager
def reading(url: str) -> Iterator[psycopg.Connection]:
    """A reader whose transactions each see one state, as those of reports do."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield connection


def sent(connection: psycopg.Connection) -> object:
    row = connection.execute(
        "SELECT (SELECT sum(sent) FROM analytics.campaign_daily), "
        "(SELECT sum(sent) FROM analytics.campaign_rates)"
    ).fetchone()
    assert row
    assert row[0] == row[1]
    return row[0]


def told(rows: list[tuple[object, ...]]) -> list[list[str]]:
    """Rows in no order, instants of two drivers alike."""
    return sorted([str(cell) for cell in row] for row in rows)


def test_the_copy_says_what_the_file_says(company: Company, postgres_url: str) -> None:
    company.send(3)
    first = publish_copy(company.target, postgres_url, "analytics")
    assert (first.written, first.notices) == (sum(first.added.values()), ())
    with duckdb.connect(str(company.target), read_only=True) as file, psycopg.connect(postgres_url) as server:
        server.execute("SET TimeZone = 'UTC'")
        for name in (*TABLES, *VIEWS):
            there = server.execute(f"SELECT * FROM analytics.{name}").fetchall()
            assert told(there) == told(file.sql(f"FROM {name}").fetchall()), name
        comments = server.execute(
            "SELECT c.relname || '.' || a.attname, format_type(a.atttypid, NULL), "
            "col_description(c.oid, a.attnum), obj_description(c.oid) FROM pg_attribute AS a "
            "JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'v') "
            "WHERE c.relnamespace = 'analytics'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped"
        ).fetchall()
    said = {name: (kind, words, table) for name, kind, words, table in comments}
    shown: tuple[Statistic | View, ...] = (*PUBLISHED, *VIEWS.values())
    assert {name: words for name, (_, words, _) in said.items()} == {
        f"{each.name}.{column.name}": column.doc for each in shown for column in each.columns
    }
    assert {table for _, _, table in said.values()} == {f"One row is {each.row}." for each in shown}
    assert said["campaign_daily.day"][0] == "date"
    assert said["campaign_rates.sent"][0] == "bigint"
    assert said["campaign_rates.human_click_rate"][0] == "double precision"


def test_only_what_changed_is_written(company: Company, postgres_url: str) -> None:
    company.send(2, days_ago=1)
    publish_copy(company.target, postgres_url, "analytics")
    assert publish_copy(company.target, postgres_url, "analytics").written == 0
    company.send(1)
    again = publish_copy(company.target, postgres_url, "analytics")
    assert (again.added["campaign_daily"], again.removed["campaign_daily"]) == (1, 0)
    assert (again.added["campaign_totals"], again.removed["campaign_totals"]) == (1, 1)


def test_who_reads_meanwhile_sees_the_old_whole_and_nobody_waits(company: Company, postgres_url: str) -> None:
    company.send(2, days_ago=1)
    publish_copy(company.target, postgres_url, "analytics")
    with reading(postgres_url) as reader:
        assert sent(reader) == 2
        company.send(3)
        publish_copy(company.target, postgres_url, "analytics")
        assert sent(reader) == 2
        reader.rollback()
        assert sent(reader) == 5


def test_a_publication_that_dies_half_way_changes_nothing(company: Company, postgres_url: str) -> None:
    company.send(2, days_ago=1)
    publish_copy(company.target, postgres_url, "analytics")
    company.send(3)
    with psycopg.connect(postgres_url, autocommit=True) as other, psycopg.connect(postgres_url) as holder:
        # It stops at the last table, all others being written, until it is killed there.
        holder.execute(f"LOCK TABLE analytics.{TABLES[-1]} IN SHARE MODE")
        waiting = (
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )

        def kill() -> None:
            while not (found := other.execute(waiting).fetchall()):
                other.execute("SELECT pg_sleep(0.02)")
            other.execute("SELECT pg_terminate_backend(%s)", found[0])

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(StatsDatabaseError, match="What was there is there still"):
            publish_copy(company.target, postgres_url, "analytics")
        killer.join()
        holder.rollback()
        assert sent(other) == 2
        publish_copy(company.target, postgres_url, "analytics")
        assert sent(other) == 5


def test_an_analyst_reads_everything_and_changes_nothing(company: Company, postgres_url: str) -> None:
    company.send(1)
    publish_copy(company.target, postgres_url, "analytics")
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("CREATE TABLE analytics.later AS SELECT 1 AS one")
        server.execute(f"SET ROLE {ANALYST}")
        for name in (*TABLES, *VIEWS, "later"):
            server.execute(f"SELECT * FROM analytics.{name}")
        for forbidden in (
            "DELETE FROM analytics.campaign_daily",
            "UPDATE analytics.tenants SET name = ''",
            "CREATE TABLE analytics.own (a int)",
            "DROP VIEW analytics.campaign_rates",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                server.execute(forbidden)
        server.execute("RESET ROLE")
        assert server.execute(
            "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [ANALYST]
        ).fetchall() == [(False,)]


def test_what_a_login_may_not_do_is_said(
    company: Company, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.send(1)
    monkeypatch.setattr(postgres, "ANALYST", "nobody_yet")
    name = sa.make_url(postgres_url).database
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("DROP ROLE IF EXISTS stats_writer, nobody_yet")
        server.execute("CREATE ROLE stats_writer LOGIN PASSWORD 'secret'")
        url = sa.make_url(postgres_url).set(username="stats_writer", password="secret")
        own = url.render_as_string(hide_password=False)
        with pytest.raises(StatsDatabaseError, match="permission denied") as refused:
            publish_copy(company.target, own, "analytics")
        assert "secret" not in str(refused.value)
        server.execute(f'GRANT CREATE ON DATABASE "{name}" TO stats_writer')
        copied = publish_copy(company.target, own, "analytics")
        assert copied.written
        assert "have an administrator run `CREATE ROLE nobody_yet NOLOGIN`" in copied.notices[0]
        server.execute("CREATE ROLE nobody_yet NOLOGIN")
        assert publish_copy(company.target, own, "analytics").notices == ()
        server.execute("SET ROLE nobody_yet")
        assert sent(server) == 1
        server.execute("RESET ROLE")
        server.execute("DROP OWNED BY nobody_yet")
        server.execute("DROP OWNED BY stats_writer CASCADE")
        server.execute("DROP ROLE stats_writer, nobody_yet")


def test_a_table_of_an_older_version_gets_this_ones_columns(company: Company, postgres_url: str) -> None:
    company.send(2)
    publish_copy(company.target, postgres_url, "analytics")
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(
            "DROP VIEW analytics.campaign_rates, analytics.campaign_rates_daily, analytics.step_rates"
        )
        server.execute("ALTER TABLE analytics.campaign_daily DROP COLUMN clicked, ADD COLUMN old int")
        server.execute("ALTER TABLE analytics.campaign_daily ALTER COLUMN sent TYPE int")
        server.execute("CREATE VIEW analytics.mine AS SELECT planned FROM analytics.campaign_daily")
        publish_copy(company.target, postgres_url, "analytics")
        assert sent(server) == 2
        assert server.execute("SELECT planned FROM analytics.mine").fetchall() == [(2,)]
        server.execute("CREATE VIEW analytics.theirs AS SELECT sent FROM analytics.campaign_daily")
        server.execute("ALTER TABLE analytics.campaign_daily ADD COLUMN old int")
        publish_copy(company.target, postgres_url, "analytics")
        assert server.execute("SELECT sent FROM analytics.theirs").fetchall() == [(2,)]


def test_a_server_that_is_away_is_told_without_its_password(company: Company) -> None:
    company.send(1)
    with pytest.raises(StatsDatabaseError, match=r"127\.0\.0\.1:1.*automation stats publish") as away:
        publish_copy(company.target, "postgresql://me:secret@127.0.0.1:1/bi", "analytics")
    assert "secret" not in str(away.value)
    for url in ("sqlite:///x.db", "mysql://db/bi", "bi"):
        with pytest.raises(ConfigurationError, match="AUTOMATION_STATS_URL is no PostgreSQL"):
            publish_copy(company.target, url, "analytics")


def test_the_commands_check_publish_copy_and_show(company: Company, postgres_url: str) -> None:
    settings = Settings(home=company.target.parent, stats_url=SecretStr(postgres_url), stats_schema="bi")
    front = Front(Installation(settings, company.ledger, company.files, SQL), NOON, "tester")

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(stats, words, obj=front)
        assert (result.exit_code, type(result.exception)) == (code, FiguresError if code else type(None))
        return f"{result.output}{result.exception or ''}"

    company.send(4)
    assert "ok: campaign_daily / adds_up: 1 looked at" in run("check", "--from", str(NOON.date()))
    assert f"published {company.target}" in run("publish")
    assert "copied to schema bi: 0 rows added or removed" in run("publish")
    with psycopg.connect(postgres_url) as server:
        assert server.execute("SELECT human_click_rate FROM bi.campaign_rates").fetchall() == [(0.25,)]
    asked = ("show", "campaign_daily", "--measure", "human_click_rate")
    assert "sent 4, human_click_rate 25.00%" in run(*asked)
    (row,) = map(json.loads, run(*asked, "--tenant", "1", "--json").splitlines())
    assert (row["step"], row["clicked"], row["human_click_rate"]) == ("wish", 1, 0.25)
    assert '"bounce_rate":0.0' in run("show", "campaign_rates", "--json")
    assert "No measure of success" in run("measures", "--json")
    assert "sum(clicked) / sum(sent)" in run("measures")
    before = company.target.read_bytes()
    days = company.files.read(dataset(CAMPAIGN_DAILY))
    company.files.replace(dataset(CAMPAIGN_DAILY), days.with_columns(pl.col("sent") + 1), day=NOON.date())
    refusal = "adds_up: 1 of 1 rows do not add up\n  day 2026-05-01, tenant_id 1, campaign birthday"
    assert refusal in run("publish", code=1)
    assert "WRONG: campaign_daily / adds_up" in run("check", "--all", code=1)
    assert company.target.read_bytes() == before
