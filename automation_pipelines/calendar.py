"""Zones, local times and send windows as instants, by `zoneinfo`. Pure: no clock, no rows of people.

Planning joins the small tables built here; delivery asks `next_opening` before it hands off.

A local time that a zone skips is read with the offset before the gap, and one that occurs twice is
the first (RFC 5545 section 3.3.5); that is what `fold=0` means to `zoneinfo`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl

from automation_pipelines.campaign import Campaign, Step, Window
from automation_pipelines.catalogue.openings import DAYS, read_openings
from automation_pipelines.catalogue.tenant_settings import CHANNELS
from automation_pipelines.catalogue.types import Type
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.model import Purpose

_DAY = timedelta(days=1)
NEVER = datetime(9000, 1, 1, tzinfo=UTC)
"""When what never opens opens."""


def instant_of(zone: str, day: date, at: time) -> datetime:
    """The UTC instant of a local time."""
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


def local_times(wanted: pl.DataFrame) -> pl.DataFrame:
    """Add the instant of each distinct local time.

    `wanted` has `zone` (IANA), `day` (date) and `at` (text HH:MM); the result adds `instant` (UTC).
    The rows are combinations, not people: zones x days x times.
    """
    combinations = wanted.select("zone", "day", "at").unique().drop_nulls()
    instants = [instant_of(zone, day, time.fromisoformat(at)) for zone, day, at in combinations.iter_rows()]
    return combinations.with_columns(pl.Series("instant", instants, FRAME_TYPES[Type.INSTANT]))


def offsets(zones: Iterable[str], start: datetime, end: datetime) -> pl.DataFrame:
    """The UTC offsets in force from `start` to `end`: `zone, since, until, seconds`.

    Intervals are half open and cover the range, so that each instant in it joins exactly one of its zone.
    """
    first = start.replace(microsecond=0)
    rows = [(zone, *part) for zone in sorted(set(zones)) for part in _constant(ZoneInfo(zone), first, end)]
    instants = dict.fromkeys(("since", "until"), FRAME_TYPES[Type.INSTANT])
    schema = pl.Schema({"zone": pl.String(), **instants, "seconds": pl.Int64()})
    return pl.DataFrame(rows, schema=schema, orient="row")


def _constant(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, int]]:
    """Stretches of one offset. No zone changes twice within a week, so weekly looks miss none."""
    since, seconds = start, _seconds(zone, start)
    before = start
    while before <= end:
        after = before + 7 * _DAY
        later = _seconds(zone, after)
        if later != seconds:
            change = _change(zone, before, after, seconds)
            yield since, change, seconds
            since, seconds = change, later
        before = after
    yield since, before, seconds


def _change(zone: ZoneInfo, before: datetime, after: datetime, seconds: int) -> datetime:
    """The first second after `before` with another offset; both ends are whole seconds."""
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) // 2).replace(microsecond=0)
        before, after = (middle, after) if _seconds(zone, middle) == seconds else (before, middle)
    return after


def _seconds(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


@dataclass(frozen=True, slots=True)
class Hours:
    """Open while any of these windows is, read in one zone."""

    windows: tuple[Window, ...]
    zone: str


def campaign_hours(window: Window, zone: str) -> Hours:
    """The hours of a campaign's window; `zone` stands for the words `tenant` and `recipient`."""
    return Hours((window,), zone if window.zone in ("tenant", "recipient") else window.zone)


@lru_cache(maxsize=4096)
def tenant_hours(text: str, channel: str, country: str | None, zone: str) -> tuple[Hours, ...]:
    """The hours that a tenant's send windows set for a channel and country: all of them must be open.

    Parts with the same scope add up; each scope narrows the others.
    """
    scopes: dict[tuple[str | None, str | None], list[Window]] = {}
    for part in read_openings(text, CHANNELS):
        if part.applies(channel, country):
            scopes.setdefault(part.scope, []).append(
                Window(days=part.days, start=part.start, end=part.end or "24:00")
            )
    return tuple(Hours(tuple(windows), zone) for windows in scopes.values())


Spans = list[tuple[datetime, datetime]]


def openings(hours: Sequence[Hours], start: datetime, end: datetime) -> Spans:
    """The half-open intervals in which all of `hours` are open, around the range from `start` to `end`."""
    found: Spans = [(start - 2 * _DAY, end + 2 * _DAY)]
    for one in hours:
        found = _common(found, _open(one, start, end))
    return found


