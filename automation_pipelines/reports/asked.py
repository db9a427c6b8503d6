"""What every section is handed: the question, and the rows that answer it."""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from automation_pipelines.catalogue.measures import MEASURES
from automation_pipelines.experiments import Interval
from automation_pipelines.experiments import rate as estimated
from automation_pipelines.reports.parts import Section
from automation_pipelines.reports.period import Period, Question
from automation_pipelines.reports.published import Published


@dataclass(frozen=True, slots=True)
class Rate:
    """A measure of the catalogue over some rows: what it is of, never only what it comes to."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The share; null of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> Interval:
        """How far chance may have moved it."""
        return estimated(min(self.part, self.whole), self.whole)


@dataclass(frozen=True)
class Asked:
    """A question put to published statistics."""

    published: Published
    question: Question
    period: Period

    @property
    def of_campaign(self) -> bool:
        """Whether it is about one campaign."""
        return self.question.campaign is not None

    def campaign(self, name: str) -> str:
        """What people call a campaign."""
        return self.published.titles.get(name, name)

    def tenant(self, key: int) -> str:
        """What people call a tenant."""
        return self.published.tenants.get(key, f"Tenant {key}")

    def rows(self, table: str) -> pl.DataFrame:
        """The rows of the days asked about."""
        return self.published.rows(table, self.question, self.period)

    def before(self, table: str) -> pl.DataFrame:
        """The rows of the days they are compared with."""
        return self.published.rows(table, self.question, self.period.before)

    def ever(self, table: str) -> pl.DataFrame:
        """The rows of all days, and of what is not told by day."""
        return self.published.rows(table, self.question)

    @cached_property
    def model(self) -> str:
        """The model of attribution that the installation goes by."""
        told = self.ever("campaign_returns")
        return "last" if told.is_empty() else str(told["model"][0])

    def credited(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Of `attribution_daily`, what that model credits to messages."""
        if rows.is_empty():
            return rows
        return rows.filter(pl.col("model") == self.model, pl.col("campaign").is_not_null())

    def nothing(self, name: str, title: str, table: str, words: str) -> Section:
        """A section that says what is missing: the table, or anything to tell."""
        if self.published.lacks(table):
            words = (
                f"The published statistics have no table {table} yet. "
                "Run `automation stats restate` and `automation stats publish`, then the report again."
            )
        return Section(name, title, words)


def rate(rows: pl.DataFrame, measure: str) -> Rate:
    """A measure of the catalogue over these rows."""
    defined = MEASURES[measure]
    if rows.is_empty():
        return Rate(0, 0)
    part, whole = (
        int(rows.select(pl.sum_horizontal(pl.col(columns).sum())).item())
        for columns in (defined.numerator, defined.denominator)
    )
    return Rate(part, whole)


def total(rows: pl.DataFrame, column: str) -> int:
    """The sum of a column; 0 of nothing."""
    return int(rows[column].sum()) if column in rows.columns else 0
