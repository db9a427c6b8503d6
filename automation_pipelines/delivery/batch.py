"""What happens to a batch of claimed jobs: asked once more, rendered, handed off by the chunk, settled.

A chunk is what may be in doubt after a crash. Which jobs are claimed, and when, is the worker's.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from time import monotonic
from typing import TypeVar, assert_never

from automation_pipelines import retry
from automation_pipelines.campaign import Campaign
from automation_pipelines.channels import Channel
from automation_pipelines.delivery.allowances import Allowances
from automation_pipelines.delivery.checks import Present, look, objection, party_of
from automation_pipelines.delivery.composition import Composer
from automation_pipelines.delivery.pace import Pace
from automation_pipelines.delivery.patience import insist
from automation_pipelines.delivery.standing import Handed, Ready, Standing
from automation_pipelines.errors import AutomationError, LedgerError
from automation_pipelines.ledger import jobs as ledger
from automation_pipelines.ledger.breakers import Key, Policy
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.fallbacks import FellBack, ways_of
from automation_pipelines.ledger.jobs import Answer, Job, Settlement
from automation_pipelines.ledger.lanes import Mode
from automation_pipelines.ledger.lateness import LATE
from automation_pipelines.messages.mailboxes import domain_of, mailbox_of
from automation_pipelines.model import Email, Handoff, Outcome, Purpose, Reject, Retry, Sent
from automation_pipelines.settings import Settings

Clock = Callable[[], datetime]
Made = TypeVar("Made")

# With a slow server a batch takes long: what was asked before counts for so long.
_FRESH = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a worker works with."""

    db: Database
    channels: Mapping[str, Channel]
    campaigns: CampaignStore
    settings: Settings
    composer: Composer
    allowances: Allowances
    clock: Clock
    owner: str
    mode: Mode
    paces: defaultdict[str, Pace] = field(default_factory=lambda: defaultdict(Pace))
    """By channel."""

    @property
    def lease(self) -> timedelta:
        """How long jobs are claimed for."""
        return timedelta(seconds=self.settings.lease_seconds)

    @property
    def policy(self) -> Policy:
        """When breakers open."""
        rest = timedelta(seconds=self.settings.breaker_rest_seconds)
        return Policy(self.settings.breaker_failures, rest)


