"""Clocks that are set back and forth, hosts whose clocks differ, and the same tick in two processes at once.

Counted from the provider's own log. `AUTOMATION_TEST_FAULT_JOBS` sets how many jobs there are.
"""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.delivery import deliver
from automation_pipelines.delivery.pace import MOST as IN_FLIGHT
from automation_pipelines.ledger.database import Database
from automation_pipelines.model import Handoff, Outcome
from automation_pipelines.settings import Settings
from tests.fault_crew import open_jobs, tally
from tests.fault_provider import Provider
from tests.mailroom import LINKS, NOON, Mailroom
from tests.test_fault_databases import CAMPAIGN
from tests.world import World

JOBS = int(os.environ.get("AUTOMATION_TEST_FAULT_JOBS", "1000"))
HOUR = timedelta(hours=1)


@dataclass
class Clock:
    """A host's clock; `off` says by how much it is wrong."""

    off: timedelta = timedelta()
    started: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        return NOON + self.off + timedelta(seconds=time.monotonic() - self.started)


class Slow(EmailChannel):
    """A mail server's channel that takes its time."""

    def __init__(self, provider: Provider, seconds: float = 0.02) -> None:
        super().__init__(f"smtp://127.0.0.1:{provider.port}?tls=none")
        self._seconds = seconds

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        answers = super().send(handoffs)
        time.sleep(self._seconds)
        return answers


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Mailroom:
    """A ledger with a running campaign and jobs of both kinds."""
    made = Mailroom(database, Settings(home=tmp_path, lease_seconds=2, claim_batch=200, **LINKS))
    made.apply()
    for tenant, purpose in enumerate(("marketing", "transactional"), 1):
        made.plan(JOBS // 2, tenant=tenant, purpose=purpose, expires_at=None)
    return made


@contextmanager
def stepping(clock: Clock) -> Iterator[list[timedelta]]:
    """An hour forth, right again, an hour back, right again; what steps there were."""
    steps: list[timedelta] = []
    over = threading.Event()

    def step() -> None:
        for off in cycle((HOUR, timedelta(), -HOUR, timedelta())):
            if over.wait(0.15):
                return
            clock.off = off
            steps.append(off)

    thread = threading.Thread(target=step)
    thread.start()
    try:
        yield steps
    finally:
        over.set()
        thread.join()
        clock.off = timedelta()


def work(room: Mailroom, provider: Provider, clock: Clock, owner: str, pace: float = 0.02) -> None:
    """Deliver, over and over, until nothing is open."""
    channel, deadline = Slow(provider, pace), time.monotonic() + 60 + JOBS / 50
    while open_jobs(room):
        assert time.monotonic() < deadline
        deliver(room.database, {"email": channel}, room.campaigns, room.settings, clock=clock, owner=owner)
        time.sleep(0.05)
    channel.close()


def test_a_clock_that_is_set_back_and_forth_neither_repeats_nor_loses_anything(room: Mailroom) -> None:
    provider, clock = Provider(), Clock()
    with provider.open(), stepping(clock) as steps, ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(work, room, provider, clock, f"worker {n}") for n in range(2)]
        for worker in workers:
            worker.result()
    states = tally(room, provider)
    assert len(steps) >= 4
    # PostgreSQL's leases are by its own clock. With SQLite, what is in flight when the clock leaps ahead is
    # in doubt.
    leaps = 0 if room.database.dialect == "postgresql" else steps.count(HOUR) + 1
    print(f"{JOBS} jobs, {len(steps)} steps: {dict(states)}, taken {len(provider.taken)}")  # noqa: T201
    assert states["unknown"] <= leaps * 2 * IN_FLIGHT
    assert len(provider.taken) - JOBS <= leaps * 2 * IN_FLIGHT


def test_a_rate_limit_does_not_stand_still_until_the_clock_is_where_it_was(room: Mailroom) -> None:
    room.settings = room.settings.model_copy(update={"rate_limits": f"email {JOBS}/s"})
    provider, clock = Provider(), Clock(HOUR)
    channel = Slow(provider, 0)

    def nap(seconds: float) -> None:
        clock.off += timedelta(seconds=seconds)

    def run(limit: int | None) -> None:
        made = (room.database, {"email": channel}, room.campaigns, room.settings)
        deliver(*made, clock=clock, owner="worker", limit=limit, nap=nap)

    with provider.open():
        run(JOBS // 10)
        clock.off = timedelta()
        run(None)
    channel.close()
    assert tally(room, provider) == {"completed": JOBS}
    assert clock.off < timedelta(minutes=1)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_hosts_whose_clocks_are_ten_minutes_apart_leave_each_other_their_work(room: Mailroom) -> None:
    room.settings = room.settings.model_copy(update={"lease_seconds": 1})
    provider = Provider()
    # A batch takes longer than its lease, which is renewed meanwhile.
    clocks = [Clock(), Clock(timedelta(minutes=10))]
    with provider.open(), ThreadPoolExecutor(2) as pool:
        for worker in [
            pool.submit(work, room, provider, clock, f"host {n}", pace=0.25) for n, clock in enumerate(clocks)
        ]:
            worker.result()
    assert tally(room, provider) == {"completed": JOBS}
    assert len(provider.taken) == JOBS


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_all_hosts_go_by_the_clock_of_their_database(database: Database) -> None:
    wrong = Clock(timedelta(days=-300))
    first, second = database.clock(wrong)(), database.clock(wrong)()
    assert abs(second - datetime.now(UTC)) < timedelta(minutes=1)
    assert first <= second


def test_the_same_tick_in_two_processes_at_once_and_again_adds_nothing(world: World) -> None:
    world.add("tenants", id=1)
    world.apply(CAMPAIGN, start="2026-03-01T00:00")
    customers = range(1, 201)
    for one in customers:
        world.add("customers", id=one, birthday="1980-03-02")
    settings = world.installation.settings
    environment = {
        **os.environ,
        "AUTOMATION_HOME": str(settings.home),
        "AUTOMATION_DATABASE_URL": settings.database,
        "AUTOMATION_CRM_URL": settings.crm,
    }
    command = [sys.executable, "-m", "tests.fault_planner", "2026-03-02T09:00+00:00", "2"]
    planners = [
        subprocess.Popen(
            command,
            cwd=Path(__file__).parents[1],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for planner in planners:
        assert planner.stdout is not None
        assert planner.stdout.readline() == "ready\n"
    for planner in planners:
        assert planner.stdin is not None
        planner.stdin.write("go\n")
        planner.stdin.flush()
    said = Counter(word for planner in planners for word in planner.communicate(timeout=120)[0].split())
    again = world.tick("2026-03-02T09:00")
    assert (again.planned, again.settled, again.decisions) == (0, 0, 0), again.plan.by_reason()
    assert said["200"] == 1
    assert set(said) <= {"200", "0", "refused"}
    assert [planner.returncode for planner in planners] == [0, 0]
    assert sorted(world.decisions()["subject_id"]) == list(customers)
    provider, room = Provider(), Mailroom(world.installation.database, settings)
    with provider.open():
        room.deliver({"email": Slow(provider)}, datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
    assert tally(room, provider) == {"completed": len(customers)}
    assert len(provider.taken) == len(customers)
