"""Delivers in a process of its own: `python -m tests.delivery_process HANG AT`.

HANG names the step before which it prints a line and waits to be killed: `start_handoff`, `settle`, or
`never`.
"""

import os
import sys
import threading
from datetime import datetime
from typing import Any

from automation_pipelines.channels import build_channels
from automation_pipelines.delivery import deliver
from automation_pipelines.ledger import jobs
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings


def hang(*_: Any) -> Any:
    """Say so, and wait to be killed."""
    print("hanging", flush=True)  # noqa: T201
    threading.Event().wait()


def main(where: str, at: str) -> None:
    """Deliver everything that is due."""
    if where != "never":
        setattr(jobs, where, hang)
    settings = Settings()
    database = Database.open(settings.database)
    moment = datetime.fromisoformat(at)
    channels = build_channels(settings)
    campaigns, owner = CampaignStore(database), f"process-{os.getpid()}"
    deliver(database, channels, campaigns, settings, clock=lambda: moment, owner=owner)
    for channel in channels.values():
        channel.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
