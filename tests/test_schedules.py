"""The slots of schedules: which local days and times they name, as data."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from automation_pipelines.calendar import instant_of
from automation_pipelines.campaign import Schedule
from automation_pipelines.planning.schedule import slots

CRON = Path(__file__).parents[2] / "shared" / "cases" / "cron.json"


def _days(first: str, last: str, **schedule: Any) -> list[str]:
    made = Schedule.model_validate({"at": "10:00", **schedule})
    return [f"{slot.day:%m-%d}" for slot in slots(made, date.fromisoformat(first), date.fromisoformat(last))]


@pytest.mark.parametrize(
    ("schedule", "first", "last", "expected"),
    [
        ({"date": "2026-03-05"}, "2026-03-01", "2026-03-31", ["03-05"]),
        ({"date": "2026-03-05"}, "2026-03-06", "2026-03-31", []),
        ({"every": "day", "start": "2026-02-27"}, "2026-02-01", "2026-03-01", ["02-27", "02-28", "03-01"]),
        (
            {"every": "day", "start": "2026-02-27", "end": "2026-03-02", "except": ["2026-02-28"]},
            "2026-02-01",
            "2026-03-31",
            ["02-27", "03-01", "03-02"],
        ),
        ({"every": "week", "start": "2026-03-04"}, "2026-03-01", "2026-03-20", ["03-04", "03-11", "03-18"]),
        (
            {"every": "week", "on": ["mon", "thu"], "start": "2026-03-04"},
            "2026-03-01",
            "2026-03-16",
            ["03-05", "03-09", "03-12", "03-16"],
        ),
        (
            {"every": "month", "start": "2026-01-31"},
            "2026-01-01",
            "2026-06-30",
            ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30"],
        ),
        ({"every": "month", "start": "2028-01-29"}, "2028-02-01", "2028-03-31", ["02-29", "03-29"]),
        ({"every": "month", "start": "2026-01-30"}, "2028-02-01", "2028-03-31", ["02-29", "03-30"]),
        (
            {"every": "quarter", "start": "2025-11-30"},
            "2025-11-01",
            "2026-12-31",
            ["11-30", "02-28", "05-30", "08-30", "11-30"],
        ),
    ],
)
def test_the_days_of_a_schedule(schedule: dict[str, Any], first: str, last: str, expected: list[str]) -> None:
    assert _days(first, last, **schedule) == expected


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 9 * * 1", ["02 09:00"]),
        ("0 9 * * 0", ["01 09:00", "08 09:00"]),  # 0 is Sunday, and so is 7
        ("0 9 * * 7", ["01 09:00", "08 09:00"]),
        ("30 8,17 4 * *", ["04 08:30", "04 17:30"]),
        ("0 12 5 * 1", ["02 12:00", "05 12:00"]),  # day of month or weekday, as cron has it
    ],
)
def test_the_times_of_a_cron_expression(cron: str, expected: list[str]) -> None:
    made = Schedule.model_validate({"cron": cron})
    found = slots(made, date(2026, 3, 1), date(2026, 3, 8))
    assert [f"{slot.day:%d} {slot.at:%H:%M}" for slot in found] == expected


@pytest.mark.parametrize(
    "cron", ["0 0 9 * * *", "0 9 * * * *", "0 9 * *", "", "@daily", "0 9 * * 8", "0 9 30 2 *"]
)
def test_a_cron_expression_has_five_fields_that_can_be(cron: str) -> None:
    with pytest.raises(ValidationError, match="is no cron expression"):
        Schedule.model_validate({"cron": cron})


def test_a_cron_expression_keeps_to_start_end_and_the_days_that_are_excluded() -> None:
    made = Schedule.model_validate(
        {"cron": "0 9 * * *", "start": "2026-03-02", "end": "2026-03-05", "except": ["2026-03-04"]}
    )
    assert [slot.day.day for slot in slots(made, date(2026, 1, 1), date(2026, 12, 31))] == [2, 3, 5]


def test_slots_of_one_day_have_occurrences_of_their_own_and_other_slots_that_of_the_day() -> None:
    midnight = int(datetime.fromisoformat("2026-03-04T00:00+00:00").timestamp()) // 60
    day = (date(2026, 3, 4), date(2026, 3, 4))
    cron = Schedule.model_validate({"cron": "0 9,18 * * *"})
    once = Schedule.model_validate({"date": "2026-03-04", "at": "09:00"})
    assert [slot.occurrence for slot in slots(cron, *day)] == [midnight + 540, midnight + 1080]
    assert [slot.occurrence for slot in slots(once, *day)] == [midnight]


def _cases() -> list[Any]:
    return json.loads(CRON.read_text())["cases"] if CRON.exists() else []


@pytest.mark.skipif(not CRON.exists(), reason="the shared cases are not beside this checkout")
def test_cron_fires_as_four_libraries_agree_and_elsewhere_as_some_of_them_do() -> None:
    wrong = [
        (case["cron"], case["tz"])
        for case in _cases()
        if _next(case) not in ([case["next"]] if case["agree"] else case["by_implementation"].values())
    ]
    assert wrong == []


# A missing time is as long after the gap as it was after its start (cronsim: at its end), and of two the
# first counts (dagster: the second, croniter: both).
@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("30 2 * * *", "America/New_York", "2024-03-09T12:00+00:00", "2024-03-10T07:30:00Z"),
        ("15 1 * * *", "Europe/London", "2024-03-30T12:00+00:00", "2024-03-31T01:15:00Z"),
        ("30 1 * * *", "America/New_York", "2024-11-02T12:00+00:00", "2024-11-03T05:30:00Z"),
        ("30 2 * * *", "Australia/Sydney", "2024-04-06T12:00+00:00", "2024-04-06T15:30:00Z"),
        ("0 9 * * *", "Pacific/Kiritimati", "2024-04-06T12:00+00:00", "2024-04-06T19:00:00Z"),
    ],
)
def test_a_time_that_is_missing_or_comes_twice(cron: str, zone: str, after: str, expected: str) -> None:
    assert _next({"cron": cron, "tz": zone, "after": after, "next": [expected]}) == [expected]


def _next(case: dict[str, Any]) -> list[str]:
    """The next instants by our rule: nominal local times, each as one instant."""
    zone, after = case["tz"], datetime.fromisoformat(case["after"])
    first = after.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    made = Schedule.model_validate({"cron": case["cron"]})
    wanted = len(case.get("next") or case["by_implementation"]["cronsim"])
    found: list[datetime] = []
    for slot in slots(made, first, first + timedelta(days=366 * 21)):
        instant = instant_of(zone, slot.day, slot.at)
        if instant > after and instant not in found:
            found.append(instant)
        if len(found) == wanted:
            break
    return [f"{instant:%Y-%m-%dT%H:%M:%SZ}" for instant in found]
