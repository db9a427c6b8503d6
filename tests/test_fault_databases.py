"""The automation database dies while messages are in the air or a tick is being written, and comes back.

Counted from the provider's own log. `AUTOMATION_TEST_FAULT_JOBS` sets how many jobs there are.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines import decisions
from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.cli.main import main
from automation_pipelines.delivery import Delivered, patience
from automation_pipelines.delivery.pace import MOST as IN_FLIGHT
from automation_pipelines.errors import LedgerError
from automation_pipelines.ledger import plans
from automation_pipelines.ledger.database import Database
from automation_pipelines.model import Handoff, Outcome
from automation_pipelines.settings import Settings
from tests.conftest import MIGRATED_AT
from tests.fault_crew import LOOP, Crew, open_jobs, tally, until
from tests.fault_provider import Provider
from tests.fault_server import OwnServer
from tests.mailroom import LINKS, Mailroom
from tests.world import World

JOBS = int(os.environ.get("AUTOMATION_TEST_FAULT_JOBS", "400"))
RATE = max(200, JOBS // 20)
AWAY = 1.5


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    made = OwnServer()
    yield made
    made.close()


@pytest.fixture
def ledger(server: OwnServer, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A migrated database on the server."""
    name = f"t{abs(hash(request.node.name))}"
    on_server = sa.create_engine(server.url.replace("postgresql:", "postgresql+psycopg:"))
    with on_server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    on_server.dispose()
    made = Database.open(sa.make_url(server.url).set(database=name).render_as_string(hide_password=False))
    made.migrate(MIGRATED_AT)
    yield made
    made.close()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def room(ledger: Database, provider: Provider, tmp_path: Path) -> Mailroom:
    """A ledger with a running campaign, and a mail server."""
    settings = Settings(
        home=tmp_path,
        database_url=url_of(ledger),
        smtp_url=f"smtp://127.0.0.1:{provider.port}?tls=none",
        claim_batch=100,
        **LINKS,
    )
    made = Mailroom(ledger, settings)
    made.apply()
    return made


def url_of(ledger: Database) -> str:
    return ledger.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")


def test_workers_wait_for_a_database_that_dies_and_go_on_when_it_is_back(
    server: OwnServer, room: Mailroom, provider: Provider
) -> None:
    room.settings = room.settings.model_copy(update={"rate_limits": f"email {RATE}/s"})
    for tenant, purpose in enumerate(("marketing", "transactional"), 1):
        room.plan(JOBS // 2, tenant=tenant, purpose=purpose, expires_at=None)
    crew = Crew(room)
    try:
        with provider.open():
            for _ in range(2):
                crew.hire(LOOP)
            for part, end in enumerate((server.crash, server.stop), 1):
                until(lambda part=part: len(provider.taken) >= JOBS * part // 3, 60 + JOBS / RATE)
                end()
                time.sleep(AWAY)
                server.start()
            until(lambda: not open_jobs(room), 120 + JOBS / RATE)
            until(lambda: crew.said("cannot be used now") == crew.said("the automation database is back"))
            crew.watch()
            assert crew.end() == [0, 0]
    finally:
        crew.dismiss()
    states = tally(room, provider)
    print(f"{JOBS} jobs, 2 lives: {dict(states)}, taken {len(provider.taken)}")  # noqa: T201
    assert crew.said("cannot be used now") <= 4  # once a worker and outage
    assert not crew.said("Traceback")
    assert len(provider.taken) - JOBS <= 4 * IN_FLIGHT
    assert states["unknown"] <= 4 * IN_FLIGHT


class Struck(EmailChannel):
    """A mail server's channel during whose first hand-off something happens."""

    def __init__(self, room: Mailroom, strike: Callable[[], object]) -> None:
        assert room.settings.smtp_url is not None
        super().__init__(room.settings.smtp_url.get_secret_value())
        self._strike: Callable[[], object] | None = strike

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        answers = super().send(handoffs)
        strike, self._strike = self._strike, None
        if strike:
            strike()
        return answers


def test_answers_are_kept_for_a_database_that_is_started_again(
    server: OwnServer, room: Mailroom, provider: Provider
) -> None:
    room.plan(100, expires_at=None)
    again = threading.Timer(1, server.start)

    def strike() -> None:
        server.stop()
        again.start()

    with provider.open():
        done = room.deliver({"email": Struck(room, strike)})
    again.join()
    assert done == Delivered(completed=100)
    assert tally(room, provider) == {"completed": 100}


def test_where_it_stays_away_the_worker_says_so_and_the_next_one_goes_on(
    server: OwnServer, room: Mailroom, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.settings = room.settings.model_copy(update={"lease_seconds": 1})
    monkeypatch.setattr(patience, "WAITS", (0.1,))
    room.plan(100, expires_at=None)
    with provider.open():
        with pytest.raises(LedgerError, match=r"the automation database postgresql.* cannot be used now"):
            room.deliver({"email": Struck(room, server.crash)}, owner="first")
        server.start()
        doubted = len(provider.taken)
        assert 0 < doubted < 100
        until(lambda: room.deliver({"email": Struck(room, int)}, owner="next") and not open_jobs(room))
    assert tally(room, provider) == {"unknown": doubted, "completed": 100 - doubted}


def test_the_command_ends_with_a_sentence(
    server: OwnServer, room: Mailroom, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {
        "AUTOMATION_HOME": str(room.settings.home),
        "AUTOMATION_DATABASE_URL": url_of(room.database),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["automation", "deliver"])
    server.stop()
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        server.start()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("error: the automation database postgresql")


CAMPAIGN = """
id: birthday
title: Birthday
audience: birthdays
steps:
  - id: wish
    channel: email
    template: wish
"""


def test_a_tick_whose_database_dies_wrote_all_or_nothing_and_the_next_one_mends_it(
    server: OwnServer, ledger: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.create(tmp_path / "home", url_of(ledger), f"sqlite:///{tmp_path / 'crm.db'}")
    places = [(plans, "_insert_payloads"), (decisions, "append"), (plans, "mark_published")]
    world.add("tenants", id=1)
    world.apply(CAMPAIGN, start="2026-03-01T00:00")
    for day in range(len(places)):
        for one in range(3):
            world.add("customers", id=10 * day + one + 1, birthday=f"1980-03-{day + 2:02}")
    for day, (module, name) in enumerate(places):
        moment = f"2026-03-{day + 2:02}T09:00"
        with monkeypatch.context() as patched:
            patched.setattr(module, name, partial(dying, server, getattr(module, name)))
            with pytest.raises(LedgerError, match="cannot be used now"):
                world.tick(moment)
        server.start()
        written = len(world.jobs()) - 3 * day
        assert written == (0 if name == "_insert_payloads" else 3)
        world.tick(moment)
    everybody = sorted(10 * day + one + 1 for day in range(len(places)) for one in range(3))
    assert sorted(world.jobs()["subject_id"]) == everybody
    assert sorted(world.decisions()["subject_id"]) == everybody
    world.close()


def dying(server: OwnServer, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """The server dies just before this is done."""
    server.stop()
    return work(*arguments, **options)
