"""The order in which a person is erased, such that a crash anywhere is completed by doing it again.

They are suppressed first, so that nothing new is planned; files follow while the ledger still knows what was
theirs; the ledger's own rows go last, in one transaction with the audit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from automation_pipelines.errors import RefusedError
from automation_pipelines.feedback import inbox_of
from automation_pipelines.forgetting import files
from automation_pipelines.forgetting.person import customer_number, find
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.audits import entries
from automation_pipelines.ledger.campaign_moves import record
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.erasing import Erased, Eraser, Held, purge
from automation_pipelines.ledger.identity import identity_of, installation_name
from automation_pipelines.ledger.persons import Person
from automation_pipelines.ledger.suppressions import customer_hash, forgotten_at
from automation_pipelines.model import State

_EXPORTS = 100
"""The newest so many are named."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased where, of one person; with `dry_run` what would be."""

    tenant_id: int
    records: int
    """The customer's records in the CRM: others may have been merged with it."""
    suppressed: int
    cancelled: int
    erased: tuple[Erased, ...]
    exports: tuple[str, ...] = ()
    """Files that were exported with personal data of their tenant: wherever they are, they are not ours."""
    purged: bool = True
    """False: somebody was reading, and the database's own log still holds some of it."""


def forget(
    installation: Installation, key: str, *, tenant_id: int | None, by: str, now: datetime, dry_run: bool
) -> Forgotten:
    """Erase a customer (the CRM's key) and suppress them; `RefusedError` while a message is on its way.

    `LockedError` while a tick or housekeeping is at work. Doing it again erases what came since, or what a
    crash left.
    """
    db = installation.database
    with db.planner_lock(), db.payload_lock():
        person = find(installation, key, tenant_id)
        eraser = Eraser(db, person)
        suppressed, cancelled, held = _suppress(db, eraser, now, dry_run=dry_run)
        with db.reading() as connection:
            said = _identities(db, [*held, *eraser.quoting(connection)])
        found = [*_files(installation, eraser, said, dry_run=dry_run)]
        with _transaction(db, dry_run=dry_run) as connection:
            found += eraser.erase(connection, held, said)
            if any(one.count for one in found) or cancelled:
                _audit(connection, db, person, found, by=by, at=now)
    purged = dry_run or purge(db)
    told = tuple(one for one in found if one.count)
    exported = tuple(_exports(db, person.tenant_id))
    return Forgotten(person.tenant_id, len(person.customers), suppressed, cancelled, told, exported, purged)


def forgotten_since(
    installation: Installation, key: str, tenant_id: int | None, at: datetime
) -> datetime | None:
    """Since when the customer with this key of the CRM is forgotten; `None`: they are not."""
    hashed = customer_hash(installation.database.salt, customer_number(installation, key))
    return forgotten_at(installation.database, hashed, tenant_id, at)


def _suppress(db: Database, eraser: Eraser, now: datetime, *, dry_run: bool) -> tuple[int, int, list[Held]]:
    with _transaction(db, dry_run=dry_run) as connection:
        suppressed = eraser.suppress(connection, now)
        cancelled = eraser.cancel(connection, eraser.jobs(connection), now)
        held = eraser.jobs(connection)
    leaving = [job.id for job in held if job.state == State.PROCESSING]
    if leaving and not dry_run:
        msg = (
            f"they are suppressed now, but {len(leaving)} of their jobs ({', '.join(map(str, leaving[:5]))}) "
            "are being handed over: once `automation jobs show` says they have ended, give the order again. "
            "If their worker died, another one (`automation deliver`) takes them over when the lease ends"
        )
        raise RefusedError(msg)
    return suppressed, cancelled, held


def _files(
    installation: Installation, eraser: Eraser, said: frozenset[str], *, dry_run: bool
) -> Iterator[Erased]:
    settings, db = installation.settings, installation.database
    shelves = files.Shelves(installation.files, eraser, db.salt, dry_run)
    yield from shelves.erase()
    roots = (settings.outbox, settings.home / "test-outbox")
    yield Erased("messages on disk", files.messages(roots, said, dry_run=dry_run))
    lines = files.feedback(inbox_of(settings), eraser.person.addresses, dry_run=dry_run)
    yield Erased("lines of feedback", lines)


def _identities(db: Database, held: Sequence[Held]) -> frozenset[str]:
    name = installation_name(db.salt)
    return frozenset(
        identity_of(
            (job.occurrence, job.tenant_id, job.campaign, job.step, job.subject_id, job.recipient_id),
            job.mode,
            name,
        )
        for job in held
    )


def _exports(db: Database, tenant_id: int) -> Iterator[str]:
    for entry in reversed(entries(db, action="export", limit=_EXPORTS)):
        if entry.detail.get("tenant", tenant_id) == tenant_id:
            yield f"{entry.detail['file']} ({entry.at:%Y-%m-%d}, {entry.by})"


def _audit(
    connection: sa.Connection, db: Database, person: Person, found: list[Erased], *, by: str, at: datetime
) -> None:
    """Who did it and how much went; whom, only as the hash that suppresses them."""
    hashes = sorted(customer_hash(db.salt, number) for number in person.customers)
    counts = {one.place: one.count for one in found if one.count}
    record(connection, "forget", by, at, tenant=person.tenant_id, customers=hashes, erased=counts)


@contextmanager
def _transaction(db: Database, *, dry_run: bool) -> Iterator[sa.Connection]:
    """A transaction that leaves nothing behind in a dry run."""
    with db.begin() as connection:
        yield connection
        if dry_run:
            connection.rollback()
