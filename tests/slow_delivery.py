"""What Dagster loads in a process of a test: delivery through a channel that is slow and keeps a log."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automation_pipelines.model import Handoff, Outcome, Sent
from automation_pipelines.orchestration import build_definitions
from automation_pipelines.settings import Settings


@dataclass
class Slow:
    """It notes what it takes, and answers late."""

    log: Path
    seconds: float = 1.5
    name: str = "email"
    repeatable: bool = False

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Note them, and answer later."""
        with self.log.open("a", encoding="utf-8") as log:
            log.writelines(f"{handoff.job_id}\n" for handoff in handoffs)
        time.sleep(self.seconds)
        return [Sent(None) for _ in handoffs]

    def close(self) -> None:
        """Nothing is open."""


_settings = Settings()
defs = build_definitions(_settings, channels=lambda: {"email": Slow(_settings.home / "provider.log")})
