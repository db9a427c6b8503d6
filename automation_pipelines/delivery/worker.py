"""One delivery worker: the loop. What happens to a batch is `batch`'s.

A crash at any point loses nothing: what was claimed comes back when its lease ends, and only what was
marked as handed off may have been sent.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from automation_pipelines import witness
from automation_pipelines.channels import Channel
from automation_pipelines.channels.channel import Traceable
from automation_pipelines.delivery.allowances import Allowances
from automation_pipelines.delivery.batch import Batch, Clock, Desk
from automation_pipelines.delivery.composition import Composer, profiles_of
from automation_pipelines.delivery.lease import kept_alive
from automation_pipelines.delivery.tracing import resolve
from automation_pipelines.ledger import claims
from automation_pipelines.ledger import jobs as ledger
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.claims import Claim
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.jobs import Job
from automation_pipelines.ledger.lanes import Mode
from automation_pipelines.messages.context import Branding
from automation_pipelines.messages.echo import echoes_of
from automation_pipelines.messages.optout import Site
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles

_RESCUED_AT_ONCE = 1000
_EXPIRED_AT_ONCE = 10_000
# How often a long run looks for what has expired and for workers that died.
_ROUND = timedelta(seconds=30)
# A limit that leaves longer gaps is left to the next run; batches more often than the least cost too much.
_LONGEST_NAP, _LEAST_NAP = timedelta(seconds=5), timedelta(seconds=0.1)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a run of delivery did, by jobs; a job tried twice counts twice."""

    completed: int = 0
    delayed: int = 0
    postponed: int = 0
    """Their provider is out of order: tried again later, and the attempt does not count."""
    fell_back: int = 0
    """Rejected, and waiting on the next channel of their step."""
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
    expired: int = field(default=0, compare=False)
    """Of those skipped: too late."""
    late: int = field(default=0, compare=False)
    """Of those completed: sent more than an hour after they were due."""
    found: int = 0
    """Unknown until their provider was asked, which has them."""

    def __str__(self) -> str:
        """The counts that are not zero, in words; empty where there are none."""
        return ", ".join(f"{name} {count}" for name, count in asdict(self).items() if count)


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
    nap: Callable[[float], object] = time.sleep,
) -> Delivered:
    """Deliver until nothing may go, `limit` jobs were claimed or `stop()`; several workers may.

    What a rate limit lets go within a few seconds is waited for, by `nap`.

    `owner` names this worker: no two alive at once may have the same. With mode `test` the jobs of tests
    are delivered, and only those (with `tick_id` those of one run): give it the channels of a test.
    Any other leaves everything where it is while the ledger is held.
    """
    if mode == "live" and witness.look(db, settings.files, by=owner, now=clock()) is not None:
        return Delivered()
    branding, site = Branding.of(settings), Site.of(settings)
    sqlfiles, echoes = SqlFiles(settings.sql_dir), echoes_of(settings)
    composer = Composer(campaigns, db.salt, sqlfiles, branding, site, echoes=echoes)
    allowances = Allowances.of(settings)
    allowances.see(profiles_of(db))
    desk = Desk(db, channels, campaigns, settings, composer, allowances, clock, owner, mode)
    worker = _Worker(desk, tick_id)
    left = limit
    while not stop() and (left is None or left > 0):
        worker.look_around()
        size = settings.claim_batch if left is None else min(left, settings.claim_batch)
        batch = worker.claim(size)
        if batch:
            worker.process(batch, stop)
            left = None if left is None else left - len(batch)
        elif not worker.waits(nap):
            break
    if mode == "live" and worker.counts["completed"]:
        witness.saw_delivery(db, settings.files)
    return Delivered(**worker.counts)


@dataclass
class _Worker:
    desk: Desk
    tick_id: int | None
    counts: Counter[str] = field(default_factory=Counter)
    looked: datetime | None = None

    def look_around(self) -> None:
        """Take over from workers that died and skip what expired; not in a test, which repeats anything."""
        now = self.desk.clock()
        # A clock that was set back must not keep it from looking.
        if self.desk.mode == "test" or (self.looked is not None and abs(now - self.looked) < _ROUND):
            return
        self.looked = now
        self._rescue()
        self._trace()
        self._expire()

    def _rescue(self) -> None:
        desk = self.desk
        channels = desk.channels.items()
        repeatable = [name for name, channel in channels if channel.repeatable]
        traceable = [name for name, channel in channels if isinstance(channel, Traceable)]
        while True:
            rescued = ledger.rescue(
                desk.db, desk.clock(), repeatable, _RESCUED_AT_ONCE, traceable, owner=desk.owner
            )
            self.counts.update(returned=rescued.returned, unknown=rescued.unknown)
            if rescued.returned + rescued.unknown < _RESCUED_AT_ONCE:
                return

    def _trace(self) -> None:
        """Ask providers what became of unknown jobs."""
        desk = self.desk
        traced = resolve(
            desk.db, desk.channels, desk.composer, desk.settings, now=desk.clock(), by=desk.owner
        )
        self.counts.update(found=traced.completed, returned=traced.returned, dead=traced.dead)

    def _expire(self) -> None:
        while True:
            expired = ledger.expire(self.desk.db, self.desk.clock(), _EXPIRED_AT_ONCE)
            self.counts.update(skipped=expired, expired=expired)
            if expired < _EXPIRED_AT_ONCE:
                return

    def claim(self, size: int) -> list[Job]:
        return claims.claim(self.desk.db, self._claim(size))

    def _claim(self, size: int) -> Claim:
        return Claim(
            owner=self.desk.owner,
            now=self.desk.clock(),
            limit=size,
            lease=self.desk.lease,
            channels=self.desk.channels.keys(),
            mode=self.desk.mode,
            tick_id=self.tick_id,
            scopes=self.desk.allowances.scopes if self.desk.mode == "live" else claims.unlimited,
        )

    def process(self, batch: Sequence[Job], stop: Callable[[], bool]) -> None:
        desk, claimed = self.desk, Batch(self.desk, batch)
        with kept_alive(desk.db, [job.id for job in batch], desk.owner, desk.clock, desk.lease):
            claimed.process(stop)
        self.counts += claimed.counts

    def waits(self, nap: Callable[[float], object]) -> bool:
        """Wait where a limit alone keeps what is due; `False` where that is not so, or takes too long."""
        if self.desk.mode == "test" or not self.desk.allowances.limited:
            return False
        asked = self._claim(1)
        ready = claims.ready_at(self.desk.db, asked)
        gap = max(ready - asked.now, _LEAST_NAP) if ready else None
        if gap is None or gap > _LONGEST_NAP:
            return False
        nap(gap.total_seconds())
        return self.desk.clock() > asked.now
