"""Feedback files → events: reads JSON Lines in our own vocabulary, whole files at a time.

What events do to jobs and suppressions is the ledger's (`ledger.events`); translating a provider's own
words into these belongs to the provider's adapter, not here.

A file is one `*.jsonl` put into the directory by rename. Each line is an object: `id` (the identity of
the event: told twice, it counts once), `type` (a word of `EventType`), `at` (instant with zone) and,
optional, `job_id`, `provider_id`, `detail` (an object without personal data; `kind` says whether a bounce
is hard or soft).
"""

from datetime import datetime
from pathlib import Path

import polars as pl

from automation_pipelines.engine import open_engine
from automation_pipelines.feedback import rules
from automation_pipelines.feedback.filing import DONE, REJECTED, Ingested, free
from automation_pipelines.ledger import events
from automation_pipelines.ledger.database import Database
from automation_pipelines.model import EventType
from automation_pipelines.sqlfiles import SqlFiles


def waiting(directory: Path) -> list[Path]:
    """List the files that wait to be read, by name; hidden ones are still being written."""
    return sorted(path for path in directory.glob("[!.]*.jsonl") if path.is_file())


def ingest_files(db: Database, sqlfiles: SqlFiles, directory: Path, *, now: datetime) -> Ingested:
    """Read every waiting file into the ledger, and move it to `done/`.

    A line that tells no event is kept in `rejected/` under the file's name with its number and what is
    wrong with it; the others count. A crash anywhere leaves the file waiting, and reading it again
    changes nothing.
    """
    total = Ingested()
    for path in waiting(directory):
        total += _ingest(db, sqlfiles, path, now)
    return total


def read_lines(sqlfiles: SqlFiles, content: bytes) -> pl.DataFrame:
    """One row per line that is not blank: the event it tells, or its `problem`."""
    lines = _lines(content)
    with open_engine() as engine:
        engine.add(lines=lines, event_types=pl.DataFrame({"word": [str(word) for word in EventType]}))
        judged = engine.query(sqlfiles.find("feedback", "lines").text)
    # Decoding left this mark where the file is not UTF-8; a line may also hold one by itself.
    garbled = pl.col("text").str.contains("\ufffd", literal=True) & pl.lit(not _is_utf8(content))
    return judged.with_columns(problem=pl.when(garbled).then(pl.lit("not UTF-8")).otherwise("problem"))


def _lines(content: bytes) -> pl.DataFrame:
    # Split at \n alone: JSON texts may hold other separators that `splitlines` knows.
    text = content.decode("utf-8-sig", errors="replace")
    frame = pl.DataFrame({"text": text.split("\n")}, schema={"text": pl.String()})
    return frame.with_row_index("line", offset=1).filter(pl.col("text").str.strip_chars() != "")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _ingest(db: Database, sqlfiles: SqlFiles, path: Path, now: datetime) -> Ingested:
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # another process was quicker
        return Ingested()
    rows = read_lines(sqlfiles, content)
    good, bad = rows.filter(pl.col("problem").is_null()), rows.filter(pl.col("problem").is_not_null())
    told = rules.judged(good).with_columns(provider=pl.lit("file"))
    recorded = events.record(db, told, now=now)
    _file_away(path, bad)
    return Ingested(1, recorded.events, recorded.duplicates, bad.height, recorded.proved)


def _file_away(path: Path, bad: pl.DataFrame) -> None:
    done = free(path.parent / DONE / path.name)
    done.parent.mkdir(exist_ok=True)
    if bad.height:
        rejected = path.parent / REJECTED / done.name
        rejected.parent.mkdir(exist_ok=True)
        beside = rejected.with_name(f".{rejected.name}")
        bad.select("line", pl.col("problem").alias("reason"), "text").write_ndjson(beside)
        beside.replace(rejected)
    try:
        path.rename(done)
    except FileNotFoundError:  # another process read it at the same time and moved it first
        return
