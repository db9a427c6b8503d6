"""How a run ends that is told to: what it has begun is finished first. Knows no stage.

Dagster turns the signal that ends a run (its Terminate, SIGTERM, SIGINT) into an exception wherever the code
happens to be. In the midst of a hand-off that would leave messages of which nobody knows whether they went.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def postponed() -> Iterator[threading.Event]:
    """Signals that end the run set this event instead, however many come; afterwards they do as before.

    SIGKILL does not ask, nor does `Mark as canceled immediately`, which leaves the process alone.
    """
    told = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # no signals come here
        yield told
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: told.set())
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
