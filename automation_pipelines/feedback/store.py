"""What was told → the ledger: one bulk transaction, whatever the order and however often it is told."""

from collections.abc import Sequence
from datetime import datetime

from automation_pipelines.feedback.told import Told
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.events import Recorded


def store(db: Database, told: Sequence[Told], now: datetime) -> Recorded:
    """Record events and apply what they mean; when it returns, all of them are durable."""
    raise NotImplementedError
