"""`make demo`, second half: the jobs of yesterday and today as real Dagster runs on a clock of their own.

`automation demo` comes first. The runs are kept in DAGSTER_HOME, so the UI opened next shows them. What
is told at the end is read from ledger, files and statistics, by `summary`.
"""

import logging
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import sqlalchemy as sa
from rich.console import Console

from automation_pipelines.cli.demo import DemoNotes
from automation_pipelines.demo.feedback import simulate_feedback
from automation_pipelines.errors import AutomationError, ConfigurationError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import plans
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.model import State
from automation_pipelines.orchestration import specs, summary
from automation_pipelines.orchestration.build import build_definitions
from automation_pipelines.orchestration.jobs import RELEASED
from automation_pipelines.orchestration.metadata import ROWS
from automation_pipelines.orchestration.resources import Automation, system_clock
from automation_pipelines.orchestration.runs import first_day
from automation_pipelines.orchestration.schedules import days_to_restate, range_tags
from automation_pipelines.settings import Settings

CADENCE = timedelta(hours=4)
"""Wider than in earnest, so that two days pass quickly. The ledger does not mind."""

_DAY = timedelta(days=1)
_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


@dataclass
class MovedClock:
    """The clock of the demo: it stands where it is put."""

    now: datetime

    def __call__(self) -> datetime:
        """The time it is in the demo."""
        return self.now


@dataclass
class Play:
    """The demo's runs, one after the other."""

    installation: Installation
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    clock: MovedClock
    planned: int = 0
    runs: int = 0
    audiences: dict[str, int] = field(default_factory=dict)

    def run(
        self,
        job: str,
        config: Mapping[str, Any] | None = None,
        *,
        day: date | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run a job now."""
        self.runs += 1
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config={**_QUIET, **(config or {})},
            instance=self.instance,
            partition_key=day.isoformat() if day else None,
            tags=tags,
        )

    def tick(self, at: datetime) -> int:
        """Plan at a moment of the demo, and deliver; returns how many jobs were new."""
        self.clock.now = at
        done = self.run("tick", RELEASED, day=at.date())
        rows = {
            event.asset_key: event.step_materialization_data.materialization.metadata
            for event in done.get_asset_materialization_events()
            if event.asset_key is not None
        }
        for key, metadata in rows.items():
            if key.path[0] == specs.AUDIENCE and ROWS in metadata:
                size = _number(metadata[ROWS])
                self.audiences[key.path[-1]] = max(size, self.audiences.get(key.path[-1], 0))
        new = _number(rows[specs.JOBS]["planned"]) if specs.JOBS in rows else 0
        self.planned += new
        self.run("deliver")
        return new

    def listen(self) -> None:
        """Let the simulated provider tell what became of the messages, and read it."""
        simulate_feedback(
            _messages(self.installation), self.installation.settings.feedback, until=self.clock.now
        )
        self.run("feedback")

    def night(self, at: datetime) -> None:
        """The daily job of a moment of the demo."""
        self.clock.now = at
        automation = Automation(self.installation, dict, self.clock, at.date() - _DAY)
        for first, last in days_to_restate(automation):
            self.run("daily", tags=range_tags(first, last))


def _number(told: dg.MetadataValue) -> int:
    return told.value if isinstance(told.value, int) else 0


def _messages(installation: Installation) -> pl.DataFrame:
    j = jobs.c
    sent = sa.select(j.id.label("job_id"), j.finished_at.label("sent_at"), j.purpose, j.tenant_id)
    return installation.database.read(sent.where(j.channel == "email", j.state == State.COMPLETED))


def moments(since: datetime | None, now: datetime) -> list[datetime]:
    """When the demo ticks: through yesterday and today, from where it stopped; the last tick again first."""
    start = datetime.combine(now.date() - _DAY, time(), UTC)
    slots = [start + n * CADENCE for n in range((now - start) // CADENCE + 1)]
    if since is None:
        return [*(slot for slot in slots if slot < now), now]
    return [since, *(slot for slot in slots if since < slot < now), max(since, now)]


def play(play_: Play, now: datetime, console: Console) -> int | None:
    """Live through yesterday and today; returns what the repeated tick added, if there was one."""
    before = plans.planned_through(play_.installation.database)
    repeated: int | None = None
    night = datetime.combine(now.date(), time(0, 20), UTC)
    rested = before is not None and before >= night
    for place, moment in enumerate(moments(before, now)):
        if moment >= night and not rested:
            rested = True
            play_.listen()
            play_.night(night)
        new = play_.tick(moment)
        repeated = new if before is not None and place == 0 else repeated
        console.print(f"  tick of {moment:%a %H:%M} UTC: {new:,} new jobs", style="dim")
    play_.listen()
    play_.night(max(now, play_.clock.now))
    return repeated


@contextmanager
def _forgetful(home: Path) -> Iterator[None]:
    """The history of a demo need not survive a power cut: waiting for the disk would be most of its time."""

    def relax(connection: object, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            files = [Path(row[2]) for row in connection.execute("PRAGMA database_list")]
            if any(home in file.parents for file in files):
                connection.execute("PRAGMA synchronous = OFF")

    sa.event.listen(sa.Engine, "connect", relax)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "connect", relax)


def main() -> None:
    """Run the demo's jobs and say what happened."""
    logging.getLogger("dagster").setLevel(logging.ERROR)
    console = Console()
    try:
        settings = Settings()
        notes = DemoNotes.read(settings)
        if notes is None:
            msg = "there is no demo here: run `automation demo` first, or `make demo`, which does both"
            raise ConfigurationError(msg)
        clock = MovedClock(notes.as_of)
        installation = Installation.open(settings)
        changed = {
            "tick_minutes": CADENCE // timedelta(minutes=1),
            "first_day": first_day(installation) or notes.as_of.date() - _DAY,
            "feedback_inbox": None,  # the simulated provider writes to the demo's own
        }
        with dg.DagsterInstance.get() as instance, _forgetful(Path(instance.root_directory).resolve()):
            definitions = build_definitions(settings.model_copy(update=changed), clock=clock)
            play_ = Play(installation, definitions, instance, clock)
            started = system_clock()
            repeated = play(play_, notes.as_of, console)
            seconds = (system_clock() - started).total_seconds()
        summary.tell(console, play_.installation, sizes=play_.audiences, now=clock.now)
        summary.conclude(
            console,
            play_.installation,
            runs=play_.runs,
            seconds=seconds,
            new=play_.planned,
            repeated=repeated,
        )
    except AutomationError as error:
        console.print(f"error: {error}", style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
