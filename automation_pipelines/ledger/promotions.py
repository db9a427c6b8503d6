"""What experiments whose winner goes to the rest ask of the ledger: how the variants did, and the verdicts.

Counts only; what they mean is `experiments`'s, when they are asked for `promotion`'s.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import MICROSECOND, UtcDateTime, events, jobs, promotions
from automation_pipelines.model import State

_INSTANT = pl.Datetime("us", "UTC")
ARMS = pl.Schema(
    {
        "campaign_id": pl.Int64(),
        "tenant_id": pl.Int64(),
        "occurrence": pl.Int64(),
        "variant": pl.String(),
        "first_due": _INSTANT,
        "subjects": pl.Int64(),
        "successes": pl.Int64(),
        "others": pl.Int64(),
    }
)
"""`subjects` had their time to act; `others` were planned when the experiment was declared otherwise."""
BEGUN = pl.Schema(
    {
        **dict.fromkeys(("campaign_id", "tenant_id", "subject_id", "occurrence"), pl.Int64()),
        "variant": pl.String(),
    }
)
VERDICTS = pl.Schema(
    {
        "campaign": pl.String(),
        "tenant_id": pl.Int64(),
        "occurrence": pl.Int64(),
        "winner": pl.String(),
        "words": pl.String(),
        "numbers": pl.String(),
        "campaign_version": pl.Int64(),
        "decided_at": _INSTANT,
    }
)
"""Occurrence 0 where all of a campaign is one experiment."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is asked about one campaign."""

    campaign_id: int
    since: int
    """The version from which on messages belong to it."""
    by_slot: bool
    """Each occurrence is an experiment of its own; else all together are one."""
    metric: str
    time_to_act: timedelta
    lo: int
    hi: int
    """The occurrences that are looked at, both included."""

    def asked(self, as_of: datetime) -> tuple[object, ...]:
        """A row of `_ASKED`."""
        told = (self.campaign_id, self.since, int(self.by_slot), self.metric)
        return (*told, self.time_to_act // MICROSECOND, as_of - self.time_to_act, self.lo, self.hi)


_ASKED: dict[str, sa.types.TypeEngine[Any]] = {
    "campaign_id": sa.Integer(),
    "since": sa.Integer(),
    "by_slot": sa.Integer(),
    "metric": sa.String(),
    "time_to_act": sa.BigInteger(),
    "ready": UtcDateTime(),
    "lo": sa.BigInteger(),
    "hi": sa.BigInteger(),
}
_NEVER = (str(State.SKIPPED), str(State.CANCELLED))


def arms(db: Database, trials: Sequence[Trial], as_of: datetime) -> pl.DataFrame:
    """`ARMS`: how many subjects of each variant had their time to act by then, and how many acted in it.

    Time counts from when a subject's first message was due. Machines do not count, nor does what was
    told of later than `as_of`.
    """
    if not trials:
        return pl.DataFrame(schema=ARMS)
    s = _subjects(db, trials, as_of).subquery("subjects")
    ours = sa.and_(s.c.others == 0, s.c.first_due <= s.c.ready)
    acted = sa.and_(ours, s.c.acted_at <= _later(db, s.c.first_due, s.c.time_to_act))
    group = (s.c.campaign_id, s.c.tenant_id, s.c.occurrence, s.c.variant)
    found = db.read(
        sa.select(
            *group,
            sa.func.min(s.c.first_due).label("first_due"),
            *(_count(what).label(name) for name, what in (("subjects", ours), ("successes", acted))),
            _count(s.c.others == 1).label("others"),
        ).group_by(*group)
    )
    return _shaped(found)


def converted(
    db: Database, trials: Sequence[Trial], as_of: datetime, conversions: pl.LazyFrame | None
) -> pl.DataFrame:
    """`ARMS` where also conversions of the CRM count (`tenant_id, customer_id, converted_at`)."""
    if not trials or conversions is None:
        return arms(db, trials, as_of)
    subjects = db.read(_subjects(db, trials, as_of)).with_row_index("row")
    until = pl.col("first_due") + pl.duration(microseconds="time_to_act")
    in_time = pl.col("converted_at").is_between("first_due", pl.min_horizontal(until, pl.lit(as_of)))
    whose = ["tenant_id", "customer_id"]
    bought = subjects.lazy().join(conversions, on=whose).filter(in_time).select("row").unique().collect()
    ours = (pl.col("others") == 0) & (pl.col("first_due") <= pl.col("ready"))
    acted = (pl.col("acted_at") <= until).fill_null(value=False) | pl.col("row").is_in(
        bought["row"].implode()
    )
    group = ("campaign_id", "tenant_id", "occurrence", "variant")
    counts = {"subjects": ours.sum(), "successes": (ours & acted).sum()}
    found = subjects.group_by(group).agg(pl.col("first_due").min(), pl.col("others").sum(), **counts)
    return _shaped(found)


def _shaped(found: pl.DataFrame) -> pl.DataFrame:
    return found.select(pl.col(name).cast(kind) for name, kind in ARMS.items())


def _subjects(db: Database, trials: Sequence[Trial], as_of: datetime) -> sa.Select[tuple[object, ...]]:
    """One row per subject and experiment: when its first message was due, and when it first acted."""
    asked = db.listed("asked", _ASKED, [trial.asked(as_of) for trial in trials])
    j, e, a = jobs.c, events.c, asked.c
    did = sa.and_(
        e.job_id == j.id,
        e.type == a.metric,
        sa.func.coalesce(e.machine, sa.false()) == sa.false(),
        e.at <= as_of,
    )
    slot = sa.case((a.by_slot == sa.literal_column("1"), j.occurrence), else_=sa.literal_column("0"))
    group = (
        a.campaign_id,
        j.tenant_id,
        slot.label("occurrence"),
        j.subject_id,
        j.variant,
        a.ready,
        a.time_to_act,
    )
    return (
        sa.select(
            *group,
            sa.func.min(j.due_at).label("first_due"),
            sa.func.min(j.customer_id).label("customer_id"),
            sa.func.min(e.at).label("acted_at"),
            sa.func.max(sa.case((j.campaign_version < a.since, 1), else_=0)).label("others"),
        )
        .select_from(asked.join(jobs, j.campaign_id == a.campaign_id).outerjoin(events, did))
        .where(j.variant.is_not(None), j.state.not_in(_NEVER), j.occurrence.between(a.lo, a.hi))
        .group_by(*group)
    )


def _count(what: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.sum(sa.case((what, 1), else_=0)), sa.BigInteger)


def _later(
    db: Database, moment: sa.ColumnElement[datetime], microseconds: sa.ColumnElement[int]
) -> sa.ColumnElement[datetime]:
    if db.dialect == "sqlite":  # where instants are microseconds
        return sa.type_coerce(sa.type_coerce(moment, sa.BigInteger) + microseconds, UtcDateTime())
    one = sa.literal_column("interval '1 microsecond'", postgresql.INTERVAL)
    return sa.type_coerce(
        sa.type_coerce(moment, sa.DateTime(timezone=True)) + microseconds * one, UtcDateTime()
    )


def begun(db: Database, campaign_ids: Collection[int], lo: int, hi: int) -> pl.DataFrame:
    """`BEGUN`: the variant with which a subject began each of these occurrences, both ends included."""
    j = jobs.c
    whom = (j.campaign_id, j.tenant_id, j.subject_id, j.occurrence)
    used = db.read(
        sa.select(*whom, j.variant)
        .where(
            j.campaign_id.in_(sorted(campaign_ids)),
            j.variant.is_not(None),
            j.state != State.SKIPPED,
            j.occurrence.between(lo, hi),
        )
        .order_by(j.id)
    )
    first = used.unique([column.name for column in whom], keep="first", maintain_order=True)
    return first.select(pl.col(name).cast(kind) for name, kind in BEGUN.items())


def verdicts(db: Database, campaigns: Sequence[str]) -> pl.DataFrame:
    """`VERDICTS` on these campaigns, oldest first."""
    columns = [promotions.c[name] for name in VERDICTS]
    wanted = sa.select(*columns).where(promotions.c.campaign.in_(sorted(campaigns)))
    found = db.read(wanted.order_by(promotions.c.decided_at, promotions.c.tenant_id))
    return found.select(pl.col(name).cast(kind) for name, kind in VERDICTS.items())


def record(db: Database, connection: sa.Connection, rows: pl.DataFrame) -> None:
    """Write verdicts (`VERDICTS` and `since`); what is decided stays decided.

    Only a verdict on what a campaign's experiment was before version `since` makes room for a new one.
    """
    if rows.is_empty():
        return
    p = promotions.c
    anew = rows.filter(pl.col("occurrence") == 0).select("campaign", "since").unique()
    for campaign, since in anew.sort("campaign").iter_rows():
        earlier = (p.campaign == campaign, p.occurrence == 0, p.campaign_version < since)
        tenants = rows.filter(pl.col("campaign") == campaign)["tenant_id"].to_list()
        connection.execute(sa.delete(promotions).where(*earlier, p.tenant_id.in_(tenants)))
    made = rows.select(VERDICTS.names()).to_dicts()
    connection.execute(db.insert(promotions).on_conflict_do_nothing(), made)
