"""Workers are killed at random points while their provider goes away and comes back; then all is counted.

From the provider's own log, not from ours. `AUTOMATION_TEST_FAULT_JOBS` sets how many jobs there are.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from automation_pipelines.ledger import breakers
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings
from tests.fault_provider import Provider
from tests.mailroom import Mailroom

JOBS = int(os.environ.get("AUTOMATION_TEST_FAULT_JOBS", "2000"))
WORKERS = 3
IN_FLIGHT = 32
KILLS = 8 + JOBS // 5_000
RATE = max(1_000, JOBS // 50)
PATIENCE = 120 + JOBS / 100  # seconds


@dataclass
class Crew:
    """Workers, as processes of their own."""

    room: Mailroom
    alive: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    killed: int = 0

    def hire(self) -> None:
        settings = self.room.settings
        assert settings.smtp_url is not None
        environment = {
            **os.environ,
            "AUTOMATION_HOME": str(settings.home),
            "AUTOMATION_DATABASE_URL": settings.database,
            "AUTOMATION_SMTP_URL": settings.smtp_url.get_secret_value(),
            "AUTOMATION_LEASE_SECONDS": str(settings.lease_seconds),
            "AUTOMATION_CLAIM_BATCH": str(settings.claim_batch),
            "AUTOMATION_BREAKER_REST_SECONDS": "1",
            "AUTOMATION_RATE_LIMITS": settings.rate_limits,
            "AUTOMATION_PUBLIC_URL": "https://mail.acme.example.com",
            "AUTOMATION_LINK_SECRET": "s" * 32,
            "AUTOMATION_BRAND_POSTAL_ADDRESS": "1 Road, Town",
        }
        command = [sys.executable, "-m", "tests.fault_worker"]
        self.alive.append(subprocess.Popen(command, cwd=Path(__file__).parents[1], env=environment))

    def kill(self, chance: random.Random) -> None:
        victim = self.alive.pop(chance.randrange(len(self.alive)))
        victim.kill()
        victim.wait()
        self.killed += 1

    def dismiss(self) -> None:
        for worker in self.alive:
            worker.kill()
            worker.wait()


@pytest.fixture
def crew(database: Database, tmp_path: Path) -> Iterator[Crew]:
    """Workers of a ledger with short leases."""
    url = database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    settings = Settings(home=tmp_path, database_url=url, lease_seconds=3, rate_limits=f"email {RATE}/s")
    made = Crew(Mailroom(database, settings))
    made.room.apply()
    yield made
    made.dismiss()


def open_jobs(room: Mailroom) -> int:
    """How many are waiting or in work."""
    wanted = "SELECT count(*) AS n FROM jobs WHERE state IN ('pending', 'processing')"
    return int(room.database.read(wanted)["n"].item())


def work_off(crew: Crew, provider: Provider, chance: random.Random) -> None:
    """Deliver everything, with workers dying now and then and the provider gone for a while in the middle."""
    deaths = sorted(chance.sample(range(JOBS // 20, JOBS), KILLS))
    gone: int | None = JOBS // 2
    deadline = time.monotonic() + PATIENCE
    for _ in range(WORKERS):
        crew.hire()
    while gone is not None or deaths or open_jobs(crew.room):
        with provider.open():
            while not (gone is not None and len(provider.taken) >= gone):
                assert time.monotonic() < deadline
                if deaths and len(provider.taken) >= deaths[0]:
                    deaths.pop(0)
                    crew.kill(chance)
                    crew.hire()
                elif not open_jobs(crew.room):
                    return
                time.sleep(0.02)
        gone = None
        time.sleep(3)


@pytest.mark.parametrize("purpose", ["marketing", "transactional"])
def test_whatever_dies_each_job_is_with_the_provider_once_or_known_to_be_in_doubt(
    crew: Crew, purpose: str
) -> None:
    room, provider, chance = crew.room, Provider(), random.Random(purpose)
    room.purpose = purpose
    url = SecretStr(f"smtp://127.0.0.1:{provider.port}?tls=none")
    room.settings = room.settings.model_copy(update={"smtp_url": url})
    for tenant, count in ((1, JOBS - 2 * (JOBS // 10)), (2, JOBS // 10), (3, JOBS // 10)):
        room.plan(count, tenant=tenant, purpose=purpose, expires_at=None)
    started = time.monotonic()
    work_off(crew, provider, chance)
    crew.dismiss()
    seconds = time.monotonic() - started

    times, found = provider.times(), room.jobs()
    states = Counter(job["state"] for job in found.values())
    doubt = (crew.killed + WORKERS) * IN_FLIGHT  # the provider's going away cuts every worker off once
    print(f"{JOBS} jobs, {crew.killed} killed, {seconds:.0f} s: {dict(states)}, taken {len(provider.taken)}")  # noqa: T201
    assert crew.killed >= KILLS // 2
    assert set(states) <= {"completed", "unknown"}
    assert sum(states.values()) == JOBS
    assert all(times[number] >= 1 for number, job in found.items() if job["state"] == "completed")
    if purpose == "marketing":
        assert set(times.values()) == {1}
        assert states["unknown"] <= doubt
    else:
        assert states["unknown"] == 0
        assert len(provider.taken) - JOBS <= doubt
        assert len({(one.job, one.message) for one in provider.taken}) == JOBS
    assert provider.in_any_second() <= RATE * 1.2 + WORKERS * IN_FLIGHT
    assert breakers.known(room.database) == {}
