"""What one run speaks for, and the frames its steps hand on: read once, kept as files, found again.

Frames lie under `<files>/frames/<run id>/`. A run re-executed from a failure finds those of the run it
repeats, and speaks for the same time. What is in the frames is the stages' business.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
from pydantic import BaseModel, ConfigDict

from automation_pipelines import reconstruction
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.orchestration.resources import Automation, Release
from automation_pipelines.planning import Clock, needs
from automation_pipelines.tick import Work, find_work

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_DAY = timedelta(days=1)


class Scope(BaseModel):
    """What a run speaks for. `refusal` says why it may not release, if it may not."""

    model_config = ConfigDict(frozen=True)

    as_of: datetime
    first_day: date
    last_day: date
    refusal: str | None
    clock: Clock
    campaigns: tuple[ActiveCampaign, ...]

    @property
    def days(self) -> list[date]:
        """The UTC days the run looks at."""
        return [self.first_day + n * _DAY for n in range((self.last_day - self.first_day).days + 1)]

    @property
    def mode(self) -> str:
        """`live` or `reconstructed`."""
        return "reconstructed" if self.refusal else "live"

    def work(self, tenants: pl.DataFrame, settings: pl.DataFrame) -> Work:
        """The work as it was found at the start of the run."""
        found = Work(self.clock, self.campaigns, (), tenants, settings)
        if self.refusal is None:
            return replace(found, needs=tuple(needs(self.campaigns, self.clock, found.tenancy)))
        return reconstruction.with_days(found, self.first_day, self.last_day, now=self.as_of)


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of a run, and where to look for what an earlier attempt at it left."""

    root: Path
    runs: tuple[str, ...]

    @property
    def own(self) -> Path:
        """The run's own directory."""
        return self.root / self.runs[0]

    def find(self, name: str) -> Path | None:
        """The newest file of that name among the attempts."""
        return next((path for run in self.runs if (path := self.root / run / name).is_file()), None)

    def write(self, frames: Mapping[str, pl.DataFrame]) -> None:
        """Keep frames for the later steps of the run."""
        self.own.mkdir(parents=True, exist_ok=True)
        for name, frame in frames.items():
            frame.write_parquet(self.own / f"{name}.parquet")

    def read(self, name: str) -> pl.DataFrame | None:
        """A frame of an earlier step; `None` if none wrote it."""
        path = self.find(f"{name}.parquet")
        return pl.read_parquet(path) if path else None

    def begin(self, scope: Scope, work: Work) -> None:
        """Keep what the run speaks for."""
        self.write({"work.tenants": work.tenants, "work.settings": work.settings})
        (self.own / "scope.json").write_text(scope.model_dump_json(by_alias=True), encoding="utf-8")

    def resume(self) -> tuple[Scope, Work] | None:
        """What the run, or the attempt it repeats, speaks for; `None` before it began."""
        path, tenants, settings = (
            self.find("scope.json"),
            self.read("work.tenants"),
            self.read("work.settings"),
        )
        if path is None or tenants is None or settings is None:
            return None
        scope = Scope.model_validate_json(path.read_text(encoding="utf-8"))
        return scope, scope.work(tenants, settings)


def files_of(context: dg.AssetExecutionContext, installation: Installation) -> RunFiles:
    """The files of this run and of those it repeats."""
    return RunFiles(frames_root(installation), tuple(_attempts(context)))


def _attempts(context: dg.AssetExecutionContext) -> Iterator[str]:
    run: dg.DagsterRun | None = context.run
    while run is not None:
        yield run.run_id
        run = context.instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None


def begin(
    context: dg.AssetExecutionContext, automation: Automation, release: Release, *, whole: bool
) -> tuple[Scope, Work]:
    """Settle what this run speaks for; the first step of a run does. `whole`: it runs from the sources on."""
    now = automation.clock()
    as_of = _time(release.as_of) or now
    first, last = _partitions(context.run.tags) or (as_of.date(), as_of.date())
    refusal = None if whole and release.release else "a look: only the tick job releases"
    refusal = refusal or too_far(as_of, now, automation.installation.settings.tick)
    refusal = refusal or _other_day(first, last, as_of, automation.installation.settings.tick)
    if refusal is None:
        work = find_work(automation.installation, as_of)
    else:
        work = reconstruction.find_past_work(automation.installation, first, last, now=as_of)
    scope = Scope(
        as_of=as_of,
        first_day=first,
        last_day=last,
        refusal=refusal,
        clock=work.clock,
        campaigns=work.campaigns,
    )
    files_of(context, automation.installation).begin(scope, work)
    return scope, work


def too_far(as_of: datetime, now: datetime, tick: timedelta) -> str | None:
    """Why a run that speaks for `as_of` may not release now; `None` if it may."""
    if abs(now - as_of) <= tick:
        return None
    return f"a look: it speaks for {as_of:%Y-%m-%d %H:%M} UTC, more than a tick from now; launch a new tick"


def _other_day(first: date, last: date, as_of: datetime, tick: timedelta) -> str | None:
    """A run asked for just before midnight may start after it; any other day is the past."""
    about_now = {(as_of - tick).date(), as_of.date()}
    return None if {first, last} <= about_now else f"a look at {first} to {last}: releases are about today"


def _time(text: str) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = f"as_of '{text}' has no zone: write it as 2026-03-01T09:00+00:00"
        raise dg.Failure(msg, allow_retries=False)
    return moment.astimezone(UTC)


def _partitions(tags: Mapping[str, str]) -> tuple[date, date] | None:
    single = tags.get("dagster/partition")
    first, last = (tags.get(name, single) for name in _RANGE)
    return (date.fromisoformat(first), date.fromisoformat(last)) if first and last else None


def frames_root(installation: Installation) -> Path:
    """Where runs keep their frames."""
    return installation.settings.files / "frames"


def first_day(installation: Installation) -> date | None:
    """The first UTC day there is anything of: as set, or that of the first tick."""
    if installation.settings.first_day is not None:
        return installation.settings.first_day
    path = _first_day_file(installation)
    return date.fromisoformat(path.read_text(encoding="utf-8").strip()) if path.is_file() else None


def remember_first_day(installation: Installation, day: date) -> None:
    """Note the day of the first tick, found again without asking the ledger; later ones change nothing."""
    path = _first_day_file(installation)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{day.isoformat()}\n", encoding="utf-8")


def _first_day_file(installation: Installation) -> Path:
    return installation.settings.files / "first_day.txt"


def remove_older(root: Path, before: datetime) -> int:
    """Remove the frames of runs not touched since; how many runs."""
    old = [path for path in root.glob("*") if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)
