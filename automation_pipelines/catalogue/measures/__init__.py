"""The measures: what each figure that people compare means, one entry each, and the views that show them.

A measure is a sum of columns of one statistic over another such sum, so that it can be had of any days,
tenants and campaigns at once: rates do not add up, sums do. How it is computed, in SQL and of frames, is in
`stats.measures`; what is said here is also what documents, views, charts and the terminal say.
"""

from dataclasses import dataclass

from automation_pipelines.catalogue.measures.campaigns import CAMPAIGN_MEASURES
from automation_pipelines.catalogue.measures.kinds import Better, Measure, Unit, described, summed
from automation_pipelines.catalogue.measures.service import (
    HOUR_MEASURES,
    MAILBOX_MEASURES,
    MONEY_MEASURES,
    SERVICE_MEASURES,
)
from automation_pipelines.catalogue.statistics import STATISTICS
from automation_pipelines.catalogue.types import Column, Type

MEASURES: dict[str, Measure] = {
    each.name: each
    for each in (
        *CAMPAIGN_MEASURES,
        *MAILBOX_MEASURES,
        *HOUR_MEASURES,
        *SERVICE_MEASURES,
        *MONEY_MEASURES,
    )
}


def measures_of(statistic: str) -> tuple[Measure, ...]:
    """The measures of a statistic; none: its columns speak for themselves."""
    return tuple(each for each in MEASURES.values() if each.statistic == statistic)


@dataclass(frozen=True, slots=True)
class View:
    """The measures of a statistic by some of its columns, beside the sums they are made of."""

    name: str
    row: str
    statistic: str
    by: tuple[str, ...]

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What it shows, in order."""
        return measures_of(self.statistic)

    @property
    def summed(self) -> tuple[str, ...]:
        """The columns whose sums it shows."""
        return summed(self.measures)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns, as the catalogue speaks of any table's."""
        known = {column.name: column for column in STATISTICS[self.statistic].columns}
        return (
            *(known[name] for name in (*self.by, *self.summed)),
            *(Column(each.name, Type.NUMBER, described(each)) for each in self.measures),
        )


VIEWS: dict[str, View] = {
    view.name: view
    for view in (
        View(
            "campaign_rates",
            "a tenant and campaign: its measures over all days, steps and channels",
            "campaign_daily",
            ("tenant_id", "campaign"),
        ),
        View(
            "campaign_rates_daily",
            "a UTC day, tenant and campaign: the measures of what fell due that day",
            "campaign_daily",
            ("day", "tenant_id", "campaign"),
        ),
        View(
            "step_rates",
            "a tenant, campaign, step and channel: its measures over all days",
            "campaign_daily",
            ("tenant_id", "campaign", "step", "channel"),
        ),
        View(
            "mailbox_rates",
            "a tenant, sending domain and mailbox provider: its measures over all days",
            "deliverability_daily",
            ("tenant_id", "sender_domain", "mailbox"),
        ),
        View(
            "send_time_rates",
            "a tenant, channel and hour of the week on the tenant's clocks: its measures over all days",
            "send_time_response",
            ("tenant_id", "channel", "weekday", "hour"),
        ),
        View(
            "sla_rates",
            "a tenant: how its enquiries met their deadlines, over all days",
            "sla_daily",
            ("tenant_id",),
        ),
        View(
            "job_rates",
            "a tenant and channel: its jobs over all days",
            "job_health",
            ("tenant_id", "channel"),
        ),
        View(
            "attribution_rates",
            "a tenant, model, campaign and currency: what conversions bring, over all days",
            "attribution_daily",
            ("tenant_id", "model", "campaign", "currency"),
        ),
        View(
            "return_rates",
            "a tenant, campaign and currency: what it costs and returns",
            "campaign_returns",
            ("tenant_id", "campaign", "currency"),
        ),
    )
}

__all__ = ["MEASURES", "VIEWS", "Better", "Measure", "Unit", "View", "described", "measures_of", "summed"]
