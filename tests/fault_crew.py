"""Workers as processes of their own over one ledger, and the count of what came of their work."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fault_provider import Provider
from tests.mailroom import LINKS, Mailroom

FOR_EVER = ("-m", "tests.fault_worker")
LOOP = ("-c", "from automation_pipelines.cli.main import main; main()", "deliver", "--loop")


@dataclass
class Crew:
    """Workers; what they say on their standard error is kept."""

    room: Mailroom
    alive: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    killed: int = 0

    def hire(self, command: tuple[str, ...] = FOR_EVER) -> None:
        """One more."""
        with self.notebook.open("ab") as said:
            self.alive.append(
                subprocess.Popen(
                    [sys.executable, *command],
                    cwd=Path(__file__).parents[1],
                    env=self._environment(),
                    stderr=said,
                )
            )

    def _environment(self) -> dict[str, str]:
        settings = self.room.settings
        assert settings.smtp_url is not None
        return {
            **os.environ,
            "AUTOMATION_HOME": str(settings.home),
            "AUTOMATION_DATABASE_URL": settings.database,
            "AUTOMATION_SMTP_URL": settings.smtp_url.get_secret_value(),
            "AUTOMATION_LEASE_SECONDS": str(settings.lease_seconds),
            "AUTOMATION_CLAIM_BATCH": str(settings.claim_batch),
            "AUTOMATION_BREAKER_REST_SECONDS": "1",
            "AUTOMATION_RATE_LIMITS": settings.rate_limits,
            "AUTOMATION_BRAND_POSTAL_ADDRESS": "1 Road, Town",
            **{f"AUTOMATION_{name.upper()}": value for name, value in LINKS.items()},
        }

    @property
    def notebook(self) -> Path:
        """What they said."""
        return self.room.settings.home / "said.txt"

    def said(self, words: str) -> int:
        """How often they said so."""
        return self.notebook.read_text().count(words)

    def kill(self, chance: random.Random) -> None:
        """One of them, who must be alive; none may have died by itself."""
        self.watch()
        victim = self.alive.pop(chance.randrange(len(self.alive)))
        victim.kill()
        victim.wait()
        self.killed += 1

    def watch(self) -> None:
        """Fail where one died by itself."""
        assert all(worker.poll() is None for worker in self.alive), self.notebook.read_text()

    def end(self) -> list[int]:
        """Ask all to stop, and return how they ended."""
        for worker in self.alive:
            worker.terminate()
        return [worker.wait(60) for worker in self.alive]

    def dismiss(self) -> None:
        """Kill all that are left."""
        for worker in self.alive:
            worker.kill()
            worker.wait()


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def open_jobs(room: Mailroom) -> int:
    """How many are waiting or in work."""
    wanted = "SELECT count(*) AS n FROM jobs WHERE state IN ('pending', 'processing')"
    return int(room.database.read(wanted)["n"].item())


def tally(room: Mailroom, provider: Provider) -> Counter[str]:
    """Jobs by state. None is open or lost; what is completed is with the provider, and marketing but once."""
    times = provider.times()
    states: Counter[str] = Counter()
    for job, state, purpose in room.database.read("SELECT id, state, purpose FROM jobs").iter_rows():
        states[state] += 1
        assert state in {"completed", "unknown"}
        assert state == "unknown" or times[job] >= 1
        assert purpose != "marketing" or times[job] <= 1
        assert purpose == "marketing" or state == "completed"
    assert len({(one.job, one.message) for one in provider.taken}) == len(times)
    return states
