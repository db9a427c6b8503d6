"""Claiming: which of the jobs that are due a worker gets, and under which lease. A few statements per batch.

Tenants take turns. Within a tenant nothing of marketing goes before the rest, and then priority decides.
Breakers and rate limits are asked here: what may not go stays where it is and is not even touched.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from random import Random
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger import breakers, buckets
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.holds import not_held
from automation_pipelines.ledger.jobs import Job, among, details
from automation_pipelines.ledger.lanes import LANE, PENDING, Lane, Mode, lanes, released
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.model import State
from automation_pipelines.settings.limits import Rate

Scopes = Callable[[int, str], Mapping[str, Rate]]
"""The rate limits of a tenant on a channel, by the names of their buckets."""


def unlimited(tenant_id: int, channel: str) -> Mapping[str, Rate]:  # noqa: ARG001 - one of `Scopes`
    """No limits."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who claims what."""

    owner: str
    now: datetime
    limit: int
    lease: timedelta
    channels: Collection[str] | None = None
    mode: Mode = "live"
    tick_id: int | None = None
    scopes: Scopes = unlimited

    @property
    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """What a job must be."""
        conditions = [jobs.c.state == PENDING, jobs.c.available_at <= self.now, released(self.mode)]
        if self.mode == "live":
            conditions.append(not_held())
        if self.channels is not None:
            conditions.append(jobs.c.channel.in_(sorted(self.channels)))
        if self.tick_id is not None:
            conditions.append(jobs.c.tick_id == self.tick_id)
        return conditions

    def turns(self, tenants: Collection[int], first: Collection[int]) -> dict[int, int]:
        """Whose turn it is where there is not enough for all: another order each time, after some `first`."""
        order = sorted(tenants)
        Random(f"{self.owner}:{self.now.timestamp()}").shuffle(order)  # noqa: S311 - a fair one is no secret
        order.sort(key=lambda tenant: tenant not in first)
        return {tenant: place for place, tenant in enumerate(order[: self.limit])}


@dataclass(frozen=True, slots=True)
class Portion:
    """How many jobs at most are taken of a lane's tenant and channel together."""

    lane: Lane
    most: int
    probe: bool = False


def claim(db: Database, wanted: Claim) -> list[Job]:
    """Lease due jobs: about the same number of each tenant, the urgent ones first. Empty: nothing may go.

    Jobs of paused campaigns and of the other mode stay where they are; with `tick_id`, those of other
    planning runs too.
    """
    with db.begin() as connection:
        due = lanes(connection, wanted.conditions, wanted.now, wanted.mode)
        if wanted.channels is not None:
            due = [lane for lane in due if lane.channel in wanted.channels]
        if wanted.mode == "live":
            due = _open(db, connection, due, wanted)
        limits = _limits(due, wanted)
        left = buckets.levels(db, connection, limits, wanted.now)
        portions = _portions(due, left, wanted)
        if not portions:
            return []
        picked = list(connection.execute(_picked(db, portions, wanted)))
        _spend(db, connection, left, picked, wanted)
        ids = [row.id for row in picked]
        connection.execute(
            sa.update(jobs)
            .where(among(db, ids))
            .values(
                state=State.PROCESSING,
                lease_owner=wanted.owner,
                lease_until=db.lease_clock(wanted.now, wanted.lease),
                handed_off_at=None,
            )
        )
        claimed = {row["id"]: row for row in connection.execute(details(db, ids)).mappings()}
    probed = {_key(one.lane) for one in portions if one.probe}
    return [
        Job(**claimed[row.id], probe=breakers.Key(row.tenant_id, row.channel) in probed)
        for row in picked
        if row.id in claimed
    ]


def ready_at(db: Database, wanted: Claim) -> datetime | None:
    """When the first of the jobs that are due may go, as far as rate limits allow; `None`: none are due."""
    with db.begin() as connection:
        due = lanes(connection, wanted.conditions, wanted.now, wanted.mode)
        due = [lane for lane in due if lane.retry_at is None or lane.retry_at <= wanted.now]
        left = buckets.levels(db, connection, _limits(due, wanted), wanted.now)
    waits = [
        max((rate.wait(left[scope]) for scope, rate in _scopes(lane, wanted).items()), default=timedelta())
        for lane in due
    ]
    return wanted.now + min(waits) if waits else None


def _open(db: Database, connection: sa.Connection, due: Sequence[Lane], wanted: Claim) -> list[Lane]:
    """Leave out the lanes of providers that rest; those that may be probed are this worker's to probe."""
    ready = {_key(lane) for lane in due if lane.retry_at is not None and lane.retry_at <= wanted.now}
    until = wanted.now + wanted.lease
    probed = breakers.take_probes(db, connection, ready, wanted.now, until) if ready else set()
    return [lane for lane in due if lane.retry_at is None or _key(lane) in probed]


