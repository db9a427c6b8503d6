"""Attribution: what counts as the work of a message, what a message costs, and whose credit late news moves.

Credit is given and money is split by `sql/stats/attribution_daily.sql`; here are its terms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from automation_pipelines.catalogue.statistics.returns import COSTS, REACH
from automation_pipelines.catalogue.tenant_settings import CHANNELS, TENANT_SETTINGS
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.selection import midnight
from automation_pipelines.settings import Settings
from automation_pipelines.settings.returns import Attribution, read_costs

_PRICES = {"tenant_id": pl.Int64(), "channel": pl.String(), "cost": pl.Float64()}
_TOUCH = ("job_id", "tenant_id", "customer_id", "campaign", "step", "variant", "channel", "touched_at")


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms conversions are credited and messages paid for."""

    attribution: Attribution = field(default_factory=Attribution)
    costs: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Terms":
        """Those of an installation."""
        return cls(settings.attribution, settings.costs)

    def credited(self) -> pl.DataFrame:
        """(purpose, channel, minutes, clicked): which messages may be credited, and for how long."""
        purposes = pl.DataFrame({"purpose": self.attribution.purposes.split(",")})
        return purposes.join(pl.DataFrame({"channel": CHANNELS}), how="cross").with_columns(
            minutes=pl.lit(self.attribution.days * 24 * 60, pl.Int64),
            clicked=pl.lit(self.attribution.touch == "clicked"),
        )

    def sent_since(self, day: date) -> datetime:
        """When a message was sent at the earliest that a conversion of this day may be credited to."""
        days = REACH if self.attribution.touch == "clicked" else self.attribution.days
        return midnight(day) - timedelta(days=days)

    def returns(self) -> pl.DataFrame:
        """One row: the model by which returns are told."""
        return pl.DataFrame({"model": [self.attribution.model]})

    def prices(self, sources: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """(tenant_id, channel, cost): what a message costs; without a tenant, where none says otherwise."""
        rows = [(None, channel, cost) for channel, cost in read_costs(self.costs).items()]
        if "tenant_settings" in sources:
            own = sources["tenant_settings"].filter(pl.col("name") == COSTS)
            for tenant, text in own.select("tenant_id", "value").iter_rows():
                rows += [(tenant, channel, cost) for channel, cost in _own_costs(tenant, text).items()]
        return pl.DataFrame(rows, schema=_PRICES, orient="row")

    def moved(self, before: pl.DataFrame, after: pl.DataFrame) -> frozenset[date]:
        """The days whose credit changes when the facts of a day's messages do."""
        old, new = (self._touches(each) for each in (before, after))
        changed = pl.concat(
            one.join(other, on=_TOUCH, how="anti", nulls_equal=True)
            for one, other in ((old, new), (new, old))
        )
        reach = range(self.attribution.days + 1)
        first = changed["touched_at"].dt.date().unique().to_list()
        return frozenset(day + timedelta(days=later) for day in first for later in reach)

    def _touches(self, facts: pl.DataFrame) -> pl.DataFrame:
        touched = pl.when("clicked").then("clicked_at").otherwise("finished_at")
        return (
            facts.filter(state="completed", recipient_id=0)
            .join(self.credited(), on=("purpose", "channel"))
            .with_columns(touched_at=touched)
            .filter(pl.col("touched_at").is_not_null(), pl.col("customer_id").is_not_null())
            .select(_TOUCH)
        )


def _own_costs(tenant: int, text: str | None) -> Mapping[str, float]:
    setting = TENANT_SETTINGS[COSTS]
    try:
        return read_costs(str(setting.value(text) or ""))
    except ValueError:
        msg = f"tenant_settings: tenant {tenant}: {COSTS}: '{text}' is none of {setting.allowed}"
        raise ConfigurationError(msg) from None
