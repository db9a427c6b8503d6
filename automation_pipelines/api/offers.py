"""What a tenant's customers can choose among: the topics and channels of its running marketing campaigns."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from automation_pipelines.campaign import MESSAGE_CHANNELS, Campaign
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.model import Purpose

_KEPT = timedelta(minutes=1)
"""Campaigns change by hand: reading them for every page would be most of its time."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to choose; `opt_in`: the topics that go to nobody who did not say yes."""

    topics: tuple[str, ...]
    channels: frozenset[str]
    opt_in: frozenset[str]


@dataclass
class Offers:
    """The running campaigns, as they were at most a minute ago."""

    campaigns: CampaignStore
    clock: Callable[[], datetime]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _read: tuple[datetime, tuple[Campaign, ...]] | None = None

    def of(self, tenant_id: int, topic: str) -> Offer:
        """What a tenant's customer chooses among, who has a message about `topic`."""
        own = [spec for spec in self._marketing() if _is_for(spec, tenant_id)]
        asked = {spec.topic for spec in own if spec.policy.consent == "opt_in"}
        free = {spec.topic for spec in own if spec.policy.consent != "opt_in"}
        return Offer(
            tuple(sorted({topic, *asked, *free})),
            frozenset(
                channel
                for spec in own
                for step in spec.steps
                for channel in step.ways
                if channel in MESSAGE_CHANNELS
            ),
            frozenset(asked - free),
        )

    def _marketing(self) -> tuple[Campaign, ...]:
        now = self.clock()
        with self._lock:
            if self._read is None or now - self._read[0] >= _KEPT:
                running = (one.spec for one in self.campaigns.running())
                self._read = now, tuple(spec for spec in running if spec.purpose is Purpose.MARKETING)
            return self._read[1]


def _is_for(spec: Campaign, tenant_id: int) -> bool:
    """Whether it may be a tenant's: where tenants have texts for keys, their numbers do not tell."""
    numbers = [key for key in spec.tenants if isinstance(key, int)]
    return len(numbers) < len(spec.tenants) or not numbers or tenant_id in numbers
