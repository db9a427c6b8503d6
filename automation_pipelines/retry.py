"""When to try again, and when to give up. Pure: no clock, no randomness, no ledger."""

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST = timedelta(hours=12)
"""Doubling stops here; a provider may still ask for more."""

_JITTER_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at `at`."""

    at: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further attempt; `why` completes the error for whoever reads the dead-letter queue."""

    why: str


def delay(
    attempt: int, first: timedelta, after: timedelta | None, jitter: float, longest: timedelta = LONGEST
) -> timedelta:
    """How long to wait after attempt number `attempt` (1 is the first).

    Doubles each time up to `longest`, spread by up to a tenth more for `jitter` in [0, 1), and is never
    shorter than `after`, what the provider asked for.
    """
    doublings = min(attempt - 1, 32)
    doubled = min(first * (1 << doublings), longest)
    return max(doubled * (1 + jitter / 10), after or timedelta(0))


def jitter_of(job_id: int) -> float:
    """Spread jobs that failed together; the same job always gets the same."""
    return job_id * 2_654_435_761 % 2**32 // 2**7 % _JITTER_STEPS / _JITTER_STEPS


@dataclass(frozen=True, slots=True)
class Policy:
    """How often, and how soon first."""

    max_retries: int
    first: timedelta


def next_attempt(
    policy: Policy,
    *,
    job_id: int,
    attempts: int,
    now: datetime,
    expires_at: datetime | None,
    after: timedelta | None,
) -> Again | GiveUp:
    """Decide after `attempts` failed ones: again while retries are left and before the job expires."""
    if attempts > policy.max_retries:
        return GiveUp(f"no success in {attempts} attempts")
    at = now + delay(attempts, policy.first, after, jitter_of(job_id))
    if expires_at is not None and at >= expires_at:
        return GiveUp(f"would expire at {expires_at.isoformat()}, before the next attempt")
    return Again(at)