def _key(lane: Lane) -> breakers.Key:
    return breakers.Key(lane.tenant_id, lane.channel)


def _scopes(lane: Lane, wanted: Claim) -> Mapping[str, Rate]:
    return wanted.scopes(lane.tenant_id, lane.channel)


def _limits(due: Iterable[Lane], wanted: Claim) -> dict[str, Rate]:
    return {scope: rate for lane in due for scope, rate in _scopes(lane, wanted).items()}


def _portions(due: Sequence[Lane], left: Mapping[str, float], wanted: Claim) -> list[Portion]:
    """Share the batch among tenants: which lanes are read, in which order, and for how many at most."""
    urgent = {lane.tenant_id for lane in due if not lane.rank[0]}
    turn = wanted.turns({lane.tenant_id for lane in due}, urgent)
    chosen = [lane for lane in due if lane.tenant_id in turn]
    chosen.sort(key=lambda lane: (lane.rank[0], turn[lane.tenant_id], lane.rank[1]))
    most = _parts(list(dict.fromkeys(map(_key, chosen))), left, wanted, _share(len(turn), wanted))
    return [_portion(lane, most[_key(lane)]) for lane in chosen if most[_key(lane)]]


def _share(tenants: int, wanted: Claim) -> int:
    return ceil(wanted.limit / max(tenants, 1))


def _portion(lane: Lane, most: int) -> Portion:
    probe = lane.retry_at is not None
    return Portion(lane, min(most, breakers.PROBES) if probe else most, probe)


def _parts(
    ways: Sequence[breakers.Key], left: Mapping[str, float], wanted: Claim, share: int
) -> dict[breakers.Key, int]:
    """How many each way out may take: its part of whatever its limits leave for all who use them."""
    scopes = {way: wanted.scopes(way.tenant_id, way.channel) for way in ways}
    users = Counter(scope for each in scopes.values() for scope in each)
    room = {scope: buckets.whole(level) for scope, level in left.items()}
    parts = {}
    for way in ways:
        parts[way] = min([share, *(ceil(room[scope] / users[scope]) for scope in scopes[way])])
        for scope in scopes[way]:
            room[scope] -= parts[way]
            users[scope] -= 1
    return parts


def _picked(db: Database, portions: Sequence[Portion], wanted: Claim) -> sa.Select[Any]:
    """(id, tenant_id, channel) of the jobs that are taken, locked against other workers."""
    kinds = {name: jobs.c[name].type for name in LANE} | {"place": sa.Integer(), "most": sa.Integer()}
    rows = [
        (*(getattr(one.lane, name) for name in LANE), place, one.most) for place, one in enumerate(portions)
    ]
    asked = db.listed("asked", kinds, rows)
    share = _share(len({one.lane.tenant_id for one in portions}), wanted)
    few = (
        sa.select(jobs.c.id, jobs.c.available_at)
        .where(*(jobs.c[name] == asked.c[name] for name in LANE), *wanted.conditions)
        # Exactly the index's order: a tie-break by id would sort everything due at 09:00 for each claim.
        .order_by(jobs.c.available_at)
        .limit(max(one.most for one in portions))
        .correlate(asked)
    )
    if db.dialect == "postgresql":
        job: Any = few.with_for_update(skip_locked=True).lateral("few")
        found = asked.join(job, sa.true())
    else:
        # SQLite has no LATERAL, and one writer anyway.
        job = jobs.alias("job")
        found = asked.join(job, job.c.id.in_(few.with_only_columns(jobs.c.id)))
    order = (asked.c.place, job.c.available_at)
    way = sa.func.row_number().over(partition_by=[asked.c.tenant_id, asked.c.channel], order_by=order)
    tenant = sa.func.row_number().over(partition_by=asked.c.tenant_id, order_by=order)
    ranked = sa.select(
        job.c.id, *asked.c, job.c.available_at, way.label("of_way"), tenant.label("of_tenant")
    ).select_from(found)
    one = ranked.subquery("ranked").c
    return (
        sa.select(one.id, one.tenant_id, one.channel)
        .where(one.of_way <= one.most, one.of_tenant <= share)
        .order_by(one.place, one.available_at)
        .limit(wanted.limit)
    )


def _spend(
    db: Database,
    connection: sa.Connection,
    left: Mapping[str, float],
    picked: Sequence[sa.Row[Any]],
    wanted: Claim,
) -> None:
    taken = Counter(scope for row in picked for scope in wanted.scopes(row.tenant_id, row.channel))
    buckets.spend(db, connection, {scope: left[scope] - count for scope, count in taken.items()}, wanted.now)
