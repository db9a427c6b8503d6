"""Housekeeping: what is over its time goes, once and for good, and nothing that is left needs it."""

import re
from collections.abc import Callable
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines import archive, housekeeping
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.errors import LockedError
from automation_pipelines.files import FileStore
from automation_pipelines.housekeeping import housekeep, overdue
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import database as ledger_database
from automation_pipelines.ledger import notifications as messages
from automation_pipelines.ledger import operations, past
from automation_pipelines.ledger.columnar import Query, raw, read_sqlite
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.operations import JobFilter
from automation_pipelines.ledger.tables import audit, chores, conversations, job_payloads, jobs, notifications
from automation_pipelines.model import Note
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from tests.past import NOON, plan, settle, tell
from tests.world import World

DAY = timedelta(days=1)


@pytest.fixture
def home(database: Database, tmp_path: Path) -> Installation:
    settings = Settings(home=tmp_path / "home")
    return Installation(settings, database, FileStore(settings.files), SqlFiles())


def ledger(db: Database, *states: str, start: int = 0) -> list[int]:
    """One job in each of these states; each finished a minute after the one before, from noon on."""
    ids = plan(db, *({"subject_id": start + n} for n in range(len(states))), run_id=f"run-{start}")
    for minutes, (job, state) in enumerate(zip(ids, states, strict=True)):
        settle(db, job, state, minutes=minutes, reason="expired" if state == "skipped" else None)
    return ids


def kept(db: Database) -> list[int]:
    return db.read(sa.select(job_payloads.c.job_id).order_by(job_payloads.c.job_id))["job_id"].to_list()


def archived(home: Installation) -> pl.DataFrame:
    return home.files.read(archive.DATASET)


def test_payloads_go_by_what_became_of_their_jobs_and_keys_stay(home: Installation) -> None:
    db, states = (
        home.database,
        ("completed", "skipped", "cancelled", "dead", "unknown", "pending", "processing"),
    )
    ids = ledger(db, *states)
    for days, gone in ((89, 0), (91, 3), (364, 3), (366, 5), (4_000, 5)):
        housekeep(home, now=NOON + days * DAY, by="nightly")
        assert kept(db) == ids[gone:], days
    assert db.read("SELECT count(*) AS n FROM jobs").item() == len(states)
    rows = archived(home).sort("job_id")
    assert rows["job_id"].to_list() == ids[:5]
    assert rows["address"].to_list() == [f"customer{n}@mail.example.com" for n in range(1, 6)]
    assert (rows.schema["due_at"], rows.schema["customer_id"]) == (pl.Datetime("us", "UTC"), pl.Int64)


def test_a_dead_job_taken_off_its_queue_goes_with_the_dead(home: Installation) -> None:
    ids = ledger(home.database, "dead", "completed")
    housekeep(home, now=NOON + 200 * DAY, by="nightly")
    operations.clear(home.database, JobFilter(ids=(ids[0],)), by="ops", now=NOON + 201 * DAY)
    housekeep(home, now=NOON + 202 * DAY, by="nightly")
    assert kept(home.database) == ids[:1]
    housekeep(home, now=NOON + 367 * DAY, by="nightly")
    assert kept(home.database) == []


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_slices_lose_nothing_where_many_finished_at_one_instant(home: Installation, size: int) -> None:
    db = home.database
    ids = plan(db, *({"subject_id": n} for n in range(7)))
    for job in ids:
        settle(db, job, "completed", minutes=0 if job != ids[3] else 5)
    assert housekeep(home, now=NOON + 91 * DAY, by="nightly", size=size).payloads == 7
    assert (kept(db), archived(home)["job_id"].sort().to_list()) == ([], ids)


