"""Providers' posts that somebody kept as files: one folder for each provider, read as its webhook would be.

Whoever may write there is believed, so no signature is asked for. A `.jsonl` holds a body on each line, any
other file one body. What cannot be read goes to `rejected/`, with the reasons beside it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import PurePosixPath

from automation_pipelines.errors import MalformedError
from automation_pipelines.feedback.adapters import PROVIDERS, Reading, Request
from automation_pipelines.feedback.filing import DONE, REJECTED, Ingested, file_away
from automation_pipelines.feedback.inbox import Inbox
from automation_pipelines.feedback.store import store
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings

REASONS = ".reasons.txt"
_BATCH = 20_000


def is_post(name: str) -> bool:
    """Whether a file of the inbox is one of a provider's."""
    folder, _, rest = name.partition("/")
    return folder in PROVIDERS and "/" not in rest and not rest.endswith(REASONS)


def ingest_posts(
    db: Database, settings: Settings, inbox: Inbox, names: Iterable[str], *, now: datetime
) -> Ingested:
    """Read these posts; after a crash anywhere they are read again, which changes nothing."""
    total = Ingested()
    for name in names:
        total += _ingest(db, settings, inbox, name, now)
    return total


def _ingest(db: Database, settings: Settings, inbox: Inbox, name: str, now: datetime) -> Ingested:
    content = inbox.read(name)
    if content is None:
        return Ingested()
    problems: list[str] = []
    done = Ingested(files=1)
    for readings in _batches(_readings(settings, PurePosixPath(name), content, now)):
        events = [told for reading in readings for told in reading.events]
        found = [problem for reading in readings for problem in reading.problems]
        recorded = store(db, events, now)
        done += Ingested(0, recorded.events, recorded.duplicates, len(found), recorded.proved)
        problems += found
    place = file_away(inbox, name, REJECTED if problems else DONE)
    if problems and place is not None:
        inbox.write(place + REASONS, ("\n".join(problems) + "\n").encode())
    return done


def _readings(settings: Settings, path: PurePosixPath, content: bytes, now: datetime) -> Iterator[Reading]:
    adapter = PROVIDERS[path.parent.name]
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
