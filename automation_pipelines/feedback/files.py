"""Feedback files → events: reads JSON Lines in our own vocabulary, whole files at a time.

What events do to jobs and suppressions is the ledger's (`ledger.events`); translating a provider's own
words into these belongs to the provider's adapter, not here.

A file is one `*.jsonl` put into the inbox whole: by rename, or as an object of a bucket. Each line is an
object: `id` (the identity of the event: told twice, it counts once), `type` (a word of `EventType`), `at`
(instant with zone) and, optional, `job_id`, `provider_id`, `detail` (an object without personal data; `kind`
says whether a bounce is hard or soft).
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePosixPath

import polars as pl

from automation_pipelines.engine import open_engine
from automation_pipelines.feedback import rules
from automation_pipelines.feedback.filing import DONE, REJECTED, Ingested, beside, free
from automation_pipelines.feedback.inbox import Inbox
from automation_pipelines.ledger import events
from automation_pipelines.ledger.database import Database
from automation_pipelines.model import EventType
from automation_pipelines.sqlfiles import SqlFiles


def is_ours(name: str) -> bool:
    """Whether a file of the inbox is in our own words."""
    return "/" not in name and name.endswith(".jsonl")


def ingest_files(
    db: Database, sqlfiles: SqlFiles, inbox: Inbox, names: Iterable[str], *, now: datetime
) -> Ingested:
    """Read these files into the ledger, and move each to `done/`.

    A line that tells no event is kept in `rejected/` under the file's name with its number and what is
    wrong with it; the others count. A crash anywhere leaves the file waiting, and reading it again
    changes nothing.
    """
    total = Ingested()
    for name in names:
        total += _ingest(db, sqlfiles, inbox, name, now)
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


def _ingest(db: Database, sqlfiles: SqlFiles, inbox: Inbox, name: str, now: datetime) -> Ingested:
    content = inbox.read(name)
    if content is None:
        return Ingested()
    rows = read_lines(sqlfiles, content)
    good, bad = rows.filter(pl.col("problem").is_null()), rows.filter(pl.col("problem").is_not_null())
    told = rules.judged(good).with_columns(provider=pl.lit("file"))
    recorded = events.record(db, told, now=now)
    _file_away(inbox, name, bad)
    return Ingested(1, recorded.events, recorded.duplicates, bad.height, recorded.proved)


def _file_away(inbox: Inbox, name: str, bad: pl.DataFrame) -> None:
    done = free(inbox, beside(name, DONE))
    if bad.height:
        told = bad.select("line", pl.col("problem").alias("reason"), "text").write_ndjson()
        inbox.write(f"{REJECTED}/{PurePosixPath(done).name}", told.encode())
    inbox.move(name, done)
