"""Zones, local times and send windows as instants, by `zoneinfo`. Pure: no clock, no rows of people.

Planning joins the small tables built here; delivery asks `next_opening` before it hands off.

A local time that a zone skips is read with the offset before the gap, and one that occurs twice is
the first (RFC 5545 section 3.3.5); that is what `fold=0` means to `zoneinfo`.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from automation_pipelines.campaign import WEEKDAYS, Window
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.catalogue.types import Type

_DAY = timedelta(days=1)


def instant_of(zone: str, day: date, at: time) -> datetime:
    """The UTC instant of a local time."""
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


def local_times(wanted: pl.DataFrame) -> pl.DataFrame:
    """Add the instant of each distinct local time.

    `wanted` has `zone` (IANA), `day` (date) and `at` (time of day); the result adds `instant` (UTC).
    The rows are combinations, not people: zones x days x times.
    """
    combinations = wanted.select("zone", "day", "at").unique().drop_nulls()
    instants = [instant_of(zone, day, at) for zone, day, at in combinations.iter_rows()]
    return combinations.with_columns(pl.Series("instant", instants, FRAME_TYPES[Type.INSTANT]))


def offsets(zones: Iterable[str], start: datetime, end: datetime) -> pl.DataFrame:
    """The UTC offsets in force between `start` and `end`: `zone, since, until, seconds`.

    Intervals are half open in UTC and cover the whole range, so that an instant joins exactly one.
    """
    rows = [(zone, *interval) for zone in sorted(set(zones)) for interval in _intervals(ZoneInfo(zone), start, end)]
    instant = FRAME_TYPES[Type.INSTANT]
    schema = {"zone": pl.String, "since": instant, "until": instant, "seconds": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _seconds(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _intervals(zone: ZoneInfo, start: datetime, end: datetime) -> Iterable[tuple[datetime, datetime, int]]:
    since = start
    while since <= end:
        seconds = _seconds(zone, since)
        until = _next_change(zone, since, end, seconds)
        yield since, until, seconds
        since = until


def _next_change(zone: ZoneInfo, since: datetime, end: datetime, seconds: int) -> datetime:
    """The first instant after `since` with another offset; no zone changes twice within 12 hours."""
    probe = since
    while probe <= end:
        later = probe + timedelta(hours=12)
        if _seconds(zone, later) != seconds:
            return _bisect(zone, probe, later, seconds)
        probe = later
    return probe


def _bisect(zone: ZoneInfo, before: datetime, after: datetime, seconds: int) -> datetime:
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (middle, after) if _seconds(zone, middle) == seconds else (before, middle)
    return after


def openings(window: Window, zone: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The half-open intervals in which `window` is open in `zone`, touching the range from `start` to `end`."""
    first = (start.astimezone(ZoneInfo(zone)) - _DAY).date()
    last = (end.astimezone(ZoneInfo(zone)) + _DAY).date()
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    spans = (_opening(window, zone, day) for day in days if _is_open(window, day))
    return [(opens, closes) for opens, closes in spans if opens < closes]


def _is_open(window: Window, day: date) -> bool:
    return WEEKDAYS[day.weekday()] in window.days and day not in window.excluded


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


def window_slots(windows: Iterable[tuple[int, Window, str]], start: datetime, end: datetime) -> pl.DataFrame:
    """The openings of many (number, window, zone): `window_id, zone, opens, closes`, in UTC.

    Covers `start` to `end` plus the longest wait, so that every moment in the range finds its opening.
    """
    rows = [
        (number, zone, opens, closes)
        for number, window, zone in windows
        for opens, closes in openings(
            window,
            zone if window.zone in ("tenant", "recipient") else window.zone,
            start,
            end + window.longest_wait,
        )
    ]
    instant = FRAME_TYPES[Type.INSTANT]
    schema = {"window_id": pl.Int64, "zone": pl.String, "opens": instant, "closes": instant}
    return pl.DataFrame(rows, schema=schema, orient="row")
