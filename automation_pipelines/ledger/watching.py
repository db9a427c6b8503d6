"""What the watch goes by and remembers: which campaigns run and since when they count, what it did and said.

How it judges is `watch`'s; which tenants are stopped is `stops`'.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database, dump_json
from automation_pipelines.ledger.tables import audit, campaigns, identities

BY = "automation: watch"
"""Who it is in the record."""

_WARNED, _PAUSED, _BEGUN = "watch.warn", "campaign.pause", ("campaign.start", "campaign.resume")
_LOCK = 0x6175746F77617463  # "autowatc"


@dataclass(frozen=True, slots=True)
class Running:
    """A campaign that sends, its number in the ledger, and from when on what it sent counts."""

    campaign: str
    campaign_id: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Paused:
    """A campaign that the watch paused and nobody has touched since."""

    campaign: str
    at: datetime
    because: str

    def __str__(self) -> str:
        """In words, with what to do."""
        return (
            f"campaign {self.campaign} is paused since {self.at:%Y-%m-%d %H:%M} UTC: {self.because}. "
            f"Correct the cause, then `automation campaign resume {self.campaign}`"
        )


def running(db: Database, since: datetime) -> list[Running]:
    """The campaigns that run; what one sent before somebody last let it is not held against it any more."""
    c, i = campaigns.c, identities.c
    own = sa.and_(i.campaign == c.campaign, i.step == "", i.mode == "live")
    wanted = sa.select(c.campaign, i.id).join_from(campaigns, identities, own).where(c.state == "running")
    with db.reading() as connection:
        resumed = {
            json.loads(row.detail)["campaign"]: row.at
            for row in connection.execute(_said(_BEGUN, since).order_by(audit.c.at))
        }
        return [
            Running(name, number, max(resumed.get(name, since), since))
            for name, number in connection.execute(wanted.order_by(c.campaign))
        ]


def paused(db: Database) -> list[Paused]:
    """What the watch paused, the newest first."""
    c, a = campaigns.c, audit.c
    told = sa.and_(a.at == c.changed_at, a.by == BY, a.action == _PAUSED)
    wanted = (
        sa.select(c.campaign, c.changed_at, a.detail)
        .join_from(campaigns, audit, told)
        .where(c.state == "paused", c.changed_by == BY)
        .order_by(c.changed_at.desc(), c.campaign)
    )
    with db.reading() as connection:
        rows = [(row, json.loads(row.detail)) for row in connection.execute(wanted)]
    return [
        Paused(row.campaign, row.changed_at, detail["because"])
        for row, detail in rows
        if detail["campaign"] == row.campaign
    ]


def warn(db: Database, told: Sequence[tuple[str, str]], *, at: datetime, again: timedelta) -> set[str]:
    """Record warnings (what about, in which words); those not said within `again` before."""
    if not told:
        return set()
    with db.begin() as connection:
        if db.dialect == "postgresql":  # SQLite has one writer anyway
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        said = {json.loads(row.detail)["about"] for row in connection.execute(_said((_WARNED,), at - again))}
        new = [(about, words) for about, words in told if about not in said]
        for about, words in new:
            detail = dump_json({"about": about, "warning": words})
            connection.execute(audit.insert().values(at=at, by=BY, action=_WARNED, detail=detail))
    return {about for about, _ in new}


def _said(actions: Sequence[str], since: datetime) -> sa.Select[Any]:
    return sa.select(audit.c.at, audit.c.detail).where(audit.c.action.in_(actions), audit.c.at > since)
