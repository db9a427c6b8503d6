"""Ticks in a process of its own, begun when it gets a line: `python -m tests.fault_planner AS_OF TIMES`."""

import sys
import uuid
from datetime import datetime

from automation_pipelines.errors import LockedError
from automation_pipelines.installation import Installation
from automation_pipelines.settings import Settings
from automation_pipelines.tick import run_tick


def main(as_of: str, times: str) -> None:
    """Say that it is ready; then run the same tick that many times and say what each of them planned."""
    installation = Installation.open(Settings())
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    for _ in range(int(times)):
        try:
            done = run_tick(installation, as_of=datetime.fromisoformat(as_of), run_id=str(uuid.uuid4()))
        except LockedError:
            print("refused", flush=True)  # noqa: T201
        else:
            print(done.planned, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
