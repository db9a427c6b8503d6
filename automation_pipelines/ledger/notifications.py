"""Messages inside the product: the channel adds them, the product shows them and says what was read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import UtcDateTime, notifications
from automation_pipelines.model import Note

_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "identity": sa.Text(),
    "tenant_id": sa.BigInteger(),
    "recipient": sa.Text(),
    "title": sa.Text(),
    "text": sa.Text(),
}


@dataclass(frozen=True, slots=True)
class Notification:
    """One message as the product shows it; `recipient` is `customer:12`, `user:7` or `contact:3`."""

    id: int
    tenant_id: int
    recipient: str
    title: str
    text: str
    created_at: datetime
    read_at: datetime | None


def add(db: Database, notes: Sequence[Note]) -> None:
    """Add messages in one statement; one whose identity is there already is not added again."""
    rows = [(one.identity, one.tenant_id, one.to, one.title, one.text) for one in notes]
    given = db.listed("given", _COLUMNS, rows)
    picked = sa.select(*(given.c[name] for name in _COLUMNS), _clock(db)).where(sa.true())
    insert = db.insert(notifications).from_select([*_COLUMNS, "created_at"], picked)
    with db.begin() as connection:
        connection.execute(insert.on_conflict_do_nothing())


def listed(
    db: Database, recipient: str, *, tenant: int | None = None, unread: bool = True, limit: int = 50
) -> list[Notification]:
    """The messages of one recipient, the newest first."""
    c = notifications.c
    wanted = [c[name] for name in Notification.__dataclass_fields__]
    statement = sa.select(*wanted).where(_of(recipient, tenant)).order_by(c.id.desc()).limit(limit)
    if unread:
        statement = statement.where(c.read_at.is_(None))
    with db.reading() as connection:
        return [Notification(*row) for row in connection.execute(statement)]


def mark_read(
    db: Database,
    recipient: str,
    at: datetime,
    *,
    tenant: int | None = None,
    ids: Collection[int] | None = None,
) -> int:
    """Note that the recipient has read these messages, or all; how many were unread. Twice is once."""
    c = notifications.c
    statement = notifications.update().where(_of(recipient, tenant), c.read_at.is_(None))
    if ids is not None:
        statement = statement.where(c.id.in_(ids))
    with db.begin() as connection:
        return connection.execute(statement.values(read_at=at)).rowcount


def _of(recipient: str, tenant: int | None) -> sa.ColumnElement[bool]:
    c = notifications.c
    own = c.recipient == recipient
    return own if tenant is None else sa.and_(own, c.tenant_id == tenant)


def _clock(db: Database) -> sa.ColumnElement[datetime]:
    """The database's own present: a channel has no clock."""
    if db.dialect == "postgresql":
        return sa.type_coerce(sa.func.statement_timestamp(), UtcDateTime())
    seconds = sa.cast(sa.func.strftime("%s", "now"), sa.BigInteger())
    return sa.type_coerce(seconds * 1_000_000, UtcDateTime())
