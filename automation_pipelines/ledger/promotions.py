"""What experiments whose winner goes to the rest ask of the ledger: how the variants did, and the verdicts.

Counts only; what they mean is `experiments`'s, when they are asked for `promotion`'s.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import MICROSECOND, UtcDateTime, events, jobs, promotions, tenants
from automation_pipelines.model import Reason, State

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
    """What is asked about an experiment: of every tenant for which it is not decided yet."""

    campaign: str
    campaign_id: int
    since: int
    """The version from which on messages belong to it."""
    slot: int | None
    """The occurrence that it is about; `None`: all of them together."""
    metric: str
    time_to_act: timedelta

    def asked(self, as_of: datetime) -> tuple[object, ...]:
        """A row of `_ASKED`."""
        told = (self.campaign, self.campaign_id, self.since, self.slot or 0, self.metric)
        return (*told, self.time_to_act // MICROSECOND, as_of - self.time_to_act)


_ASKED: dict[str, sa.types.TypeEngine[Any]] = {
    "campaign": sa.String(),
    "campaign_id": sa.Integer(),
    "since": sa.Integer(),
    "occurrence": sa.BigInteger(),
    "metric": sa.String(),
    "time_to_act": sa.BigInteger(),
    "ready": UtcDateTime(),
}


def arms(
    db: Database, trials: Iterable[Trial], as_of: datetime, conversions: pl.LazyFrame | None = None
) -> pl.DataFrame:
    """`ARMS`: how many subjects of each variant had their time to act by then, and how many acted in it.

    Time counts from when a subject's first message was due. Machines do not count, nor does what was told
    of later than `as_of`. Of `conversions` (`tenant_id, customer_id, converted_at`) as of events.
    """
    found = [pl.DataFrame(schema=ARMS)]
    kinds: dict[tuple[bool, bool], list[Trial]] = {}
    for trial in trials:
        kinds.setdefault((trial.slot is not None, trial.metric == "converted"), []).append(trial)
    for (_, bought), alike in kinds.items():
        subjects = _subjects(db, alike, as_of)
        if bought and conversions is not None:
            found.append(_shaped(_converted(db.read(subjects), conversions, as_of)))
        else:
            found.append(_shaped(_counted(db, subjects.subquery("subjects"))))
    return pl.concat(found)


def _counted(db: Database, subjects: sa.Subquery) -> pl.DataFrame:
    s = subjects.c
    ours = sa.and_(s.others == 0, s.first_due <= s.ready)
    acted = sa.and_(ours, s.acted_at <= _later(db, s.first_due, s.time_to_act))
    group = (s.campaign_id, s.tenant_id, s.occurrence, s.variant)
    return db.read(
        sa.select(
            *group,
            sa.func.min(s.first_due).label("first_due"),
            *(_count(what).label(name) for name, what in (("subjects", ours), ("successes", acted))),
            _count(s.others == 1).label("others"),
        ).group_by(*group)
    )


def _converted(found: pl.DataFrame, conversions: pl.LazyFrame, as_of: datetime) -> pl.DataFrame:
    subjects = found.with_row_index("row")
    until = pl.col("first_due") + pl.duration(microseconds="time_to_act")
    in_time = pl.col("converted_at").is_between("first_due", pl.min_horizontal(until, pl.lit(as_of)))
    whose = ["tenant_id", "customer_id"]
    purchases = subjects.lazy().join(conversions.with_row_index("purchase"), on=whose).filter(in_time)
    # Several subjects may be of one customer: what it buys counts for the latest of them alone.
    latest = purchases.sort("first_due", "subject_id", descending=[True, False], maintain_order=True).unique(
        ["campaign_id", "occurrence", "purchase"], keep="first"
    )
    bought = latest.select("row").unique().collect()
    ours = (pl.col("others") == 0) & (pl.col("first_due") <= pl.col("ready"))
    acted = (pl.col("acted_at") <= until).fill_null(value=False) | pl.col("row").is_in(
        bought["row"].implode()
    )
    group = ("campaign_id", "tenant_id", "occurrence", "variant")
    counts = {"subjects": ours.sum(), "successes": (ours & acted).sum()}
    return subjects.group_by(group).agg(pl.col("first_due").min(), pl.col("others").sum(), **counts)


def _shaped(found: pl.DataFrame) -> pl.DataFrame:
    return found.select(pl.col(name).cast(kind) for name, kind in ARMS.items())


def _subjects(db: Database, alike: Sequence[Trial], as_of: datetime) -> sa.Select[tuple[object, ...]]:
    """One row per subject and experiment: when its first message was due, and when it first acted."""
    asked = db.listed("asked", _ASKED, [trial.asked(as_of) for trial in alike])
    j, e, a, t, p = jobs.c, events.c, asked.c, tenants.c, promotions.c
    decided = sa.exists().where(
        p.campaign == a.campaign, p.tenant_id == t.tenant_id, p.occurrence == a.occurrence
    )
    whose = [j.campaign_id == a.campaign_id, j.tenant_id == t.tenant_id]
    if alike[0].slot is None:
        decided = decided.where(p.campaign_version >= a.since)
    else:
        whose.append(j.occurrence == a.occurrence)
    person = sa.func.coalesce(e.machine, sa.false()) == sa.false()
    # What staff do with a message about a customer is not the customer's doing.
    own = sa.or_(j.recipient_id == 0, j.customer_id.is_(None))
    did = sa.and_(e.job_id == j.id, own, e.type == a.metric, person, e.at <= as_of)
    group = (a.campaign_id, j.tenant_id, a.occurrence, j.subject_id, j.variant, a.ready, a.time_to_act)
    return (
        sa.select(
            *group,
            sa.func.min(j.due_at).label("first_due"),
            sa.func.min(j.customer_id).label("customer_id"),
            sa.func.min(e.at).label("acted_at"),
            sa.func.max(sa.case((j.campaign_version < a.since, 1), else_=0)).label("others"),
        )
        .select_from(asked.join(tenants, ~decided).join(jobs, sa.and_(*whose)).outerjoin(events, did))
        # As it was drawn, whatever became of it (intention to treat), as `variant_results` has it.
        .where(j.variant.is_not(None), sa.func.coalesce(j.reason, "") != str(Reason.HOLDOUT))
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
