"""What checks of statistics are made of: a check, the days it looks at, and what it finds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import polars as pl

from automation_pipelines.catalogue.statistics import CAMPAIGN_DAILY
from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.stats.tables import dataset, schema

DAY = timedelta(days=1)
_LONGEST = 10
"""Rows that are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold of a statistic."""

    name: str
    statistic: str
    doc: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: the rows that are wrong, and whether they keep everything from being published."""

    check: Check
    said: str
    wrong: pl.DataFrame
    gates: bool = True

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return self.wrong.is_empty()

    @property
    def rows(self) -> list[str]:
        """The first rows that are wrong, in words."""
        told = [
            ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)
            for row in self.wrong.head(_LONGEST).iter_rows(named=True)
        ]
        more = len(self.wrong) - _LONGEST
        return [*told, f"and {more:,} more"] if more > 0 else told

    def __str__(self) -> str:
        head = f"{self.check.statistic} / {self.check.name}: {self.said}"
        return "\n".join((head, *(f"  {row}" for row in self.rows)))


@dataclass(frozen=True)
class Look:
    """What is looked at: some days as they are filed, or all of them, at a time."""

    database: Database
    files: FileStore
    as_of: datetime
    asked: Sequence[date] | None = None

    @cached_property
    def days(self) -> list[date]:
        """The filed days to look at."""
        filed = self.files.days(dataset(CAMPAIGN_DAILY))
        return filed if self.asked is None else [day for day in filed if day in set(self.asked)]

    @cached_property
    def lately(self) -> list[date]:
        """Those of them that are compared with what is kept elsewhere: the days asked for, or the latest."""
        since = self.as_of.date() - DAY
        return [day for day in self.days if self.asked is not None or day >= since]

    def rows(self, statistic: Statistic, days: Iterable[date]) -> pl.LazyFrame:
        """Days of a statistic as they are filed."""
        paths, types = self.files.paths(dataset(statistic), days), schema(statistic)
        if not paths:
            return pl.LazyFrame(schema=types)
        return pl.scan_parquet(
            paths, schema=types, hive_partitioning=False, missing_columns="insert", extra_columns="ignore"
        )
