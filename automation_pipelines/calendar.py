"""Zones, local times and send windows as instants, by `zoneinfo`. Pure: no clock, no rows of people.

Planning joins the small tables built here; delivery asks `next_opening` before it hands off.

A local time that a zone skips is read with the offset before the gap, and one that occurs twice is
the first (RFC 5545 section 3.3.5); that is what `fold=0` means to `zoneinfo`.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl

from automation_pipelines.campaign import Campaign, Window
from automation_pipelines.catalogue.types import Type
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.model import Purpose

_DAY = timedelta(days=1)


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


def openings(window: Window, zone: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The half-open intervals in which `window` is open in `zone`, around the range from `start` to `end`."""
    first = (start.astimezone(ZoneInfo(zone)) - _DAY).date()
    last = (end.astimezone(ZoneInfo(zone)) + _DAY).date()
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    spans = (_opening(window, zone, day) for day in days if window.opens_on(day))
    return [(opens, closes) for opens, closes in spans if opens < closes]


def _opening(window: Window, zone: str, day: date) -> tuple[datetime, datetime]:
    opens = instant_of(zone, day, window.start)
    if isinstance(window.end, time):
        return opens, instant_of(zone, day, window.end)
    return opens, instant_of(zone, day + _DAY, time(0))


def next_opening(window: Window, zone: str, at: datetime) -> datetime:
    """`at` if the window is open then, else the instant of its next opening.

    `zone` stands for the words `tenant` and `recipient`; a window with a zone of its own keeps that.
    """
    own = zone if window.zone in ("tenant", "recipient") else window.zone
    for opens, closes in openings(window, own, at, at + window.longest_wait):
        if closes > at:
            return max(at, opens)
    msg = "the window never opens"
    raise ValueError(msg)


def longest_wait(spec: Campaign, own: Sequence[str]) -> timedelta:
    """A bound on how far send windows move a moment: the campaign's, and those tenants write as `own`."""
    wait = _longest_gap(spec.window) if spec.window else timedelta(0)
    return wait + (8 * _DAY if own and spec.purpose is Purpose.MARKETING else timedelta(0))


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


def window_slots(windows: Iterable[tuple[int, Window, str]], start: datetime, end: datetime) -> pl.DataFrame:
    """The openings of many (number, window, zone): `window_id, zone, since, opens, closes`, in UTC.

    From `since`, when the opening before it closed, until before `closes` this is the next opening, so
    every moment from `start` to `end` joins exactly one.
    """
    rows = [
        (number, zone, since, opens, closes)
        for number, window, zone in windows
        for since, opens, closes in _tiled(openings(window, zone, start, end + window.longest_wait), start)
    ]
    instants = dict.fromkeys(("since", "opens", "closes"), FRAME_TYPES[Type.INSTANT])
    schema = pl.Schema({"window_id": pl.Int64(), "zone": pl.String(), **instants})
    return pl.DataFrame(rows, schema=schema, orient="row")


def _tiled(
    spans: Iterable[tuple[datetime, datetime]], start: datetime
) -> Iterator[tuple[datetime, datetime, datetime]]:
    since = start
    for opens, closes in spans:
        if closes > since:
            yield since, opens, closes
            since = closes
