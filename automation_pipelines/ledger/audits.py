"""Who did what: the entries that every order leaves. Reads only; each order writes its own entry."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import audit


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing somebody did."""

    id: int
    at: datetime
    by: str
    action: str
    detail: Mapping[str, Any]


def entries(
    db: Database,
    *,
    by: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
) -> list[Entry]:
    """The newest that match, the newest first. `action`: a whole one, or its first word."""
    a = audit.c
    wanted = sa.select(a.id, a.at, a.by, a.action, a.detail).order_by(a.at.desc(), a.id.desc()).limit(limit)
    if by is not None:
        wanted = wanted.where(a.by == by)
    if action is not None:
        first = (a.action.startswith(action + end, autoescape=True) for end in (".", " "))
        wanted = wanted.where(sa.or_(a.action == action, *first))
    if since is not None:
        wanted = wanted.where(a.at >= since)
    if until is not None:
        wanted = wanted.where(a.at < until)
    with db.reading() as connection:
        return [
            Entry(row.id, row.at, row.by, row.action, json.loads(row.detail))
            for row in connection.execute(wanted)
        ]
