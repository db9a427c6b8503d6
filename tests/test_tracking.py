"""Tracked columns: what differs from the last value seen becomes a change, once, at the CRM's own time."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.extraction import track
from automation_pipelines.extraction.tracking import watched
from automation_pipelines.ledger import changes as ledger
from automation_pipelines.ledger.changes import SEEN, Reading, record
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import changes, tracked_values
from automation_pipelines.preview import preview
from tests.world import World, at

HEALTH = AUDIENCES["health_score_changes"]
RISK = AUDIENCES["churn_risk_changes"]
STAGES = AUDIENCES["stage_entries"]


def look(world: World, moment: str, *audiences: Any) -> int:
    """One reading of what these audiences watch."""
    installation = world.installation
    parts = installation.crm, installation.sqlfiles, installation.database
    return track(*parts, audiences or (HEALTH,), as_of=at(moment))


def told(db: Database) -> list[tuple[Any, ...]]:
    """(row, column, old, new, at) of every change, in their order."""
    c = changes.c
    rows = db.read(sa.select(c.row_id, c.column, c.old, c.new, c.at).order_by(c.at, c.row_id, c.column))
    return [(*row[:-1], f"{row[-1]:%Y-%m-%dT%H:%M}") for row in rows.iter_rows()]


def account(world: World, key: int, **values: Any) -> None:
    world.add("accounts", id=key, **{"updated_at": "2026-03-01T08:00", "health_score": 80, **values})


@pytest.fixture
def watching(world: World) -> World:
    """A company that has been looked at once, with two accounts."""
    world.add("tenants", id=1)
    account(world, 1)
    account(world, 2)
    assert look(world, "2026-03-01T09:00") == 0
    return world


def test_first_sight_is_no_change(watching: World) -> None:
    account(watching, 3, updated_at="2026-03-01T09:10")
    assert look(watching, "2026-03-01T09:30") == 0
    assert told(watching.installation.database) == []


def test_a_value_that_differs_is_a_change_at_the_crms_time(watching: World) -> None:
    watching.change("accounts", 1, health_score=55, updated_at="2026-03-01T09:12")
    assert look(watching, "2026-03-01T09:30") == 1
    assert told(watching.installation.database) == [(1, "health_score", "80", "55", "2026-03-01T09:12")]


def test_reading_it_again_adds_nothing(watching: World) -> None:
    watching.change("accounts", 1, health_score=55, updated_at="2026-03-01T09:12")
    assert [look(watching, moment) for moment in ("2026-03-01T09:30",) * 2 + ("2026-03-01T10:00",)] == [
        1,
        0,
        0,
    ]


def test_each_move_is_a_change_also_back_to_what_it_was(watching: World) -> None:
    for minute, score in ((10, 55), (40, 80)):
        watching.change("accounts", 1, health_score=score, updated_at=f"2026-03-01T09:{minute}")
        look(watching, f"2026-03-01T09:{minute + 5}")
    assert [row[2:4] for row in told(watching.installation.database)] == [("80", "55"), ("55", "80")]


def test_nothing_is_a_value_too(watching: World) -> None:
    watching.change("accounts", 1, health_score=None, updated_at="2026-03-01T09:12")
    look(watching, "2026-03-01T09:30")
    watching.change("accounts", 1, health_score=0, updated_at="2026-03-01T09:42")
    look(watching, "2026-03-01T10:00")
    assert [row[2:4] for row in told(watching.installation.database)] == [("80", None), (None, "0")]


def test_a_row_written_after_as_of_belongs_to_the_next_tick(watching: World) -> None:
    watching.change("accounts", 1, health_score=55, updated_at="2026-03-01T09:31")
    assert look(watching, "2026-03-01T09:30") == 0
    assert look(watching, "2026-03-01T10:00") == 1


def test_a_row_that_becomes_visible_late_is_found(watching: World) -> None:
    watching.change("accounts", 2, health_score=70, updated_at="2026-03-01T09:20")
    look(watching, "2026-03-01T09:30")
    watching.change("accounts", 1, health_score=55, updated_at="2026-03-01T09:06")
    assert look(watching, "2026-03-01T10:00") == 1


def test_without_a_time_of_the_crm_it_changed_when_it_was_seen(world: World) -> None:
    world.add("tenants", id=1)
    account(world, 1, updated_at=None)
    look(world, "2026-03-01T09:00")
    world.change("accounts", 1, health_score=55)
    assert [look(world, "2026-03-01T09:30"), look(world, "2026-03-01T10:00")] == [1, 0]
    assert told(world.installation.database) == [(1, "health_score", "80", "55", "2026-03-01T09:30")]


def test_a_change_without_a_new_time_is_found_once_a_day(watching: World) -> None:
    for key in (1, 2):
        watching.change("accounts", key, updated_at="2026-03-08T08:00")
    look(watching, "2026-03-08T09:00")
    watching.change("accounts", 1, health_score=55, updated_at="2026-03-01T08:00")
    watching.change("accounts", 2, health_score=55)
    look(watching, "2026-03-09T09:00")
    assert told(watching.installation.database) == [(2, "health_score", "80", "55", "2026-03-09T09:00")]


def test_only_what_was_written_since_is_read(watching: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in range(10, 40):
        account(watching, key, updated_at="2026-02-01T08:00")
    watching.change("accounts", 1, health_score=55, updated_at="2026-03-01T09:12")
    read = _counted(watching, monkeypatch)
    look(watching, "2026-03-01T09:30")
    assert sum(read) < 5


def _counted(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    crm, rows = world.installation.crm, list[int]()
    original = crm.read

    def counting(statement: Any) -> Any:
        table = original(statement)
        rows.append(table.num_rows)
        return table

    monkeypatch.setattr(crm, "read", counting)
    return rows


def test_a_column_watched_later_is_read_whole_first(watching: World) -> None:
    watching.change("accounts", 1, churn_risk=10)
    look(watching, "2026-03-01T09:30", HEALTH, RISK)
    watching.change("accounts", 1, churn_risk=90, health_score=55, updated_at="2026-03-01T09:42")
    assert look(watching, "2026-03-01T10:00", HEALTH, RISK) == 2


def test_only_what_audiences_look_at_is_watched() -> None:
    assert watched([AUDIENCES["customers"], AUDIENCES["birthdays"]]) == {}
    assert watched([HEALTH, AUDIENCES["goal_status_changes"], AUDIENCES["account_status_changes"]]) == {
        "accounts": ("health_score", "status"),
        "goals": ("status",),
    }
    assert watched([STAGES]) == {"customers": ("pipeline_stage", "stage_entered_at")}


def test_instants_are_kept_so_that_the_engine_reads_them_back(world: World) -> None:
    world.add("tenants", id=1)
    world.add(
        "customers",
        id=1,
        pipeline_stage="lead",
        stage_entered_at="2026-02-01T08:00",
        updated_at="2026-02-01T08:00",
    )
    look(world, "2026-03-01T09:00", STAGES)
    moved = "2026-03-01T09:10"
    world.change("customers", 1, pipeline_stage="won", stage_entered_at=moved, updated_at=moved)
    look(world, "2026-03-01T09:30", STAGES)
    assert told(world.installation.database) == [
        (1, "pipeline_stage", "lead", "won", moved),
        (1, "stage_entered_at", "2026-02-01T08:00:00.000000Z", "2026-03-01T09:10:00.000000Z", moved),
    ]


def test_a_crash_before_the_end_leaves_everything_to_the_next_reading(
    watching: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching.change("accounts", 1, health_score=55, updated_at="2026-03-01T09:12")
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "_mark", _crash)
        with pytest.raises(RuntimeError):
            look(watching, "2026-03-01T09:30")
    assert told(watching.installation.database) == []
    assert look(watching, "2026-03-01T10:00") == 1


def _crash(*_: object) -> None:
    raise RuntimeError


def seen(value: str, moment: str, written: str | None, rows: int = 1) -> Reading:
    """What one reader saw of some rows."""
    written_at: datetime | None = at(written) if written else None
    frame = pl.DataFrame(
        [(key, 1, "health_score", value, written_at) for key in range(rows)], schema=SEEN, orient="row"
    )
    return Reading("accounts", ("health_score",), frame, at(moment), whole=True)


def test_a_slower_reader_does_not_turn_the_clock_back(database: Database) -> None:
    record(database, seen("80", "2026-03-01T09:00", "2026-03-01T08:00"))
    record(database, seen("55", "2026-03-01T10:00", "2026-03-01T09:12"))
    assert record(database, seen("80", "2026-03-01T09:30", "2026-03-01T08:00")) == 0
    assert told(database) == [(0, "health_score", "80", "55", "2026-03-01T09:12")]


@pytest.mark.parametrize("written", [None, "2026-03-01T09:12"], ids=["seen", "written"])
def test_two_readers_at_once_tell_a_change_once(database: Database, written: str | None) -> None:
    record(database, seen("80", "2026-03-01T09:00", None, rows=500))
    readings = [seen("55", f"2026-03-01T10:0{minute}", written, rows=500) for minute in range(4)]
    _at_once(*(lambda reading=reading: record(database, reading) for reading in readings))
    assert len(told(database)) == 500
    assert database.read(sa.select(tracked_values.c.value).distinct())["value"].to_list() == ["55"]


def _at_once(*works: Callable[[], object]) -> None:
    gate, wrong = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        gate.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - of a thread, told by the test
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timedelta(minutes=1).total_seconds())
    assert wrong == []


ALERT = """
id: alert
title: Alert
kind: custom
audience: health_score_changes
purpose: internal
conditions:
  all:
    - {field: before, operator: greater_than, value: 59}
    - {field: after, operator: less_than, value: 60}
