"""The figures of statistics as metadata: numbers, which the UI plots over runs and days, and who stands out.

Rates are the catalogue's measures, in percent. Decides nothing.
"""

import dagster as dg
import polars as pl

from automation_pipelines.catalogue.measures import Unit, measures_of
from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.orchestration.metadata import Metadata, markdown
from automation_pipelines.stats import measures

_ADDED = (
    *("moments", "planned", "sent", "opened", "clicked", "failed", "bounced", "complained", "unsubscribed"),
    *("breaches", "jobs", "completed", "dead"),
)
_CAMPAIGN_COUNTS = "campaign_daily"
_COMPARED = (
    *("human_click_rate", "delivery_rate", "told_conversion_rate"),
    *("bounce_rate", "complaint_rate", "unsubscribe_rate"),
)
_ENOUGH, _SHOWN = 20, 5
"""Campaigns that sent less say nothing yet; so many of the best and of the worst are shown."""


def of_rows(statistic: Statistic, rows: pl.DataFrame) -> Metadata:
    """Counts added up, the measures of all rows, and the best and worst campaigns."""
    added = {name: int(rows[name].sum()) for name in _ADDED if name in rows.columns}
    found: Metadata = {name: dg.MetadataValue.int(count) for name, count in added.items()}
    if not rows.is_empty():
        found |= _rates(statistic.name, rows)
        if statistic.name in (_CAMPAIGN_COUNTS, "campaign_totals"):
            found |= _campaigns(rows)
    return found


def _rates(statistic: str, rows: pl.DataFrame) -> Metadata:
    """Where there is nothing to divide by, no number: a plot has a gap there, and not a fall."""
    told = [each.name for each in measures_of(statistic) if each.unit is Unit.SHARE]
    (row,) = measures.rates(rows, statistic).select(told).iter_rows(named=True) if told else ({},)
    return {
        f"{name} %": dg.MetadataValue.float(round(100 * rate, 3))
        for name, rate in row.items()
        if rate is not None
    }


def _campaigns(rows: pl.DataFrame) -> Metadata:
    compared = (
        measures.rates(rows, _CAMPAIGN_COUNTS, ("tenant_id", "campaign"))
        .filter(pl.col("sent") >= _ENOUGH)
        .sort("human_click_rate", "campaign", descending=[True, False], nulls_last=True)
        .select(
            "campaign",
            tenant="tenant_id",
            sent="sent",
            **{name.removesuffix("_rate") + " %": (pl.col(name) * 100).round(2) for name in _COMPARED},
        )
    )
    if compared.is_empty():
        return {}
    worst = compared.filter(pl.int_range(pl.len()) >= _SHOWN).tail(_SHOWN).reverse()
    tables = {"campaigns_most_clicked": compared.head(_SHOWN), "campaigns_least_clicked": worst}
    return {name: markdown(table) for name, table in tables.items() if not table.is_empty()}
