"""The key figures: what it earned first, as surely as it is known, then what was sent and what came back."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from automation_pipelines.catalogue.measures import MEASURES
from automation_pipelines.experiments import ALPHA
from automation_pipelines.reports.asked import Asked, rate, total
from automation_pipelines.reports.numerals import (
    amounts,
    change,
    count,
    counted,
    money,
    points,
    share,
    span,
    span_of_points,
)
from automation_pipelines.reports.parts import KeyFigure
from automation_pipelines.reports.wording import MODELS

_FEW = 100
"""Messages below which a rate needs its interval beside it to be read at all."""

_SURE = "more than chance explains."
_UNSURE = "it could be chance, and shows neither an effect nor that there is none."
_APART = "Each is shown below with its interval."
_CREDITED = "Credited is not caused: some would have come anyway."


def key_figures(asked: Asked) -> tuple[KeyFigure, ...]:
    """What people ask first, in the order they should."""
    now, before = asked.rows("campaign_daily"), asked.before("campaign_daily")
    rates = (_rate(name, now, before) for name in ("human_click_rate", "unsubscribe_rate", "complaint_rate"))
    return (*_lift(asked), *_credited(asked), _sent(now, before), *rates)


def _lift(asked: Asked) -> Iterator[KeyFigure]:
    """What those held out did not do. Several lifts are not added up: they are counted."""
    rows = asked.ever("holdout_lift")
    judged = rows if rows.is_empty() else rows.filter(pl.col("difference").is_not_null())
    if judged.height == 1:
        yield _one_lift(asked, judged.row(0, named=True))
    elif not judged.is_empty():
        surely = judged.filter(pl.col("p_value") < ALPHA, pl.col("difference") > 0).height
        yield KeyFigure(
            "Caused, not just credited",
            f"{surely} of {judged.height}",
            f"comparisons with people held out show more conversions than chance explains. {_APART}",
        )


def _one_lift(asked: Asked, row: dict[str, Any]) -> KeyFigure:
    sure = row["p_value"] is not None and row["p_value"] < ALPHA
    return KeyFigure(
        f"Caused by {asked.campaign(row['campaign'])}: more people who converted",
        points(row["difference"]),
        f"{share(row['treated_rate'])} of those meant to get it, {share(row['held_out_rate'])} of "
        f"{count(row['held_out'])} held out. 95 % interval "
        f"{span_of_points(row['difference_low'], row['difference_high'])}: {_SURE if sure else _UNSURE}",
        _incremental(row),
    )


def _incremental(row: dict[str, Any]) -> str:
    value, low, high = (row[f"incremental_revenue{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return ""
    told, *between = (money(each, row["currency"]) for each in (value, low, high))
    return f"In money: {told} ({' to '.join(between)}), since it began"


def _credited(asked: Asked) -> Iterator[KeyFigure]:
    """Revenue by the installation's model; of several currencies the largest number leads."""
    now, before = (asked.credited(of("attribution_daily")) for of in (asked.rows, asked.before))
    if now.is_empty():
        return
    sums = now.group_by("currency").agg(pl.col("revenue").sum()).sort("revenue", "currency", descending=True)
    (currency, revenue), *others = sums.rows()
    past = total(before.filter(pl.col("currency") == currency), "revenue") if before.height else 0
    more = f"and {amounts(others)}. " if others else ""
    won = counted(round(now["conversions"].sum()), "conversion")
    yield KeyFigure(
        "Revenue credited to messages",
        money(revenue, currency),
        f"{more}{won}, {MODELS[asked.model]}. {_CREDITED}",
        _compared(revenue, past, money(past, currency)),
    )


def _sent(now: pl.DataFrame, before: pl.DataFrame) -> KeyFigure:
    sent, past = total(now, "sent"), total(before, "sent")
    about = f"of {count(total(now, 'moments'))} that fell due"
    return KeyFigure("Messages sent", count(sent), about, _compared(sent, past, count(past)))


def _rate(name: str, now: pl.DataFrame, before: pl.DataFrame) -> KeyFigure:
    measure, found, past = MEASURES[name], rate(now, name), rate(before, name)
    between = found.interval
    about = f"{count(found.part)} of {count(found.whole)}"
    if found.part and found.value is not None:
        about += f"; 95 % interval {span(between.low, between.high)}"
    if 0 < found.whole < _FEW:
        about += ". Few messages: read with care"
    compared = f"{share(past.value)} before" if past.whole else ""
    return KeyFigure(measure.title, share(found.value), about, compared)


def _compared(now: float, before: float, told: str) -> str:
    return f"{change(now, before)} ({told} before)" if before else ""
