"""One delivery worker: the loop, and what happens to a batch.

A crash at any point loses nothing: what was claimed comes back when its lease ends, and only what was
marked as handed off may have been sent.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import assert_never

from automation_pipelines import retry
from automation_pipelines.campaign import Campaign
from automation_pipelines.channels import Channel
from automation_pipelines.delivery.checks import Present, objection, suppressed_among, whose
from automation_pipelines.delivery.composition import Composer, profiles_of
from automation_pipelines.delivery.lease import kept_alive
from automation_pipelines.errors import AutomationError
from automation_pipelines.ledger import jobs as ledger
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.interventions import paused_among
from automation_pipelines.ledger.jobs import Answer, Job, Mode, Settlement
from automation_pipelines.messages.context import Branding
from automation_pipelines.model import Handoff, Outcome, Reject, Retry, Sent
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles

Clock = Callable[[], datetime]

# How many may be in doubt after a crash, where a repeat would be noticed.
_IN_DOUBT = 32
_RESCUED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a run of delivery did, by jobs; a job tried twice counts twice."""

    completed: int = 0
    delayed: int = 0
    dead: int = 0
    skipped: int = 0
    moved: int = 0
    released: int = 0
    cancelled: int = 0
    unanswered: int = 0
    """Handed off, and nobody can tell: left to the end of their leases."""
    returned: int = 0
    """Taken back from workers that died."""
    unknown: int = 0
    """Of workers that died, and not to be repeated."""


def deliver(
    db: Database,
    channels: Mapping[str, Channel],
    campaigns: CampaignStore,
    settings: Settings,
    *,
    clock: Clock,
    owner: str,
    limit: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    mode: Mode = "live",
    tick_id: int | None = None,
) -> Delivered:
    """Deliver until nothing is due, `limit` jobs were claimed or `stop()`; several workers may.

    `owner` names this worker: no two alive at once may have the same. With mode `test` the jobs of tests
    are delivered, and only those (with `tick_id` those of one run): give it the channels of a test.
    """
    composer = Composer(campaigns, db.salt, SqlFiles(settings.sql_dir), Branding.of(settings))
    worker = _Worker(db, channels, settings, clock, owner, composer, campaigns, mode, tick_id)
    counts = worker.rescue()
    left = limit
    while not stop() and (left is None or left > 0):
        size = settings.claim_batch if left is None else min(left, settings.claim_batch)
        batch = worker.claim(size)
        if not batch:
            break
        counts += worker.process(batch, stop)
        left = None if left is None else left - len(batch)
    return Delivered(**counts)


