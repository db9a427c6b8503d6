"""Days on which calendars are hard: clocks change, 29 February, the last of a month, a zone far ahead."""

from datetime import timedelta
from typing import Any

import pytest

from automation_pipelines import playbooks
from tests.world import NewWorld, World, at

LONG_AGO = "2024-01-01T00:00"
THREE = ((2, 10), (3, 2), (4, 10))  # days, and hours within them
STEP = {"id": "mail", "channel": "email", "template": "t"}
A_DAY = 1440


@pytest.fixture
def company(new_world: NewWorld) -> World:
    """One customer, of a tenant whose zone the test says; ticks are a day long."""
    world = new_world("sqlite", tick_minutes=A_DAY)
    world.add("tenants", id=1)
    return world


def broadcast(world: World, zone: str, **schedule: Any) -> None:
    """Start a campaign to the one customer at these times of the tenant's zone."""
    world.change("tenants", 1, time_zone=zone)
    world.add("customers", id=7)
    campaign = {"id": "news", "title": "News", "audience": "customers", "steps": [STEP]}
    world.apply({**campaign, "schedule": {"at": "09:00", **schedule}}, start=LONG_AGO)


def timeline(world: World, zone: str, entered: str, *steps: dict[str, Any], **more: Any) -> None:
    """Start a timeline that the one customer enters then."""
    world.change("tenants", 1, time_zone=zone)
    world.add("customers", id=7, pipeline_stage="qualified", stage_entered_at=entered, updated_at=entered)
    campaign = {
        "id": "hook",
        "title": "Hook",
        "kind": "timeline",
        "audience": "stage_entries",
        "timeline": {"stage": "qualified", "duration_days": 30},
        "policy": {"late": "all"},
        "steps": [{**STEP, "id": f"day-{step['day']}", **step} for step in steps],
        **more,
    }
    world.apply(campaign, start=LONG_AGO)


def lived(world: World, first: str, last: str) -> list[str]:
    """When messages were due, after every tick from one day to another; the last of them twice."""
    results = world.tick_through(f"{first}T00:00", f"{last}T00:00", minutes=A_DAY)
    again = world.tick(results[-1].plan.clock.as_of.isoformat())
    assert (again.planned, again.settled) == (0, 0)
    return [due[5:] for *_, due in sorted(world.sent(), key=lambda row: row[-1])]


# A time that is skipped is an hour later, of one that comes twice the first counts; each day has one message.
@pytest.mark.parametrize(
    ("zone", "clock", "span", "expected"),
    [
        pytest.param(
            "Europe/Berlin",
            "02:30",
            ("2026-03-27", "2026-03-30"),
            ["03-28T01:30", "03-29T01:30", "03-30T00:30"],
            id="north, forward",
        ),
        pytest.param(
            "Europe/Berlin",
            "02:30",
            ("2026-10-23", "2026-10-26"),
            ["10-24T00:30", "10-25T00:30", "10-26T01:30"],
            id="north, back",
        ),
        pytest.param(
            "Australia/Sydney",
            "02:30",
            ("2026-10-02", "2026-10-05"),
            ["10-02T16:30", "10-03T16:30", "10-04T15:30"],
            id="south, forward",
        ),
        pytest.param(
            "Australia/Sydney",
            "02:30",
            ("2026-04-03", "2026-04-06"),
            ["04-03T15:30", "04-04T15:30", "04-05T16:30"],
            id="south, back",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "01:45",
            ("2026-04-03", "2026-04-06"),
            ["04-03T14:45", "04-04T14:45", "04-05T15:15"],
            id="half an hour back",
        ),
        pytest.param(
            "America/Santiago",
            "00:15",
            ("2026-09-04", "2026-09-07"),
            ["09-05T04:15", "09-06T04:15", "09-07T03:15"],
            id="a midnight that does not exist",
        ),
    ],
)
def test_each_day_of_a_daily_broadcast_while_clocks_change(
    company: World, zone: str, clock: str, span: tuple[str, str], expected: list[str]
) -> None:
    first, last = span
    start = (at(f"{first}T00:00") + timedelta(days=1)).date()
    broadcast(company, zone, every="day", start=start, end=last, at=clock)
    assert lived(company, first, last) == expected


@pytest.mark.parametrize(
    ("zone", "entered", "days", "expected"),
    [
        # Ten in the morning stays that; two at night does not exist in spring, and comes twice in autumn.
        ("Europe/Berlin", "2026-03-27T12:00", THREE, ["03-28T09:00", "03-29T01:00", "03-30T08:00"]),
        ("Europe/Berlin", "2026-10-23T12:00", THREE, ["10-24T08:00", "10-25T00:00", "10-26T09:00"]),
        ("Australia/Sydney", "2026-10-02T02:00", THREE, ["10-03T00:00", "10-03T16:00", "10-04T23:00"]),
        ("Australia/Sydney", "2026-04-03T02:00", THREE, ["04-03T23:00", "04-04T15:00", "04-06T00:00"]),
        # 29 February is a day of its own in 2028, and none in 2026.
        ("UTC", "2028-02-27T08:00", ((3, 10), (4, 10)), ["02-29T10:00", "03-01T10:00"]),
        ("UTC", "2026-02-27T08:00", ((3, 10), (4, 10)), ["03-01T10:00", "03-02T10:00"]),
        # 31 March begins there at ten in the morning of the 30th in UTC.
        (
            "Pacific/Kiritimati",
            "2026-03-30T10:05",
            ((1, 0), (2, 0), (3, 9)),
            ["03-30T10:05", "03-31T10:00", "04-01T19:00"],
        ),
    ],
)
def test_days_of_a_timeline(
    company: World, zone: str, entered: str, days: tuple[tuple[int, int], ...], expected: list[str]
) -> None:
    timeline(company, zone, entered, *({"day": day, "delay": f"{hours} hours"} for day, hours in days))
    first, last = at(entered).date(), (at(entered) + timedelta(days=5)).date()
    assert lived(company, first.isoformat(), last.isoformat()) == expected


