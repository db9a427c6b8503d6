"""Which audiences could have something due, and for which anchors: so that cost follows what is due."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from automation_pipelines import calendar
from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Anchor
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.model import Purpose
from automation_pipelines.planning.chains import reach
from automation_pipelines.planning.clock import Clock
from automation_pipelines.planning.places import Place, places_of
from automation_pipelines.planning.schedule import Slot, slots
from automation_pipelines.planning.tenancy import Tenancy
from automation_pipelines.selection import EARLIEST, Need, Range, merge

_DAY = timedelta(days=1)
_NEAR = {
    # Within a local day, which may have an hour or two more, the times of anchor and step are any two.
    Anchor.INSTANT: timedelta(hours=26),
    # A local day may lie 14 hours beside its UTC day, and a time of day anywhere in it.
    Anchor.DATE: 2 * _DAY,
}
"""How far beside its offset a step can be that counts days."""
_EAST, _WEST = timedelta(hours=14), timedelta(hours=12)
"""How far the clocks of the world are before and behind UTC."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A place that could have a moment due: for these anchors, or these slots of its schedule."""

    place: Place
    ranges: tuple[Range, ...]
    slots: tuple[Slot, ...] = ()

    @property
    def audience(self) -> str:
        """The audience whose rows it is about."""
        return self.place.active.spec.audience


def needs(campaigns: Sequence[ActiveCampaign], clock: Clock, tenancy: Tenancy) -> list[Need]:
    """Which audiences could have a moment due, and for which anchors. Empty: provably nothing is due."""
    wanted: dict[str, list[Range]] = {}
    for aim in aims(campaigns, clock, tenancy):
        wanted.setdefault(aim.audience, []).extend(aim.ranges)
    return [Need(name, merge(ranges)) for name, ranges in sorted(wanted.items())]


def due_campaigns(
    campaigns: Sequence[ActiveCampaign], clock: Clock, tenancy: Tenancy
) -> list[ActiveCampaign]:
    """Those that could have a moment due: the others need not be looked at."""
    due = {aim.place.active.spec.id for aim in aims(campaigns, clock, tenancy)}
    return [active for active in campaigns if active.spec.id in due]


def aims(campaigns: Sequence[ActiveCampaign], clock: Clock, tenancy: Tenancy) -> list[Aim]:
    """The places that could have a moment due, and those whose later moments of the day compete with them."""
    scopes = {active.spec.id: tenancy.of(active.spec) for active in campaigns}
    places = list(places_of(campaigns))
    found = {place.number: _aim(place, clock, scopes[place.active.spec.id]) for place in places}
    due = {aim.place.active.spec.id for aim in found.values() if aim}
    # What else of the day a cap or guard must know of is looked at only when something could be due.
    competing = bool(due) and bool(tenancy.values("caps"))
    for place in places:
        spec = place.active.spec
        if spec.schedule is not None and (spec.id in due or (competing and _counts(spec))):
            found[place.number] = _aim(place, clock, scopes[spec.id], ahead=_DAY)
    return [aim for aim in found.values() if aim]


def _counts(spec: Campaign) -> bool:
    """Whether frequency caps count what it sends."""
    return spec.purpose is Purpose.MARKETING and spec.policy.capped


def _aim(place: Place, clock: Clock, tenancy: Tenancy, ahead: timedelta = timedelta(0)) -> Aim | None:
    audience = AUDIENCES[place.active.spec.audience]
    if tenancy.tenants.is_empty():
        return None
    to = clock.due_to(audience.anchor) + ahead
    since = _nominal_from(place, clock, tenancy)
    if since is not None and since > to:
        return None
    if audience.anchor is Anchor.SCHEDULE:
        named = tuple(_slots(place, since, to, tenancy))
        return Aim(place, ((None, to),), named) if named else None
    ranges = merge(_anchor_ranges(place, since, to, clock, tenancy))
    return Aim(place, ranges) if ranges else None


def _anchor_ranges(
    place: Place, since: datetime | None, to: datetime, clock: Clock, tenancy: Tenancy
) -> Iterator[Range]:
    """The anchors from which a step could fall due in the window."""
    active = place.active
    spec, paused = active.spec, active.paused.until(clock.as_of)
    if place.step.after is not None:  # so long the step before it may have waited for the tenant's window
        paused += calendar.own_wait(spec, _windows(tenancy))
    begins = reach(spec, place.step, tenancy.lengths, paused)
    near = timedelta(0) if place.exact else _NEAR[AUDIENCES[active.spec.audience].anchor]
    for offset in tenancy.lengths(place.offset):
        open_below = since is None or begins.most is None
        lo = None if open_below or since is None else since - offset - (begins.most or _DAY) - near
        yield lo, to - offset - begins.least + near


def _nominal_from(place: Place, clock: Clock, tenancy: Tenancy) -> datetime | None:
    """From when on the nominal instants of a step matter; `None`: from ever."""
    active = place.active
    wait = calendar.longest_wait(active.spec, _windows(tenancy))
    if active.spec.rest_waits:  # from when a window was open, until one is open
        wait += wait + active.spec.rest_waits
    since = max(clock.due_from(active.spec) - wait, EARLIEST)
    starts = active.active_from[place.step.id.partition("/")[0]]
    if since < starts:
        since = backlog_from(active.spec, starts) or EARLIEST
    return None if since <= EARLIEST else since


def _windows(tenancy: Tenancy) -> list[str]:
    return [str(text) for text in tenancy.values("send_windows")]


def backlog_from(spec: Campaign, starts: datetime) -> datetime | None:
    """From when on what passed before the start still counts; `None`: from ever."""
    match spec.policy.backlog:
        case "none":
            return starts
        case "7 days":
            return starts - 7 * _DAY
        case _:
            return None


def _slots(place: Place, since: datetime | None, to: datetime, tenancy: Tenancy) -> Iterator[Slot]:
    """The slots of the schedule whose moments could fall due in the window, in the zones there are."""
    schedule = place.active.spec.schedule
    if schedule is None:
        return
    lengths = tenancy.lengths(place.offset)
    if not lengths:
        return
    spread = schedule.spread.longest
    earliest = since or place.active.started_at - 366 * _DAY
    first = (earliest - max(lengths) - spread - _DAY).date()
    zones = tenancy.zones(place.active.spec.zone)
    for slot in slots(schedule, first, (to - min(lengths) + _DAY).date()):
        clocks = tenancy.clocks(place.at) if place.at is not None else [slot.at]
        if any(
            latest + spread >= earliest and soonest <= to
            for offset in lengths
            for at in clocks
            for soonest, latest in [_between(slot, offset, at, zones)]
        ):
            yield slot


def _between(
    slot: Slot, offset: timedelta, at: time, zones: frozenset[str] | None
) -> tuple[datetime, datetime]:
    """The first and the last instant of a local time in some zones; without any: in all of the world."""
    day = slot.day + offset
    if zones is None:
        nominal = datetime.combine(day, at, UTC)
        return nominal - _EAST, nominal + _WEST
    instants = [calendar.instant_of(zone, day, at) for zone in zones]
    return min(instants), max(instants)
