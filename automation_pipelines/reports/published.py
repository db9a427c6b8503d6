"""The published statistics, opened for reading alone. What they mean is the sections' business."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from automation_pipelines.catalogue.statistics import STATISTICS
from automation_pipelines.errors import RefusedError
from automation_pipelines.reports.period import Period, Question
from automation_pipelines.stats.tables import schema

_PUBLISH = "run `automation stats restate` and `automation stats publish`"


@dataclass(frozen=True)
class Published:
    """The tables of one file of statistics."""

    connection: duckdb.DuckDBPyConnection
    path: Path
    tables: frozenset[str]

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["Published"]:
        """Open the file; `RefusedError` says what to run where there is none, or an unreadable one."""
        if not path.exists():
            msg = f"nothing is published at {path}: {_PUBLISH}"
            raise RefusedError(msg)
        try:
            connection = duckdb.connect(str(path), read_only=True)
        except duckdb.Error as error:
            msg = f"{path} cannot be read as statistics ({error}): {_PUBLISH}"
            raise RefusedError(msg) from None
        with connection:
            names = connection.sql("SELECT table_name FROM information_schema.tables").fetchall()
            yield cls(connection, path, frozenset(name for (name,) in names))

    def lacks(self, *names: str) -> bool:
        """Whether one of these tables is not in the file."""
        return not self.tables.issuperset(names)

    def rows(self, name: str, question: Question, period: Period | None = None) -> pl.DataFrame:
        """The rows that a question is about, where the table knows: of its tenant, campaign and days.

        A table that an older version did not publish has no rows.
        """
        if name not in self.tables:
            return pl.DataFrame()
        types = schema(STATISTICS[name])
        bounds: dict[str, tuple[str, object]] = {
            "tenant": ("tenant_id = $tenant", question.tenant),
            "campaign": ("campaign = $campaign", question.campaign),
            "first": ("day >= $first", period and period.first),
            "last": ("day <= $last", period and period.last),
        }
        asked = {
            key: (test, value)
            for key, (test, value) in bounds.items()
            if value is not None and test.split()[0] in types
        }
        where = " AND ".join(test for test, _ in asked.values()) or "true"
        key = ", ".join(STATISTICS[name].key)
        statement = f"SELECT {', '.join(types)} FROM {name} WHERE {where} ORDER BY {key}"
        try:
            found = self.connection.sql(statement, params={key: value for key, (_, value) in asked.items()})
        except duckdb.BinderException as error:
            first_line = str(error).splitlines()[0]
            msg = f"{self.path} was published by another version ({name}: {first_line}): {_PUBLISH}"
            raise RefusedError(msg) from None
        frame: pl.DataFrame = found.pl()
        return frame.cast(types)

    def known(self, column: str) -> list[str | int]:
        """The campaigns or tenants there are numbers of."""
        found = self.connection.sql(f"SELECT DISTINCT {column} FROM campaign_daily ORDER BY 1").fetchall()
        return [value for (value,) in found]

    @cached_property
    def tenants(self) -> dict[int, str]:
        """The tenants' names, of those that have one."""
        return self._names("SELECT tenant_id, name FROM tenants WHERE name IS NOT NULL", "tenants")

    @cached_property
    def currencies(self) -> dict[int, str]:
        """The tenants' own currencies."""
        if self.lacks("tenants"):
            return {}
        statement = "SELECT tenant_id, currency FROM tenants WHERE currency IS NOT NULL"
        return dict(self.connection.sql(statement).fetchall())

    @cached_property
    def titles(self) -> dict[str, str]:
        """The titles of campaigns."""
        return self._names("SELECT DISTINCT campaign, title FROM campaign_steps", "campaign_steps")

    def steps(self, campaign: str) -> dict[str, str]:
        """The titles of a campaign's steps, in their order."""
        named = "SELECT step, coalesce(step_title, step) FROM campaign_steps"
        statement = f"{named} WHERE campaign = $campaign ORDER BY place"
        return self._names(statement, "campaign_steps", {"campaign": campaign})

    def _names(self, statement: str, table: str, values: dict[str, str] | None = None) -> dict[Any, str]:
        """Keys with their names; of names that several have, each also says its key."""
        if self.lacks(table):
            return {}
        found = dict(self.connection.sql(statement, params=values or {}).fetchall())
        often = Counter(found.values())
        return {key: name if often[name] == 1 else f"{name} ({key})" for key, name in found.items()}

    def days(self, question: Question) -> Period | None:
        """The first and the last day with anything to tell of whom the question is about."""
        rows = self.rows("campaign_daily", question)
        if rows.is_empty():
            return None
        return Period(
            *rows.select(pl.col("day").min().alias("first"), pl.col("day").max().alias("last")).row(0)
        )

    def credited_until(self, question: Question) -> date | None:
        """The last day with a conversion that is credited to a message."""
        rows = self.rows("attribution_daily", question)
        if rows.is_empty():
            return None
        days: list[date] = rows.filter(pl.col("campaign").is_not_null())["day"].to_list()
        return max(days, default=None)
