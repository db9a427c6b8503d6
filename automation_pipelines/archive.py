"""Payloads that left the ledger, as Parquet by UTC day of due_at, for who must know what was sent to whom.

A job has one place only, by its day and its number, so that putting it there twice is putting it there once.
Which payloads leave, and when, is `housekeeping`'s.
"""

import os
from collections.abc import Collection
from datetime import date
from pathlib import Path

import polars as pl

from automation_pipelines.files import FileStore

DATASET = "payloads"

_BLOCK = 10_000
"""So many consecutive jobs at most share a file: little is rewritten when a straggler joins them."""


def add(files: FileStore, rows: pl.DataFrame) -> int:
    """Put these payloads (`job_id`, `due_at` and more) where they belong; once this returns they are on disk.

    Of a job that is there already the newer copy stays. Returns how many files were written.
    """
    placed = rows.with_columns(_day=pl.col("due_at").dt.date(), _block=pl.col("job_id") // _BLOCK)
    parts = placed.partition_by("_day", "_block", as_dict=True, include_key=False)
    paths = [_merge(files, part, day, block) for (day, block), part in parts.items()]
    for path in {*paths, *(path.parent for path in paths)}:
        _flush(path)
    return len(paths)


def before(files: FileStore, day: date) -> list[Path]:
    """The files of what was due before this day."""
    return files.paths(DATASET, [each for each in files.days(DATASET) if each < day])


def of_jobs(files: FileStore, ids: Collection[int]) -> pl.DataFrame:
    """The payloads of these jobs that are here."""
    columns = dict.fromkeys(("channel", "address", "fallbacks", "variables"), pl.String)
    names = {f"jobs-{number // _BLOCK * _BLOCK:012}" for number in ids}
    paths = [path for path in files.paths(DATASET) if path.stem in names] if ids else []
    found = (
        pl.scan_parquet(
            paths,
            schema={"job_id": pl.Int64, **columns},
            hive_partitioning=False,
            missing_columns="insert",
            extra_columns="ignore",
        )
        if paths
        else pl.LazyFrame(schema={"job_id": pl.Int64, **columns})
    )
    return found.filter(pl.col("job_id").is_in(sorted(ids))).collect()


def _merge(files: FileStore, part: pl.DataFrame, day: date, block: int) -> Path:
    name = f"jobs-{block * _BLOCK:012}"
    there = [pl.read_parquet(path) for path in files.paths(DATASET, [day]) if path.stem == name]
    whole = pl.concat([*there, part], how="diagonal_relaxed")
    whole = whole.unique("job_id", keep="last", maintain_order=True).sort("job_id")
    return files.publish(DATASET, whole, day=day, run=name)


def _flush(path: Path) -> None:
    """Only what is on disk may be deleted elsewhere."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
