"""The campaigns of a tenant side by side."""

import polars as pl

from automation_pipelines.catalogue.measures import MEASURES
from automation_pipelines.reports.asked import Asked, total
from automation_pipelines.reports.charts import Bar, Bars, Group
from automation_pipelines.reports.numerals import count, share
from automation_pipelines.reports.parts import Numbers, Section
from automation_pipelines.stats.measures import rates

_DRAWN, _LISTED = 10, 100
_CLICKS = "human_click_rate"
_SHOWN = (_CLICKS, "told_conversion_rate", "bounce_rate", "unsubscribe_rate")


def campaigns(asked: Asked) -> Section:
    """Those that sent most first."""
    title, rows = "Campaigns", asked.rows("campaign_daily")
    if not total(rows, "sent"):
        words = "No campaign sent anything in this period."
        return asked.nothing("campaigns", title, "campaign_daily", words)
    measured = rates(rows, "campaign_daily", ["campaign"]).filter(pl.col("sent") > 0)
    ranked = measured.sort("sent", "campaign", descending=[True, False]).select("campaign", "sent", *_SHOWN)
    listed = [(asked.campaign(name), sent, *shares) for name, sent, *shares in ranked.rows()]
    bars = tuple(Bar(name, sent, f"{count(sent)} · {share(clicks)}") for name, sent, clicks, *_ in listed)
    finding = _finding([(name, sent) for name, sent, *_ in listed])
    return Section(
        "campaigns",
        title,
        finding,
        chart=Bars((Group("", bars[:_DRAWN]),), above=True),
        drawn=f"Messages sent by campaign. {finding}",
        numbers=Numbers(
            ("Campaign", "Sent", *(MEASURES[name].title for name in _SHOWN)),
            tuple((name, count(sent), *map(share, shares)) for name, sent, *shares in listed[:_LISTED]),
        ),
        notes=(f"The chart shows the {_DRAWN} largest of {len(listed)}.",) if len(listed) > _DRAWN else (),
    )


def _finding(ranked: list[tuple[str, int]]) -> str:
    whole = sum(sent for _, sent in ranked)
    name, most = ranked[0]
    if len(ranked) == 1:
        return f"One campaign, {name}, sent {count(most)} messages. Beside them: what people clicked."
    return (
        f"{len(ranked)} campaigns sent {count(whole)} messages, {name} {share(most / whole)} of them. "
        "The share beside each number is how many of them people clicked in."
    )
