"""Opening, migrating, transactions, columnar reads, bulk loads and the planner lock."""

import sqlite3
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from polars.testing import assert_frame_equal

from automation_pipelines.errors import ConfigurationError, LedgerError, LockedError
from automation_pipelines.ledger.database import Database, dump_json
from automation_pipelines.ledger.tables import UtcDateTime, audit, installation, jobs, metadata, ticks
from tests.processes import PROCESSES

NOW = datetime(2026, 3, 1, 12, 30, 15, 250, tzinfo=UTC)


def _migrate(url: str) -> None:
    Database.open(url).migrate(NOW)


def _audit(database: Database, count: int) -> None:
    for number in range(count):
        with database.begin() as connection:
            connection.execute(audit.insert().values(at=NOW, by="a", action=str(number), detail="{}"))


def _audit_at(url: str, count: int) -> None:
    _audit(Database.open(url), count)


def _run(*processes: ForkServerProcess) -> list[int | None]:
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def _process(target: object, *arguments: object) -> ForkServerProcess:
    return PROCESSES.Process(target=target, args=arguments)


class TestOpening:
    def test_a_missing_database_asks_for_init_and_is_not_created(self, tmp_path: Path) -> None:
        database = Database.open(f"sqlite:///{tmp_path / 'none.db'}")
        with pytest.raises(ConfigurationError, match="automation init"):
            database.require_current()
        assert not (tmp_path / "none.db").exists()

    def test_an_empty_database_asks_for_init(self, postgres_url: str) -> None:
        with pytest.raises(ConfigurationError, match="no tables yet: run `automation init`"):
            Database.open(postgres_url).require_current()

    def test_a_newer_schema_asks_for_an_update(self, database: Database) -> None:
        with database.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(ConfigurationError, match="newer version"):
            database.require_current()

    def test_a_migrated_one_is_current(self, database: Database) -> None:
        database.require_current()

    @pytest.mark.parametrize("url", ["mysql://user:secret@host/db", "sqlite://", "nonsense secret"])
    def test_other_databases_are_refused_without_telling_the_password(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="sqlite:///file") as refused:
            Database.open(url)
        assert "secret" not in str(refused.value)

    def test_its_name_hides_the_password(self) -> None:
        assert "secret" not in str(Database.open("postgresql://user:secret@host/db"))
        assert "secret" not in str(Database.open("postgresql://host/db?password=secret"))

    def test_a_server_that_is_away_is_told_in_a_sentence(self) -> None:
        with pytest.raises(LedgerError, match=r"cannot be used now: .*refused") as refused:
            Database.open("postgresql://user:secret@127.0.0.1:1/db").require_current()
        assert "secret" not in str(refused.value)
        with pytest.raises(ConfigurationError, match="cannot be brought to this version: ") as refused:
            Database.open("postgresql://user:secret@127.0.0.1:1/db").migrate(datetime.now(UTC))
        assert "secret" not in str(refused.value)

    def test_a_file_that_is_no_database_is_a_configuration_error(self, tmp_path: Path) -> None:
        (tmp_path / "ledger.db").write_text("a text file of more than a hundred bytes " * 3)
        database = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}")
        with pytest.raises(ConfigurationError, match="file is not a database"):
            database.require_current()
        with pytest.raises(ConfigurationError, match="file is not a database"):
            database.migrate(datetime.now(UTC))


class TestMigrating:
    def test_two_processes_at_once_make_one_schema_and_one_salt(self, database_url: str) -> None:
        assert _run(_process(_migrate, database_url), _process(_migrate, database_url)) == [0, 0]
        database = Database.open(database_url)
        database.require_current()
        assert database.read(sa.select(installation)).height == 1

    def test_the_salt_stays(self, database: Database) -> None:
        salt = database.salt
        database.migrate(NOW + timedelta(days=1))
        assert Database(database.engine).salt == salt
        assert len(salt) == 64

    def test_the_migrated_schema_is_the_declared_one(self, database: Database) -> None:
        with database.begin() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
            migrated = _reflected(connection)
            metadata.drop_all(connection)
            metadata.create_all(connection)
            assert _reflected(connection) == migrated


