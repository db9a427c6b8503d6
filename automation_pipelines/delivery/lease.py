"""Keeps claimed jobs claimed while a slow server is talked to. Renews; decides nothing."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread

from automation_pipelines.errors import LedgerError
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.jobs import renew


@contextmanager
def kept_alive(
    db: Database, ids: Collection[int], owner: str, clock: Callable[[], datetime], lease: timedelta
) -> Iterator[None]:
    """Renew the leases of these jobs whenever a third has gone, so never less than half is left."""
    over = Event()

    def beat() -> None:
        while not over.wait(lease.total_seconds() / 3):
            try:
                renew(db, ids, owner, clock(), lease)
            except LedgerError:
                # Missed: the next one may do. If not, the hand-off finds the lease gone and lets be.
                continue

    heart = Thread(target=beat, name="lease", daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join()
