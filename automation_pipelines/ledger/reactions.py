"""What came back badly of what was sent lately: bounces, complaints, unsubscribes, counted by job.

A job counts once, however often it is told of, and by when it was sent, so that a late complaint is held
against the mail it is about. The cost follows the time asked about: what came back has an index of its own
(`ix_events_trouble`), and what was sent is counted only where enough came back. Judges nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.operations import of_tests
from automation_pipelines.ledger.tables import UtcDateTime, events, job_payloads, jobs, stops, suppressions
from automation_pipelines.model import EventType, Purpose

GROUP = ("campaign_id", "tenant_id", "channel", "purpose")
"""What is counted by, beside `recent`: whether it was sent in the later part of the time."""

LANE = ("tenant_id", "sender_domain", "mailbox")

# Spelled out, not bound: only so can the partial indexes be used.
_BAD: list[sa.ColumnElement[str]] = [
    sa.literal_column(f"'{word}'") for word in ("bounced", "complained", "unsubscribed")
]
_COMPLETED: sa.ColumnElement[str] = sa.literal_column("'completed'")
_DEAD: sa.ColumnElement[str] = sa.literal_column("'dead'")
_FIRST_FIVE: list[sa.ColumnElement[Any]] = [sa.literal_column(str(place)) for place in range(1, 6)]
"""A span's group: PostgreSQL would not know an expression with bound values again."""
_CLOCKS_APART = timedelta(days=1)
"""A provider's clock may be behind ours: what came back may be dated before it was sent."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which jobs are asked about: of these campaigns (by number) what was sent since a time of each."""

    since: Mapping[int, datetime]
    recent: datetime
    """What was sent from then on is told apart."""
    until: datetime

    @property
    def first(self) -> datetime:
        """Nothing before is asked about."""
        return min(self.since.values())

    def conditions(self, at: sa.ColumnElement[datetime]) -> list[sa.ColumnElement[bool]]:
        """What a job must be, which was sent `at`."""
        together: dict[datetime, list[int]] = {}
        for campaign, since in self.since.items():
            together.setdefault(since, []).append(campaign)
        return [
            at >= sa.literal(self.first, UtcDateTime()),
            at < sa.literal(self.until, UtcDateTime()),
            # Not a join with a list: SQLite would walk the jobs once for each campaign.
            sa.or_(
                *(
                    sa.and_(at >= sa.literal(since, UtcDateTime()), jobs.c.campaign_id.in_(campaigns))
                    for since, campaigns in together.items()
                )
            ),
            _unforgiven(),
        ]

    @property
    def group(self) -> list[sa.ColumnElement[Any]]:
        """What is counted by."""
        recent = sa.case((jobs.c.finished_at >= sa.literal(self.recent, UtcDateTime()), 1), else_=0)
        return [*(jobs.c[name] for name in GROUP), recent.label("recent")]


def reactions(db: Database, span: Span) -> pl.DataFrame:
    """Read `GROUP`, recent, bounced (hard), refused (of these: at the door), complained and unsubscribed."""
    told, rejected = db.read(_told(span, _unindexed(db))), db.read(_refused(span))
    return pl.concat([told, rejected]).group_by(*GROUP, "recent").agg(pl.exclude(*GROUP, "recent").sum())


def _told(span: Span, at: sa.ColumnElement[datetime]) -> sa.Select[Any]:
    hard, _, complained, unsubscribed = _reacted()
    nothing = sa.cast(sa.literal_column("0"), sa.BigInteger).label("refused")
    return (
        sa.select(*span.group, hard, nothing, complained, unsubscribed)
        .join_from(events, jobs, events.c.job_id == jobs.c.id)
        .where(*_about(span.first), *span.conditions(at))
        .group_by(*_FIRST_FIVE)
    )


def _refused(span: Span) -> sa.Select[Any]:
    """Of what a server refused at the door there is no event: the job is dead and its address suppressed."""
    j, payload, s = jobs.c, job_payloads.c, suppressions.c
    count = sa.func.count()
    nothing = sa.cast(sa.literal_column("0"), sa.BigInteger)
    return (
        sa.select(
            *span.group,
            count.label("bounced"),
            count.label("refused"),
            nothing.label("complained"),
            nothing.label("unsubscribed"),
        )
        .join_from(jobs, job_payloads, payload.job_id == j.id)
        .join(
            suppressions,
            sa.and_(
                s.tenant_id == j.tenant_id,
                s.channel == j.channel,
                s.address_hash == payload.address_hash,
                s.topic == "",
                s.reason == "bounced",
                s.at == j.finished_at,
            ),
        )
        .where(j.state == _DEAD, *span.conditions(jobs.c.finished_at))
        .group_by(*_FIRST_FIVE)
    )


