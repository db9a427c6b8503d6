"""Who must not be contacted, by salted hash of the address: the address itself is not kept here."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import UtcDateTime, audit, job_payloads, jobs, suppressions


@dataclass(frozen=True, slots=True)
class Suppression:
    """One address of one tenant that must not be contacted; topic '' means every topic."""

    tenant_id: int
    channel: str
    address_hash: str
    reason: str
    at: datetime
    topic: str = ""
    expires_at: datetime | None = None


class Contact(NamedTuple):
    """An address about to be contacted, and about what."""

    tenant_id: int
    channel: str
    address_hash: str
    topic: str


_PHONES = ("sms", "whatsapp", "phone")
# What the engine's trim() removes: the space separators of Unicode (category Zs).
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


def address_hash(salt: str, channel: str, address: str) -> str:
    """SHA-256 of salt, channel and normalised address, in hex.

    The same as `sha256(salt || ':' || channel || ':' || normal_address(channel, address))` in `sql/`.
    """
    return hashlib.sha256(f"{salt}:{channel}:{_normal(channel, address)}".encode()).hexdigest()


def _normal(channel: str, address: str) -> str:
    if channel in _PHONES:
        return re.sub("^00", "+", re.sub("[^0-9+]", "", address))
    if channel != "email":
        return address.strip(_SPACES)
    # Character by character, as the engine does it: Python alone would look at the neighbours of a
    # final sigma, and would make two characters of a dotted capital I.
    return "".join(character.lower()[0] for character in address.strip(_SPACES))


EVERYWHERE = "*"
"""The channel of a suppression that is a person's, whatever their addresses: its hash is `customer_hash`."""
FORGOTTEN = "forgotten"


def customer_hash(salt: str, customer_id: int) -> str:
    """What stands for a customer of the CRM. As `sha256(salt || ':*:customer:' || id)` in `sql/`."""
    return address_hash(salt, EVERYWHERE, f"customer:{customer_id}")


def add(db: Database, entries: Sequence[Suppression]) -> None:
    """Add suppressions; of one told twice the earlier start and the later end count."""
    with db.begin() as connection:
        put(db, connection, entries)


def put(db: Database, connection: sa.Connection, entries: Sequence[Suppression]) -> None:
    """See `add`: in the caller's transaction."""
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "tenant_id": sa.BigInteger(),
        "channel": sa.String(),
        "address_hash": sa.String(),
        "reason": sa.String(),
        "at": UtcDateTime(),
        "topic": sa.String(),
        "expires_at": UtcDateTime(),
    }
    merged = _merged(entries)
    if not merged:
        return
    whole = attrgetter(*columns)  # `astuple` copies deeply: a third of the time of many
    given = db.listed("given", columns, [whole(entry) for entry in merged])
    insert = db.insert(suppressions).from_select(list(columns), sa.select(*given.c).where(sa.true()))
    old, new = suppressions.c, insert.excluded
    forever = sa.or_(old.expires_at.is_(None), new.expires_at.is_(None))
    changes = {
        "at": sa.case((new.at < old.at, new.at), else_=old.at),
        "expires_at": sa.case(
            (forever, sa.null()), (new.expires_at > old.expires_at, new.expires_at), else_=old.expires_at
        ),
    }
    key = [old.tenant_id, old.channel, old.address_hash, old.topic, old.reason]
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=changes))


def add_by_hand(db: Database, entry: Suppression, *, by: str, at: datetime) -> None:
    """Add one that somebody ordered, and audit it."""
    detail = {"tenant": entry.tenant_id, "channel": entry.channel, "address_hash": entry.address_hash}
    with db.begin() as connection:
        put(db, connection, [entry])
        values = {"at": at, "by": by, "action": "suppression.add", "detail": json.dumps(detail)}
        connection.execute(audit.insert().values(values))


def suppress(
    db: Database, connection: sa.Connection, told_jobs: Mapping[int, str], by: str, at: datetime
) -> None:
    """Suppress the addresses of jobs for every topic, each for its reason, and audit it: two statements."""
    if not told_jobs:
        return
    told = db.listed("told", {"job_id": sa.BigInteger(), "reason": sa.String()}, sorted(told_jobs.items())).c
    payload, when = job_payloads.c, sa.literal(at, UtcDateTime())
    addresses = (
        sa.select(jobs.c.tenant_id, jobs.c.channel, payload.address_hash, sa.literal(""), told.reason, when)
        .join(job_payloads, payload.job_id == jobs.c.id)
        .where(jobs.c.id == told.job_id, payload.address_hash.is_not(None))
        .distinct()
    )
    key = ["tenant_id", "channel", "address_hash", "topic", "reason"]
    insert = db.insert(suppressions).from_select([*key, "at"], addresses)
    # Lifted or ended before: from now on it is in force again.
    again = {"at": at, "expires_at": None}
    over = suppressions.c.expires_at.is_not(None)
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=again, where=over))
    detail = json.dumps(
        {"jobs": {reason: _with(told_jobs, reason) for reason in sorted(set(told_jobs.values()))}}
    )
    values = {"at": at, "by": by, "action": "suppression.add", "detail": detail}
    connection.execute(audit.insert().values(values))


def _with(told_jobs: Mapping[int, str], reason: str) -> list[int]:
    return sorted(job for job, why in told_jobs.items() if why == reason)


