"""Whether enquiries were answered by their deadline."""

import polars as pl

from automation_pipelines.reports.asked import Asked, total
from automation_pipelines.reports.charts import Series, Timeline, Tone
from automation_pipelines.reports.numerals import count, share
from automation_pipelines.reports.parts import Numbers, Section
from automation_pipelines.reports.period import said


def service(asked: Asked) -> Section | None:
    """By day of the deadline; a tenant without deadlines has no such section."""
    rows = asked.rows("sla_daily")
    if not total(rows, "deadlines"):
        return None
    days = asked.period.days
    met = dict(rows.group_by("day").agg(pl.col("resolved_in_time").sum()).iter_rows())
    missed = dict(rows.group_by("day").agg(pl.col("breaches").sum()).iter_rows())
    finding = _finding(rows)
    return Section(
        "service",
        "Enquiries answered in time",
        finding,
        chart=Timeline(
            days,
            (
                Series("In time", tuple(met.get(day, 0) for day in days), Tone.SOFT),
                Series("Too late", tuple(missed.get(day, 0) for day in days), Tone.ALERT),
            ),
        ),
        drawn=f"Enquiries by day of their deadline, in time and too late. {finding}",
        numbers=Numbers(
            ("Deadline on", "Due", "In time", "Too late", "Still open", "Escalated"),
            tuple(
                (said(row["day"]), *(count(row[name]) for name in _SHOWN))
                for row in rows.sort("day").iter_rows(named=True)
            ),
        ),
    )


_SHOWN = ("deadlines", "resolved_in_time", "breaches", "unresolved", "escalated_1")


def _finding(rows: pl.DataFrame) -> str:
    met, missed, escalated = (total(rows, name) for name in ("resolved_in_time", "breaches", "escalated_1"))
    if not met + missed:
        return "No deadline has come to pass yet."
    words = f"{share(met / (met + missed))} of {count(met + missed)} enquiries were answered in time"
    return f"{words}; {count(escalated)} were escalated." if escalated else f"{words}; none was escalated."