@dataclass(frozen=True, slots=True)
class _Worker:
    db: Database
    channels: Mapping[str, Channel]
    settings: Settings
    clock: Clock
    owner: str
    composer: Composer
    campaigns: CampaignStore
    mode: Mode
    tick_id: int | None

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    def rescue(self) -> Counter[str]:
        """Take over from workers that died; not with the channels of a test, which repeat anything."""
        if self.mode == "test":
            return Counter()
        repeatable = [name for name, channel in self.channels.items() if channel.repeatable]
        counts: Counter[str] = Counter()
        while True:
            rescued = ledger.rescue(self.db, self.clock(), repeatable, _RESCUED_AT_ONCE)
            counts.update(returned=rescued.returned, unknown=rescued.unknown)
            if rescued.returned + rescued.unknown < _RESCUED_AT_ONCE:
                return counts

    def claim(self, size: int) -> list[Job]:
        return ledger.claim(
            self.db,
            owner=self.owner,
            now=self.clock(),
            limit=size,
            lease=self.lease,
            channels=self.channels.keys(),
            mode=self.mode,
            tick_id=self.tick_id,
        )

    def process(self, batch: Sequence[Job], stop: Callable[[], bool]) -> Counter[str]:
        """Settle every job of a batch, or leave it to its lease where nobody knows."""
        counts: Counter[str] = Counter()
        with kept_alive(self.db, [job.id for job in batch], self.owner, self.clock, self.lease):
            for channel, chunk in self._chunks(batch):
                if stop():
                    self._settle({job.id: ledger.Released() for job in chunk}, counts)
                else:
                    self._deliver(channel, chunk, counts)
        return counts

    def _chunks(self, batch: Sequence[Job]) -> Iterator[tuple[Channel, Sequence[Job]]]:
        ordered = sorted(batch, key=lambda job: job.channel)
        for name, group in groupby(ordered, key=lambda job: job.channel):
            channel, members = self.channels[name], list(group)
            size = len(members) if channel.repeatable else _IN_DOUBT
            for start in range(0, len(members), size):
                yield channel, members[start : start + size]

    def _deliver(self, channel: Channel, chunk: Sequence[Job], counts: Counter[str]) -> None:
        prepared = self._prepare(chunk)
        handoffs = {job: made for job, made in prepared.items() if isinstance(made, Handoff)}
        others = {job: made for job, made in prepared.items() if not isinstance(made, Handoff)}
        self._settle(others, counts)
        held = ledger.start_handoff(self.db, list(handoffs), self.owner, self.clock()) if handoffs else set()
        jobs = [job for job in chunk if job.id in held]
        outcomes = channel.send([handoffs[job.id] for job in jobs]) if jobs else []
        now = self.clock()
        known = [(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True) if outcome is not None]
        self._settle({job.id: self._answer(job, outcome, now) for job, outcome in known}, counts)
        counts["unanswered"] += len(jobs) - len(known)

    def _prepare(self, chunk: Sequence[Job]) -> dict[int, Answer | Handoff]:
        """Ask once more, then render: what becomes of each job instead, or its hand-off."""
        at = self.clock()
        specs: dict[int, Campaign] = {}
        prepared: dict[int, Answer | Handoff] = {}
        for job in chunk:
            try:
                specs[job.id] = self.composer.spec(job)
            except AutomationError as error:
                prepared[job.id] = ledger.Dead(str(error))
        known = [job for job in chunk if job.id in specs]
        suppressed = suppressed_among(self.db, [(job, specs[job.id]) for job in known], at)
        held = paused_among(self.db, [whose(job) for job in known], at)
        present = Present(at, self.campaigns.states(), profiles_of(self.db), suppressed, held)
        for job in known:
            prepared[job.id] = self._judge(job, specs[job.id], present)
        return prepared

    def _judge(self, job: Job, spec: Campaign, present: Present) -> Answer | Handoff:
        try:
            return objection(job, spec, present) or self.composer.compose(
                job, present.profiles[job.tenant_id], present.at
            )
        except AutomationError as error:
            return ledger.Dead(str(error))
        except Exception as error:  # noqa: BLE001 - a bug with one job must not stop the others
            return ledger.Dead(f"cannot be made: {type(error).__name__}: {error}")

    def _answer(self, job: Job, outcome: Outcome, now: datetime) -> Answer:
        match outcome:
            case Sent(provider_id):
                return ledger.Completed(provider_id)
            case Reject(error=error):
                return ledger.Dead(error)
            case Retry(error=error, after=after):
                return self._again(job, error, after, now)
            case never:
                assert_never(never)

    def _again(self, job: Job, error: str, after: timedelta | None, now: datetime) -> Answer:
        own = self.composer.retries(job)
        most = self.settings.job_max_retries if own is None else own
        policy = retry.Policy(most, self.settings.retry_delay)
        attempts = job.attempts + 1  # with the one that has just failed
        decided = retry.next_attempt(
            policy, job_id=job.id, attempts=attempts, now=now, expires_at=job.expires_at, after=after
        )
        match decided:
            case retry.Again(at):
                return ledger.Delayed(at, error)
            case retry.GiveUp(why):
                return ledger.Dead(f"{error} ({why})")
            case never:
                assert_never(never)

    def _settle(self, answers: Mapping[int, Answer], counts: Counter[str]) -> None:
        if not answers:
            return
        settlements = [Settlement(job, answer) for job, answer in answers.items()]
        done = ledger.settle(self.db, self.owner, settlements, self.clock())
        counts.update(type(answers[job]).__name__.lower() for job in done)
