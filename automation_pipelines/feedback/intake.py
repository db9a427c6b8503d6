"""All ways in but HTTP: files in our own words, providers' posts, mails in files, the mailbox."""

from datetime import datetime
from pathlib import Path

from automation_pipelines.feedback import files, posts
from automation_pipelines.feedback.filing import Ingested
from automation_pipelines.feedback.mailbox import Directory, desk_of, ingest_mails, open_mailbox
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles

MAIL = "mail"
"""The folder beside those of the providers in which `.eml` files are put."""


def waiting(directory: Path) -> list[Path]:
    """List the files that wait to be read, whatever they are."""
    return [*files.waiting(directory), *posts.waiting(directory), *(directory / MAIL).glob("[!.]*.eml")]


def ingest(
    db: Database,
    sqlfiles: SqlFiles,
    settings: Settings,
    directory: Path | None = None,
    *,
    mailbox: str | None = None,
    now: datetime,
) -> Ingested:
    """Read everything that waits in a directory (by default the installation's), then in the mailbox.

    The mailbox comes last: one that is away keeps nothing else from being read.
    """
    place = directory or settings.feedback
    total = files.ingest_files(db, sqlfiles, place, now=now)
    total += posts.ingest_posts(db, settings, place, now=now)
    total += _mails(db, settings, place / MAIL, now)
    url = mailbox or (settings.feedback_mailbox.get_secret_value() if settings.feedback_mailbox else None)
    if url is None:
        return total
    opened = open_mailbox(url)
    try:
        return total + ingest_mails(db, opened, desk_of(db, settings), now=now)
    finally:
        opened.close()


def _mails(db: Database, settings: Settings, place: Path, now: datetime) -> Ingested:
    if not any(place.glob("[!.]*.eml")):
        return Ingested()
    return ingest_mails(db, Directory(place), desk_of(db, settings), now=now)
