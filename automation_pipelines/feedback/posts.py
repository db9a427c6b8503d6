"""Providers' posts that somebody kept as files: one folder for each provider, read as its webhook would be.

Whoever may write there is believed, so no signature is asked for. A `.jsonl` holds a body on each line, any
other file one body. What cannot be read goes to `rejected/`, with the reasons beside it.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from automation_pipelines.errors import MalformedError
from automation_pipelines.feedback.adapters import PROVIDERS, Adapter, Reading, Request
from automation_pipelines.feedback.filing import DONE, REJECTED, Ingested, file_away
from automation_pipelines.feedback.store import store
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings

REASONS = ".reasons.txt"
_BATCH = 20_000


def waiting(directory: Path) -> list[Path]:
    """List the posts that wait in the folders of providers; hidden files are still being written."""
    found = [
        path for name in PROVIDERS for path in sorted((directory / name).glob("[!.]*")) if path.is_file()
    ]
    return [path for path in found if not path.name.endswith(REASONS)]


def ingest_posts(db: Database, settings: Settings, directory: Path, *, now: datetime) -> Ingested:
    """Read every post that waits; after a crash anywhere it is read again, which changes nothing."""
    total = Ingested()
    for path in waiting(directory):
        total += _ingest(db, settings, path, now)
    return total


def _ingest(db: Database, settings: Settings, path: Path, now: datetime) -> Ingested:
    adapter = PROVIDERS[path.parent.name]
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # another process was quicker
        return Ingested()
    problems: list[str] = []
    done = Ingested(files=1)
    for readings in _batches(_readings(adapter, settings, path, content, now)):
        events = [told for reading in readings for told in reading.events]
        found = [problem for reading in readings for problem in reading.problems]
        recorded = store(db, events, now)
        done += Ingested(0, recorded.events, recorded.duplicates, len(found), recorded.proved)
        problems += found
    place = file_away(path, REJECTED if problems else DONE)
    if problems and place is not None:
        place.with_name(place.name + REASONS).write_text("\n".join(problems) + "\n", encoding="utf-8")
    return done


def _readings(
    adapter: Adapter, settings: Settings, path: Path, content: bytes, now: datetime
) -> Iterator[Reading]:
    listed = path.suffix in {".jsonl", ".ndjson"}
    bodies = content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if listed else [content]
    for line, body in enumerate(bodies, start=1):
        if not body.strip():
            continue
        try:
            yield adapter.translate(Request({}, body, ""), settings, now)
        except MalformedError as error:
            yield Reading(problems=(f"line {line}: {error}",))


def _batches(readings: Iterator[Reading]) -> Iterator[list[Reading]]:
    """As many at once as make a good transaction."""
    batch: list[Reading] = []
    events = 0
    for reading in readings:
        batch.append(reading)
        events += len(reading.events)
        if events >= _BATCH:
            yield batch
            batch, events = [], 0
    yield batch
