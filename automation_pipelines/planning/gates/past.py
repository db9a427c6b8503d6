"""What the gates ask of the past: the ledger answers, and a preview lays its own ticks over it."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import polars as pl

from automation_pipelines.catalogue.types import Type
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.ledger import coupons, guards, past
from automation_pipelines.ledger.database import Database
from automation_pipelines.model import Purpose, Reason

Ranges = Sequence[tuple[datetime, datetime]]
Asked = Sequence[tuple[int, datetime, int]]
"""(tenant_id, since, how many messages without a response)."""

_INTEGER, _TEXT, _INSTANT = pl.Int64(), pl.String(), FRAME_TYPES[Type.INSTANT]
_SHAPES: dict[str, dict[str, pl.DataType]] = {
    "addressed": {
        **dict.fromkeys(("step_id", "tenant_id", "subject_id"), _INTEGER),
        "address_hash": _TEXT,
        "due_at": _INSTANT,
    },
    "planned_by_day": {"campaign_id": _INTEGER, "day": pl.Date(), "planned": _INTEGER},
    "answers": {"campaign": _TEXT, "day": pl.Date(), "answer": _TEXT},
    "contacts": {
        **dict.fromkeys(("tenant_id", "campaign_id"), _INTEGER),
        **dict.fromkeys(("channel", "address_hash"), _TEXT),
        "customer_id": _INTEGER,
        "due_at": _INSTANT,
    },
    "declared": {"campaign_id": _INTEGER, "topic": _TEXT, "capped": pl.Boolean()},
    "executed": dict.fromkeys(("campaign_id", "tenant_id", "executed"), _INTEGER),
    "assigned": {
        **dict.fromkeys(("step_id", "tenant_id", "subject_id", "assignee_id"), _INTEGER),
        "finished_at": _INSTANT,
    },
    "coupons": {"pool": _TEXT, "place": _INTEGER, "code": _TEXT},
    "agreements": {
        "tenant_id": _INTEGER,
        **dict.fromkeys(("channel", "address_hash", "topic", "state"), _TEXT),
        "at": _INSTANT,
    },
    "unengaged": dict.fromkeys(("tenant_id", "customer_id"), _INTEGER),
}


def _shaped(question: str, rows: pl.DataFrame | None = None) -> pl.DataFrame:
    """An answer in the columns of its question; none is an empty one."""
    shape = _SHAPES[question]
    if rows is None:
        return pl.DataFrame(schema=shape)
    return rows.select(pl.col(name).cast(dtype) for name, dtype in shape.items())


class Past(Protocol):
    """What has happened, as the gates ask it; the columns of each answer are in `_SHAPES`."""

    def addressed(self, step_ids: Collection[int], since: datetime) -> pl.DataFrame:
        """What these steps planned since then, with the addresses."""

    def planned_by_day(self, campaign_ids: Collection[int], ranges: Ranges) -> pl.DataFrame:
        """How much was planned on each UTC day, of what was due in the ranges [lo, hi)."""

    def answers(self, since: date) -> pl.DataFrame:
        """What was said to the days that were held."""

    def contacts(self, people: pl.DataFrame, since: datetime) -> pl.DataFrame:
        """Marketing due since then to these people (`tenant_id, address_hash, customer_id`), or more."""

    def declared(self, campaign_ids: Collection[int]) -> pl.DataFrame:
        """What campaigns of the past are about, and whether they count for frequency caps."""

    def executed(self, campaign_ids: Collection[int]) -> pl.DataFrame:
        """How many jobs campaigns have had for each tenant."""

    def assigned(self, step_ids: Collection[int], since: datetime) -> pl.DataFrame:
        """To whom these steps gave what was due since then, in order."""

    def coupons(self, pools: Collection[str], limit: int) -> pl.DataFrame:
        """The next codes of each pool, `limit` of them if there are so many."""

    def agreements(self, at: datetime) -> pl.DataFrame:
        """Consent that was told to us, by address."""

    def unengaged(self, asked: Asked, at: datetime) -> pl.DataFrame:
        """Customers who were mailed so often since then, and never responded."""


@dataclass(frozen=True)
class LedgerPast:
    """`Past` as the ledger has it."""

    database: Database

    def addressed(self, step_ids: Collection[int], since: datetime) -> pl.DataFrame:
        """See `Past`."""
        return _shaped("addressed", past.addressed(self.database, step_ids, since))

    def planned_by_day(self, campaign_ids: Collection[int], ranges: Ranges) -> pl.DataFrame:
        """See `Past`."""
        return _shaped("planned_by_day", past.planned_by_day(self.database, campaign_ids, ranges))

    def answers(self, since: date) -> pl.DataFrame:
        """See `Past`."""
        return _shaped("answers", guards.answers(self.database, since))

    def contacts(self, people: pl.DataFrame, since: datetime) -> pl.DataFrame:
        """See `Past`."""
        return _shaped("contacts", past.contacts(self.database, people, since))

    def declared(self, campaign_ids: Collection[int]) -> pl.DataFrame:
        """See `Past`."""
        rows = [
            (number, spec["topic"], spec["policy"].get("capped", True))
            for number, text in past.newest_specs(self.database, campaign_ids)
            if (spec := json.loads(text))
        ]
        return pl.DataFrame(rows, schema=_SHAPES["declared"], orient="row")

    def executed(self, campaign_ids: Collection[int]) -> pl.DataFrame:
        """See `Past`."""
        return _shaped("executed", past.executed(self.database, campaign_ids))

    def assigned(self, step_ids: Collection[int], since: datetime) -> pl.DataFrame:
        """See `Past`."""
        return _shaped("assigned", past.assigned(self.database, step_ids, since))

    def coupons(self, pools: Collection[str], limit: int) -> pl.DataFrame:
        """See `Past`."""
        return _shaped("coupons", coupons.free(self.database, pools, limit))

    def agreements(self, at: datetime) -> pl.DataFrame:
        """See `Past`."""
        return _shaped("agreements", past.agreements(self.database, at))

    def unengaged(self, asked: Asked, at: datetime) -> pl.DataFrame:
        """See `Past`."""
        return _shaped("unengaged", past.unengaged(self.database, asked, at))


@dataclass(frozen=True)
class NoPast(LedgerPast):
    """`Past` of an installation that has not sent anything yet: only what it was told about people."""

    def addressed(self, step_ids: Collection[int], since: datetime) -> pl.DataFrame:  # noqa: ARG002
        """See `Past`."""
        return _shaped("addressed")

    def planned_by_day(self, campaign_ids: Collection[int], ranges: Ranges) -> pl.DataFrame:  # noqa: ARG002
        """See `Past`."""
        return _shaped("planned_by_day")

    def answers(self, since: date) -> pl.DataFrame:  # noqa: ARG002
        """See `Past`."""
        return _shaped("answers")

    def contacts(self, people: pl.DataFrame, since: datetime) -> pl.DataFrame:  # noqa: ARG002
        """See `Past`."""
        return _shaped("contacts")

    def executed(self, campaign_ids: Collection[int]) -> pl.DataFrame:  # noqa: ARG002
        """See `Past`."""
        return _shaped("executed")

    def assigned(self, step_ids: Collection[int], since: datetime) -> pl.DataFrame:  # noqa: ARG002
        """See `Past`."""
        return _shaped("assigned")

    def unengaged(self, asked: Asked, at: datetime) -> pl.DataFrame:  # noqa: ARG002
        """See `Past`."""
        return _shaped("unengaged")


@dataclass(frozen=True)
class Imagined:
    """`Past` with the decisions (`rows`) and given codes (`codes`) of imagined ticks on top."""

    real: Past
    rows: Sequence[pl.DataFrame]
    codes: Sequence[pl.DataFrame]

    def addressed(self, step_ids: Collection[int], since: datetime) -> pl.DataFrame:
        """See `Past`."""
        own = pl.col("step_id").is_in(list(step_ids)) & (pl.col("due_at") >= since)
        return self._with("addressed", self.real.addressed(step_ids, since), lambda rows: rows.filter(own))

    def planned_by_day(self, campaign_ids: Collection[int], ranges: Ranges) -> pl.DataFrame:
        """See `Past`."""
        within = pl.any_horizontal((pl.col("due_at") >= lo) & (pl.col("due_at") < hi) for lo, hi in ranges)
        own = pl.col("campaign_id").is_in(list(campaign_ids)) & within
        counted = self._with(
            "planned_by_day",
            self.real.planned_by_day(campaign_ids, ranges),
            lambda rows: rows.filter(own).select(
                "campaign_id", day=pl.col("due_at").dt.date(), planned=pl.lit(1, _INTEGER)
            ),
        )
        return counted.group_by("campaign_id", "day").agg(pl.col("planned").sum())

    def answers(self, since: date) -> pl.DataFrame:
        """See `Past`."""
        return self.real.answers(since)

    def contacts(self, people: pl.DataFrame, since: datetime) -> pl.DataFrame:
        """See `Past`."""
        own = (pl.col("purpose") == str(Purpose.MARKETING)) & (pl.col("due_at") >= since)
        customer = pl.when(pl.col("recipient_id") == 0).then("customer_id").alias("customer_id")
        return self._with(
            "contacts",
            self.real.contacts(people, since),
            lambda rows: rows.filter(own, pl.col("address_hash").is_not_null()).with_columns(customer),
        )

    def declared(self, campaign_ids: Collection[int]) -> pl.DataFrame:
        """See `Past`."""
        return self.real.declared(campaign_ids)

    def executed(self, campaign_ids: Collection[int]) -> pl.DataFrame:
        """See `Past`."""
        own = pl.col("campaign_id").is_in(list(campaign_ids))
        counted = self._with(
            "executed",
            self.real.executed(campaign_ids),
            lambda rows: rows.filter(own).with_columns(executed=pl.lit(1, _INTEGER)),
        )
        return counted.group_by("campaign_id", "tenant_id").agg(pl.col("executed").sum())

    def assigned(self, step_ids: Collection[int], since: datetime) -> pl.DataFrame:
        """See `Past`."""
        own = pl.col("step_id").is_in(list(step_ids)) & (pl.col("due_at") >= since)
        return self._with(
            "assigned",
            self.real.assigned(step_ids, since),
            lambda rows: (
                rows.filter(own, pl.col("assignee_id").is_not_null())
                .sort("due_at", "subject_id", "recipient_id")
                .with_columns(finished_at=pl.lit(None))
            ),
        )

    def coupons(self, pools: Collection[str], limit: int) -> pl.DataFrame:
        """See `Past`."""
        given = sum(map(len, self.codes))
        free = self.real.coupons(pools, limit + given)
        for codes in filter(len, self.codes):
            free = free.join(codes, on=["pool", "code"], how="anti", maintain_order="left")
        return free

    def agreements(self, at: datetime) -> pl.DataFrame:
        """See `Past`."""
        return self.real.agreements(at)

    def unengaged(self, asked: Asked, at: datetime) -> pl.DataFrame:
        """See `Past`. Imagined messages have no response yet, and are none against anybody."""
        return self.real.unengaged(asked, at)

    def _with(
        self, question: str, real: pl.DataFrame, pick: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> pl.DataFrame:
        planned = pl.col("reason") == str(Reason.PLANNED)
        return pl.concat([real, *(_shaped(question, pick(rows.filter(planned))) for rows in self.rows)])
