"""What a person ordered about one subject of a campaign: start, pause, resume, stop. Append-only, audited.

What planning makes of it is `planning.flow`'s.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import polars as pl
import sqlalchemy as sa

from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import campaign_moves as moves
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import identities, interventions, jobs
from automation_pipelines.model import State

Order = Literal["start", "pause", "resume", "stop"]
Standing = Literal["untouched", "started", "paused", "stopped"]

_LEAVES: dict[Order, Standing] = {
    "start": "started",
    "pause": "paused",
    "resume": "started",
    "stop": "stopped",
}
_ENTERED_BY_HAND: dict[Order, frozenset[Standing]] = {
    "start": frozenset({"untouched", "stopped"}),
    "pause": frozenset({"started"}),
    "resume": frozenset({"paused"}),
    "stop": frozenset({"started", "paused"}),
}
_ENTERED_THEMSELVES: dict[Order, frozenset[Standing]] = {
    "start": frozenset({"stopped"}),
    "pause": frozenset({"untouched", "started"}),
    "resume": frozenset({"paused"}),
    "stop": frozenset({"untouched", "started", "paused"}),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject of a campaign: its number, and the CRM's own key for people."""

    tenant_id: int
    subject_id: int
    text: str


def give(
    db: Database, order: Order, campaign: str, subject: Subject, *, by_hand: bool, by: str, at: datetime
) -> None:
    """Append one order; `RefusedError` where it makes no sense after those before it.

    `by_hand` says that only those take part whom somebody started.
    """
    with db.begin() as connection:
        found = moves.locked(connection, campaign)
        if found is None:
            raise RefusedError(moves.unknown(campaign))
        if found.state not in ("running", "paused"):
            msg = f"cannot {order} anybody in campaign '{campaign}': it is {found.state}"
            raise RefusedError(msg)
        before, since = _standing(connection, campaign, subject)
        _check(order, f"subject {subject.text} of campaign '{campaign}'", before, by_hand=by_hand)
        if since is not None and at < since:
            msg = f"cannot {order} at {at.isoformat()}: the order before it is of {since.isoformat()}"
            raise RefusedError(msg)
        row = {
            "tenant_id": subject.tenant_id,
            "campaign": campaign,
            "subject_id": subject.subject_id,
            "subject_text": subject.text,
            "kind": order,
            "at": at,
            "by": by,
        }
        connection.execute(interventions.insert().values(row))
        if order == "stop":
            _cancel_pending(connection, campaign, subject, at)
        detail = {
            "campaign": campaign,
            "tenant": subject.tenant_id,
            "subject": subject.text,
            "before": before,
        }
        moves.record(connection, f"subject.{order}", by, at, **detail)


def _check(order: Order, whom: str, before: Standing, *, by_hand: bool) -> None:
    sensible = _ENTERED_BY_HAND if by_hand else _ENTERED_THEMSELVES
    if before not in sensible[order]:
        allowed = ", ".join(word for word, standings in sensible.items() if before in standings)
        msg = f"cannot {order} {whom}: it is {before}; allowed: {allowed}"
        raise RefusedError(msg)


def _standing(connection: sa.Connection, campaign: str, subject: Subject) -> tuple[Standing, datetime | None]:
    i = interventions.c
    newest = (
        sa.select(i.kind, i.at)
        .where(i.campaign == campaign, i.tenant_id == subject.tenant_id, i.subject_id == subject.subject_id)
        .order_by(i.at.desc(), i.id.desc())
        .limit(1)
    )
    found = connection.execute(newest).one_or_none()
    return (_LEAVES[found.kind], found.at) if found else ("untouched", None)


