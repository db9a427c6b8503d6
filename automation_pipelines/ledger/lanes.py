"""Lanes: what waits of one tenant, channel, purpose and priority. Which of them have something due.

A queue is read lane by lane, never job by job: its cost is the number of lanes, however many jobs wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from automation_pipelines.ledger.tables import breakers, campaigns, identities, jobs, stops
from automation_pipelines.model import Purpose

Mode = Literal["live", "test"]

# Spelled out, not bound: only so can the partial indexes be used.
PENDING: sa.ColumnElement[str] = sa.literal_column("'pending'")
LANE = ("tenant_id", "channel", "purpose", "priority")


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane with something to do in it."""

    tenant_id: int
    channel: str
    purpose: str
    priority: int
    available_at: datetime
    """Of the first job that may go."""
    retry_at: datetime | None
    """When its breaker may be probed; `None`: it is closed."""

    @property
    def rank(self) -> tuple[bool, int]:
        """Which of a tenant's lanes goes first: marketing never before anything else."""
        return self.purpose == Purpose.MARKETING, self.priority


def lanes(
    connection: sa.Connection,
    conditions: Sequence[sa.ColumnElement[bool]],
    until: datetime | None = None,
    mode: Mode = "live",
) -> list[Lane]:
    """The lanes with a pending job that meets the conditions, `until` then if that is given.

    Those of marketing that is stopped for its figures are none, but for tests.
    """
    hops, lane, breaker = _hops(), jobs.alias("lane"), breakers.alias("breaker")
    head = (
        sa.select(jobs.c.available_at)
        .where(jobs.c.state == PENDING, *(jobs.c[name] == lane.c[name] for name in LANE), *conditions)
        .order_by(jobs.c.available_at)
        .limit(1)
        .correlate(lane)
        .scalar_subquery()
    )
    channelwide = sa.and_(
        breaker.c.tenant_id == lane.c.tenant_id, breaker.c.channel == lane.c.channel, breaker.c.provider == ""
    )
    found = (
        sa.select(*(lane.c[name] for name in LANE), head.label("available_at"), breaker.c.retry_at)
        .select_from(hops.join(lane, lane.c.id == hops.c.id).outerjoin(breaker, channelwide))
        # The hop found the lane's first job: where that is not due yet nothing is.
        .where(*([lane.c.available_at <= until] if until is not None else []))
        .where(*([sa.not_(_stopped(lane))] if mode == "live" else []))
        .subquery("found")
    )
    wanted = sa.select(found).where(found.c.available_at.is_not(None))
    return [Lane(*row) for row in connection.execute(wanted)]


def _stopped(lane: sa.FromClause) -> sa.ColumnElement[bool]:
    """Asked of the lane, not of its jobs: a million that wait behind a stop cost nothing."""
    s = stops.c
    lasting = sa.exists().where(
        s.tenant_id == lane.c.tenant_id, s.channel == lane.c.channel, s.released_at.is_(None)
    )
    return sa.and_(lane.c.purpose == Purpose.MARKETING, lasting)


def _hops() -> sa.CTE:
    """The id of the first pending job of each lane: hops along the claim index instead of reading it."""
    order = [jobs.c[name] for name in (*LANE, "available_at")]
    first = sa.select(jobs.c.id).where(jobs.c.state == PENDING).order_by(*order).limit(1)
    hops = sa.select(first.scalar_subquery().label("id")).cte("hops", recursive=True)
    here = jobs.alias("here")
    # Four probes, the nearest first: SQLite uses but the first column of a comparison of rows.
    following = sa.func.coalesce(*(_following(here, depth) for depth in reversed(range(len(LANE)))))
    return hops.union_all(sa.select(following).join_from(hops, here, here.c.id == hops.c.id))


def _following(here: sa.FromClause, depth: int) -> sa.ScalarSelect[Any]:
    """The first job of the next lane that has these many columns in common with the lane here."""
    other = jobs.alias(f"other_{depth}")
    return (
        sa.select(other.c.id)
        .where(
            other.c.state == PENDING,
            *(other.c[name] == here.c[name] for name in LANE[:depth]),
            other.c[LANE[depth]] > here.c[LANE[depth]],
        )
        .order_by(*(other.c[name] for name in (*LANE[depth:], "available_at")))
        .limit(1)
        .correlate(here)
        .scalar_subquery()
    )


def released(mode: Mode = "live") -> sa.ColumnElement[bool]:
    """What may leave in a mode: nothing of a paused campaign; what was planned as a test only as one."""
    named = sa.select(identities.c.id).where(identities.c.step == "")
    if mode == "test":
        return jobs.c.campaign_id.in_(named.where(identities.c.mode == "test"))
    own = campaigns.c.campaign == identities.c.campaign
    kept = named.outerjoin(campaigns, own).where(
        (campaigns.c.state == "paused") | (identities.c.mode == "test")
    )
    return jobs.c.campaign_id.not_in(kept)
