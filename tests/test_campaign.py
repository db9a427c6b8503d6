"""What a campaign may declare by itself."""

from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automation_pipelines.campaign import Campaign, Span, Step, Window

MESSAGE = {"id": "one", "channel": "email", "template": "hello"}


def campaign(**changed: Any) -> Campaign:
    whole = {"id": "care", "title": "Care", "audience": "birthdays", "steps": [MESSAGE], **changed}
    return Campaign.model_validate(whole)


def step(**changed: Any) -> Step:
    return Step.model_validate({**MESSAGE, **changed})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3 days", Span(days=3)),
        ("1 day", Span(days=1)),
        ("-2 days", Span(days=-2)),
        ("-24 hours", Span(minutes=-1440)),
        ("60 minutes", Span(minutes=60)),
        ("at once", Span()),
        ("0 days", Span()),
        ("{inactivity_days} days", Span(setting="inactivity_days")),
    ],
)
def test_offsets(written: str, meant: Span) -> None:
    assert step(offset=written).offset == meant


@given(days=st.integers(-99_999, 99_999), minutes=st.integers(-99_999, 99_999))
def test_an_offset_reads_back_as_it_is_written(days: int, minutes: int) -> None:
    for span in (Span(days=days), Span(minutes=minutes)):
        assert step(offset=str(span)).offset == span


def test_a_span_knows_its_bounds() -> None:
    assert Span(column="n").longest == timedelta(days=366)
    assert Span(minutes=-60).negative
    assert Span(minutes=-60).exact
    assert not Span(days=3).exact


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"offset": "three days"}, "is no length of time"),
        ({"offset": "3 years"}, "is no length of time"),
        ({"offset": "{n} weeks"}, "a setting counts minutes, hours or days"),
        ({"at": "9:00"}, "is no time of day"),
        ({"at": 540}, "is no time of day"),
        ({"at": "24:00"}, "is no time of day"),
        ({"at": "09:00", "offset": "3 hours"}, "'at' goes with an offset in days"),
        ({"channel": None}, "declare either channel \\(or channels\\) and template, or action"),
        ({"action": "mark"}, "declare either channel \\(or channels\\) and template, or action"),
        ({"template": None}, "channel 'email' needs a template"),
        ({"template": "../secrets"}, "String should match pattern"),
        ({"recipient": "boss"}, "Input should be 'customer'"),
        ({"channel": None, "template": None, "action": "mark", "recipient": "agent"}, "neither template nor"),
        ({"chanel": "email"}, "Extra inputs are not permitted"),
        ({"id": "Day 3"}, "String should match pattern"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        step(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"steps": []}, "at least 1 item"),
        ({"steps": [MESSAGE, MESSAGE]}, "two steps have the id 'one'"),
        (
            {"zone": "recipient", "steps": [{**MESSAGE, "recipient": ["customer", "agent"]}]},
            "step 'one' has one time for the customer and another for staff",
        ),
        (
            {"window": {"zone": "recipient"}, "steps": [{**MESSAGE, "recipient": ["agent", "customer"]}]},
            "step 'one' has one time for the customer and another for staff",
        ),
        ({"zone": "Mars/Olympus"}, "is no zone"),
        ({"zone": "../etc/passwd"}, "is no zone"),
        ({"purpose": "spam"}, "Input should be 'marketing'"),
        ({"window": {"days": []}}, "would never open"),
        ({"window": {"start": "18:00", "end": "09:00"}}, "end 09:00 is not after start 18:00"),
        ({"window": {"days": ["sunday"]}}, "Input should be 'mon'"),
        ({"policy": {"max_lateness": "-1 days"}}, "must not be negative"),
        ({"policy": {"valid_until": "2026-05-31T09:00:00"}}, "is no instant with a zone"),
        ({"policy": {"valid_until": "2026-05-31"}}, "is no instant with a zone"),
        ({"policy": {"valid_until": 1780000000}}, "is no instant with a zone"),
        (
            {"policy": {"valid_from": "2026-05-31T09:00:00Z", "valid_until": "2026-05-01T09:00:00Z"}},
            "valid_until is before valid_from",
        ),
        ({"policy": {"priority": 10}}, "less than or equal to 9"),
        ({"policy": {"backlog": "3 days"}}, "Input should be 'none'"),
        ({"id": "x" * 61}, "at most 60"),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        campaign(**changed)


def test_one_recipient_or_several() -> None:
    assert step(recipient="agent").recipient == ("agent",)
    assert step(recipient=["agent", "executives"]).recipient == ("agent", "executives")


def test_a_window_is_open_all_day_unless_it_says_otherwise() -> None:
    window = Window.model_validate({})
    assert (window.start, window.end, len(window.days)) == (time(0), "24:00", 7)
    longer = Window.model_validate({"except": ["2026-12-24", "2026-12-25"]})
    assert longer.longest_wait > window.longest_wait


@pytest.mark.parametrize(
    ("purpose", "lateness"),
    [("marketing", timedelta(hours=24)), ("transactional", timedelta(hours=72)), ("internal", None)],
)
def test_lateness_follows_the_purpose_unless_declared(purpose: str, lateness: timedelta | None) -> None:
    assert campaign(purpose=purpose).max_lateness == lateness
    declared = campaign(purpose=purpose, policy={"max_lateness": "90 minutes"})
    assert declared.max_lateness == timedelta(minutes=90)


def test_what_is_stored_reads_back_the_same() -> None:
    whole = campaign(
        window={"start": "09:05", "end": "24:00", "except": ["2026-12-25"]},
        steps=[{**MESSAGE, "at": "07:30"}, {"id": "two", "action": "mark", "with": {"level": 1}}],
    )
    assert Campaign.model_validate_json(whole.model_dump_json(by_alias=True)) == whole