def _cancel_pending(connection: sa.Connection, campaign: str, subject: Subject, at: datetime) -> None:
    """What is planned already and waits for its time is not sent to who has left."""
    own = sa.select(identities.c.id).where(identities.c.campaign == campaign, identities.c.mode == "live")
    j = jobs.c
    connection.execute(
        sa.update(jobs)
        .where(j.state == State.PENDING, j.campaign_id.in_(own))
        .where(j.tenant_id == subject.tenant_id, j.subject_id == subject.subject_id)
        .values(state=State.CANCELLED, finished_at=at)
    )


def paused_among(
    db: Database, subjects: Collection[tuple[str, int, int]], at: datetime
) -> set[tuple[str, int, int]]:
    """Those of these (campaign, tenant_id, subject_id) whose newest order by then is a pause."""
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "campaign": sa.String(),
        "tenant_id": sa.BigInteger(),
        "subject_id": sa.BigInteger(),
    }
    asked = db.listed("asked", columns, sorted(set(subjects)))
    i = interventions.c
    given = (
        sa.select(
            *asked.c,
            i.kind,
            sa.func.row_number()
            .over(partition_by=[*asked.c], order_by=[i.at.desc(), i.id.desc()])
            .label("place"),
        )
        .join_from(asked, interventions, sa.and_(*(i[name] == asked.c[name] for name in columns)))
        .where(i.at <= at)
        .subquery("given")
    )
    newest = sa.select(*(given.c[name] for name in columns)).where(
        given.c.place == 1, given.c.kind == "pause"
    )
    with db.reading() as connection:
        return {(campaign, tenant, subject) for campaign, tenant, subject in connection.execute(newest)}


def orders(db: Database, campaigns: Collection[str], until: datetime) -> pl.DataFrame:
    """The orders about these campaigns until then, oldest first, with whom they are about."""
    i = interventions.c
    return db.read(
        sa.select(
            i.campaign,
            i.tenant_id,
            i.subject_id,
            i.subject_text.label("subject"),
            i.occurrence,
            i.kind,
            i.at,
        )
        .where(i.campaign.in_(sorted(campaigns)), i.at <= until)
        .order_by(i.at, i.id)
    )


def pauses(given: pl.DataFrame) -> pl.DataFrame:
    """The pauses in `orders`, as `campaign, tenant_id, subject_id, occurrence, since, until`; null: not over.

    Whatever is ordered next ends a pause.
    """
    subject = ["campaign", "tenant_id", "subject_id", "occurrence"]
    changed = given.filter(
        pl.col("kind").ne_missing(pl.col("kind").shift().over(subject)),
    )
    until = pl.col("at").shift(-1).over(subject)
    return (
        changed.with_columns(until.alias("until"))
        .filter(pl.col("kind") == "pause")
        .select(*subject, pl.col("at").alias("since"), "until")
    )


@dataclass(frozen=True, slots=True)
class LongestPause:
    """A bound on how long any subject of one campaign was paused: what is over, and since when one lasts."""

    over: timedelta = timedelta(0)
    since: datetime | None = None

    def until(self, moment: datetime) -> timedelta:
        """How long it is by then."""
        return self.over + (max(moment - self.since, timedelta(0)) if self.since else timedelta(0))


def longest_pauses(db: Database) -> dict[str, LongestPause]:
    """A bound for each campaign that has pauses at all."""
    i = interventions.c
    columns = (i.campaign, i.tenant_id, i.subject_id, i.occurrence, i.kind, i.at)
    paused = sa.select(i.campaign).where(i.kind == "pause")
    given = db.read(sa.select(*columns).where(i.campaign.in_(paused)).order_by(i.at, i.id))
    each = (
        pauses(given)
        .group_by("campaign", "tenant_id", "subject_id")
        .agg(
            (pl.col("until") - pl.col("since")).sum().alias("over"),
            pl.col("since").filter(pl.col("until").is_null()).min().alias("open"),
        )
    )
    bounds = each.group_by("campaign").agg(pl.col("over").max(), pl.col("open").min())
    return {campaign: LongestPause(over, since) for campaign, over, since in bounds.iter_rows()}
