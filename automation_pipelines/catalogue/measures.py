"""The measures: what each figure that people compare means, one entry each, and the views that show them.

A measure is a sum of columns of one statistic over another such sum, so that it can be had of any days,
tenants and campaigns at once: rates do not add up, sums do. How it is computed, in SQL and of frames, is in
`stats.measures`; what this page says is also what documents, views, charts and the terminal say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from automation_pipelines.catalogue.statistics import STATISTICS
from automation_pipelines.catalogue.types import Column, Type


class Unit(StrEnum):
    """What a measure is counted in."""

    SHARE = "share"
    """Of one: 0.25 is 25 %."""
    RATIO = "ratio"
    """So many for each."""
    MONEY = "money"
    """Minor units of the row's currency."""


class Better(StrEnum):
    """Which way is up."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Measure:
    """`numerator` over `denominator`, each the sum of columns; nothing where the denominator is 0."""

    name: str
    title: str
    doc: str
    statistic: str = field(kw_only=True)
    numerator: tuple[str, ...] = field(kw_only=True)
    denominator: tuple[str, ...] = field(kw_only=True)
    better: Better = field(kw_only=True)
    unit: Unit = Unit.SHARE
    caveat: str | None = None
    """What a reader could take it for and it is not."""

    @property
    def formula(self) -> str:
        """How it is computed, in words of the statistic's columns."""
        return f"sum({' + '.join(self.numerator)}) / sum({' + '.join(self.denominator)})"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (*self.numerator, *self.denominator)


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


def described(measure: Measure) -> str:
    """What a measure says, how it is computed, and what it does not say."""
    return " ".join(
        part for part in (measure.doc, f"`{measure.formula}`; null: by nothing.", measure.caveat) if part
    )


def summed(measures: Sequence[Measure]) -> tuple[str, ...]:
    """The columns these measures are made of, each once."""
    return tuple(dict.fromkeys(name for each in measures for name in each.columns))


def measures_of(statistic: str) -> tuple[Measure, ...]:
    """The measures of a statistic; none: its columns speak for themselves."""
    return tuple(each for each in MEASURES.values() if each.statistic == statistic)


_TOLD = "Counted where the provider tells it: 0 may mean that nobody tells."
_PEOPLE = "Machines are told from people by stated rules, which err on either side."


_of_campaigns = partial(Measure, statistic="campaign_daily")
_of_sent = partial(_of_campaigns, denominator=("sent",))
_of_planned = partial(_of_campaigns, denominator=("planned",))

_CAMPAIGNS = (
    _of_campaigns(
        "planned_rate",
        "Planned",
        "Of the moments that fell due, how many became messages to send.",
        numerator=("planned",),
        denominator=("moments",),
        better=Better.NEITHER,
        caveat="What was decided against is in the `skipped_…` columns: most of it on purpose.",
    ),
    _of_planned(
        "sent_rate",
        "Sent",
        "Of the messages to send, how many the provider took responsibility for.",
        numerator=("sent",),
        better=Better.HIGHER,
        caveat="Of the latest days some still wait.",
    ),
    _of_planned(
        "failure_rate",
        "Failed",
        "Of the messages to send, how many were refused for good or ran out of retries.",
        numerator=("failed",),
        better=Better.LOWER,
    ),
    _of_sent(
        "delivery_rate",
        "Delivered",
        "Of the messages sent, how many the receiver's provider or phone confirmed.",
        numerator=("delivered",),
        better=Better.HIGHER,
        caveat=f"{_TOLD} In the mailbox is not in the inbox.",
    ),
    _of_sent(
        "bounce_rate",
        "Bounced",
        "Of the messages sent, how many came back, for good or for now.",
        numerator=("bounced",),
        better=Better.LOWER,
        caveat=_TOLD,
    ),
    _of_sent(
        "human_open_rate",
        "Opened by people",
        "Of the messages sent, how many a person opened.",
        numerator=("opened",),
        better=Better.HIGHER,
        caveat="No measure of success: an opening is a picture loaded, which many mail programs do unasked "
        f"or never. {_PEOPLE}",
    ),
    _of_sent(
        "human_click_rate",
        "Clicked by people",
        "Of the messages sent, how many a person clicked a link in.",
        numerator=("clicked",),
        better=Better.HIGHER,
        caveat=_PEOPLE,
    ),
    _of_sent(
        "machine_click_rate",
        "Clicked by machines",
        "Of the messages sent, how many only scanners clicked in.",
        numerator=("clicked_by_machine",),
        better=Better.NEITHER,
        caveat=_PEOPLE,
    ),
    _of_sent(
        "reply_rate",
        "Answered",
        "Of the messages sent, how many were answered.",
        numerator=("replied",),
        better=Better.HIGHER,
        caveat=_TOLD,
    ),
    _of_sent(
        "told_conversion_rate",
        "Converted, as told",
        "Of the messages sent, how many an event said to have converted.",
        numerator=("converted",),
        better=Better.HIGHER,
        caveat="What events told of a message. What messages are credited with is in `attribution_daily`; "
        "what would not have come without them, in `holdout_lift`.",
    ),
    _of_sent(
        "complaint_rate",
        "Marked as spam",
        "Of the messages sent, how many were marked as spam.",
        numerator=("complained",),
        better=Better.LOWER,
        caveat="Above 0.1 % mailbox providers grow wary, at 0.3 % they block. Some, Gmail among them, tell "
        "no single complaint.",
    ),
    _of_sent(
        "unsubscribe_rate",
        "Unsubscribed",
        "Of the messages sent, after how many the reader unsubscribed.",
        numerator=("unsubscribed",),
        better=Better.LOWER,
    ),
)

MEASURES: dict[str, Measure] = {each.name: each for each in _CAMPAIGNS}

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
    )
}
