"""The campaigns of a tenant side by side."""

import polars as pl

from automation_pipelines.catalogue.measures import MEASURES
from automation_pipelines.reports.asked import Asked, rate
from automation_pipelines.reports.charts import Bar, Bars, Group
from automation_pipelines.reports.numerals import count, share
from automation_pipelines.reports.parts import Numbers, Section

_DRAWN = 10
_SHOWN = ("human_click_rate", "told_conversion_rate", "bounce_rate", "unsubscribe_rate")


def campaigns(asked: Asked) -> Section:
    """Those that sent most first."""
    title, rows = "Campaigns", asked.rows("campaign_daily")
    if rows.is_empty() or not rows["sent"].sum():
        return asked.nothing(
            "campaigns", title, "campaign_daily", "No campaign sent anything in this period."
        )
    sizes = rows.group_by("campaign").agg(pl.col("sent").sum()).filter(pl.col("sent") > 0)
    ranked = sizes.sort("sent", "campaign", descending=[True, False]).rows()
    named = [(asked.campaign(name), sent, rows.filter(pl.col("campaign") == name)) for name, sent in ranked]
    bars = tuple(Bar(name, sent, _told(sent, of)) for name, sent, of in named[:_DRAWN])
    finding = _finding([(name, sent) for name, sent, _ in named])
    return Section(
        "campaigns",
        title,
        finding,
        chart=Bars((Group("", bars),), above=True),
        drawn=f"Messages sent by campaign. {finding}",
        numbers=Numbers(
            ("Campaign", "Sent", *(MEASURES[name].title for name in _SHOWN)),
            tuple(
                (name, count(sent), *(share(rate(of, one).value) for one in _SHOWN))
                for name, sent, of in named
            ),
        ),
        notes=(f"The chart shows the {_DRAWN} largest of {len(named)}.",) if len(named) > _DRAWN else (),
    )


def _told(sent: int, rows: pl.DataFrame) -> str:
    return f"{count(sent)} · {share(rate(rows, 'human_click_rate').value)}"


def _finding(ranked: list[tuple[str, int]]) -> str:
    whole = sum(sent for _, sent in ranked)
    name, most = ranked[0]
    if len(ranked) == 1:
        return f"One campaign, {name}, sent {count(most)} messages. Beside them: what people clicked."
    return (
        f"{len(ranked)} campaigns sent {count(whole)} messages, {name} {share(most / whole)} of them. "
        "The share beside each number is how many of them people clicked in."
    )
