"""Delivers in a process of its own, which may stop for ever on its way."""

import os
import threading
from datetime import datetime
from multiprocessing.synchronize import Event
from typing import Any

from automation_pipelines.channels import build_channels
from automation_pipelines.delivery import deliver
from automation_pipelines.ledger import jobs
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings


def deliver_all(settings: Settings, moment: datetime) -> None:
    """Deliver everything that is due."""
    database = Database.open(settings.database)
    channels = build_channels(settings)
    campaigns, owner = CampaignStore(database), f"process-{os.getpid()}"
    deliver(database, channels, campaigns, settings, clock=lambda: moment, owner=owner)
    for channel in channels.values():
        channel.close()


def hang_before(step: str, reached: Event, settings: Settings, moment: datetime) -> None:
    """The same, but before a step of the ledger say so, and wait to be killed."""

    def hang(*_: Any) -> Any:
        reached.set()
        threading.Event().wait()

    setattr(jobs, step, hang)
    deliver_all(settings, moment)
