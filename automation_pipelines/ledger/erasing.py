"""A person leaves the ledger: what is theirs is found, suppressed and erased. Keys, states and times stay.

Whose addresses and records are a person's is `forgetting`'s to find out, and what lies in files is its, too.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger.columnar import raw
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.persons import Person, is_mark, mark, subjects_of
from automation_pipelines.ledger.suppressions import (
    EVERYWHERE,
    FORGOTTEN,
    Suppression,
    address_hash,
    customer_hash,
    put,
)
from automation_pipelines.ledger.tables import (
    audit,
    breakers,
    changes,
    consents,
    conversations,
    events,
    identities,
    interventions,
    job_payloads,
    jobs,
    notifications,
    past_sends,
    tracked_values,
)
from automation_pipelines.model import State

_SCRUBBED = (job_payloads, events, notifications, changes, tracked_values, interventions, audit, breakers)


@dataclass(frozen=True, slots=True)
class Held:
    """A job about them: what its files are named after, and where it stands."""

    id: int
    occurrence: int
    tenant_id: int
    campaign: str
    step: str
    subject_id: int
    recipient_id: int
    mode: str
    state: str


@dataclass(frozen=True, slots=True)
class Erased:
    """How many of something were erased."""

    place: str
    count: int


class Eraser:
    """The statements about one person, in the caller's transactions."""

    def __init__(self, db: Database, person: Person) -> None:
        """Look up which campaigns are about what they have."""
        self._db = db
        self.person = person
        self._about = subjects_of(db)
        self.subjects = frozenset(
            (campaign, record.id)
            for campaign, source in self._about
            for record in person.records
            if record.source == source
        )
        """(campaign, subject_id) of all that is theirs."""
        self.hashes = sorted({address_hash(db.salt, *contact) for contact in person.contacts})

    def suppress(self, connection: sa.Connection, at: datetime) -> int:
        """Suppress them and their addresses for every topic; how many suppressions."""
        person, salt = self.person, self._db.salt
        hashed = [(channel, address_hash(salt, channel, address)) for channel, address in person.contacts]
        hashed += [(EVERYWHERE, customer_hash(salt, number)) for number in person.customers]
        entries = [
            Suppression(person.tenant_id, channel, digest, FORGOTTEN, at)
            for channel, digest in sorted(set(hashed))
        ]
        put(self._db, connection, entries)
        return len(entries)

    def jobs(self, connection: sa.Connection) -> list[Held]:
        """Every job that is about them, or went to an address of theirs."""
        return self._held(connection, self._theirs())

    def quoting(self, connection: sa.Connection) -> list[Held]:
        """The jobs of others that name them."""
        return self._held(connection, self._naming())

    def _held(self, connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[Held]:
        step = identities.alias("step")
        own = {"id", *Held.__dataclass_fields__} & {column.name for column in jobs.c}
        names = sorted(own)
        wanted = (
            sa.select(*(jobs.c[name] for name in names), step.c.campaign, step.c.step, step.c.mode)
            .join(step, step.c.id == jobs.c.step_id)
            .outerjoin(job_payloads, job_payloads.c.job_id == jobs.c.id)
            .where(which)
        )
        return [Held(**row) for row in connection.execute(wanted).mappings()]

    def _theirs(self) -> sa.ColumnElement[bool]:
        i, j = identities.c, jobs.c
        about = sorted({campaign for campaign, source in self._about if source == "customers"})
        themselves = j.campaign_id.in_(sa.select(i.id).where(i.campaign.in_(about)))
        return sa.and_(
            j.tenant_id == self.person.tenant_id,
            sa.or_(
                j.customer_id.in_(sorted(self.person.customers)),
                job_payloads.c.address_hash.in_(self.hashes),
                sa.and_(j.subject_id.in_(sorted(self.person.customers)), themselves),
            ),
        )

    def cancel(self, connection: sa.Connection, held: Sequence[Held], at: datetime) -> int:
        """Cancel those that wait; how many."""
        waiting = [job.id for job in held if job.state == State.PENDING]
        statement = sa.update(jobs).where(jobs.c.state == State.PENDING, jobs.c.id.in_(self._ids(waiting)))
        return connection.execute(statement.values(state=State.CANCELLED, finished_at=at)).rowcount

    def erase(
        self, connection: sa.Connection, held: Sequence[Held], identities_of: Collection[str]
    ) -> Iterator[Erased]:
        """Erase all there is of them; `identities_of` their hand-offs."""
        ids = self._ids([job.id for job in held])
        payload, tenant = job_payloads.c, self.person.tenant_id
        yield self._done(connection, "payloads", sa.delete(job_payloads).where(payload.job_id.in_(ids)))
        yield Erased("payloads of others", self._redact_payloads(connection))
        yield self._done(connection, "events", self._events(ids))
        yield self._done(connection, "notifications", self._notifications(identities_of))
        for table in (changes, tracked_values):
            yield self._done(connection, table.name, sa.delete(table).where(self._rows(table)))
        yield Erased("interventions", self._interventions(connection))
        for table in (consents, conversations):
            own = sa.and_(table.c.tenant_id == tenant, table.c.address_hash.in_(self.hashes))
            yield self._done(connection, table.name, sa.delete(table).where(own))
        sent = sa.and_(past_sends.c.tenant_id == tenant, past_sends.c.address_hash.in_(self.hashes))
        yield self._done(
            connection, "past sends", sa.update(past_sends).where(sent).values(address_hash=None)
        )
        told = sa.update(breakers).where(_mention(breakers.c.error, self.person.addresses)).values(error=None)
        yield self._done(connection, "errors of breakers", told)
        yield Erased("audit", self._audit(connection))

    def _done(self, connection: sa.Connection, place: str, statement: sa.Update | sa.Delete) -> Erased:
        return Erased(place, connection.execute(statement).rowcount)

    def _events(self, ids: sa.Select[Any]) -> sa.Update:
        e = events.c
        own = sa.or_(
            e.job_id.in_(ids),
            sa.and_(e.tenant_id == self.person.tenant_id, e.address_hash.in_(self.hashes)),
            _mention(e.detail, self.person.addresses),
        )
        something = sa.or_(e.detail.is_not(None), e.address_hash.is_not(None))
        return sa.update(events).where(own, something).values(detail=None, address_hash=None)

    def _notifications(self, identities_of: Collection[str]) -> sa.Delete:
        n = notifications.c
        named = self._among("named", {"identity": sa.String()}, {(one,) for one in identities_of})
        own = sa.and_(
            n.tenant_id == self.person.tenant_id,
            n.recipient.in_([f"customer:{number}" for number in sorted(self.person.customers)]),
        )
        return sa.delete(notifications).where(sa.or_(own, n.identity.in_(sa.select(named.c.identity))))

    def _rows(self, table: sa.Table) -> sa.ColumnElement[bool]:
        rows = {(record.source, record.id) for record in self.person.records}
        own = self._among("own", {"source": sa.String(), "id": sa.BigInteger()}, rows)
        key = sa.tuple_(table.c.source, table.c.row_id)
        return sa.and_(table.c.tenant_id == self.person.tenant_id, key.in_(sa.select(own.c.source, own.c.id)))

    def _interventions(self, connection: sa.Connection) -> int:
        i = interventions.c
        key = sa.tuple_(i.campaign, i.subject_id)
        own = self._among("own", {"campaign": sa.String(), "id": sa.BigInteger()}, self.subjects)
        wanted = sa.select(i.id, i.subject_text).where(
            i.tenant_id == self.person.tenant_id, key.in_(sa.select(own.c.campaign, own.c.id))
        )
        clear = [row for row in connection.execute(wanted).all() if not is_mark(row.subject_text)]
        for row in clear:
            marked = mark(self._db.salt, row.subject_text)
            connection.execute(sa.update(interventions).where(i.id == row.id).values(subject_text=marked))
        return len(clear)

    def _redact_payloads(self, connection: sa.Connection) -> int:
        """Take them out of what is told to others: a digest to staff, a copy, an error that quotes them."""
        p = job_payloads.c
        texts = (p.variables, p.error, p.fallbacks, p.rejections)
        wanted = sa.select(p.job_id, *texts).join(jobs, jobs.c.id == p.job_id).where(self._naming())
        found = connection.execute(wanted).mappings().all()
        for row in found:
            values = {text.name: self.person.redacted(row[text.name]) for text in texts}
            connection.execute(sa.update(job_payloads).where(p.job_id == row["job_id"]).values(values))
        return len(found)

    def _naming(self) -> sa.ColumnElement[bool]:
        """Whether a payload names them. Others may have the same name: it counts only in a digest."""
        p = job_payloads.c
        digest = sa.and_(p.variables.contains('"items":['), _mention(p.variables, self.person.names_sought))
        texts = (p.variables, p.error, p.fallbacks, p.rejections)
        named = (_mention(text, self.person.addresses) for text in texts)
        return sa.and_(jobs.c.tenant_id == self.person.tenant_id, sa.or_(digest, *named))

    def _audit(self, connection: sa.Connection) -> int:
        """Orders name their subjects by the CRM's keys."""
        a = audit.c
        orders = sa.or_(a.action.like("subject.%"), a.action == "campaign.run")
        wanted = sa.select(a.id, a.detail).where(sa.or_(orders, _mention(a.detail, self.person.addresses)))
        changed = 0
        for row in connection.execute(wanted).all():
            detail = self.person.redacted(json.dumps(self._unnamed(json.loads(row.detail))))
            if detail != row.detail:
                connection.execute(sa.update(audit).where(a.id == row.id).values(detail=detail))
                changed += 1
        return changed

    def _unnamed(self, detail: dict[str, Any]) -> dict[str, Any]:
        """An audit entry with marks instead of their keys."""
        if detail.get("tenant", detail.get("tenant_id")) not in (None, self.person.tenant_id):
            return detail
        about = {source for campaign, source in self._about if campaign == detail.get("campaign")}
        fields = {"subject": about, "subjects": about, "customers": {"customers"}}
        return {
            name: self._marked(value, fields[name]) if name in fields else value
            for name, value in detail.items()
        }

    def _marked(self, value: object, sources: Collection[str]) -> object:
        if isinstance(value, list):
            return [self._marked(one, sources) for one in value]
        theirs = {record.text for record in self.person.records if record.source in sources}
        named = isinstance(value, str) and value in theirs and not is_mark(value)
        return mark(self._db.salt, str(value)) if named else value

    def _among(
        self, name: str, columns: dict[str, sa.types.TypeEngine[Any]], rows: Collection[tuple[object, ...]]
    ) -> sa.Subquery:
        return self._db.listed(name, columns, sorted(rows))

    def _ids(self, numbers: Sequence[int]) -> sa.Select[Any]:
        listed = self._db.listed("ids", {"id": sa.BigInteger()}, [(number,) for number in numbers])
        return sa.select(listed.c.id)


def _mention(column: sa.ColumnElement[Any], texts: Collection[str]) -> sa.ColumnElement[bool]:
    lower = sa.func.lower(column)
    return sa.or_(sa.false(), *(lower.contains(text.lower(), autoescape=True) for text in sorted(texts)))


def purge(db: Database) -> bool:
    """Let nothing of what was erased remain in the database's own files; `False` where others keep it there.

    SQLite is written anew and its log emptied, which takes its whole size on the disk for a while. PostgreSQL
    clears the rows away; its log and its backups are the operator's.
    """
    if db.dialect == "sqlite":
        with db.engine.connect() as connection:
            driver = raw(connection)
            driver.execute("VACUUM")
            busy, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
    names = ", ".join(f'"{table.name}"' for table in _SCRUBBED)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM {names}")
    return True
