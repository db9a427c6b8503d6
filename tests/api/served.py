"""A real `automation serve` on the loopback, over a ledger with messages that were sent to people."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.ledger.tables import consents, events, suppressions
from automation_pipelines.messages.tokens import Claim, LinkKeys, Page
from automation_pipelines.settings import Settings
from tests.mailroom import LINKS, Mailroom

KEYS = LinkKeys(LINKS["link_secret"])
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
_ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from automation_pipelines.cli.main import main; main()", "serve"]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@dataclass
class Site:
    """The service, and what it does to its ledger."""

    room: Mailroom
    process: "subprocess.Popen[bytes]"
    port: int
    log: Path
    _jobs: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Database:
        return self.room.database

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, **options)

    def letter(self, *, topic: str = "offers", locale: str | None = None, **row: Any) -> Claim:
        """Somebody's message, planned; each has an address of their own."""
        number = len(self._jobs) + 1
        address = row.pop("address", f"kim{number}@mail.example.com")
        recipient = {"name": "Kim", "locale": locale}
        channel = row.get("channel", "email")
        digest = address_hash(self.database.salt, channel, address)
        variables = json.dumps({"word": "Dear", "recipient": recipient})
        (job,) = self.room.plan(1, address=address, address_hash=digest, variables=variables, **row)
        self._jobs.append(job)
        return Claim(1, channel, digest, topic, "letters", job)

    def path(self, page: Page, claim: Claim) -> str:
        letters: dict[str, str] = {"unsubscribe": "u", "preferences": "p", "view": "v"}
        return f"/{letters[page]}/{KEYS.sign(page, claim)}"

    def suppressed(self, claim: Claim) -> set[tuple[str, str]]:
        """(topic, reason) of what is in force."""
        s = suppressions.c
        mine = (s.tenant_id == claim.tenant_id, s.channel == claim.channel)
        rows = self.database.read(
            sa.select(s.topic, s.reason).where(
                *mine, s.address_hash == claim.address_hash, s.expires_at.is_(None)
            )
        )
        return set(rows.iter_rows())

    def agreed(self, claim: Claim) -> set[tuple[str, str]]:
        """(topic, state) of what was recorded as said."""
        c = consents.c
        rows = self.database.read(sa.select(c.topic, c.state).where(c.address_hash == claim.address_hash))
        return set(rows.iter_rows())

    def events(self, claim: Claim) -> list[dict[str, Any]]:
        rows = self.database.read(sa.select(events).where(events.c.job_id == claim.job_id))
        return list(rows.iter_rows(named=True))

    def count(self) -> tuple[int, int, int]:
        """How many rows there are that anything could have added to."""
        with self.database.reading() as connection:
            counts = (
                connection.scalar(sa.select(sa.func.count()).select_from(table))
                for table in (events, suppressions, consents)
            )
            first, second, third = (int(count or 0) for count in counts)
        return first, second, third

    def end(self) -> int:
        """Tell it to end, and wait until it has; its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=40)

    def kill(self) -> None:
        """End every process of it at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def environment(settings: Settings, **more: str) -> dict[str, str]:
    own = {
        "AUTOMATION_HOME": str(settings.home),
        "AUTOMATION_DATABASE_URL": settings.database,
        "AUTOMATION_CRM_URL": settings.crm,
        **{f"AUTOMATION_{name.upper()}": value for name, value in LINKS.items()},
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUTOMATION_")}
    return {**inherited, **own, **more}


@contextmanager
def serving(database: Database, home: Path, *, workers: int = 1, **more: str) -> Iterator[Site]:
    """Start it over a database, wait until it is well, and end it."""
    url = database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    settings = Settings(home=home, database_url=url, **LINKS)
    room = Mailroom(database, settings)
    port, log = free_port(), home / "serve.log"
    home.mkdir(exist_ok=True)
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*COMMAND, "--port", str(port), "--workers", str(workers)],
            cwd=_ROOT,
            env=environment(settings, **more),
            stderr=errors,
            start_new_session=True,
        )
    site = Site(room, process, port, log)
    try:
        wait_until_well(site)
        yield site
    finally:
        if process.poll() is None:
            site.kill()


def wait_until_well(site: Site, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert site.process.poll() is None, site.log.read_text()
        try:
            if httpx.get(f"{site.url}/health", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(site.log.read_text())
