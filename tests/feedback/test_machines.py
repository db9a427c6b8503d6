"""What only several hits tell together is known when figures are made, whoever stored them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines import stats
from automation_pipelines.feedback import Told, store
from automation_pipelines.files import FileStore
from automation_pipelines.ledger import machines
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import events, jobs
from automation_pipelines.model import EventType
from automation_pipelines.sqlfiles import SqlFiles
from tests.past import NOON, plan

LATER = NOON + timedelta(hours=1)


def click(job: int, link: str, *, seconds: float = 0) -> Told:
    return Told(
        identity=f"site:{job}-{link}-{seconds}",
        type=EventType.CLICKED,
        at=LATER + timedelta(seconds=seconds),
        provider="site",
        job_id=job,
        machine=False,
        link=link,
    )


def marks(db: Database) -> dict[str, str | None]:
    rows = db.read(sa.select(events.c.link, events.c.kind, events.c.machine).order_by(events.c.link))
    assert all((kind is not None) == bool(machine) for _, kind, machine in rows.iter_rows())
    return dict(rows.select("link", "kind").iter_rows())


def restate(db: Database, files: Path) -> None:
    stats.restate(db, FileStore(files), SqlFiles(), [NOON.date()], as_of=LATER + timedelta(hours=1))


def test_a_burst_of_two_posts_and_of_two_processes(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted, raced = plan(database, {}, {})
    for link in ("a", "b"):
        store(database, [click(posted, link)], LATER)
    assert marks(database) == {"a": "burst", "b": "burst"}
    # Both have inserted before either judges: on PostgreSQL neither sees the other's.
    meeting, judge = threading.Barrier(2), machines.judge
    patience = 5 if database.engine.dialect.name == "postgresql" else 0.01

    def judged(*arguments: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            meeting.wait(patience)
        judge(*arguments)

    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(machines, "judge", judged)
        other = Database(database.engine)
        list(pool.map(lambda db, link: store(db, [click(raced, link)], LATER), (database, other), "cd"))
    if database.engine.dialect.name == "postgresql":
        assert marks(database) == {"a": "burst", "b": "burst", "c": None, "d": None}
    restate(database, tmp_path)
    assert marks(database) == dict.fromkeys("abcd", "burst")


def test_a_hand_off_that_is_recorded_after_the_click(database: Database, tmp_path: Path) -> None:
    soon, late = plan(database, {}, {})
    store(database, [click(soon, "a", seconds=3), click(late, "b", seconds=30)], LATER)
    assert marks(database) == {"a": None, "b": None}
    with database.begin() as connection:
        connection.execute(sa.update(jobs).values(handed_off_at=LATER))
    restate(database, tmp_path)
    assert marks(database) == {"a": "at_once", "b": None}


def test_no_more_than_a_week_is_judged_again(database: Database) -> None:
    (job,) = plan(database, {})
    store(database, [click(job, "a", seconds=3)], LATER)
    with database.begin() as connection:
        connection.execute(sa.update(jobs).values(handed_off_at=LATER))
    assert machines.settle(database, [NOON.date()], LATER + timedelta(days=8)) == 0
    assert machines.settle(database, [(LATER + timedelta(days=1)).date()], LATER + timedelta(days=1)) == 0
    assert machines.settle(database, [NOON.date()], LATER + timedelta(days=6)) == 1
