"""When somebody last wrote to us on a channel, by salted hash of the address. What they wrote is not kept."""

from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import UtcDateTime, conversations

CONVERSATIONAL = frozenset({"whatsapp"})
"""Channels on which it matters."""
OPEN_FOR = timedelta(hours=24)
"""So long after somebody has written they may be answered in any words."""


class Party(NamedTuple):
    """Somebody on a channel."""

    tenant_id: int
    channel: str
    address_hash: str


@dataclass(frozen=True, slots=True)
class Inbound:
    """Somebody wrote to us."""

    tenant_id: int
    channel: str
    address_hash: str
    at: datetime


_KEY: dict[str, sa.types.TypeEngine[Any]] = {
    "tenant_id": sa.BigInteger(),
    "channel": sa.String(),
    "address_hash": sa.String(),
}


def record(db: Database, messages: Sequence[Inbound]) -> None:
    """Remember when each party wrote last, whatever the order of arrival."""
    with db.begin() as connection:
        put(db, connection, messages)


def put(db: Database, connection: sa.Connection, messages: Sequence[Inbound]) -> None:
    """See `record`: in the caller's transaction."""
    latest: dict[Party, Inbound] = {}
    for message in sorted(messages, key=lambda one: one.at):
        latest[Party(message.tenant_id, message.channel, message.address_hash)] = message
    if not latest:
        return
    columns = {**_KEY, "last_inbound_at": UtcDateTime()}
    given = db.listed("given", columns, [astuple(latest[party]) for party in sorted(latest)])
    insert = db.insert(conversations).from_select(list(columns), sa.select(*given.c).where(sa.true()))
    old, new = conversations.c.last_inbound_at, insert.excluded.last_inbound_at
    later = {"last_inbound_at": sa.case((new > old, new), else_=old)}
    connection.execute(insert.on_conflict_do_update(index_elements=list(_KEY), set_=later))


def open_among(db: Database, parties: Collection[Party], at: datetime) -> set[Party]:
    """Those who wrote to us within the last day; one statement, none where it matters for nobody."""
    wanted = sorted({party for party in parties if party.channel in CONVERSATIONAL})
    if not wanted:
        return set()
    asked, c = db.listed("asked", _KEY, wanted), conversations.c
    same = [c[name] == asked.c[name] for name in _KEY]
    statement = (
        sa.select(*asked.c)
        .join_from(asked, conversations, sa.and_(*same))
        .where(c.last_inbound_at > at - OPEN_FOR, c.last_inbound_at <= at)
    )
    with db.reading() as connection:
        return {Party(*row) for row in connection.execute(statement)}