steps:
  - {id: tell, offset: at once, channel: email, template: alert, recipient: account_owner}
"""


@pytest.fixture
def alerting(world: World) -> World:
    """A company whose account owners hear of scores that drop below 60; it has ticked once."""
    world.add("tenants", id=1)
    world.add("users", id=10)
    for key, score in ((1, 80), (2, 55), (3, 80)):
        account(world, key, health_score=score, owner_id=10)
    world.apply(ALERT, start="2026-03-01T08:30")
    world.tick("2026-03-01T09:00")
    return world


def test_an_alert_leaves_in_the_tick_that_sees_the_change(alerting: World) -> None:
    for key, score in ((1, 50), (2, 40), (3, 70)):
        alerting.change("accounts", key, health_score=score, updated_at="2026-03-01T09:12")
    alerting.tick("2026-03-01T09:30")
    alerting.tick("2026-03-01T10:00")
    assert alerting.sent() == [("tell", 1, 10, "2026-03-01T09:12")]


def test_each_drop_is_told_and_a_skipped_tick_delays_it_only(alerting: World) -> None:
    for minute, score in ((12, 50), (42, 75), (55, 20)):
        alerting.change("accounts", 1, health_score=score, updated_at=f"2026-03-01T09:{minute}")
        if minute < 50:
            alerting.tick(f"2026-03-01T09:{minute + 10}")
    alerting.tick("2026-03-01T12:00")
    assert alerting.sent() == [
        ("tell", 1, 10, "2026-03-01T09:12"),
        ("tell", 1, 10, "2026-03-01T09:55"),
    ]


def test_a_preview_records_nothing(alerting: World) -> None:
    alerting.change("accounts", 1, health_score=50, updated_at="2026-03-01T09:12")
    preview(alerting.installation, since=at("2026-03-01T09:30"), until=at("2026-03-02T09:30"))
    assert told(alerting.installation.database) == []


def test_somebody_who_comes_back_to_a_stage_enters_it_again_and_the_stage_left_is_not_entered_anew(
    world: World,
) -> None:
    world.add("tenants", id=1)
    world.add(
        "customers",
        id=1,
        pipeline_stage="lead",
        stage_entered_at="2026-03-01T08:40",
        updated_at="2026-03-01T08:40",
    )
    world.apply(
        """
        id: entered
        title: Entered
        kind: custom
        audience: stage_entries
        steps: [{id: hello, offset: 5 minutes, channel: email, template: hello}]
        """,
        start="2026-03-01T08:30",
    )
    world.tick("2026-03-01T09:00")
    for hour, stage in ((9, "won"), (10, "lead")):
        moved = f"2026-03-01T{hour:02}:10"
        world.change("customers", 1, pipeline_stage=stage, stage_entered_at=moved, updated_at=moved)
        world.tick_through(f"2026-03-01T{hour:02}:30", f"2026-03-01T{hour + 1:02}:00")
    assert [row[3][-5:] for row in world.sent()] == ["08:45", "09:15", "10:15"]