@pytest.mark.parametrize("where", ["archive.add", "retention.drop", "retention.reach"])
def test_a_crash_anywhere_is_made_good_by_the_next_run(
    home: Installation, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It dies right after the second time it did that."""
    db = home.database
    ids = ledger(db, *["completed"] * 6)
    module, name = where.split(".")
    owner, calls = getattr(housekeeping, module), []
    real: Callable[..., object] = getattr(owner, name)

    def dying(*args: object, **kwargs: object) -> object:
        calls.append(real(*args, **kwargs))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return calls[-1]

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, dying)
        with pytest.raises(KeyboardInterrupt):
            housekeep(home, now=NOON + 91 * DAY, by="nightly", size=2)
    settle(db, ids[-1], "dead")  # and the world moves on
    housekeep(home, now=NOON + 92 * DAY, by="nightly", size=2)
    gone = [job for job in ids if job not in kept(db)]
    assert set(gone) >= set(ids[:-1])
    assert archived(home).filter(pl.col("job_id").is_in(gone))["job_id"].sort().to_list() == gone


def test_the_second_run_looks_at_nothing_the_first_has_done(home: Installation) -> None:
    """Planted behind the cursor, a payload would be found by whoever reads the whole record."""
    db = home.database
    ids = ledger(db, "completed", "completed")
    housekeep(home, now=NOON + 91 * DAY, by="nightly")
    with db.begin() as connection:
        connection.execute(job_payloads.insert().values(job_id=ids[0], subject_text="x", variables="{}"))
    assert housekeep(home, now=NOON + 92 * DAY, by="nightly").payloads == 0
    through = dict(db.read(sa.select(chores.c.name, chores.c.through)).iter_rows())
    assert through == {"payloads": NOON + 2 * DAY, "payloads of failures": NOON - 273 * DAY}
    housekeep(home, now=NOON - 5 * DAY, by="a clock gone wrong")
    assert dict(db.read(sa.select(chores.c.name, chores.c.through)).iter_rows()) == through


def test_a_day_has_one_file_for_thousands_of_jobs_and_can_be_removed(home: Installation) -> None:
    ledger(home.database, *["completed"] * 5)
    later = plan(home.database, {"due_at": NOON + DAY, "occurrence": 5000}, run_id="next-day")
    settle(home.database, later[0], "completed", minutes=24 * 60)
    for _ in range(2):
        housekeep(home, now=NOON + 95 * DAY, by="nightly", size=2)
    assert [path.name for path in home.files.paths(archive.DATASET)] == ["jobs-000000000000.parquet"] * 2
    brief = home.settings.model_copy(update={"archive_retention_days": 100})
    brief_home = Installation(brief, home.database, home.files, home.sqlfiles)
    assert overdue(brief_home, NOON + 101 * DAY).archive_files == 1
    assert housekeep(brief_home, now=NOON + 101 * DAY, by="nightly").archive_files == 1
    assert home.files.days(archive.DATASET) == [date(2026, 5, 2)]


def test_without_an_archive_they_are_just_dropped(home: Installation) -> None:
    ledger(home.database, "completed")
    settings = home.settings.model_copy(update={"payload_archive": False, "payload_retention_days": 1})
    plain = Installation(settings, home.database, home.files, home.sqlfiles)
    assert housekeep(plain, now=NOON + 2 * DAY, by="nightly").payloads == 1
    assert (kept(home.database), home.files.paths(archive.DATASET)) == ([], [])


def test_it_is_counted_before_and_audited_after(home: Installation) -> None:
    db, old = home.database, NOON + 100 * DAY
    ledger(db, "completed", "completed", "dead")
    messages.add(db, [Note(n, 1, f"n-{n}", "customer:1", "Hi", "There") for n in range(3)])
    with db.begin() as connection:
        connection.execute(notifications.update().where(notifications.c.id < 3).values(created_at=NOON))
        connection.execute(notifications.update().where(notifications.c.id == 3).values(created_at=old))
        whom = {"tenant_id": 1, "channel": "whatsapp"}
        connection.execute(
            conversations.insert(),
            [{**whom, "address_hash": f"{at}", "last_inbound_at": at} for at in (NOON, old)],
        )
    shown = home.settings.home / "test-outbox" / "email" / "new" / "1"
    shown.parent.mkdir(parents=True)
    shown.write_text("a test")
    now = datetime.fromtimestamp(shown.stat().st_mtime, UTC) + 91 * DAY
    expected = overdue(home, NOON + 91 * DAY)
    assert astuple(expected) == (2, 0, 2, 1, 0, 0)
    assert housekeep(home, now=NOON + 91 * DAY, by="nightly", size=1) == expected
    assert not any(astuple(overdue(home, NOON + 91 * DAY)))
    said = db.read(sa.select(audit.c.by, audit.c.action, audit.c.detail))
    assert set(said.select("by", "action").iter_rows()) == {("nightly", "housekeep")}
    assert said["detail"].to_list().count('{"chore":"payloads","payloads":1,"archived":true}') == 2
    assert overdue(home, now).test_files == 1
    housekeep(home, now=now, by="nightly")
    assert not shown.exists()


def test_only_one_at_a_time_moves_or_erases_payloads(home: Installation) -> None:
    with home.database.payload_lock(), pytest.raises(LockedError, match="another housekeeper is at work"):
        housekeep(home, now=NOON, by="nightly")
    with home.database.planner_lock():  # a tick does not mind
        housekeep(home, now=NOON, by="nightly")


def test_what_is_asked_of_the_past_is_answered_without_payloads(home: Installation) -> None:
    """Caps, silence and what happened rest on the customer's key; addresses were for sending."""
    db = home.database
    ids = ledger(db, "completed", "completed")
    people = pl.DataFrame({"tenant_id": [1], "address_hash": ["hash-1"], "customer_id": [1]})
    asked = [(1, NOON - DAY, 1)]

    def answers() -> tuple[object, ...]:
        had = past.contacts(db, people, NOON - DAY).filter(pl.col("customer_id") == 1)
        silent = past.unengaged(db, asked, NOON + DAY).sort("customer_id")
        return had.drop("address_hash").rows(), silent.rows(), past.executed(db, [1]).rows()

    before = answers()
    housekeep(home, now=NOON + 91 * DAY, by="nightly")
    assert (kept(db), answers()) == ([], before)
    tell(db, ("late", "opened", ids[0]), ("late complaint", "complained", ids[1]))
    assert operations.show(db, ids[0]).events[0].type == "opened"


def test_the_command_lines_say_what_is_gone(home: Installation) -> None:
    db = home.database
    ids = ledger(db, "completed", "dead")
    front = Front(home, NOON + 400 * DAY, "ops")

    def run(*words: str) -> str:
        done = CliRunner().invoke(automation, words, obj=front, catch_exceptions=False)
        return done.output

    expected = "over their time: 1 payload, 1 payload of dead and unknown jobs\n"
    assert run("housekeep", "--dry-run") == expected
    assert kept(db) == ids
    assert run("housekeep").startswith(expected + "dropped: 1 payload, 1 payload of dead")
    assert run("housekeep") == "over their time: nothing\n"
    assert "completed" in run("jobs", "show", str(ids[0]))
    assert "dead" in run("jobs", "list", "--state", "dead")
    assert "dead" in run("jobs", "status")
    refused = run("jobs", "retry", str(ids[1]), "--yes")
    assert refused.startswith("1 job cannot go again: address and variables are gone")
    assert db.read(sa.select(jobs.c.state).where(jobs.c.id == ids[1])).item() == "dead"


def test_no_question_of_a_tick_reads_the_whole_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caps, silence, executions, steps after others, keys of grain `once`: each is answered by an index."""
    urls = (f"sqlite:///{tmp_path / 'ledger.db'}", f"sqlite:///{tmp_path / 'crm.db'}")
    shop = World.create(tmp_path, *urls)
    shop.add("tenants", id=1)
    shop.add("customers", id=2, birthday="1990-03-10", created_at="2026-03-09T10:00")
    shop.add("tenant_settings", id=1, name="caps", value="3 per week")
    shop.add("tenant_settings", id=2, name="sunset_days", value="365")
    letter = {"channel": "email", "template": "t"}
    steps = [{"id": "one", **letter}, {"id": "two", "after": "one", "offset": "1 hours", **letter}]
    policy = {"max_executions": 5, "repeat_after": "30 days"}
    for audience in ("birthdays", "new_customers"):
        spec = {"id": audience.replace("_", "-"), "title": "x", "audience": audience}
        shop.apply({**spec, "steps": steps, "policy": policy}, start="2026-01-01T00:00")
    asked: list[str] = []

    def explained(connection: sa.Connection, query: Query) -> pl.DataFrame:
        steps = raw(connection).execute(f"EXPLAIN QUERY PLAN {query.text}", query.values).fetchall()
        asked.extend(step[3] for step in steps)
        return read_sqlite(connection, query)

    monkeypatch.setattr(ledger_database, "read_sqlite", explained)
    for hour in ("08:30", "09:30", "10:30"):
        shop.tick(f"2026-03-10T{hour}")
    about_jobs = [step for step in asked if re.search(r"\bjobs\b", step)]
    assert len(shop.sent()) == 2
    assert any("(occurrence=? AND tenant_id=? AND campaign_id=?" in step for step in about_jobs)
    for index in ("ix_jobs_happened", "ix_jobs_mailed"):
        assert any(index in step for step in about_jobs)
    assert [step for step in about_jobs if re.match(r"SCAN jobs(?! USING)", step)] == []
