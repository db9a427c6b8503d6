"""Messages sent and how many of them people clicked, day by day."""

from datetime import date, timedelta

import polars as pl

from automation_pipelines.catalogue.measures import MEASURES
from automation_pipelines.reports.asked import Asked, total
from automation_pipelines.reports.charts import Series, Timeline, Tone
from automation_pipelines.reports.numerals import count, share
from automation_pipelines.reports.parts import Numbers, Section
from automation_pipelines.reports.period import said

_CLICKS = MEASURES["human_click_rate"]
_MOST = 62
"""Days that a chart can show one by one; more of them are shown by week."""


def trend(asked: Asked) -> Section:
    """By day, or by week of Mondays where the period is long."""
    title, rows = "Sent and clicked over time", asked.rows("campaign_daily")
    if not total(rows, "sent"):
        return asked.nothing("trend", title, "campaign_daily", "Nothing was sent in this period.")
    days = asked.period.days
    by_week = len(days) > _MOST
    slots = list(dict.fromkeys(map(_monday, days))) if by_week else list(days)
    found = _by_slot(rows, by_week=by_week)
    sent = [found.get(slot, (0, 0))[1] for slot in slots]
    rates = [clicked / of if of else None for clicked, of in (found.get(slot, (0, 0)) for slot in slots)]
    unit = "week" if by_week else "day"
    finding = _finding(slots, sent, unit)
    return Section(
        "trend",
        title,
        finding,
        chart=Timeline(
            tuple(slots),
            (Series(f"Messages sent by {unit}", tuple(map(float, sent)), Tone.SOFT),),
            Series(f"{_CLICKS.title}, share of those sent", tuple(rates)),
        ),
        drawn=f"{finding} Below it the share of them that people clicked in.",
        numbers=Numbers(
            ("Week from" if by_week else "Day", "Sent", _CLICKS.title, "Share"),
            tuple(
                (said(slot), count(of), count(found.get(slot, (0, 0))[0]), share(rate))
                for slot, of, rate in zip(slots, sent, rates, strict=True)
                if of
            ),
        ),
        notes=("Clicks of the last days are still coming in.",),
    )


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _by_slot(rows: pl.DataFrame, *, by_week: bool) -> dict[date, tuple[int, int]]:
    """(numerator, denominator) of the click rate by day, or by Monday."""
    slot = pl.col("day").dt.truncate("1w") if by_week else pl.col("day")
    summed = rows.group_by(slot.alias("slot")).agg(
        pl.sum_horizontal(pl.col(_CLICKS.numerator).sum()).alias("part"),
        pl.sum_horizontal(pl.col(_CLICKS.denominator).sum()).alias("whole"),
    )
    return {slot: (part, whole) for slot, part, whole in summed.iter_rows()}


def _finding(slots: list[date], sent: list[int], unit: str) -> str:
    most = max(sent)
    busiest = said(slots[sent.index(most)])
    if sum(map(bool, sent)) == 1:
        return f"All {count(most)} messages went out on {busiest}."
    on = "on" if unit == "day" else "in the week from"
    return (
        f"{count(sum(sent) / len(sent))} messages a {unit} on average; most, {count(most)}, {on} {busiest}."
    )