def _reflected(connection: sa.Connection) -> dict[str, object]:
    """Columns, CHECK texts, indexes with their predicates and keys, as the database tells them."""
    inspector = sa.inspect(connection)

    def parts(table: str) -> dict[str, object]:
        columns = [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)]
        checks = {c["name"]: c["sqltext"] for c in inspector.get_check_constraints(table)}
        indexes = {
            i["name"]: (i["column_names"], {k: str(v) for k, v in i.get("dialect_options", {}).items()})
            for i in inspector.get_indexes(table)
        }
        uniques = {u["name"]: u["column_names"] for u in inspector.get_unique_constraints(table)}
        keys = (inspector.get_pk_constraint(table), inspector.get_foreign_keys(table))
        return {"columns": columns, "checks": checks, "indexes": indexes, "uniques": uniques, "keys": keys}

    return {table: parts(table) for table in metadata.tables}


class TestTransactions:
    def test_an_exception_leaves_nothing(self, database: Database) -> None:
        def fail(connection: sa.Connection) -> None:
            connection.execute(audit.insert().values(at=NOW, by="a", action="x", detail="{}"))
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), database.begin() as connection:
            fail(connection)
        assert database.read(sa.select(audit)).is_empty()

    def test_two_writing_processes_wait_for_each_other(self, database: Database) -> None:
        url = database.engine.url.render_as_string(hide_password=False)
        assert _run(*(_process(_audit_at, url, 150) for _ in range(2))) == [0, 0]
        assert database.read(sa.select(audit)).height == 300

    def test_a_naive_time_is_refused(self, database: Database) -> None:
        naive = datetime(2026, 1, 1)  # noqa: DTZ001
        with pytest.raises(sa.exc.StatementError, match="naive"), database.begin() as connection:
            connection.execute(audit.insert().values(at=naive, by="a", action="x", detail="{}"))


class TestReading:
    def test_no_rows_have_the_types_of_the_columns(self, database: Database) -> None:
        frame = database.read(sa.select(ticks.c.id, ticks.c.as_of, ticks.c.mode, ticks.c.files_published))
        assert frame.schema == {
            "id": pl.Int64(),
            "as_of": pl.Datetime("us", "UTC"),
            "mode": pl.String(),
            "files_published": pl.Boolean(),
        }

    def test_nulls_alone_have_the_types_of_the_columns(self, database: Database) -> None:
        null = sa.select(sa.null().label("x")).subquery()
        picked = sa.select(sa.type_coerce(null.c.x, UtcDateTime).label("at"))
        if database.dialect == "postgresql":
            picked = sa.select(sa.cast(null.c.x, UtcDateTime).label("at"))
        frame = database.read(picked)
        assert frame.schema == {"at": pl.Datetime("us", "UTC")}
        assert frame["at"].to_list() == [None]

    def test_values_are_bound_and_instants_come_back_in_utc(self, database: Database) -> None:
        _audit(database, 3)
        hostile = "'; DROP TABLE audit; --"
        elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
        statement = sa.select(audit.c.at, audit.c.action).where(
            audit.c.at == elsewhere, audit.c.action.in_(["0", "2", hostile])
        )
        frame = database.read(statement.order_by(audit.c.id))
        assert frame["at"].to_list() == [NOW, NOW]
        assert frame["action"].to_list() == ["0", "2"]

    def test_an_empty_list_matches_nothing(self, database: Database) -> None:
        _audit(database, 1)
        assert database.read(sa.select(audit.c.id).where(audit.c.id.in_([]))).is_empty()

    def test_text_takes_named_values(self, database: Database) -> None:
        _audit(database, 3)
        frame = database.read("SELECT action FROM audit WHERE action = :wanted", {"wanted": "1"})
        assert frame["action"].to_list() == ["1"]


