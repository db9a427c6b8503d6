"""A published e-mail test as rows of the ledger, events and conversions, with the published counts."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger import events, plans
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import jobs
from tests.past import NOON, PROFILE

CAMPAIGN, STEP = "merchandise", "offer"
_SPREAD = 0.957
"""Amounts lie so far from their mean: then men's mail against none is t = 5.30, as published."""


@dataclass(frozen=True)
class Group:
    """One arm, or those who got nothing: in customers, and cents."""

    name: str | None
    customers: int
    visits: int
    purchases: int
    spent: int


MENS = Group("mens", 21_307, 3_894, 267, 3_031_169)
WOMENS = Group("womens", 21_387, 3_238, 189, 2_303_811)
NONE = Group(None, 21_306, 2_262, 122, 1_390_833)
GROUPS = (MENS, WOMENS, NONE)


def load(db: Database) -> dict[str, pl.DataFrame]:
    """Write the rows of the ledger and return what the CRM answers."""
    moments = _moments()
    numbers = plans.identify(db, {(CAMPAIGN, ""), (CAMPAIGN, STEP)}, "live")
    ids = {"campaign_id": numbers[CAMPAIGN, ""], "step_id": numbers[CAMPAIGN, STEP]}
    rows = moments.with_columns(pl.lit(number, pl.Int64).alias(name) for name, number in ids.items())
    tick = plans.Tick(
        run_id="hillstrom", mode="live", as_of=NOON, planned_from=None, planned_to=NOON, moments=len(rows)
    )
    tenants = pl.DataFrame({"tenant_id": [1], "profile": [PROFILE.replace("NPR", "USD")]})
    typed = rows.select(pl.col(name).cast(kind) for name, kind in plans.PLAN_COLUMNS.items())
    plans.write_plan(db, tick, typed, tenants)
    with db.begin() as connection:
        sent = {"state": "completed", "attempts": 1, "finished_at": NOON}
        connection.execute(sa.update(jobs).where(jobs.c.state == "pending").values(**sent))
    _visit(db, moments)
    return {"conversions": _conversions(moments), "tenant_settings": _NO_SETTINGS}


_NO_SETTINGS = pl.DataFrame(schema={"tenant_id": pl.Int64(), "name": pl.String(), "value": pl.String()})


def _moments() -> pl.DataFrame:
    """One row per customer; those who visited, and bought, are the first of each group."""
    groups = [
        pl.DataFrame({"place": range(each.customers)}).with_columns(
            variant=pl.lit(each.name, pl.String),
            reason=pl.lit("planned" if each.name else "holdout"),
            visited=pl.col("place") < each.visits,
            bought=pl.col("place") < each.purchases,
            amount=_amount(each),
        )
        for each in GROUPS
    ]
    usual = {
        "occurrence": 1000,
        "tenant_id": 1,
        "recipient_id": 0,
        "purpose": "marketing",
        "channel": "email",
        "campaign_version": 1,
        "priority": 5,
        "due_at": NOON,
        "variables": "{}",
    }
    rows = pl.concat(groups).with_row_index("subject_id", offset=1)
    text = pl.col("subject_id").cast(pl.String)
    return rows.with_columns(
        *(pl.lit(value).alias(name) for name, value in usual.items()),
        *(
            pl.lit(None, plans.PLAN_COLUMNS[name]).alias(name)
            for name in ("held_by", "expires_at", "fallbacks")
        ),
        subject_text=text,
        address=pl.format("{}@mail.example.com", text),
        address_hash=text,
        customer_id="subject_id",
    )


def _amount(group: Group) -> pl.Expr:
    """Two amounts by turns, the last one rounding off the published sum."""
    mean = group.spent / group.purchases
    low = round(mean * (1 - _SPREAD))
    pairs = group.purchases // 2
    high = (group.spent - low * (group.purchases - pairs)) // pairs
    rest = group.spent - low * (group.purchases - pairs) - high * pairs
    place = pl.col("place")
    return pl.when(place % 2 == 0).then(low).otherwise(high) + pl.when(place == 0).then(rest).otherwise(0)


def _visit(db: Database, moments: pl.DataFrame) -> None:
    known = db.read(
        sa.select(jobs.c.id.label("job_id"), jobs.c.subject_id).where(jobs.c.state == "completed")
    )
    who = moments.filter("visited").select(pl.col("subject_id").cast(pl.Int64)).join(known, on="subject_id")
    nothing = {name: pl.lit(None) for name in ("detail", "detail_of_stranger", "suppresses")}
    told = who.select(
        "job_id", identity=pl.format("visit-{}", "job_id"), type=pl.lit("clicked"), told_at=pl.lit(NOON)
    )
    events.record(db, told.with_columns(**nothing), now=NOON)


def _conversions(moments: pl.DataFrame) -> pl.DataFrame:
    return moments.filter("bought").select(
        pl.col("subject_id").cast(pl.Int64).alias("id"),
        pl.lit(1, pl.Int64).alias("tenant_id"),
        pl.col("subject_id").cast(pl.Int64).alias("customer_id"),
        pl.lit(NOON + timedelta(days=3)).cast(pl.Datetime("us", "UTC")).alias("converted_at"),
        pl.col("amount").cast(pl.Int64),
        pl.lit("USD").alias("currency"),
        *(pl.lit(None, pl.Datetime("us", "UTC")).alias(name) for name in ("cancelled_at", "updated_at")),
    )