@pytest.mark.parametrize(
    ("zone", "schedule", "span", "expected"),
    [
        # 14 hours ahead: Monday's nine o'clock is Sunday evening in UTC.
        (
            "Pacific/Kiritimati",
            {"every": "week", "on": ["mon"], "start": "2026-03-01"},
            ("2026-03-01", "2026-03-03"),
            ["03-01T19:00"],
        ),
        (
            "Pacific/Kiritimati",
            {"date": "2026-03-01", "at": "00:10"},
            ("2026-02-27", "2026-03-01"),
            ["02-28T10:10"],
        ),
        (
            "Pacific/Kiritimati",
            {"cron": "0 0 1 * *", "at": None},
            ("2026-03-30", "2026-04-01"),
            ["03-31T10:00"],
        ),
        # The 31st of a month that has none is its last day, there as everywhere.
        (
            "Pacific/Kiritimati",
            {"every": "month", "start": "2026-01-31"},
            ("2026-02-26", "2026-03-01"),
            ["02-27T19:00"],
        ),
        (
            "Pacific/Kiritimati",
            {"every": "month", "start": "2026-01-31"},
            ("2026-03-29", "2026-04-01"),
            ["03-30T19:00"],
        ),
        (
            "America/New_York",
            {"every": "month", "start": "2026-01-31"},
            ("2026-04-29", "2026-05-02"),
            ["04-30T13:00"],
        ),
        ("UTC", {"every": "month", "start": "2026-01-31"}, ("2028-02-27", "2028-03-02"), ["02-29T09:00"]),
        ("UTC", {"every": "month", "start": "2026-01-29"}, ("2026-02-26", "2026-03-02"), ["02-28T09:00"]),
        # Days that are left out are not made up for.
        (
            "UTC",
            {
                "every": "day",
                "start": "2026-03-01",
                "end": "2026-03-04",
                "except": ["2026-03-02", "2026-03-03"],
            },
            ("2026-02-28", "2026-03-05"),
            ["03-01T09:00", "03-04T09:00"],
        ),
        (
            "UTC",
            {"every": "month", "start": "2026-01-31", "except": ["2026-02-28"]},
            ("2026-02-26", "2026-03-02"),
            [],
        ),
    ],
)
def test_days_of_a_broadcast(
    company: World, zone: str, schedule: dict[str, Any], span: tuple[str, str], expected: list[str]
) -> None:
    broadcast(company, zone, **schedule)
    assert lived(company, *span) == expected


def test_a_window_that_is_shut_on_a_holiday_moves_the_day_of_a_timeline(company: World) -> None:
    window = {
        "days": ["mon", "tue", "wed", "thu", "fri"],
        "start": "09:00",
        "end": "17:00",
        "except": ["2026-04-06"],
    }
    steps = ({"day": 2, "delay": "10 hours"}, {"day": 4, "delay": "10 hours"})
    # Entered on Friday, 3 April: the second day is a Saturday, the fourth a holiday.
    timeline(company, "Europe/Berlin", "2026-04-03T08:00", *steps, window=window)
    assert lived(company, "2026-04-03", "2026-04-08") == ["04-07T07:00", "04-07T07:00"]


def test_the_quarterly_review_of_april_waits_for_the_end_of_the_holiday(company: World) -> None:
    company.change("tenants", 1, time_zone="America/New_York")
    company.add("users", id=3, email="sam@staff.example.com")
    company.add("accounts", id=9, csm_id=3, status="active", health_score=80)
    company.apply((playbooks.FOLDER / "qbr-reminder.yaml").read_text(encoding="utf-8"), start=LONG_AGO)
    assert lived(company, "2026-04-05", "2026-04-09") == ["04-07T13:00"]


@pytest.mark.parametrize(
    ("observed", "year", "due"),
    [
        ("02-28", 2026, "2026-02-27T19:00"),
        ("03-01", 2026, "2026-02-28T19:00"),
        ("02-28", 2028, "2028-02-28T19:00"),
    ],
)
def test_born_on_29_february_on_the_far_side_of_the_date_line(
    new_world: NewWorld, observed: str, year: int, due: str
) -> None:
    world = new_world("sqlite", tick_minutes=A_DAY, leap_day=observed)
    world.add("tenants", id=1, time_zone="Pacific/Kiritimati")
    world.add("customers", id=7, birthday="1992-02-29")
    world.apply((playbooks.FOLDER / "birthday.yaml").read_text(encoding="utf-8"), start=LONG_AGO)
    assert lived(world, f"{year}-02-26", f"{year}-03-03") == [due[5:]]