class TestIngesting:
    FRAME = pl.DataFrame(
        {
            "number": [1, None, -(2**62)],
            "text": ["", None, 'O\'Neil, "Zoë"\n\\N'],
            "at": [NOW, None, datetime(1969, 12, 31, tzinfo=UTC)],
            "flag": [True, None, False],
            "share": [0.5, None, -1e300],
        }
    )

    def test_every_value_arrives_unchanged(self, database: Database) -> None:
        with database.begin() as connection:
            table = database.ingest(connection, "staged", self.FRAME)
            rows = connection.execute(sa.select(table)).all()
        assert [tuple(row) for row in rows] == self.FRAME.rows()

    def test_the_table_vanishes_with_the_transaction(self, database: Database) -> None:
        for _ in range(2):
            with database.begin() as connection:
                database.ingest(connection, "staged", self.FRAME)
        with pytest.raises(sa.exc.DBAPIError), database.begin() as connection:
            connection.execute(sa.select(sa.table("staged", sa.column("number"))))

    def test_no_rows_is_a_table_without_rows(self, database: Database) -> None:
        with database.begin() as connection:
            table = database.ingest(connection, "staged", self.FRAME.clear())
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0

    def test_no_staging_file_is_left(
        self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "staging").mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "staging"))

        def fail(connection: sa.Connection) -> None:
            database.ingest(connection, "staged", self.FRAME)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), database.begin() as connection:
            fail(connection)
        assert list((tmp_path / "staging").iterdir()) == []

    def test_listed_rows_travel_in_one_value(self, database: Database) -> None:
        columns = {"id": sa.BigInteger(), "at": UtcDateTime(), "text": sa.Text()}
        given = [(2**62, NOW, "é'\""), (2, None, None)]
        with database.begin() as connection:
            rows = connection.execute(sa.select(database.listed("l", columns, given))).all()
        assert [tuple(row) for row in rows] == given


class TestPlannerLock:
    def test_a_second_planner_is_refused_at_once_and_may_try_again(self, database: Database) -> None:
        with (
            database.planner_lock(),
            pytest.raises(LockedError, match="another planner"),
            database.planner_lock(),
        ):
            pass
        with database.planner_lock():
            pass

    def test_planners_of_two_databases_do_not_meet(self, database: Database, tmp_path: Path) -> None:
        other = Database.open(f"sqlite:///{tmp_path / 'other.db'}")
        with database.planner_lock(), other.planner_lock():
            pass


def test_sqlite_is_in_wal_mode(tmp_path: Path) -> None:
    Database.open(f"sqlite:///{tmp_path / 'a.db'}").migrate(NOW)
    with sqlite3.connect(tmp_path / "a.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_json_knows_dates_and_decimals() -> None:
    value = {"at": NOW, "on": date(2024, 2, 29), "amount": Decimal("12.50"), "whole": Decimal(3), "set": {1}}
    assert dump_json(value) == (
        '{"at":"2026-03-01T12:30:15.000250+00:00","on":"2024-02-29","amount":12.5,"whole":3,"set":[1]}'
    )


def test_jobs_keep_their_key_unique() -> None:
    unique = {tuple(c.columns.keys()) for c in jobs.constraints if isinstance(c, sa.UniqueConstraint)}
    assert unique == {("occurrence", "tenant_id", "campaign_id", "step_id", "subject_id", "recipient_id")}


def test_frames_from_both_databases_are_equal(tmp_path: Path, postgres_url: str) -> None:
    frames = []
    for url in (f"sqlite:///{tmp_path / 'a.db'}", postgres_url):
        database = Database.open(url)
        database.migrate(NOW)
        _audit(database, 5)
        frames.append(database.read(sa.select(audit).order_by(audit.c.id)))
    assert_frame_equal(*frames)
