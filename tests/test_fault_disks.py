"""Disks fill up under the ledger, the outbox and the decisions; later there is room again."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.maildir import MaildirChannel
from automation_pipelines.channels.outbox import OutboxChannel
from automation_pipelines.delivery import patience
from automation_pipelines.delivery.pace import MOST as IN_FLIGHT
from automation_pipelines.errors import LedgerError
from automation_pipelines.ledger.database import Database
from automation_pipelines.model import Email
from automation_pipelines.settings import Settings
from tests.conftest import MIGRATED_AT
from tests.fault_crew import tally
from tests.fault_disk import Disk, small_disk
from tests.fault_provider import Provider
from tests.mailroom import NOON, Mailroom
from tests.test_fault_databases import CAMPAIGN
from tests.world import World

JOBS = 300
HOUR = timedelta(hours=1)
ROOMS = (0, 4_000, 30_000, 60_000, 120_000, 250_000)
"""Bytes that are left: enough for ever more of what a batch writes."""


@pytest.fixture(params=["full", "limited"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with small_disk(request.param, tmp_path / "disk") as made:
        yield made


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest) -> str:
    """A ledger that is not on the disk."""
    new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
    return new_postgres(request.getfixturevalue("migrated_template"))


def test_with_no_room_for_the_mark_nothing_is_handed_off_and_nothing_goes_twice(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "WAITS", ())
    provider = Provider()
    database = Database.open(f"sqlite:///{disk.root / 'ledger.db'}")
    database.migrate(MIGRATED_AT)
    room = Mailroom(database, Settings(home=tmp_path, claim_batch=100))
    room.apply()
    for tenant, purpose in enumerate(("marketing", "transactional"), 1):
        room.plan(JOBS // 2, tenant=tenant, purpose=purpose, expires_at=None)
    channels = {"email": EmailChannel(f"smtp://127.0.0.1:{provider.port}?tls=none")}
    failed: list[str] = []
    with provider.open():
        for hour, left in enumerate(ROOMS):
            database.close()  # with the last connection the log of writes goes: the next one must find room
            with disk.left(left):
                try:
                    room.deliver(channels, NOON + hour * HOUR, owner=f"worker {hour}")
                except LedgerError as error:
                    failed.append(str(error))
            assert set(provider.times()) <= marked(database)
        room.deliver(channels, NOON + 100 * HOUR)
    channels["email"].close()
    states = tally(room, provider)
    assert len(failed) >= 3
    told = re.compile("the automation database .* cannot be used now: .*(full|disk I/O error|unable to open)")
    assert all(told.match(one) for one in failed), failed
    assert states["unknown"] <= len(failed) * IN_FLIGHT
    assert len(provider.taken) - JOBS <= len(failed) * IN_FLIGHT
    database.close()


def marked(database: Database) -> set[int]:
    """The jobs whose hand-off is on record, whatever came of it."""
    handed = database.read("SELECT id FROM jobs WHERE handed_off_at IS NOT NULL OR attempts > 0")
    return set(handed["id"])


@pytest.mark.parametrize("kind", ["maildir", "outbox"])
def test_a_message_that_cannot_be_written_is_not_there_by_half_and_is_written_later(
    disk: Disk, elsewhere: str, tmp_path: Path, kind: str
) -> None:
    database = Database.open(elsewhere)
    room = Mailroom(database, Settings(home=tmp_path))
    room.apply()
    room.plan(50, expires_at=None)
    channel, target = {
        "maildir": (MaildirChannel(disk.root / "mails"), disk.root / "mails" / "new"),
        "outbox": (OutboxChannel("email", Email, disk.root / "mails"), disk.root / "mails"),
    }[kind]
    with disk.left(0):
        done = room.deliver({"email": channel})
        assert (done.completed, done.dead) == (0, 0)
    assert not [path for path in disk.root.rglob("*") if path.is_file()]
    assert "No space left" in (error := str(room.jobs()[1]["error"])) or "too large" in error
    for hour in range(1, 4):
        room.deliver({"email": channel}, NOON + hour * HOUR)
    assert room.states() == ["completed"] * 50
    written = [path.read_bytes() for path in target.iterdir() if path.is_file()]
    assert sorted(int(re.search(rb"X-Job-ID: (\d+)", text)[1]) for text in written) == list(room.jobs())  # type: ignore[index]
    database.close()


def test_decisions_that_cannot_be_written_are_told_and_written_by_the_next_tick(
    disk: Disk, elsewhere: str, tmp_path: Path
) -> None:
    world = World.create(disk.root, elsewhere, f"sqlite:///{tmp_path / 'crm.db'}")
    world.add("tenants", id=1)
    world.apply(CAMPAIGN, start="2026-03-01T00:00")
    for one in range(1, 4):
        world.add("customers", id=one, birthday="1980-03-02")
    with disk.left(0), pytest.raises(OSError, match="is its disk full"):
        world.tick("2026-03-02T09:00")
    assert not [path for path in disk.root.rglob("*") if path.is_file() and path.stat().st_size]
    world.tick("2026-03-02T09:30")
    assert sorted(world.jobs()["subject_id"]) == [1, 2, 3]
    assert sorted(world.decisions()["subject_id"]) == [1, 2, 3]
    world.close()


def test_the_mark_of_a_hand_off_is_on_the_disk_before_anything_leaves(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    database.migrate(MIGRATED_AT)
    room = Mailroom(database, Settings(home=tmp_path))
    room.apply()
    room.plan(3)
    levels: dict[str, int] = {}

    def note(connection: Any, _cursor: object, statement: str, *_: object) -> None:
        if "handed_off_at" in statement and statement.startswith("UPDATE jobs"):
            what = "settled" if "told" in statement else "marked"
            levels[what] = connection.connection.driver_connection.execute("PRAGMA synchronous").fetchone()[0]

    sa.event.listen(database.engine, "before_cursor_execute", note)
    room.deliver({"email": MaildirChannel(tmp_path / "mails")})
    full = 2  # PRAGMA synchronous: written through at each commit
    assert levels["marked"] == full
    assert levels["settled"] < full  # dear, and what is lost of it is in doubt, not forgotten
    database.close()
