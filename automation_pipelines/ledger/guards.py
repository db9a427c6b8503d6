"""Days of campaigns that were more than they should be, and what somebody said to them."""

import json
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import audit, guards

APPROVED, REJECTED = "approved", "rejected"


@dataclass(frozen=True, slots=True)
class HeldDay:
    """A UTC day of a campaign that is or was held; `allowed` moments need nobody's approval."""

    campaign: str
    day: date
    moments: int
    allowed: int
    held_at: datetime
    answer: str | None
    answered_by: str | None


def answers(db: Database, since: date) -> pl.DataFrame:
    """(campaign, day, answer) of the days held since then; no answer yet is null."""
    g = guards.c
    schema = {"campaign": pl.String(), "day": pl.Date(), "answer": pl.String()}
    with db.reading() as connection:
        rows = connection.execute(sa.select(g.campaign, g.day, g.answer).where(g.day >= since)).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def held(db: Database, *, campaign: str | None = None, unanswered: bool = False) -> list[HeldDay]:
    """The days held, newest first."""
    g = guards.c
    wanted = sa.select(g.campaign, g.day, g.moments, g.allowed, g.held_at, g.answer, g.answered_by)
    if campaign is not None:
        wanted = wanted.where(g.campaign == campaign)
    if unanswered:
        wanted = wanted.where(g.answer.is_(None))
    with db.reading() as connection:
        return [HeldDay(*row) for row in connection.execute(wanted.order_by(g.day.desc(), g.campaign))]


def hold(db: Database, connection: sa.Connection, days: pl.DataFrame, at: datetime) -> None:
    """Write the days (`campaign, day, moments, allowed`) that a plan holds; an answer stays."""
    rows = [{**row, "held_at": at} for row in days.iter_rows(named=True)]
    if not rows:
        return
    insert = db.insert(guards)
    new = insert.excluded
    statement = insert.on_conflict_do_update(
        index_elements=[guards.c.campaign, guards.c.day],
        set_={"moments": new.moments, "allowed": new.allowed},
    )
    connection.execute(statement, rows)


def answer(db: Database, campaign: str, day: date | None, said: str, *, by: str, at: datetime) -> date:
    """Approve or reject a held day (default: the newest without an answer); returns which it was."""
    with db.begin() as connection:
        found = _one(connection, campaign, day)
        connection.execute(
            guards.update()
            .where(guards.c.campaign == campaign, guards.c.day == found)
            .values(answer=said, answered_at=at, answered_by=by)
        )
        detail = json.dumps({"campaign": campaign, "day": found.isoformat(), "answer": said})
        connection.execute(
            audit.insert().values({"at": at, "by": by, "action": "campaign.guard", "detail": detail})
        )
    return found


def _one(connection: sa.Connection, campaign: str, day: date | None) -> date:
    g = guards.c
    own = sa.select(g.day).where(g.campaign == campaign).order_by(g.day.desc())
    own = own.where(g.answer.is_(None)) if day is None else own.where(g.day == day)
    found: date | None = connection.scalar(own)
    if found is None:
        which = "no day of it waits for an answer" if day is None else f"{day.isoformat()} is not held"
        msg = f"campaign '{campaign}': {which}; see `automation campaign guards`"
        raise RefusedError(msg)
    return found
