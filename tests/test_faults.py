"""Workers are killed at random points while their provider goes away and comes back; then all is counted.

From the provider's own log, not from ours. `AUTOMATION_TEST_FAULT_JOBS` sets how many jobs there are.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from automation_pipelines.delivery.pace import MOST as IN_FLIGHT
from automation_pipelines.ledger import breakers
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings
from tests.fault_crew import Crew, open_jobs, tally
from tests.fault_provider import Provider
from tests.mailroom import Mailroom

JOBS = int(os.environ.get("AUTOMATION_TEST_FAULT_JOBS", "2000"))
WORKERS = 3
KILLS = 8 + JOBS // 5_000
RATE = max(1_000, JOBS // 50)
PATIENCE = 120 + JOBS / 100  # seconds


@pytest.fixture
def crew(database: Database, tmp_path: Path) -> Iterator[Crew]:
    """Workers of a ledger with short leases."""
    url = database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    settings = Settings(home=tmp_path, database_url=url, lease_seconds=3, rate_limits=f"email {RATE}/s")
    made = Crew(Mailroom(database, settings))
    made.room.apply()
    yield made
    made.dismiss()


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

    states = tally(room, provider)
    doubt = (crew.killed + WORKERS) * IN_FLIGHT  # the provider's going away cuts every worker off once
    print(f"{JOBS} jobs, {crew.killed} killed, {seconds:.0f} s: {dict(states)}, taken {len(provider.taken)}")  # noqa: T201
    assert crew.killed >= KILLS // 2
    assert sum(states.values()) == JOBS
    if purpose == "marketing":
        assert states["unknown"] <= doubt
    else:
        assert len(provider.taken) - JOBS <= doubt
    assert provider.in_any_second() <= RATE * 1.2 + WORKERS * IN_FLIGHT
    assert breakers.known(room.database) == {}