def _merged(entries: Sequence[Suppression]) -> Sequence[Suppression]:
    # One statement may touch a row only once.
    merged: dict[tuple[object, ...], Suppression] = {}
    for entry in entries:
        key = (entry.tenant_id, entry.channel, entry.address_hash, entry.topic, entry.reason)
        known = merged.get(key, entry)
        ends = (known.expires_at, entry.expires_at)
        expires_at = None if None in ends else max(end for end in ends if end)
        merged[key] = replace(entry, at=min(known.at, entry.at), expires_at=expires_at)
    return list(merged.values())


def active(db: Database, at: datetime) -> pl.DataFrame:
    """(tenant_id, channel, address_hash, topic, reason) of what is suppressed at that time."""
    s = suppressions.c
    return db.read(sa.select(s.tenant_id, s.channel, s.address_hash, s.topic, s.reason).where(_in_force(at)))


def among(db: Database, contacts: Collection[Contact], at: datetime) -> dict[Contact, frozenset[str]]:
    """Those of `contacts` that are suppressed at that time, each with the reasons; one statement."""
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "tenant_id": sa.BigInteger(),
        "channel": sa.String(),
        "address_hash": sa.String(),
        "topic": sa.String(),
    }
    asked = db.listed("asked", columns, sorted(set(contacts)))
    s = suppressions.c
    same = [s[name] == asked.c[name] for name in ("tenant_id", "channel", "address_hash")]
    statement = (
        sa.select(*asked.c, s.reason)
        .join_from(asked, suppressions, sa.and_(*same))
        .where(_in_force(at), s.topic.in_(["", asked.c.topic]))
    )
    with db.reading() as connection:
        found: dict[Contact, frozenset[str]] = {}
        for *contact, reason in connection.execute(statement):
            key = Contact(*contact)
            found[key] = found.get(key, frozenset()) | {reason}
    return found


def forgotten_in(db: Database, tenants: Collection[int], at: datetime) -> dict[int, frozenset[str]]:
    """By tenant, the hashes of the customers who were forgotten; no entry where there are none."""
    if not tenants:
        return {}
    s = suppressions.c
    wanted = sa.select(s.tenant_id, s.address_hash).where(
        s.tenant_id.in_(sorted(tenants)), s.channel == EVERYWHERE, _in_force(at)
    )
    found: dict[int, frozenset[str]] = {}
    with db.reading() as connection:
        for tenant, digest in connection.execute(wanted):
            found[tenant] = found.get(tenant, frozenset()) | {digest}
    return found


def forgotten_at(db: Database, customer: str, tenant_id: int | None, at: datetime) -> datetime | None:
    """Since when the customer of this hash is forgotten, by this tenant or any; `None`: they are not."""
    s = suppressions.c
    own = [s.tenant_id == tenant_id] if tenant_id is not None else []
    wanted = sa.select(sa.func.min(s.at)).where(
        s.channel == EVERYWHERE, s.address_hash == customer, _in_force(at), *own
    )
    with db.reading() as connection:
        found: datetime | None = connection.scalar(wanted)
    return found


def of_address(db: Database, tenant_id: int, channel: str, address_hash: str, at: datetime) -> pl.DataFrame:
    """(topic, reason, at, expires_at) of what is in force for one address."""
    s = suppressions.c
    wanted = sa.select(s.topic, s.reason, s.at, s.expires_at)
    return db.read(wanted.where(_of(tenant_id, channel, address_hash), _in_force(at)).order_by(s.at))


def listed(
    db: Database,
    at: datetime,
    *,
    tenant: int | None = None,
    channel: str | None = None,
    reason: str | None = None,
    limit: int | None = None,
) -> pl.DataFrame:
    """What is in force, the newest first; addresses are known by their hashes alone."""
    s = suppressions.c
    given = ((s.tenant_id, tenant), (s.channel, channel), (s.reason, reason))
    wanted = sa.select(s.tenant_id, s.channel, s.address_hash, s.topic, s.reason, s.at, s.expires_at).where(
        _in_force(at), *(column == value for column, value in given if value is not None)
    )
    return db.read(wanted.order_by(s.at.desc(), s.id.desc()).limit(limit))


def lift(
    db: Database,
    tenant_id: int,
    channel: str,
    address_hash: str,
    topic: str | None,
    *,
    by: str,
    at: datetime,
) -> int:
    """End what is in force for one address (of one topic, or all) and audit it; returns how many."""
    own = [_of(tenant_id, channel, address_hash), _in_force(at)]
    own += [suppressions.c.topic == topic] if topic is not None else []
    detail = {"tenant": tenant_id, "channel": channel, "address_hash": address_hash, "topic": topic}
    with db.begin() as connection:
        lifted = connection.execute(suppressions.update().where(*own).values(expires_at=at)).rowcount
        if lifted:
            values = {"at": at, "by": by, "action": "suppression.lift", "detail": json.dumps(detail)}
            connection.execute(audit.insert().values(values))
    return lifted


def _of(tenant_id: int, channel: str, address_hash: str) -> sa.ColumnElement[bool]:
    s = suppressions.c
    return sa.and_(s.tenant_id == tenant_id, s.channel == channel, s.address_hash == address_hash)


def _in_force(at: datetime) -> sa.ColumnElement[bool]:
    s = suppressions.c
    return sa.and_(s.at <= at, sa.or_(s.expires_at.is_(None), s.expires_at > at))
