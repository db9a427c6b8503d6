"""At which hour of which weekday people click, in their own time."""

import polars as pl

from automation_pipelines.reports.asked import Asked, Rate
from automation_pipelines.reports.charts import Heat
from automation_pipelines.reports.numerals import count, share
from automation_pipelines.reports.parts import Numbers, Section
from automation_pipelines.reports.wording import WEEKDAYS

_ENOUGH = 20
"""Messages of an hour below which its rate says nothing."""
_HOURS = 6
"""Hours below which there is nothing to choose from."""

_COUNTED = (
    "Of what was due in the last 180 days, whatever the period of the report, in the tenant's local time. "
    f"Hours with fewer than {_ENOUGH} messages are left empty. Nobody drew lots for the hour: what went out "
    "at a good hour may simply have been a better message. An experiment can tell."
)


def send_times(asked: Asked) -> Section:
    """The share clicked of what was sent in each hour of the week, over the half year that is kept for it."""
    title, rows = "When people click", asked.ever("send_time_totals")
    by_hour = _by_hour(rows) if not rows.is_empty() else rows
    enough = by_hour.filter(pl.col("sent") >= _ENOUGH) if not by_hour.is_empty() else by_hour
    if enough.height < _HOURS:
        words = f"Fewer than {_HOURS} hours of the week have {_ENOUGH} messages yet: too few to compare them."
        return asked.nothing("send-times", title, "send_time_totals", words)
    rates = {(day, hour): clicked / sent for day, hour, sent, clicked in enough.iter_rows()}
    best = _best(enough)
    finding = f"People clicked most surely in what was sent on {_slot(best)}: {share(rates[best])}."
    return Section(
        "send-times",
        title,
        finding,
        chart=Heat(
            WEEKDAYS,
            tuple(str(hour) for hour in range(24)),
            tuple(tuple(rates.get((day, hour)) for hour in range(24)) for day in range(1, 8)),
            (share(min(rates.values())), f"{share(max(rates.values()))} clicked"),
        ),
        drawn=f"Share clicked by local hour and weekday of sending. {finding}",
        numbers=Numbers(
            ("Sent on", "Sent", "Clicked by people", "Share"),
            tuple(
                (_slot((day, hour)), count(sent), count(clicked), share(clicked / sent))
                for day, hour, sent, clicked in enough.iter_rows()
            ),
        ),
        notes=(_COUNTED,),
    )


def _by_hour(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.group_by("weekday", "hour")
        .agg(pl.col("sent").sum(), pl.col("clicked").sum())
        .sort("weekday", "hour")
    )


def _best(enough: pl.DataFrame) -> tuple[int, int]:
    """The hour whose interval begins highest: of many hours, the highest rate is mostly luck."""
    lows = {
        (day, hour): Rate(clicked, sent).interval.low or 0.0
        for day, hour, sent, clicked in enough.iter_rows()
    }
    return max(lows, key=lambda slot: (lows[slot], slot))


def _slot(slot: tuple[int, int]) -> str:
    day, hour = slot
    return f"{WEEKDAYS[day - 1]} {hour:02}:00"
