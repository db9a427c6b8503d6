"""Local times as instants, and when a send window opens next."""

import json
from datetime import date, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from automation_pipelines.calendar import (
    NEVER,
    Hours,
    campaign_hours,
    instant_of,
    local_times,
    next_opening,
    offsets,
    tenant_hours,
    window_slots,
)
from automation_pipelines.campaign import Window
from automation_pipelines.engine import open_engine
from tests.world import at

TZ_DAYS = Path(__file__).parents[2] / "shared" / "cases" / "tz_days.json"
OFFICE = Window(days=("mon", "tue", "wed", "thu", "fri"), start="09:00", end="18:00")
EARLY, LATE = Window(start="06:00", end="08:00"), Window(start="20:00", end="24:00")


@pytest.mark.parametrize(
    ("zone", "day", "clock", "expected"),
    [
        ("Asia/Kathmandu", "2026-03-10", "09:00", "2026-03-10T03:15"),
        ("America/New_York", "2026-03-08", "02:30", "2026-03-08T07:30"),  # a gap: the offset before it
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30"),  # twice: the first
        ("America/Sao_Paulo", "2018-11-04", "00:00", "2018-11-04T03:00"),  # the day begins at 01:00
        ("Pacific/Apia", "2011-12-30", "09:00", "2011-12-30T19:00"),  # a day that did not exist
    ],
)
def test_a_local_time_is_one_instant(zone: str, day: str, clock: str, expected: str) -> None:
    assert instant_of(zone, date.fromisoformat(day), time.fromisoformat(clock)) == at(expected)


@pytest.mark.parametrize(
    "zone", ["America/Vancouver", "Africa/Casablanca", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
def test_offsets_tell_the_local_day_of_every_instant(zone: str) -> None:
    start, end = at("2026-01-01T00:17:05.400"), at("2027-06-01T00:00")
    table = offsets([zone], start, end)
    moments = [start + timedelta(hours=hours, minutes=59) for hours in range(1, 12_000, 7)]
    for moment in moments:
        found = table.filter(pl.col("since") <= moment, moment < pl.col("until"))
        local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert found["seconds"].to_list() == [(local - moment.replace(tzinfo=None)).total_seconds()]


def test_combinations_not_people_are_converted() -> None:
    wanted = pl.DataFrame({"zone": ["UTC", "UTC", None], "day": [date(2026, 3, 10)] * 3, "at": ["09:00"] * 3})
    assert local_times(wanted).rows() == [("UTC", date(2026, 3, 10), "09:00", at("2026-03-10T09:00"))]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-10T12:00", "2026-03-10T12:00"),  # open
        ("2026-03-10T08:59", "2026-03-10T09:00"),  # too early
        ("2026-03-10T18:00", "2026-03-11T09:00"),  # the end is not part of it
        ("2026-03-14T10:00", "2026-03-16T09:00"),  # a Saturday
    ],
)
def test_the_next_opening(moment: str, expected: str) -> None:
    assert next_opening([Hours((OFFICE,), "UTC")], at(moment)) == at(expected)


def test_excluded_days_and_a_zone_of_the_windows_own() -> None:
    window = OFFICE.model_copy(update={"excluded": (date(2026, 3, 16),), "zone": "Asia/Kathmandu"})
    assert next_opening([campaign_hours(window, "UTC")], at("2026-03-14T10:00")) == at("2026-03-17T03:15")


@pytest.mark.parametrize(
    ("days", "excluded", "expected"),
    [
        (["mon"], ["2026-03-16"], "2026-03-23T09:00"),
        (["mon"], ["2026-03-16", "2026-03-23", "2026-03-30"], "2026-04-06T09:00"),
        (["mon", "tue"], ["2026-03-10", "2026-03-16", "2026-03-17"], "2026-03-23T09:00"),
    ],
)
def test_a_window_of_few_days_opens_again_after_all_that_are_excluded(
    days: list[str], excluded: list[str], expected: str
) -> None:
    window = Window.model_validate({"days": days, "start": "09:00", "end": "18:00", "except": excluded})
    closed = at("2026-03-09T18:00")
    assert next_opening([Hours((window,), "UTC")], closed) == at(expected)
    slots = window_slots([("w", [Hours((window,), "UTC")])], closed, closed)
    assert (closed, at(expected)) in slots.select("since", "opens").rows()


