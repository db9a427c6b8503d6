"""One look: count what came back, judge it, pause and stop what must not go on, and say what is new.

Any number of these may run at once: each campaign is paused once, each tenant stopped once, each warning said
once a day, and only who did it has it among its news.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import stops, watching
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.stops import Stop
from automation_pipelines.ledger.watching import Paused
from automation_pipelines.model import Purpose
from automation_pipelines.settings.watching import Watch
from automation_pipelines.watch.campaigns import Judged, campaigns
from automation_pipelines.watch.providers import Lane, lanes

AGAIN = timedelta(days=1)
"""A warning that lasts is said again after this time."""

Kind = Literal["paused", "stopped", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: what was done about it, about what, and why, in words."""

    kind: Kind
    about: str
    """A name for it that stays the same from look to look."""
    words: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found."""

    findings: tuple[Finding, ...] = ()
    """How things stand now, what was found earlier included."""
    news: tuple[Finding, ...] = ()
    """What this look did, and what nobody was told within the last day."""

    @property
    def held(self) -> tuple[Finding, ...]:
        """What waits for somebody: paused campaigns, stopped marketing."""
        return tuple(one for one in self.findings if one.kind != "warning")


def look(db: Database, now: datetime, limits: Watch) -> Seen:
    """Look at the last 24 hours (at complaints: 7 days, too), and do what is to be done."""
    judged = list(campaigns(db, now, limits))
    complained = list(lanes(db, now, limits))
    news = [*_pause(db, judged, now, limits), *_stop(db, judged, complained, now, limits)]
    warnings = list({one.about: one for one in _warnings(db, judged, complained, limits)}.values())
    new = watching.warn(db, [(one.about, one.words) for one in warnings], at=now, again=AGAIN)
    news += [one for one in warnings if one.about in new]
    return Seen((*standing(db), *warnings), tuple(news))


def standing(db: Database) -> list[Finding]:
    """What is paused and stopped now; reads two small tables."""
    return [*map(_paused, watching.paused(db)), *map(_stopped, stops.in_force(db))]


def _paused(one: Paused) -> Finding:
    return Finding("paused", f"campaign {one.campaign}", str(one))


def _stopped(one: Stop) -> Finding:
    return Finding("stopped", f"tenant {one.tenant_id} by {one.channel}", str(one))


def _pauses(one: Judged, limits: Watch) -> bool:
    """Marketing can wait. What people wait for goes on while somebody looks at it."""
    marketing = one.purpose == Purpose.MARKETING
    return limits.pauses and marketing and not one.excess.usual and one.excess.tenant_id is None


def _stops(one: Judged, limits: Watch) -> bool:
    """One tenant's lists may be rotten while the campaign is well: the others go on."""
    marketing = one.purpose == Purpose.MARKETING and one.excess.what != "unsubscribes"
    return limits.pauses and marketing and one.excess.tenant_id is not None


def _pause(db: Database, judged: Sequence[Judged], now: datetime, limits: Watch) -> Iterator[Finding]:
    because: dict[str, list[str]] = {}
    for one in judged:
        if _pauses(one, limits):
            because.setdefault(one.campaign, []).append(one.words)
    for campaign, words in because.items():
        try:
            CampaignStore(db).pause(campaign, watching.BY, now, because="; ".join(words))
        except RefusedError:  # somebody was quicker, and tells
            continue
        yield _paused(Paused(campaign, now, "; ".join(words)))


def _stop(
    db: Database, judged: Sequence[Judged], complained: Sequence[Lane], now: datetime, limits: Watch
) -> list[Finding]:
    because: dict[tuple[int, str], list[str]] = {}
    for one in judged:
        if _stops(one, limits) and one.excess.tenant_id is not None:
            because.setdefault((one.excess.tenant_id, one.channel), []).append(one.words)
    for lane in complained:
        if lane.level == "stop" and limits.pauses:
            because.setdefault((lane.tenant_id, "email"), []).append(lane.words)
    wanted = [Stop(tenant, channel, "; ".join(words), now) for (tenant, channel), words in because.items()]
    done = stops.stop(db, wanted, by=watching.BY) if wanted else []
    return [_stopped(one) for one in done]


def _warnings(
    db: Database, judged: Sequence[Judged], complained: Sequence[Lane], limits: Watch
) -> Iterator[Finding]:
    """What is told and nothing more; about a tenant that is stopped everything is said."""
    for one in judged:
        if not _pauses(one, limits) and not _stops(one, limits):
            goes_on = "" if one.purpose == Purpose.MARKETING else f". It is {one.purpose} and goes on"
            yield Finding("warning", one.about, one.words + goes_on)
    stopped = {(one.tenant_id, one.channel) for one in stops.in_force(db)}
    for lane in complained:
        if (lane.tenant_id, "email") not in stopped:
            yield Finding("warning", lane.about, f"tenant {lane.tenant_id}: {lane.words}")
