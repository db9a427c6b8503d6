"""What people say to us on a channel: the latest of STOP and START counts, and who writes may be answered.

Whoever shares a sender's number with other tenants speaks to all of them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger import conversations
from automation_pipelines.ledger.conversations import Party
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import Suppression, put
from automation_pipelines.ledger.tables import events, suppressions, tenants
from automation_pipelines.model import EventType

STOP = EventType.UNSUBSCRIBED
START = "start"
"""The kind of a reply that asks for messages again."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """Somebody wrote to us: to one tenant, or to all but some, as `identity`'s event says."""

    identity: str
    type: EventType
    channel: str
    address_hash: str
    at: datetime
    tenant_id: int | None = None
    all_tenants_but: frozenset[int] | None = None


def heed(db: Database, connection: sa.Connection, staged: sa.TableClause, inbound: Sequence[Inbound]) -> None:
    """Apply what the staged events, recorded already, say; `inbound` tells more of some of them."""
    written = _fresh(connection, staged, inbound)
    stopped = [(one, tenant) for one, tenant in written if one.type is STOP and one.tenant_id is None]
    put(db, connection, [_suppression(one, tenant) for one, tenant in stopped])
    spoken = [
        conversations.Inbound(tenant, one.channel, one.address_hash, one.at)
        for one, tenant in written
        if one.channel in conversations.CONVERSATIONAL
    ]
    conversations.put(db, connection, spoken)
    _last_word(db, connection, staged, written)


def _fresh(
    connection: sa.Connection, staged: sa.TableClause, inbound: Sequence[Inbound]
) -> list[tuple[Inbound, int]]:
    """Those that were not known, once for each tenant they concern."""
    if not inbound:
        return []
    new = set(connection.scalars(sa.select(staged.c.identity)))
    fresh = [one for one in inbound if one.identity in new]
    shared = any(one.all_tenants_but is not None for one in fresh)
    known = set(connection.scalars(sa.select(tenants.c.tenant_id))) if shared else set()
    return [(one, tenant) for one in fresh for tenant in sorted(_concerned(one, known))]


def _concerned(one: Inbound, known: Collection[int]) -> set[int]:
    shared = set(known) - one.all_tenants_but if one.all_tenants_but is not None else set()
    return shared | ({one.tenant_id} if one.tenant_id is not None else set())


def _suppression(one: Inbound, tenant: int) -> Suppression:
    return Suppression(tenant, one.channel, one.address_hash, "unsubscribed", one.at)


def _last_word(
    db: Database, connection: sa.Connection, staged: sa.TableClause, written: Sequence[tuple[Inbound, int]]
) -> None:
    """End what was ended by STOP and taken back later, whichever of the two came first."""
    parties = _speakers(connection, staged, written)
    if not parties:
        return
    back, s = _taken_back(db, parties).subquery(), suppressions.c
    connection.execute(
        sa.update(suppressions)
        .values(expires_at=back.c.at)
        .where(
            s.tenant_id == back.c.tenant_id,
            s.channel == back.c.channel,
            s.address_hash == back.c.address_hash,
            s.topic == "",
            s.reason == "unsubscribed",
            s.at <= back.c.at,
            sa.or_(s.expires_at.is_(None), s.expires_at > back.c.at),
        )
    )


_WORD = sa.or_(events.c.type == str(STOP), events.c.kind == START)


def _speakers(
    connection: sa.Connection, staged: sa.TableClause, written: Sequence[tuple[Inbound, int]]
) -> set[Party]:
    """Whom the staged events of either word are about, with each tenant."""
    e = events.c
    here = e.identity.in_(sa.select(staged.c.identity))
    fresh = sa.select(e.tenant_id, e.channel, e.address_hash, e.identity).where(
        here, _WORD, e.address_hash.is_not(None), e.channel.is_not(None)
    )
    whose: dict[str, set[int]] = {}
    for one, tenant in written:
        whose.setdefault(one.identity, set()).add(tenant)
    return {
        Party(tenant, row.channel, row.address_hash)
        for row in connection.execute(fresh)
        for tenant in whose.get(row.identity, {row.tenant_id})
        if tenant is not None
    }


def _taken_back(db: Database, parties: Collection[Party]) -> sa.Select[tuple[int, str, str, datetime]]:
    """Those whose latest word was START, and when."""
    e = events.c
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "tenant_id": sa.BigInteger(),
        "channel": sa.String(),
        "address_hash": sa.String(),
    }
    asked = db.listed("asked", columns, sorted(parties)).c
    key = (asked.tenant_id, asked.channel, asked.address_hash)
    start = sa.func.max(sa.case((e.kind == START, e.at)))
    stop = sa.func.max(sa.case((e.type == str(STOP), e.at)))
    return (
        sa.select(*key, start.label("at"))
        .where(
            e.address_hash == asked.address_hash,
            e.channel == asked.channel,
            sa.or_(e.tenant_id.is_(None), e.tenant_id == asked.tenant_id),
            _WORD,
        )
        .group_by(*key)
        .having(start.is_not(None), sa.or_(stop.is_(None), start > stop))
    )
