"""A bar that follows something from outside, whoever works on it and however long one piece of it takes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from automation_pipelines.errors import AutomationError

_PAUSE = 0.5
_PART = 4
"""Looking takes at most one such part of the time."""


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def shown(left: Callable[[], int]) -> Iterator[None]:
    """Show how much of what is left now is done; where nobody is looking, nothing is asked."""
    console = Console()
    if not console.is_terminal:
        yield
        return
    columns = (BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        over = threading.Event()
        watcher = threading.Thread(target=_watch, args=(progress, left, over), name="progress", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def _watch(progress: Progress, left: Callable[[], int], over: threading.Event) -> None:
    task, most, pause = None, 0, 0.0
    while not over.wait(pause):
        began = time.monotonic()
        try:
            now = left()
        except AutomationError:  # who works on it tells, too
            pause = _PAUSE
            continue
        most = max(most, now)
        if task is None:
            task = progress.add_task("", total=most)
        progress.update(task, total=most, completed=most - now)
        pause = max(_PAUSE, _PART * (time.monotonic() - began))
