"""What a benchmark is: stages, each done in several ways, each way in a process of its own.

So the peak memory that a way reports is its own, inputs included. No stage is described here.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time

AS_OF = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Setting:
    """One benchmark: where its files are, the CRM, and the PostgreSQL server of the ledger, if any."""

    directory: str
    customers: int
    crm: str
    server: str | None = None

    @property
    def home(self) -> Path:
        return Path(self.directory)


@dataclass
class Stopwatch:
    """Seconds of the block of `stopwatch()`, on the wall and of this process's threads on processors."""

    seconds: float = field(default=0.0)
    cpu: float = field(default=0.0)

    def __add__(self, other: "Stopwatch") -> "Stopwatch":
        return Stopwatch(self.seconds + other.seconds, self.cpu + other.cpu)


@dataclass(frozen=True, slots=True)
class Measured:
    """What `rows` took. `of`: how many there are, when only a sample was done.

    `found` is what came out; ways of one stage that did all of it must agree on it.
    """

    watch: Stopwatch
    rows: int
    of: int | None = None
    found: int | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One way to do a stage. The first of a stage is ours."""

    name: str
    run: Callable[[Setting], Measured]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `before` makes what its ways work on, `after` what later stages need.

    Both run in processes of their own and are not measured.
    """

    name: str
    ways: tuple[Way, ...]
    before: Callable[[Setting], None] | None = None
    after: Callable[[Setting], None] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A way, measured. Seconds are for all rows, `sample` is the number really done if fewer."""

    stage: str
    way: str
    seconds: float
    cpu: float
    rows: int
    sample: int | None
    peak_mb: float
    found: int | None = None


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    watch = Stopwatch()
    start, cpu = perf_counter(), process_time()
    yield watch
    watch.seconds, watch.cpu = perf_counter() - start, process_time() - cpu


def peak_mb() -> float:
    """Return the most memory this process has held; on Linux not counting the process it was forked from."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def measure(stage: Stage, way: Way, setting: Setting) -> Result:
    """Run one way here and now."""
    done = way.run(setting)
    whole = done.of or done.rows
    scale = whole / max(done.rows, 1)
    sample = done.rows if done.of is not None and done.of > done.rows else None
    return Result(
        stage.name,
        way.name,
        done.watch.seconds * scale,
        done.watch.cpu * scale,
        whole,
        sample,
        peak_mb(),
        done.found,
    )


def run(stage: Stage, setting: Setting, rounds: int) -> list[Result]:
    """Measure every way of a stage, each in a process of its own; the fastest of the rounds counts.

    The ways take turns, so that a busy minute of the machine does not hit one of them alone.
    """
    measured = [_round(stage, setting) for _ in range(rounds)]
    _in_process(setting, stage, "after")
    return [min(results, key=lambda result: result.seconds) for results in zip(*measured, strict=True)]


def _round(stage: Stage, setting: Setting) -> list[Result]:
    _in_process(setting, stage, "before")
    answers = [_in_process(setting, stage, way.name) for way in stage.ways]
    return [Result(**json.loads(answer)) for answer in answers]


def _in_process(setting: Setting, stage: Stage, part: str) -> str:
    if part in ("before", "after") and getattr(stage, part) is None:
        return ""
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(asdict(setting)), stage.name, part]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return finished.stdout.strip().rpartition("\n")[2]
