"""A delivery worker that never ends by itself: `python -m tests.fault_worker`. Somebody kills it."""

import os
import time
from datetime import UTC, datetime

from automation_pipelines.channels import build_channels
from automation_pipelines.delivery import deliver
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings


def main() -> None:
    """Deliver whatever is due, over and over."""
    settings = Settings()
    database = Database.open(settings.database)
    channels, campaigns = build_channels(settings), CampaignStore(database)
    while True:
        deliver(
            database,
            channels,
            campaigns,
            settings,
            clock=lambda: datetime.now(UTC),
            owner=f"worker-{os.getpid()}",
        )
        time.sleep(0.2)


if __name__ == "__main__":
    main()
