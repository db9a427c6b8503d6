"""What is known of the tenants before anything else is read: who they are, their zones and settings."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import time, timedelta

import polars as pl

from automation_pipelines.campaign import Campaign, Span, setting_in


@dataclass(frozen=True)
class Tenancy:
    """Some tenants: the rows of source `tenants`, and frame `settings`."""

    tenants: pl.DataFrame
    settings: pl.DataFrame
    _known: dict[str, tuple[int | str, ...]] = field(default_factory=dict, repr=False)

    def of(self, spec: Campaign) -> "Tenancy":
        """Those a campaign runs for."""
        if not spec.tenants:
            return self
        ids = self.ids(spec.tenants)
        return Tenancy(
            self.tenants.filter(pl.col("id").is_in(ids)), self.settings.filter(pl.col("tenant_id").is_in(ids))
        )

    def ids(self, keys: Collection[int | str]) -> list[int]:
        """The tenants that these keys of the CRM name."""
        texts = [str(key) for key in keys]
        return self.tenants.filter(pl.col("id_text").is_in(texts))["id"].to_list()

    def values(self, setting: str) -> tuple[int | str, ...]:
        """The different values that a setting has."""
        return self._distinct(setting, self.settings)

    def _distinct(self, column: str, of: pl.DataFrame) -> tuple[int | str, ...]:
        # Asked for every step of every campaign.
        if column not in self._known:
            self._known[column] = tuple(of[column].drop_nulls().unique().sort())
        return self._known[column]

    def lengths(self, offset: Span) -> list[timedelta]:
        """The lengths an offset has: one, or one for each value of the setting it names."""
        if offset.setting is None:
            return [offset.longest]
        return [offset.of(int(count)) for count in self.values(offset.setting)]

    def clocks(self, at: time | str | None) -> list[time]:
        """The times of day that a step may have."""
        if isinstance(at, time):
            return [at]
        name = setting_in(at)
        texts = self.values(name) if name else self._distinct("send_time", self.tenants)
        return [time.fromisoformat(str(text)) for text in texts]

    def zones(self, rule: str) -> frozenset[str] | None:
        """The zones in which a step may be counted; `None`: any there is."""
        name = setting_in(rule)
        rules = {str(value) for value in self.values(name)} if name else {rule}
        if "recipient" in rules:
            return None
        own = map(str, self._distinct("time_zone", self.tenants)) if "tenant" in rules else ()
        return frozenset([*own, *(rules - {"tenant"})])
