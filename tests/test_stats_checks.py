"""Checks of statistics: what does not add up is named and not published, what is explained is told."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from automation_pipelines.catalogue.statistics import CAMPAIGN_DAILY, DAILY, MESSAGE_FACTS
from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.errors import FiguresError
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats import dataset, publish, restate
from automation_pipelines.stats.checks import CHECKS, check, require_sound
from automation_pipelines.stats.findings import Finding, Look
from tests.past import NOON, plan, settle, tell

DAY = NOON.date()
NEXT = NOON + timedelta(days=1)


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
def look(database: Database, files: FileStore) -> Look:
    """The day after one of eight messages, four of them sent; two that count nowhere else."""
    work = plan(database, *({"subject_id": n} for n in range(8)))
    states = ("completed", "completed", "completed", "completed", "dead", "unknown", "cancelled")
    for job, state in zip(work, states, strict=False):
        settle(database, job, state, minutes=1)
    settle(database, work[7], "skipped", reason="expired")
    plan(database, {"subject_id": 9, "reason": "holdout"}, run_id="settled")
    plan(database, {"subject_id": 1}, run_id="try", mode="test")
    tell(database, ("a", "delivered", work[0]), ("b", "clicked", work[1]), ("c", "delivered", work[4]))
    restate(database, files, SqlFiles(), [DAY], as_of=NEXT)
    return Look(database, files, NEXT)


def found(look: Look) -> dict[tuple[str, str], Finding]:
    return {(each.check.statistic, each.check.name): each for each in check(look)}


def wrong(look: Look) -> list[str]:
    return [f"{statistic}/{name}" for (statistic, name), each in found(look).items() if not each.passed]


def tamper(files: FileStore, statistic: Statistic, *change: pl.Expr) -> None:
    """What nothing that computes would file."""
    files.replace(dataset(statistic), files.read(dataset(statistic)).with_columns(*change), day=DAY)


def test_what_is_right_passes_and_says_what_was_looked_at(look: Look) -> None:
    told = found(look)
    assert set(told) == {(each.statistic, each.name) for each in CHECKS}
    assert [each.said for each in told.values() if not each.passed] == []
    assert told["campaign_daily", "as_in_the_ledger"].said == "1 looked at"
    assert told["message_facts", "events_have_sends"].said.startswith("1 messages with feedback were never")
    assert require_sound(look)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (pl.col("moments") + 1, ["adds_up"]),
        (pl.col("skipped_holdout") - 1, ["adds_up"]),
        (pl.col("planned") + 1, ["adds_up"]),
        (pl.col("sent") + 1, ["adds_up", "as_in_the_ledger"]),
        (pl.lit("elsewhere").alias("campaign"), ["as_in_the_ledger"]),
        (pl.col("sent").cast(pl.Int32), ["as_declared"]),
        (pl.lit(None, pl.Int64).alias("delivered"), ["as_declared"]),
    ],
    ids=["moments", "skipped", "planned", "sent", "campaign", "type", "missing"],
)
def test_what_is_wrong_is_named_and_refused(look: Look, change: pl.Expr, broken: list[str]) -> None:
    tamper(look.files, CAMPAIGN_DAILY, change)
    assert wrong(look) == [f"campaign_daily/{name}" for name in broken]
    with pytest.raises(FiguresError, match=rf"campaign_daily / {broken[0]}: "):
        require_sound(look)


def test_a_row_that_is_there_twice_is_named(look: Look) -> None:
    twice = look.files.read(dataset(CAMPAIGN_DAILY))
    look.files.replace(dataset(CAMPAIGN_DAILY), pl.concat([twice, twice]), day=DAY)
    finding = found(look)["campaign_daily", "as_declared"]
    assert finding.rows == [f"day {DAY}, tenant_id 1, campaign birthday, step wish, channel email, times 2"]


def test_a_damaged_file_is_named_and_restating_its_day_heals_it(look: Look, tmp_path: Path) -> None:
    (path,) = look.files.paths(dataset(MESSAGE_FACTS), [DAY])
    path.write_bytes(path.read_bytes()[:100])
    assert "message_facts/as_declared" in wrong(look)
    with pytest.raises(FiguresError, match="over that day writes it anew"):
        publish(look.database, look.files, SqlFiles(), tmp_path / "a.duckdb", as_of=NEXT)
    restate(look.database, look.files, SqlFiles(), [DAY], as_of=NEXT)
    assert wrong(look) == []


def test_both_sides_of_a_difference_are_named(look: Look) -> None:
    tamper(look.files, CAMPAIGN_DAILY, pl.col("sent") - 1, pl.col("failed") + 1)
    assert found(look)["campaign_daily", "as_in_the_ledger"].rows == [
        f"day {DAY}, tenant_id 1, campaign birthday, sent 3 (ledger: 4), failed 2 (ledger: 1)"
    ]


def test_a_day_on_which_something_still_moves_is_not_compared(look: Look) -> None:
    """Between restating and looking a job was tried again by hand, and went out a minute ago."""
    change = sa.update(jobs).where(jobs.c.state == "dead")
    with look.database.begin() as connection:
        connection.execute(change.values(state="completed", finished_at=NEXT - timedelta(minutes=1)))
    assert wrong(look) == []
    later = Look(look.database, look.files, NEXT + timedelta(hours=2))
    assert wrong(later) == ["campaign_daily/as_in_the_ledger"]


def test_feedback_about_more_messages_than_were_sent_is_refused(look: Look) -> None:
    opened = pl.when(pl.col("state") == "cancelled").then("due_at").otherwise("opened_at").alias("opened_at")
    tamper(look.files, MESSAGE_FACTS, opened, pl.lit(0, pl.Int64).alias("attempts"))
    finding = found(look)["message_facts", "events_have_sends"]
    assert (finding.passed, finding.gates) == (False, False)
    assert "1 were never handed to anybody" in finding.said
    require_sound(look)
    tamper(look.files, MESSAGE_FACTS, pl.col("due_at").alias("opened_at"))
    with pytest.raises(FiguresError, match="more messages with feedback than were sent"):
        require_sound(look)


def test_old_figures_are_told_and_published(look: Look) -> None:
    later = Look(look.database, look.files, NEXT + timedelta(days=5))
    assert wrong(later) == ["campaign_daily/fresh"]
    assert require_sound(later)
    nothing = Look(look.database, FileStore(look.files.root / "none"), NEXT)
    assert wrong(nothing) == ["campaign_daily/fresh"]


def test_only_the_days_asked_for_are_looked_at(look: Look) -> None:
    tamper(look.files, CAMPAIGN_DAILY, pl.col("moments") + 1)
    assert wrong(Look(look.database, look.files, NEXT, [NEXT.date()])) == []
    assert wrong(Look(look.database, look.files, NEXT, [DAY])) == ["campaign_daily/adds_up"]


def test_every_daily_statistic_is_looked_at() -> None:
    assert {each.name for each in DAILY} <= {each.statistic for each in CHECKS}