def _open(hours: Hours, start: datetime, end: datetime) -> Spans:
    first = (start.astimezone(ZoneInfo(hours.zone)) - _DAY).date()
    last = (end.astimezone(ZoneInfo(hours.zone)) + _DAY).date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    spans = sorted(
        _opening(window, hours.zone, day) for window in hours.windows for day in days if window.opens_on(day)
    )
    merged: Spans = []
    for opens, closes in spans:
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(closes, merged[-1][1]))
        elif opens < closes:
            merged.append((opens, closes))
    return merged


def _common(one: Spans, other: Spans) -> Spans:
    """What two sorted rows of intervals have in common."""
    found: Spans = []
    places = [0, 0]
    while places[0] < len(one) and places[1] < len(other):
        (opens, closes), (opens_too, closes_too) = one[places[0]], other[places[1]]
        if max(opens, opens_too) < min(closes, closes_too):
            found.append((max(opens, opens_too), min(closes, closes_too)))
        places[0 if closes <= closes_too else 1] += 1
    return found


def _opening(window: Window, zone: str, day: date) -> tuple[datetime, datetime]:
    opens = instant_of(zone, day, window.start)
    if isinstance(window.end, time):
        return opens, instant_of(zone, day, window.end)
    return opens, instant_of(zone, day + _DAY, time(0))


def next_opening(hours: Sequence[Hours], at: datetime) -> datetime | None:
    """`at` if all of `hours` are open then, else the next instant at which they are; `None`: never."""
    for opens, closes in openings(hours, at, at + _search(hours)):
        if closes > at:
            return max(at, opens)
    return None


def _search(hours: Iterable[Hours]) -> timedelta:
    """How far on to look for an opening: what is shut for so long never opens."""
    waits = (min(window.longest_wait for window in one.windows) for one in hours)
    return 14 * _DAY + sum(waits, timedelta(0))


def longest_wait(spec: Campaign, own: Sequence[str]) -> timedelta:
    """A bound on how far send windows move a moment: the campaign's, and those tenants write as `own`."""
    wait = _longest_gap(spec.window) if spec.window else timedelta(0)
    return wait + own_wait(spec, own)


def own_wait(spec: Campaign, own: Sequence[str]) -> timedelta:
    """A bound on how far the windows that tenants write as `own` move what a campaign sends."""
    if spec.purpose is not Purpose.MARKETING:
        return timedelta(0)
    ways = {way for step in spec.steps for way in _ways(step)}
    parts = [part for text in own for part in read_openings(text, CHANNELS) if part.channel in (None, *ways)]
    if not parts:
        return timedelta(0)
    # What is open at the same hours each day is shut for less than one, the clocks' changes aside.
    daily = all(set(part.days) == set(DAYS) for part in parts)
    return _DAY + timedelta(hours=2) if daily else 8 * _DAY


def _ways(step: Step) -> Iterator[str]:
    yield from step.ways
    yield from (arm.channel for arm in step.variants.values() if arm.channel is not None)


def _longest_gap(window: Window) -> timedelta:
    """How long a window stays shut at most, an hour or two for the clocks included."""
    if window.excluded:
        return window.longest_wait
    some_monday = date(2001, 1, 1)
    days = [some_monday + n * _DAY for n in range(15) if window.opens_on(some_monday + n * _DAY)]
    last = window.end if isinstance(window.end, time) else time(23, 59, 59)
    spans = [(datetime.combine(day, window.start), datetime.combine(day, last)) for day in days]
    gaps = (opens - closes for (_, closes), (opens, _) in pairwise(spans))
    return max(gaps, default=7 * _DAY) + timedelta(hours=2)


def window_slots(
    gates: Iterable[tuple[str, Sequence[Hours]]], start: datetime, end: datetime
) -> pl.DataFrame:
    """The openings of many named gates: `gate, since, opens, closes`, in UTC.

    From `since`, when the opening before it closed, until before `closes` this is the next opening, so
    every moment from `start` to `end` joins exactly one; where none follows, `opens` is never.
    """
    rows = [
        (gate, since, opens, closes)
        for gate, hours in gates
        for since, opens, closes in _tiled(openings(hours, start, end + _search(hours)), start)
    ]
    instants = dict.fromkeys(("since", "opens", "closes"), FRAME_TYPES[Type.INSTANT])
    return pl.DataFrame(rows, schema=pl.Schema({"gate": pl.String(), **instants}), orient="row")


def _tiled(
    spans: Iterable[tuple[datetime, datetime]], start: datetime
) -> Iterator[tuple[datetime, datetime, datetime]]:
    since = start
    for opens, closes in spans:
        if closes > since:
            yield since, opens, closes
            since = closes
    yield since, NEVER, NEVER
