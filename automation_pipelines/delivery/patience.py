"""Waits for an automation database that is away, with what must be written: the answers of providers."""

import time
from collections.abc import Callable

from automation_pipelines.errors import LedgerError

WAITS = (0.2, 0.5, 1, 2, 4, 8, 15, 30)
"""Seconds between attempts: a minute in all, in which a server is started again or another takes over."""


def insist(write: Callable[[], object]) -> None:
    """Write, trying again for a minute: what is lost here is a message of which nobody knows whether it went.

    Also when the worker was told to stop: that is in flight. Only what may be written twice.
    """
    for wait in WAITS:
        try:
            write()
        except LedgerError:
            time.sleep(wait)
        else:
            return
    write()