@pytest.mark.parametrize("parts", [1, 2])
def test_every_moment_joins_exactly_the_slot_that_next_opening_names(parts: int) -> None:
    start, end = at("2026-03-01T00:00"), at("2026-03-15T00:00")
    hours = [Hours((OFFICE,), "Europe/Berlin"), Hours((EARLY, LATE), "Asia/Kathmandu")][:parts]
    slots = window_slots([("w", hours)], start, end)
    for later in range(0, 14 * 24, 5):
        moment = start + timedelta(hours=later, minutes=17)
        found = slots.filter(pl.col("since") <= moment, moment < pl.col("closes"))
        assert len(found) == 1
        assert max(moment, found["opens"][0]) == next_opening(hours, moment)


TEXT = "mon-fri 09:00-18:00; sat 10:00-12:00; sms 10:00-20:00; FR mon-thu 08:00-17:00"


@pytest.mark.parametrize(
    ("channel", "country", "moment", "expected"),
    [
        ("email", "DE", "2026-03-10T08:00", "2026-03-10T09:00"),
        ("email", "DE", "2026-03-13T18:00", "2026-03-14T10:00"),  # parts of one scope add up
        ("sms", "DE", "2026-03-10T08:00", "2026-03-10T10:00"),  # scopes narrow each other
        ("sms", None, "2026-03-14T12:00", "2026-03-16T10:00"),
        ("email", "FR", "2026-03-12T17:00", "2026-03-16T09:00"),
    ],
)
def test_send_windows_of_a_tenant(channel: str, country: str | None, moment: str, expected: str) -> None:
    assert next_opening(tenant_hours(TEXT, channel, country, "UTC"), at(moment)) == at(expected)


def test_the_campaigns_window_and_the_tenants_must_both_be_open() -> None:
    evening = campaign_hours(Window(start="17:00", end="22:00"), "America/New_York")
    hours = (evening, *tenant_hours("mon-fri 09:00-18:00", "email", None, "America/Los_Angeles"))
    assert next_opening(hours, at("2026-03-10T00:30")) == at("2026-03-10T00:30")
    assert next_opening(hours, at("2026-03-10T01:00")) == at("2026-03-10T21:00")


def test_windows_that_exclude_each_other_never_open() -> None:
    hours = [Hours((OFFICE,), "UTC"), *tenant_hours("sat 10:00-12:00", "email", None, "UTC")]
    assert next_opening(hours, at("2026-03-10T00:00")) is None
    slots = window_slots([("w", hours)], at("2026-03-10T00:00"), at("2026-03-11T00:00"))
    assert slots["opens"].to_list() == [NEVER]


@pytest.mark.skipif(not TZ_DAYS.exists(), reason="the collection of odd days is not beside this checkout")
def test_days_of_unusual_length_begin_and_end_where_published() -> None:
    rows = [row for row in json.loads(TZ_DAYS.read_text())["cases"] if row["start_utc"]]  # one day never was
    assert len(rows) > 70
    probes = pl.DataFrame(
        [
            (row["tz"], row["date"], instant)
            for row in rows
            for instant in (at(row["start_utc"]), at(row["end_utc"]) - timedelta(seconds=1))
        ],
        schema={"zone": pl.String, "day": pl.String, "moment": pl.Datetime("us", "UTC")},
        orient="row",
    )
    with open_engine() as engine:
        engine.add(probes=probes)
        wrong = engine.query("SELECT * FROM probes WHERE CAST(local_date(moment, zone) AS VARCHAR) <> day")
    assert wrong.is_empty()
    for row in rows:
        assert instant_of(row["tz"], date.fromisoformat(row["date"]), time(0)) == at(row["start_utc"]), row
