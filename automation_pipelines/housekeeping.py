"""Housekeeping: what is over its time leaves the ledger, slice by slice, into an archive if there is one.

Every slice is archived on disk before it is dropped, and the cursor moves with the drop: after a crash
anywhere the next run does that slice again, which puts the same jobs in the same place. How long what is
kept is the settings'; what goes and how is `ledger.retention`'s and `archive`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from automation_pipelines import archive
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import retention
from automation_pipelines.ledger.retention import FAILURES, Chore, Place
from automation_pipelines.settings import Settings

SLICE = 10_000
"""Payloads a transaction drops at most: nobody waits long for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Housekept:
    """What went, or is to go."""

    payloads: int
    """Of jobs that were completed, skipped or cancelled."""
    failures: int
    """Payloads of dead and unknown jobs."""
    notifications: int
    conversations: int
    test_files: int
    archive_files: int


def overdue(installation: Installation, now: datetime) -> Housekept:
    """What `housekeep` would let go of."""
    settings, db = installation.settings, installation.database
    before = now - timedelta(days=settings.payload_retention_days)
    ended, failed = chores_of(settings, now)
    first = retention.due(db, replace(ended, until=failed.until))
    return Housekept(
        payloads=retention.due(db, ended),
        failures=retention.due(db, failed) - first,
        notifications=retention.old_notifications(db, before),
        conversations=retention.old_conversations(db, before),
        test_files=len(_old_tests(settings, before)),
        archive_files=len(_old_archive(installation, now)),
    )


def housekeep(installation: Installation, *, now: datetime, by: str, size: int = SLICE) -> Housekept:
    """Let go of everything that is over its time; doing it again finds nothing more.

    `LockedError` while another one does, or a person is being forgotten. `size`: of a slice.
    """
    settings, db = installation.settings, installation.database
    before = now - timedelta(days=settings.payload_retention_days)
    order = _Order(installation, now, by, size)
    with db.payload_lock():
        payloads, failures = (order.drop_payloads(chore) for chore in chores_of(settings, now))
        return Housekept(
            payloads=payloads,
            failures=failures,
            notifications=order.drop_notifications(before),
            conversations=retention.drop_conversations(db, before, by=by, at=now),
            test_files=_remove(_old_tests(settings, before)),
            archive_files=_remove(_old_archive(installation, now)),
        )


def chores_of(settings: Settings, now: datetime) -> tuple[Chore, Chore]:
    """Payloads of what ended well, and of all else.

    The later one also takes what the earlier has missed: a dead job that was taken off its queue.
    """
    days, longer = settings.payload_retention_days, settings.dead_retention_days
    ended = Chore("payloads", now - timedelta(days=days), FAILURES)
    return ended, Chore("payloads of failures", now - timedelta(days=max(days, longer)))


@dataclass(frozen=True, slots=True)
class _Order:
    installation: Installation
    now: datetime
    by: str
    size: int

    def drop_payloads(self, chore: Chore) -> int:
        db, dropped = self.installation.database, 0
        place = retention.reached(db, chore)
        while not (rows := retention.take(db, chore, place, self.size)).is_empty():
            dropped += self._drop(chore, rows, place := _last(rows))
        retention.reach(db, chore, chore.until, self.now)
        return dropped

    def _drop(self, chore: Chore, rows: pl.DataFrame, place: Place) -> int:
        archived = self.installation.settings.payload_archive
        if archived:
            archive.add(self.installation.files, rows)
        ids, db = rows["job_id"].to_list(), self.installation.database
        return retention.drop(db, chore, ids, place, archived=archived, by=self.by, at=self.now)

    def drop_notifications(self, before: datetime) -> int:
        dropped, last = 0, self.size
        while last == self.size:
            last = retention.drop_notifications(
                self.installation.database, before, self.size, by=self.by, at=self.now
            )
            dropped += last
        return dropped


def _last(rows: pl.DataFrame) -> Place:
    finished_at, job_id = rows.select("finished_at", "job_id").row(-1)
    return Place(finished_at, job_id)


def _old_tests(settings: Settings, before: datetime) -> list[Path]:
    """What tests of campaigns left for somebody to look at, by then."""
    found = (settings.home / "test-outbox").rglob("*")
    return [path for path in found if path.is_file() and path.stat().st_mtime < before.timestamp()]


def _old_archive(installation: Installation, now: datetime) -> list[Path]:
    days = installation.settings.archive_retention_days
    if days is None:
        return []
    return archive.before(installation.files, (now - timedelta(days=days)).date())


def _remove(paths: Sequence[Path]) -> int:
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)
