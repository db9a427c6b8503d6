"""The slots of a broadcast's schedule as nominal local times: what a wall clock shows, in no zone yet.

A cron expression is read on that clock; where daylight saving skips a time or repeats it, `calendar`
says which instant it is, as for every other local time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile

from cronsim import CronSim

from automation_pipelines.campaign import WEEKDAYS, Schedule

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """One time a schedule names. `occurrence` says which, in whole minutes as if it were UTC."""

    day: date
    at: time
    occurrence: int


def slots(schedule: Schedule, first: date, last: date) -> Iterator[Slot]:
    """The slots of the days from `first` to `last`, both included, in order."""
    first = max(first, schedule.start) if schedule.start else first
    last = min(last, schedule.end) if schedule.end else last
    if schedule.cron is not None:
        fires = _fires(schedule.cron, first, last)
        return (_slot(at.date(), at.time(), at) for at in fires if at.date() not in schedule.excluded)
    at = schedule.at or time(0)
    days = (first + n * _DAY for n in range((last - first).days + 1))
    return (_slot(day, at, datetime.combine(day, time(0))) for day in days if _is_on(schedule, day))


def _slot(day: date, at: time, nominal: datetime) -> Slot:
    return Slot(day, at, int(nominal.replace(tzinfo=UTC).timestamp()) // 60)


def _fires(cron: str, first: date, last: date) -> Iterator[datetime]:
    """The nominal local minutes of a cron expression."""
    start = datetime.combine(first, time(0)) - timedelta(minutes=1)
    return takewhile(lambda at: at.date() <= last, CronSim(cron, start))


def _is_on(schedule: Schedule, day: date) -> bool:
    if schedule.on_date is not None:
        return day == schedule.on_date
    start = schedule.start
    if start is None or day in schedule.excluded:
        return False
    match schedule.every:
        case "week":
            return WEEKDAYS[day.weekday()] in (schedule.on or (WEEKDAYS[start.weekday()],))
        case "month":
            return _same_day_of_month(start, day)
        case "quarter":
            return (day.month - start.month) % 3 == 0 and _same_day_of_month(start, day)
        case _:
            return True


def _same_day_of_month(start: date, day: date) -> bool:
    """Shorter months have it on their last day."""
    return day.day == start.day or (day.day < start.day and (day + _DAY).month != day.month)
