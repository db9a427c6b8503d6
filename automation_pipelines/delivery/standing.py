"""How providers stand: what hand-offs show of them, and which of them may be asked now.

When breakers open and close is the ledger's. A worker's own view is as old as its last look, which is enough:
what is claimed is not of providers that rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from automation_pipelines.ledger import breakers
from automation_pipelines.ledger.breakers import PROBES, Breaker, Key, Policy, Tally
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.jobs import Answer, Job, Moved, Released
from automation_pipelines.model import Call, Handoff, Outcome, Retry

_LONGEST_NAME = 80

Ready = tuple[Job, Handoff]
Handed = tuple[Job, Handoff, Outcome | None]


def key_of(job: Job, handoff: Handoff) -> Key:
    """Whose way out a hand-off takes: each server that is called by requests of campaigns is its own."""
    provider = (urlsplit(handoff.url).hostname or "")[-_LONGEST_NAME:] if isinstance(handoff, Call) else ""
    return Key(job.tenant_id, job.channel, provider)


def is_failure(outcome: Outcome | None) -> bool:
    """Whether it speaks of the provider: no answer at all does, too."""
    return outcome is None or (isinstance(outcome, Retry) and outcome.provider)


@dataclass
class Standing:
    """What one batch knows of providers, and what it learns."""

    db: Database
    policy: Policy
    lease: timedelta
    probing: set[Key]
    """Whom this worker may probe."""
    known: dict[Key, Breaker] = field(default_factory=dict)
    _left: dict[Key, int] = field(default_factory=dict)

    def see(self, troubled: Mapping[Key, Breaker]) -> None:
        """Take over how they are now."""
        self.known = dict(troubled)

    def held_back(self, ready: Iterable[Ready], now: datetime) -> dict[int, Answer]:
        """Those that must not go now, untouched."""
        held: dict[int, Answer] = {}
        for job, handoff in ready:
            answer = self._objection(job, key_of(job, handoff), now)
            if answer is not None:
                held[job.id] = answer
        return held

    def _objection(self, job: Job, key: Key, now: datetime) -> Answer | None:
        breaker = self.known.get(key)
        if breaker is None or breaker.retry_at is None:
            return None
        if key.provider == "":
            # It keeps its place: claims pass by until the breaker lets them.
            return None if job.probe and key in self.probing else Released()
        if key not in self.probing and breaker.rests(now):
            return Moved(breaker.retry_at)
        return None if self._probes(key, now) else Moved(now + self.policy.rest)

    def _probes(self, key: Key, now: datetime) -> bool:
        """Whether one more may be sent to see whether a server is back."""
        if key not in self._left:
            with self.db.begin() as connection:
                taken = breakers.take_probes(self.db, connection, [key], now, now + self.lease)
            self.probing |= taken
            self._left[key] = PROBES if taken else 0
        self._left[key] -= 1
        return self._left[key] >= 0

    def learn(self, handed: Sequence[Handed], now: datetime) -> None:
        """Note what hand-offs have shown, where it is worth noting."""
        worth = [one for one in self._tallies(handed) if one.failures or one.key in self.known]
        if not worth:
            return
        for key, breaker in breakers.record(self.db, worth, self.policy, now).items():
            self.probing.discard(key)
            self._left.pop(key, None)
            if breaker is None:
                self.known.pop(key, None)
            else:
                self.known[key] = breaker

    def _tallies(self, handed: Sequence[Handed]) -> list[Tally]:
        ways: dict[Key, list[Outcome | None]] = {}
        for job, handoff, outcome in handed:
            ways.setdefault(key_of(job, handoff), []).append(outcome)
        return [_tally(key, outcomes, probing=key in self.probing) for key, outcomes in ways.items()]

    def again(self, job: Job, handoff: Handoff, now: datetime) -> datetime:
        """When a job goes again whose provider failed."""
        breaker = self.known.get(key_of(job, handoff))
        return (breaker.retry_at if breaker else None) or now + self.policy.rest

    def leave(self, now: datetime) -> None:
        """Return the right to probe where nothing was sent after all."""
        breakers.give_back(self.db, self.probing, now)
        self.probing = set()


def _tally(key: Key, outcomes: Iterable[Outcome | None], *, probing: bool) -> Tally:
    failures, alive, error = 0, False, "no answer"
    after: timedelta | None = None
    for outcome in outcomes:
        if not is_failure(outcome):
            failures, alive, after = 0, True, None
            continue
        failures += 1
        if isinstance(outcome, Retry):
            error = outcome.error
            after = max(filter(None, (after, outcome.after)), default=None)
    return Tally(key, failures, alive, probing, error if failures else None, after)
