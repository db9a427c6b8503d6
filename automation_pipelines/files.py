"""Parquet files by dataset and UTC day: published by rename, so a reader never sees half a file.

A day of a dataset is a set of files, one per run. Nothing here knows what the rows mean.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl


@dataclass(frozen=True, slots=True)
class FileStore:
    """`<root>/<dataset>/day=YYYY-MM-DD/<run>.parquet`."""

    root: Path

    def publish(self, dataset: str, frame: pl.DataFrame, *, day: date, run: str) -> Path:
        """Add the file of one run to a day; publishing the same run again replaces its file."""
        path = self._day(dataset, day) / f"{run}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        # The leading dot hides it from readers, which glob for *.parquet without dots.
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            _write(frame, beside)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        return path

    def replace(self, dataset: str, frame: pl.DataFrame, *, day: date) -> Path:
        """Make the day hold exactly this frame."""
        path = self.publish(dataset, frame, day=day, run="restated")
        for other in self.paths(dataset, [day]):
            if other != path:
                with suppress(FileNotFoundError):
                    other.unlink()
        return path

    def paths(self, dataset: str, days: Iterable[date] | None = None) -> list[Path]:
        """The files of these days (default: of all), sorted."""
        folders = (
            (self.root / dataset).glob("day=*")
            if days is None
            else (self._day(dataset, day) for day in sorted(set(days)))
        )
        return sorted(path for folder in folders for path in folder.glob("[!.]*.parquet"))

    def of_run(self, dataset: str, run: str) -> list[Path]:
        """The files one run published, sorted; looks at one name a day, however many runs there were."""
        return sorted((self.root / dataset).glob(f"day=*/{run}.parquet"))

    def read(self, dataset: str, days: Iterable[date] | None = None) -> pl.DataFrame:
        """All rows of these days; an empty frame without columns if there are none."""
        paths = self.paths(dataset, days)
        if not paths:
            return pl.DataFrame()
        return pl.concat(
            (pl.read_parquet(path, hive_partitioning=False) for path in paths), how="diagonal_relaxed"
        )

    def days(self, dataset: str) -> list[date]:
        """The days that have files, sorted."""
        found = {path.parent.name.removeprefix("day=") for path in self.paths(dataset)}
        return sorted(date.fromisoformat(day) for day in found)

    def datasets(self, prefix: str) -> list[str]:
        """The datasets `<prefix>…/<name>`, sorted."""
        found = {path.parent for path in self.root.glob(f"{prefix}*/*/day=*")}
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def remove(self, dataset: str, days: Iterable[date]) -> int:
        """Remove the files of these days; how many there were."""
        removed = 0
        for path in self.paths(dataset, days):
            with suppress(FileNotFoundError):
                path.unlink()
                removed += 1
        return removed

    def _day(self, dataset: str, day: date) -> Path:
        return self.root / dataset / f"day={day.isoformat()}"


def rewrite(path: Path, frame: pl.DataFrame) -> None:
    """Make one file hold exactly this frame, by rename."""
    # The leading dot hides it from readers, which glob for *.parquet without dots.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    frame.write_parquet(beside)
    beside.replace(path)


def _write(frame: pl.DataFrame, path: Path) -> None:
    try:
        frame.write_parquet(path)
    except pl.exceptions.ComputeError as error:  # polars' word for a disk that is full
        msg = f"nothing can be written in {path.parent}: is its disk full? ({error})"
        raise OSError(msg) from error
