"""Whether customers come back: by the month of their first conversion, month after month."""

from datetime import date

import polars as pl

from automation_pipelines.reports.asked import Asked
from automation_pipelines.reports.charts import Heat
from automation_pipelines.reports.numerals import count, share
from automation_pipelines.reports.parts import Numbers, Section

_MONTHS = 12
_NOTE = (
    "Per cent of the customers who first converted in that month, by months since; months that are not over "
    "are left out."
)


def cohorts(asked: Asked) -> Section:
    """The last twelve cohorts with at least one whole month after the first."""
    title, rows = "Who comes back", asked.ever("cohort_retention")
    if not rows.is_empty():
        known = (pl.col("cohort") <= asked.period.last) & (pl.col("months_since") <= _MONTHS)
        rows = rows.filter("complete", known)
    later = rows if rows.is_empty() else rows.filter(pl.col("months_since") > 0)
    if later.is_empty():
        words = "No cohort of customers has had a whole month to come back yet."
        return asked.nothing("cohorts", title, "cohort_retention", words)
    sizes = dict(rows.group_by("cohort").agg(pl.col("customers").first()).iter_rows())
    months = sorted(later["cohort"].unique())[-_MONTHS:]
    rates = {
        (cohort, since): active / sizes[cohort]
        for cohort, since, active in later.select("cohort", "months_since", "active").iter_rows()
        if cohort in months
    }
    since = range(1, max(number for _, number in rates) + 1)
    finding = _finding(later)
    return Section(
        "cohorts",
        title,
        finding,
        chart=_heat(months, since, rates),
        drawn=f"Per cent of each month's new customers who converted again, by months since. {finding}",
        numbers=Numbers(
            ("First in", "Customers", *(f"+{number}" for number in since)),
            tuple(
                (f"{month:%b %Y}", count(sizes[month]), *(share(rates.get((month, n))) for n in since))
                for month in months
            ),
        ),
        notes=(_NOTE,),
    )


def _heat(months: list[date], since: range, rates: dict[tuple[date, int], float]) -> Heat:
    return Heat(
        tuple(f"{month:%b %Y}" for month in months),
        tuple(f"+{number}" for number in since),
        tuple(tuple(rates.get((month, number)) for number in since) for month in months),
        (share(min(rates.values())), f"{share(max(rates.values()))} came back"),
        written=True,
    )


def _finding(later: pl.DataFrame) -> str:
    active, customers = (
        later.filter(pl.col("months_since") == 1).select(pl.col("active", "customers").sum()).row(0)
    )
    return f"{share(active / customers)} of new customers converted again in the month after their first."