class Batch:
    """Claimed jobs, and how far they are."""

    def __init__(self, desk: Desk, jobs: Sequence[Job]) -> None:
        """Nothing is done yet."""
        self.counts: Counter[str] = Counter()
        self._desk = desk
        self._jobs = {job.id: job for job in jobs}
        self._waiting = dict(self._jobs)
        self._unsent: list[Job] = []
        self._specs: dict[int, Campaign] = {}
        self._present: Present | None = None
        probing = {Key(job.tenant_id, job.channel) for job in jobs if job.probe}
        self._standing = Standing(desk.db, desk.policy, desk.lease, probing)

    def process(self, stop: Callable[[], bool]) -> None:
        """Settle every job, or leave it to its lease where nobody knows."""
        for channel, chunk in self._chunks():
            if stop():
                self._settle(dict.fromkeys(self._waiting, ledger.Released()))
                break
            present = self._look()
            jobs = [job for job in chunk if job.id in self._waiting]
            if jobs:
                self._hand_over(channel, jobs, present)
        now = self._desk.clock()
        self._standing.leave(now)
        self._desk.allowances.give_back(self._desk.db, self._unsent, now)

    def _chunks(self) -> Iterator[tuple[Channel, Sequence[Job]]]:
        """What is urgent first, each channel for itself, in the order in which they were claimed."""
        ordered = sorted(self._jobs.values(), key=_turn)
        for (_, name), group in groupby(ordered, key=_turn):
            channel, members = self._desk.channels[name], list(group)
            start = 0
            while start < len(members):
                size = len(members) if channel.repeatable else self._desk.paces[name].size
                yield channel, members[start : start + size]
                start += size

    def _look(self) -> Present:
        """Ask once more about all that wait, unless that was just done, and settle what must not go."""
        at = self._desk.clock()
        if self._present is not None and abs(at - self._present.at) < _FRESH:
            return self._present
        specs = [(job, _guarded(partial(self._desk.composer.spec, job))) for job in self._waiting.values()]
        known = [(job, spec) for job, spec in specs if not isinstance(spec, ledger.Dead)]
        present = self._present = look(self._desk.db, self._desk.campaigns, known, at)
        if self._desk.mode == "live":
            self._standing.see(present.troubled)
            self._desk.allowances.see(present.profiles)
        objections = [(job, _guarded(partial(objection, job, spec, present))) for job, spec in known]
        dead = [(job, spec) for job, spec in specs if isinstance(spec, ledger.Dead)]
        self._settle({job.id: answer for job, answer in (*dead, *objections) if answer is not None}, at)
        return present

    def _hand_over(self, channel: Channel, jobs: Sequence[Job], present: Present) -> None:
        made = [(job, self._made(job, present)) for job in jobs]
        answers = {job.id: one for job, one in made if not isinstance(one, Handoff)}
        ready = [(job, one) for job, one in made if isinstance(one, Handoff)]
        ready = self._allowed(ready, answers)
        handed = self._send(channel, ready)
        now = self._desk.clock()
        if self._desk.mode == "live":
            insist(partial(self._standing.learn, handed, now))
        for job, handoff, outcome in handed:
            if outcome is not None:
                answers[job.id] = self._answer(job, handoff, outcome, now)
        self.counts["unanswered"] += sum(outcome is None for *_, outcome in handed)
        insist(partial(self._settle, answers, now))

    def _allowed(self, ready: Sequence[Ready], answers: dict[int, Answer]) -> list[Ready]:
        """Leave out, with an answer, what its provider or its domain cannot take now."""
        if self._desk.mode == "live":
            now = self._desk.clock()
            answers |= self._standing.held_back(ready, now)
            ready = [one for one in ready if one[0].id not in answers]
            answers |= self._desk.allowances.exceeding(self._desk.db, ready, now)
        return [one for one in ready if one[0].id not in answers]

    def _send(self, channel: Channel, ready: Sequence[Ready]) -> list[Handed]:
        """Hand off what is still this worker's; from here on it may have been sent."""
        if not ready:
            return []
        ids = [job.id for job, _ in ready]
        held = ledger.start_handoff(self._desk.db, ids, self._desk.owner, self._desk.clock())
        leaving = [one for one in ready if one[0].id in held]
        for job in ids:
            self._waiting.pop(job)
        began = monotonic()
        outcomes = channel.send([handoff for _, handoff in leaving]) if leaving else []
        self._desk.paces[channel.name].learn(outcomes, monotonic() - began)
        return [(*one, outcome) for one, outcome in zip(leaving, outcomes, strict=True)]

    def _made(self, job: Job, present: Present) -> Answer | Handoff:
        profile, conversing = present.profiles[job.tenant_id], party_of(job) in present.conversing
        compose = self._desk.composer.compose
        return _guarded(partial(compose, job, profile, present.at, conversing=conversing))

    def _answer(self, job: Job, handoff: Handoff, outcome: Outcome, now: datetime) -> Answer:
        match outcome:
            case Sent(provider_id):
                return _completed(provider_id, handoff)
            case Reject(error, suppress):
                ways = ways_of(job.fallbacks)
                return FellBack(job.channel, error, ways, suppress) if ways else ledger.Dead(error, suppress)
            case Retry(error, provider=True):
                return ledger.Postponed(self._standing.again(job, handoff, now), error)
            case Retry(error, after):
                return self._again(job, error, after, now)
            case never:
                assert_never(never)

    def _again(self, job: Job, error: str, after: timedelta | None, now: datetime) -> Answer:
        own = self._desk.composer.retries(job)
        most = self._desk.settings.job_max_retries if own is None else own
        policy = retry.Policy(most, self._desk.settings.retry_delay)
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

    def _settle(self, answers: Mapping[int, Answer], now: datetime | None = None) -> None:
        if not answers:
            return
        at = now or self._desk.clock()
        settlements = [Settlement(job, answer) for job, answer in answers.items()]
        done = ledger.settle(self._desk.db, self._desk.owner, settlements, at)
        self._unsent += [self._waiting.pop(job) for job in answers if job in self._waiting]
        for job in done:
            self._count(self._jobs[job], answers[job], at)

    def _count(self, job: Job, answer: Answer, at: datetime) -> None:
        word = "fell_back" if isinstance(answer, FellBack) else type(answer).__name__.lower()
        self.counts[word] += 1
        if answer == ledger.Skipped("expired"):
            self.counts["expired"] += 1
        if isinstance(answer, ledger.Completed) and at > job.due_at + LATE and self._desk.mode == "live":
            self.counts["late"] += 1


def _completed(provider_id: str | None, handoff: Handoff) -> Answer:
    if not isinstance(handoff, Email):
        return ledger.Completed(provider_id)
    domain, mailbox = domain_of(handoff.sender), mailbox_of(domain_of(handoff.recipient))
    return ledger.Completed(provider_id, domain, mailbox)


def _turn(job: Job) -> tuple[bool, str]:
    return job.purpose == Purpose.MARKETING, job.channel


def _guarded(make: Callable[[], Made]) -> Made | ledger.Dead:
    try:
        return make()
    except LedgerError:  # says nothing of this job
        raise
    except AutomationError as error:
        return ledger.Dead(str(error))
    except Exception as error:  # noqa: BLE001 - a bug with one job must not stop the others
        return ledger.Dead(f"cannot be made: {type(error).__name__}: {error}")