def sent(db: Database, span: Span) -> pl.DataFrame:
    """Read `GROUP`, recent and `sent`: how many were taken."""
    count = sa.func.count().label("sent")
    wanted = sa.select(*span.group, count).where(
        jobs.c.state == _COMPLETED, *span.conditions(jobs.c.finished_at)
    )
    return db.read(wanted.group_by(*_FIRST_FIVE))


def _about(since: datetime) -> list[sa.ColumnElement[bool]]:
    """Events that may be about what was sent since then, on the channel it went by, and by no machine."""
    e = events.c
    return [
        e.type.in_(_BAD),
        e.at >= sa.literal(since - _CLOCKS_APART, UtcDateTime()),
        sa.or_(e.channel.is_(None), e.channel == jobs.c.channel),
        sa.or_(e.machine.is_(None), sa.not_(e.machine)),
        jobs.c.state == _COMPLETED,
    ]


def _reacted() -> list[sa.Label[int]]:
    e = events.c
    hard = sa.and_(e.type == str(EventType.BOUNCED), e.kind == "hard")
    return [
        _jobs(hard).label("bounced"),
        _jobs(e.type == str(EventType.BOUNCED)).label("lost"),
        _jobs(e.type == str(EventType.COMPLAINED)).label("complained"),
        _jobs(e.type == str(EventType.UNSUBSCRIBED)).label("unsubscribed"),
    ]


def _jobs(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.case((condition, events.c.job_id)).distinct())


def complaints(db: Database, since: datetime) -> pl.DataFrame:
    """Read `LANE`, complained and lost (bounced in any way) of marketing by e-mail that was complained of."""
    lane = [jobs.c[name] for name in LANE]
    _, lost, complained, _ = _reacted()
    return db.read(
        sa.select(*lane, complained, lost)
        .join_from(events, jobs, events.c.job_id == jobs.c.id)
        .where(*_about(since), *_mailed(since, _unindexed(db)))
        .group_by(*lane)
        .having(complained.element > 0)
    )


def mailed(db: Database, since: datetime, tenants: Sequence[int]) -> pl.DataFrame:
    """Read `LANE` and `sent` of the same, of these tenants."""
    asked = db.listed("tenants", {"tenant_id": sa.BigInteger()}, [(one,) for one in tenants])
    lane = [jobs.c[name] for name in LANE]
    whose = jobs.c.tenant_id.in_(sa.select(asked.c.tenant_id))
    wanted = sa.select(*lane, sa.func.count().label("sent")).where(whose, *_mailed(since, jobs.c.finished_at))
    return db.read(wanted.group_by(*lane))


def _unindexed(db: Database) -> sa.ColumnElement[datetime]:
    """When a job was sent, as no index has it: SQLite would read a week of jobs to find a handful."""
    at = jobs.c.finished_at
    return at if db.dialect == "postgresql" else sa.type_coerce(sa.case((sa.true(), at)), UtcDateTime())


def _mailed(since: datetime, at: sa.ColumnElement[datetime]) -> list[sa.ColumnElement[bool]]:
    j = jobs.c
    return [
        j.state == _COMPLETED,
        j.channel == sa.literal_column("'email'"),
        j.purpose == sa.literal_column(f"'{Purpose.MARKETING}'"),
        at >= sa.literal(since, UtcDateTime()),
        j.mailbox.is_not(None),
        _unforgiven(),
        sa.not_(of_tests()),
    ]


def _unforgiven() -> sa.ColumnElement[bool]:
    """That a job was sent after its tenant was last released: what came before is not held against it."""
    s = stops.c
    later = (
        s.tenant_id == jobs.c.tenant_id,
        s.channel == jobs.c.channel,
        s.released_at >= jobs.c.finished_at,
    )
    return ~sa.exists().where(*later)


def newest(db: Database, after: int) -> tuple[int, bool]:
    """The number of the newest event, and whether any after `after` tells of trouble; reads only those."""
    e = events.c
    bad = sa.exists().where(e.id > after, e.type.in_(_BAD))
    with db.reading() as connection:
        return connection.scalar(sa.select(sa.func.max(e.id))) or 0, bool(connection.scalar(sa.select(bad)))
