"""All ways in but HTTP: files in our own words, providers' posts, mails in files, the mailbox."""

from datetime import datetime

from automation_pipelines.feedback import files, posts
from automation_pipelines.feedback.adapters import PROVIDERS
from automation_pipelines.feedback.filing import DONE, REJECTED, Ingested
from automation_pipelines.feedback.inbox import Found, Inbox, inbox_of
from automation_pipelines.feedback.mailbox import Letters, desk_of, ingest_mails, is_mail, open_mailbox
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles

MAIL = "mail"
"""The folder beside those of the providers in which `.eml` files are put."""
FOLDERS = ("", *PROVIDERS, MAIL)


def waiting(inbox: Inbox) -> list[Found]:
    """List the files that wait to be read, whatever they are; hidden ones are still being written."""
    kinds = (files.is_ours, posts.is_post, _is_letter)
    return [found for found in inbox.listing(FOLDERS) if any(kind(found.name) for kind in kinds)]


def kept(inbox: Inbox) -> list[Found]:
    """List the files that were read, and what is kept of them."""
    return inbox.listing([f"{folder}/{end}".lstrip("/") for folder in FOLDERS for end in (DONE, REJECTED)])


def ingest(
    db: Database,
    sqlfiles: SqlFiles,
    settings: Settings,
    inbox: Inbox | None = None,
    *,
    mailbox: str | None = None,
    now: datetime,
) -> Ingested:
    """Read everything that waits in an inbox (by default the installation's), and in the mailbox.

    Neither keeps the other from being read when it is away.
    """
    brought = Ingested()
    try:
        brought += _from_files(db, sqlfiles, settings, inbox or inbox_of(settings), now)
    finally:
        url = mailbox or (settings.feedback_mailbox.get_secret_value() if settings.feedback_mailbox else None)
        if url is not None:
            brought += _from_mailbox(db, settings, url, now)
    return brought


def _from_files(
    db: Database, sqlfiles: SqlFiles, settings: Settings, inbox: Inbox, now: datetime
) -> Ingested:
    found = [one.name for one in waiting(inbox)]
    letters = [name for name in found if _is_letter(name)]
    brought = files.ingest_files(db, sqlfiles, inbox, filter(files.is_ours, found), now=now)
    brought += posts.ingest_posts(db, settings, inbox, filter(posts.is_post, found), now=now)
    if letters:
        brought += ingest_mails(db, Letters(inbox, letters), desk_of(db, settings), now=now)
    return brought


def _from_mailbox(db: Database, settings: Settings, url: str, now: datetime) -> Ingested:
    opened = open_mailbox(url)
    try:
        return ingest_mails(db, opened, desk_of(db, settings), now=now)
    finally:
        opened.close()


def _is_letter(name: str) -> bool:
    folder, _, rest = name.partition("/")
    return folder == MAIL and is_mail(rest)
