"""How much may go: the rate limits of a tenant on a channel, and the warm-up of a young sending domain.

What the settings say is read in `settings.limits`; the counting is the ledger's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from automation_pipelines.channels.providers import PROVIDERS
from automation_pipelines.delivery.composition import Profile
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.ledger import buckets
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.jobs import Job, Moved
from automation_pipelines.messages.context import SETTINGS
from automation_pipelines.model import Email, Handoff, Purpose
from automation_pipelines.settings import Settings
from automation_pipelines.settings.limits import (
    ALLOWED_RATES,
    Daily,
    Rate,
    RateLimits,
    WarmUp,
    read_rates,
    read_warm_up,
)


@dataclass
class Allowances:
    """What an installation says, and what its tenants say of themselves as they were last seen."""

    general: RateLimits
    warm_ups: Mapping[str, WarmUp]
    own: Mapping[int, RateLimits] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> "Allowances":
        """Read the settings; `ConfigurationError` for a channel that does not exist."""
        general = read_rates(settings.rate_limits)
        channels = {"email", "crm", *PROVIDERS}
        unknown = sorted(general.named - channels)
        if unknown:
            msg = (
                f"AUTOMATION_RATE_LIMITS: there is no channel '{unknown[0]}': write {ALLOWED_RATES}; "
                f"channels are {', '.join(sorted(channels))}"
            )
            raise ConfigurationError(msg)
        return cls(general, read_warm_up(settings.warm_up))

    def see(self, profiles: Mapping[int, Profile]) -> None:
        """Take what tenants say of themselves."""
        said = {tenant: (one.row.get(SETTINGS) or {}).get("rate_limits") for tenant, one in profiles.items()}
        self.own = {tenant: _read(text) for tenant, text in said.items() if text}

    @property
    def limited(self) -> bool:
        """Whether there is any limit on speed."""
        return bool(self.general.named or self.own)

    def scopes(self, tenant_id: int, channel: str) -> Mapping[str, Rate]:
        """The limits of a tenant on a channel, by the names of their buckets."""
        own = self.own.get(tenant_id)
        rates = {
            f"channel:{channel}": self.general.channels.get(channel),
            f"tenant:{tenant_id}:{channel}": (own.channels.get(channel) if own else None)
            or self.general.tenants.get(channel),
        }
        return {scope: rate for scope, rate in rates.items() if rate is not None}

    def give_back(self, db: Database, unused: Iterable[Job], now: datetime) -> None:
        """Return what was taken for jobs that were not handed off."""
        counts: dict[str, int] = {}
        rates: dict[str, Rate] = {}
        for job in unused:
            for scope, rate in self.scopes(job.tenant_id, job.channel).items():
                counts[scope], rates[scope] = counts.get(scope, 0) + 1, rate
        if counts:
            buckets.give_back(db, rates, counts, now)

    def exceeding(
        self, db: Database, ready: Iterable[tuple[Job, Handoff]], now: datetime
    ) -> dict[int, Moved]:
        """The marketing that a young domain must not send today any more, and when it may."""
        domains: dict[str, list[int]] = {}
        for job, handoff in ready if self.warm_ups else ():
            domain = handoff.sender.rpartition("@")[2].lower() if isinstance(handoff, Email) else ""
            if domain in self.warm_ups and job.purpose == Purpose.MARKETING:
                domains.setdefault(domain, []).append(job.id)
        moved: dict[int, Moved] = {}
        for domain, jobs in sorted(domains.items()):
            daily = self.warm_ups[domain].cap(now.date())
            if daily is not None:
                taken = buckets.take(db, f"warm-up:{domain}", daily, len(jobs), now)
                moved |= dict.fromkeys(jobs[taken:], Moved(Daily.again(now)))
        return moved


@lru_cache(maxsize=1024)
def _read(text: str) -> RateLimits:
    return read_rates(text)
