"""When a rate is too much: pure judgement over counts.

A campaign's rate is an anomaly when it is above its limit and clearly above what it was before: the lower end
of its 95 % interval (Wilson) is, so that chance explains neither. Twice the limit is never as usual. At
least `LEAST_CASES` people make a case, and the settings say of how many messages at least.

The limits by default:

- hard bounces, 5 %: Amazon SES puts an account under review from there on, by hard bounces alone, and may
  stop it at 10 % (SES developer guide, "Reputation metrics messages").
- complaints, 0.3 %: "keep spam rates below 0.1 % and avoid ever reaching 0.3 %" (Google, "Email sender
  guidelines"); Yahoo asks for less than 0.3 % (Sender Hub, "Sender requirements"); SES reviews from 0.1 %.
- unsubscribes, 2 %: published by nobody; providers of bulk mail suspend for "too many" (Mailchimp,
  "About unsubscribe suspension"), and a few times the usual 0.1 to 0.5 % says the audience is wrong.

To one mailbox provider (`too_much`) no interval is asked for: providers count as plainly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from automation_pipelines.experiments import rate
from automation_pipelines.settings.watching import Watch

LEAST_CASES = 5
_NEVER_USUAL = 2

What = Literal["hard bounces", "complaints", "unsubscribes"]
Verdict = Literal["fine", "usual", "excess"]


@dataclass(frozen=True, slots=True)
class Count:
    """So many cases of so many messages."""

    cases: int = 0
    of: int = 0

    def __add__(self, other: "Count") -> "Count":
        """Both together."""
        return Count(self.cases + other.cases, self.of + other.of)

    @property
    def share(self) -> float:
        """The rate; 0 of nothing."""
        return self.cases / self.of if self.of else 0.0

    @property
    def percent(self) -> str:
        """The rate in words."""
        return percent(100 * self.share)

    def __str__(self) -> str:
        """In words."""
        return f"{self.cases:,} of {self.of:,} ({self.percent})"


def percent(value: float) -> str:
    """A percentage, to two digits that say something."""
    return f"{value:.2g} %" if value < 1 else f"{value:.3g} %"


@dataclass(frozen=True, slots=True)
class Excess:
    """Too much of something, of a campaign as a whole or (`tenant_id`) of one of its tenants."""

    what: What
    count: Count
    before: Count
    tenant_id: int | None
    usual: bool
    """Above the limit, but no more than it used to be."""


def limit_of(what: What, limits: Watch) -> float:
    """The limit as a percentage."""
    match what:
        case "hard bounces":
            return limits.bounce_percent
        case "complaints":
            return limits.complaint_percent
        case "unsubscribes":
            return limits.unsubscribe_percent


def suspect(count: Count, what: What, limits: Watch) -> bool:
    """Whether it is worth a closer look: enough to judge, and above the limit."""
    return (
        count.cases >= LEAST_CASES
        and count.of >= limits.least_sent
        and 100 * count.share > limit_of(what, limits)
    )


def verdict(count: Count, before: Count, what: What, limits: Watch) -> Verdict:
    """What to think of a count, and of the same over the weeks before."""
    if not suspect(count, what, limits):
        return "fine"
    limit, low = limit_of(what, limits) / 100, rate(min(count.cases, count.of), count.of).low or 0.0
    if low <= limit:
        return "fine"
    if before.of < limits.least_sent or low > _NEVER_USUAL * limit:
        return "excess"
    high = rate(min(before.cases, before.of), before.of).high or 0.0
    return "excess" if low > high else "usual"


def excesses(
    now: Mapping[int, Count], before: Mapping[int, Count], what: What, limits: Watch
) -> list[Excess]:
    """Judge a campaign by its tenants.

    Where the rest of its tenants are well it is those tenants', else the campaign's.
    """
    nothing = Count()
    bad = {
        tenant: count
        for tenant, count in now.items()
        if verdict(count, before.get(tenant, nothing), what, limits) == "excess"
    }
    total, past = sum(now.values(), nothing), sum(before.values(), nothing)
    rest = sum((count for tenant, count in now.items() if tenant not in bad), nothing)
    if bad and rest.of >= limits.least_sent and verdict(rest, past, what, limits) != "excess":
        return [
            Excess(what, count, before.get(tenant, nothing), tenant, usual=False)
            for tenant, count in sorted(bad.items())
        ]
    found = "excess" if bad else verdict(total, past, what, limits)
    return [] if found == "fine" else [Excess(what, total, past, None, usual=found == "usual")]


def too_much(complaints: Count, limits: Watch) -> Literal["stop", "warn"] | None:
    """What to do about the complaints of one provider's users about one tenant's marketing."""
    if complaints.of < limits.least_delivered:
        return None
    if _reaches(complaints, limits.complaint_percent):
        return "stop"
    return "warn" if _reaches(complaints, limits.complaint_warning_percent) else None


def _reaches(count: Count, limit: float) -> bool:
    """Whether a rate is at its limit or above, in whole cases: 3 of 1,000 are 0.3 %."""
    return count.cases * 100 >= limit * count.of - 1e-9
