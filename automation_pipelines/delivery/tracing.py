"""Unknown jobs → completed or waiting again, where their provider can be asked what it took.

A message of that time to that recipient that says the same, and is no other job's, is this one. If nothing
is there that no other job explains, it was never taken, and is handed off again while that is allowed: not
a repeat, so for marketing too. Anything else proves nothing, and the job stays as it is.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from automation_pipelines import retry
from automation_pipelines.channels import Channel
from automation_pipelines.channels.channel import Doubt, Trace, Traceable
from automation_pipelines.delivery.composition import Composer, Profile, profiles_of
from automation_pipelines.errors import AutomationError
from automation_pipelines.ledger import doubts
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.doubts import Finding, Unheard
from automation_pipelines.ledger.jobs import Completed, Dead, Delayed
from automation_pipelines.messages.context import Branding
from automation_pipelines.messages.optout import Site
from automation_pipelines.model import State
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles

SETTLES_WITHIN = timedelta(minutes=1)
"""Sooner a provider need not list what it took."""
WORTH_ASKING = timedelta(days=1)
"""What is still unknown then is left to feedback and people."""
# How far two clocks may be apart, and a message be listed under another minute.
_APART = timedelta(minutes=2)
_AT_ONCE = 1000
_NEVER_TAKEN = "the provider did not answer, and does not have it"

Evidence = tuple[Trace, ...]


@dataclass(frozen=True, slots=True)
class Traced:
    """What asking brought, by jobs."""

    completed: int = 0
    """The provider has them."""
    returned: int = 0
    """It does not, and they wait again."""
    dead: int = 0
    """It does not, and their attempts or their time are used up."""
    unknown: int = 0
    """Asking proved nothing."""

    def __str__(self) -> str:
        """In words."""
        told = [
            (self.completed, "found with the provider"),
            (self.returned, "never taken, and waiting again"),
            (self.dead, "never taken, and dead"),
            (self.unknown, "still unknown"),
        ]
        return ", ".join(f"{count:,} {what}" for count, what in told if count)


def traceable(channels: Mapping[str, Channel]) -> dict[str, Traceable]:
    """Those whose provider can be asked."""
    return {name: channel for name, channel in channels.items() if isinstance(channel, Traceable)}


def ask(
    db: Database,
    channels: Mapping[str, Channel],
    campaigns: CampaignStore,
    settings: Settings,
    ids: Sequence[int],
    *,
    now: datetime,
    by: str,
) -> Traced:
    """Ask about these unknown jobs, however long they have been; some may be too new to ask about."""
    branding, site = Branding.of(settings), Site.of(settings)
    composer = Composer(campaigns, db.salt, SqlFiles(settings.sql_dir), branding, site)
    parts = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
    found = [
        resolve(db, channels, composer, settings, now=now, by=by, ids=part, within=None) for part in parts
    ]
    completed, returned = sum(one.completed for one in found), sum(one.returned for one in found)
    dead = sum(one.dead for one in found)
    return Traced(completed, returned, dead, len(ids) - completed - returned - dead)


def resolve(
    db: Database,
    channels: Mapping[str, Channel],
    composer: Composer,
    settings: Settings,
    *,
    now: datetime,
    by: str,
    ids: Collection[int] = (),
    within: timedelta | None = WORTH_ASKING,
) -> Traced:
    """Ask about jobs unknown for a minute or more, newest first; `within`: and for no longer than that."""
    able = traceable(channels)
    if not able:
        return Traced()
    after = None if within is None else now - within
    unheard = doubts.find(db, able.keys(), before=now - SETTLES_WITHIN, after=after, ids=ids)
    if not unheard:
        return Traced()
    counts = doubts.settle(db, findings(db, able, unheard, composer, settings, now=now), by=by, now=now)
    return Traced(
        counts[State.COMPLETED], counts[State.PENDING], counts[State.DEAD], len(unheard) - counts.total()
    )


def findings(
    db: Database,
    channels: Mapping[str, Traceable],
    unheard: Sequence[Unheard],
    composer: Composer,
    settings: Settings,
    *,
    now: datetime,
) -> list[Finding]:
    """What the providers of these channels tell of hand-offs; where they tell nothing there is none."""
    told = _evidence(channels, unheard, composer, profiles_of(db))
    return list(_findings(db, told, composer, settings, now))


def _evidence(
    channels: Mapping[str, Traceable],
    unheard: Sequence[Unheard],
    composer: Composer,
    profiles: Mapping[int, Profile],
) -> list[tuple[Unheard, Evidence]]:
    """Ask each channel about its jobs; those about which nothing is told are left out."""
    told = []
    for name, channel in channels.items():
        asked = [
            (one, doubt)
            for one in unheard
            if one.job.channel == name and (doubt := _doubt(one, composer, profiles)) is not None
        ]
        answers = channel.trace([doubt for _, doubt in asked]) if asked else []
        told += [(one, found) for (one, _), found in zip(asked, answers, strict=True) if found is not None]
    return told


def _doubt(one: Unheard, composer: Composer, profiles: Mapping[int, Profile]) -> Doubt | None:
    """What to ask; `None` where what was handed off cannot be made again."""
    try:
        handoff = composer.compose(one.job, profiles[one.job.tenant_id], one.handed_off_at)
    except (AutomationError, KeyError):
        return None
    return Doubt(handoff, one.handed_off_at - _APART, one.unknown_since + _APART)


def _findings(
    db: Database,
    told: Sequence[tuple[Unheard, Evidence]],
    composer: Composer,
    settings: Settings,
    now: datetime,
) -> Iterator[Finding]:
    ids = {trace.provider_id for _, evidence in told for trace in evidence}
    since = min((one.handed_off_at for one, _ in told), default=now) - _APART
    taken = doubts.accounted_for(db, ids, since)
    left = []
    for one, evidence in sorted(told, key=lambda pair: pair[0].handed_off_at):
        same = [trace.provider_id for trace in evidence if trace.same and trace.provider_id not in taken]
        if same:
            taken.add(same[-1])
            yield Finding(one, Completed(same[-1]))
        else:
            left.append((one, evidence))
    for one, evidence in left:
        if taken.issuperset(trace.provider_id for trace in evidence):
            yield Finding(one, _once_more(one, composer, settings, now))


def _once_more(one: Unheard, composer: Composer, settings: Settings, now: datetime) -> Delayed | Dead:
    """It was not taken: as any attempt that failed, but that it has waited already."""
    job, own = one.job, composer.retries(one.job)
    policy = retry.Policy(settings.job_max_retries if own is None else own, settings.retry_delay)
    decided = retry.next_attempt(
        policy, job_id=job.id, attempts=job.attempts, now=now, expires_at=job.expires_at, after=None
    )
    if isinstance(decided, retry.GiveUp):
        return Dead(f"{_NEVER_TAKEN} ({decided.why})")
    return Delayed(now, _NEVER_TAKEN)
