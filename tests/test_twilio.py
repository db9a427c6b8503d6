"""SMS and WhatsApp over Twilio's API on loopback: senders, templates, errors, and what was taken in doubt."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from automation_pipelines.channels import build_channels, unavailable
from automation_pipelines.channels.channel import Doubt, Trace, Traceable
from automation_pipelines.channels.retry_after import retry_after
from automation_pipelines.channels.twilio import TwilioChannel, sticky
from automation_pipelines.messages.segments import length_of
from automation_pipelines.model import Note, Reject, Retry, Sent
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Twilio
from tests.conformance.posts import SECRET
from tests.conformance.twilio_post import (
    ACCOUNT,
    SERVICE,
    TEMPLATE,
    Behaviour,
    TwilioPost,
    account,
    error,
    twilio_post,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TO = "+15550100"


@pytest.fixture(scope="module")
def sms_server() -> Iterator[TwilioPost]:
    with twilio_post("sms") as made:
        yield made


@pytest.fixture
def sms(sms_server: TwilioPost) -> TwilioPost:
    """The channel over a server without history."""
    server = sms_server.server
    server.behaviour, server.now = Behaviour(), None
    server.messages.clear()
    server.requests.clear()
    return sms_server


@contextmanager
def sharing(post: TwilioPost, name: Any = "sms", **given: Any) -> Iterator[TwilioChannel]:
    """Another channel over the same server."""
    channel = TwilioChannel(name, account(post.server.port, **given))
    yield channel
    channel.close()


def said(post: TwilioPost) -> dict[str, str]:
    """The last request."""
    return post.server.requests[-1]


# code, status → what it means: again for all, never for this one, or never for the address
ERRORS = [
    (20429, 429, "again"),
    (14107, 429, "again"),
    (20503, 503, "again"),
    (None, 503, "again"),
    (None, 408, "again"),
    (None, 302, "again"),
    (20003, 401, "again"),
    (None, 403, "again"),
    (20404, 404, "again"),
    (21606, 400, "again"),
    (21703, 400, "again"),
    (63007, 400, "again"),
    (63018, 400, "again"),
    (21408, 403, "never"),
    (21617, 400, "never"),
    (21612, 400, "never"),
    (63016, 400, "never"),
    (99999, 400, "never"),
    (None, 422, "never"),
    (21211, 400, "bounced"),
    (21614, 400, "bounced"),
    (21610, 400, "unsubscribed"),
    (20500, 500, None),
    (None, 502, None),
    (None, 504, None),
]


@pytest.mark.parametrize(("code", "status", "meaning"), ERRORS)
def test_an_error_means_what_its_code_says_and_else_its_status(
    sms: TwilioPost, code: int | None, status: int, meaning: str | None
) -> None:
    words = f"Sorry, {TO} {SECRET}"
    body: Any = error(code, words, status) if code else f"<html>{words}"
    sms.server.behaviour = Behaviour(status, body)
    [answer] = sms.channel.send([sms.handoff(1)])
    match meaning:
        case None:
            assert answer is None
        case "again":
            assert isinstance(answer, Retry)
            assert answer.provider
        case _:
            assert isinstance(answer, Reject)
            assert answer.suppress == {"never": None}.get(meaning, meaning)
    assert SECRET not in str(answer)
    assert TO not in str(answer)
    assert answer is None or str(code or status) in answer.error


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({}, None),
        ({"Retry-After": "90"}, timedelta(seconds=90)),
        (
            {"Retry-After": "Wed, 04 Mar 2026 12:02:00 GMT", "Date": "Wed, 04 Mar 2026 12:00:30 GMT"},
            timedelta(seconds=90),
        ),
        ({"Retry-After": "soon"}, None),
    ],
)
def test_a_throttled_message_waits_as_long_as_it_is_asked_to(
    sms: TwilioPost, headers: dict[str, str], after: timedelta | None
) -> None:
    lowered = {name.lower(): value for name, value in headers.items()}
    assert retry_after(lowered) == after
    if "Date" in headers:
        return  # this server writes its own
    sms.server.behaviour = Behaviour(429, error(20429, "Too Many Requests", 429), headers)
    [answer] = sms.channel.send([sms.handoff(1)])
    assert answer == Retry("Twilio 429 20429: Too Many Requests", after, provider=True)


@pytest.mark.parametrize(
    "asked",
    ["-5", "1e9", "٣", "Wed, 04 Mar 2026 12:02:00", "Wed, 99 Mar 2026 12:02:00 GMT", "9" * 50],
)
def test_a_retry_after_that_makes_no_sense_asks_for_nothing_or_a_day_at_most(asked: str) -> None:
    told = retry_after({"retry-after": asked, "date": "Wed, 04 Mar 2026 12:00:30 GMT"})
    assert told in (None, timedelta(days=1))


def test_each_of_many_at_once_gets_its_own_answer(sms: TwilioPost) -> None:
    notes = [Note(job, 1, f"{job}.test", f"+1555{job:04}", "", f"Offer {job}") for job in range(60)]
    answers = sms.channel.send(notes)
    ids = {row["to"]: row["sid"] for row in sms.server.messages}
    assert answers == [Sent(ids[note.to]) for note in notes]


@pytest.mark.parametrize("body", ["[]", "{}", '{"sid": 5}', "", "null"])
def test_a_success_nobody_can_read_is_in_doubt(sms: TwilioPost, body: str) -> None:
    sms.server.behaviour = Behaviour(body=body)
    assert sms.channel.send([sms.handoff(1)]) == [None]


def test_a_recipient_always_sees_the_same_sender_and_a_new_one_takes_only_its_share() -> None:
    pool = ["+15550001", "+15550002", "+15550003"]
    recipients = [f"+1666{number:04}" for number in range(300)]
    before = {one: sticky(pool, one) for one in recipients}
    after = {one: sticky([*pool, "+15550004"], one) for one in recipients}
    shares = [list(before.values()).count(sender) for sender in pool]
    assert min(shares) > 50
    moved = [one for one in recipients if before[one] != after[one]]
    assert {after[one] for one in moved} == {"+15550004"}
    assert sticky(pool, "+1 (666) 0001") == sticky(pool, "+16660001") == sticky(pool, "0016660001")


def test_a_number_goes_as_twilio_takes_it_in_the_name_of_a_sender_of_the_pool(sms: TwilioPost) -> None:
    sms.channel.send([sms.handoff(1)])
    assert said(sms)["To"] == TO
    assert said(sms)["From"] == sticky(["+15550001", "+15550002"], TO)
    assert "StatusCallback" not in said(sms)


def test_a_messaging_service_chooses_the_sender_and_a_tenant_may_have_its_own(sms: TwilioPost) -> None:
    tenants = {2: {"numbers": "+15550009"}, 3: {"whatsapp": "+15550033"}}
    with sharing(sms, numbers="", messaging_service_sid=SERVICE, tenants=tenants) as channel:
        for tenant in (1, 2, 3):
            channel.send([Note(1, tenant, "1.test", TO, "", "Hello")])
    senders = [(row.get("MessagingServiceSid"), row.get("From")) for row in sms.server.requests]
    assert senders == [(SERVICE, None), (None, "+15550009"), (SERVICE, None)]
    with sharing(sms, "whatsapp", tenants=tenants) as channel:
        for tenant in (1, 3):
            channel.send([Note(1, tenant, "1.test", TO, "", "Hello", conversing=True)])
    assert [row["From"] for row in sms.server.requests[3:]] == ["whatsapp:+15550003", "whatsapp:+15550033"]


def test_the_callback_says_whose_message_it_is(sms: TwilioPost) -> None:
    with sharing(sms, status_callback="https://hooks.example.com/twilio?key=a%26b") as channel:
        channel.send([sms.handoff(7)])
    assert said(sms)["StatusCallback"] == ("https://hooks.example.com/twilio?key=a%26b&job=7&identity=7.test")


def test_an_api_key_signs_in_for_the_account(sms: TwilioPost) -> None:
    with sharing(sms, api_key_sid=f"SK{'3' * 32}") as channel:
        [answer] = channel.send([sms.handoff(1)])
    assert isinstance(answer, Retry)  # this server knows the account's token alone
    assert "20003" in answer.error


@pytest.mark.parametrize("text", ["", "x" * 1600, "\ud83d"])
def test_a_text_that_cannot_be_sent_asks_nobody(sms: TwilioPost, text: str) -> None:
    with sharing(sms, max_segments=3) as channel:
        [answer] = channel.send([Note(1, 1, "1.test", TO, "", text)])
    assert isinstance(answer, Reject)
    assert sms.server.requests == []


def test_outside_the_day_whatsapp_sends_the_template_and_nothing_else(sms: TwilioPost) -> None:
    with sharing(sms, "whatsapp") as channel:
        [refused] = channel.send([Note(1, 1, "1.test", TO, "", "Hello")])
        assert isinstance(refused, Reject)
        assert "whatsapp.json" in refused.error
        assert sms.server.requests == []
        [sent] = channel.send([sms.template(2, text="Hello")])
        assert isinstance(sent, Sent)
        assert said(sms)["To"] == f"whatsapp:{TO}"
        assert said(sms)["ContentSid"] == TEMPLATE
        assert json.loads(said(sms)["ContentVariables"]) == {"1": "Zoë", "2": '"2"'}
        assert "Body" not in said(sms)


@pytest.mark.parametrize(("text", "key"), [("Hello", "Body"), ("", "ContentSid")])
def test_within_the_day_whatsapp_sends_the_text_where_there_is_one(
    sms: TwilioPost, text: str, key: str
) -> None:
    with sharing(sms, "whatsapp") as channel:
        channel.send([sms.template(1, conversing=True, text=text)])
    assert key in said(sms)
    assert len({"Body", "ContentSid"} & said(sms).keys()) == 1


def doubt(note: Note) -> Doubt:
    """Of a hand-off at noon."""
    return Doubt(note, NOON - MINUTE, NOON + 6 * MINUTE)


def test_what_was_taken_in_doubt_is_found_in_the_list_of_messages(sms: TwilioPost) -> None:
    assert isinstance(sms.channel, Traceable)
    minutes = count(-3)
    for body in ("Offer 1", "Offer 1", "Other", "Offer 1"):
        sms.server.now = NOON + 2 * next(minutes) * MINUTE
        sms.server.add(TO, body)
    sms.server.now = NOON
    sms.server.add(TO, "Sent from your Twilio trial account - Offer 1")
    sms.server.add(TO, "STOP", direction="inbound")
    sms.server.add("+15550199", "Offer 1")
    [found, nothing] = sms.channel.trace(
        [doubt(sms.handoff(1)), doubt(Note(2, 1, "2.test", "+15550777", "", "Offer 2"))]
    )
    by_body = {row["sid"]: row["body"] for row in sms.server.messages}
    assert found is not None
    assert [(by_body[trace.provider_id], trace.same) for trace in found] == [
        ("Sent from your Twilio trial account - Offer 1", True),
        ("Offer 1", True),
    ]
    assert nothing == ()


def test_another_message_of_that_time_is_told_as_another(sms: TwilioPost) -> None:
    sms.server.now = NOON
    row = sms.server.add(TO, "Something else")
    assert sms.channel.trace([doubt(sms.handoff(1))]) == [(Trace(row["sid"], same=False),)]


@pytest.mark.parametrize("body", ["", "The approved text for Zoë"])
def test_a_template_and_a_redacted_text_cannot_be_compared(sms: TwilioPost, body: str) -> None:
    sms.server.now = NOON
    row = sms.server.add(f"whatsapp:{TO}", body)
    with sharing(sms, "whatsapp") as channel:
        assert channel.trace([doubt(sms.template(1))]) == [(Trace(row["sid"], same=True),)]


def test_a_list_that_ends_before_that_time_tells_nothing(sms: TwilioPost) -> None:
    sms.server.now = NOON + timedelta(hours=1)
    for number in range(201):
        sms.server.add(TO, f"Later {number}")
    assert sms.channel.trace([doubt(sms.handoff(1))]) == [None]
    sms.server.messages.pop(0)
    assert sms.channel.trace([doubt(sms.handoff(1))]) == [()]


BROKEN: dict[str, Callable[[TwilioPost], Any]] = {
    "another token": lambda post: account(post.server.port).model_copy(
        update={"account_sid": f"AC{'9' * 32}"}
    ),
    "nobody there": lambda _: account(1),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_provider_that_cannot_be_asked_tells_nothing(sms: TwilioPost, how: str) -> None:
    channel = TwilioChannel("sms", BROKEN[how](sms))
    assert channel.trace([doubt(sms.handoff(1))]) == [None]
    assert channel.trace([]) == []


def test_the_token_is_in_no_settings_that_are_printed() -> None:
    assert SECRET not in repr(account(1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"account_sid": "AC1"},
        {"whatsapp": "15550100"},
        {"whatsapp": "+1555 0100"},
        {"messaging_service_sid": "SM1"},
        {"base_url": "ftp://x"},
        {"max_segments": 11},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        Twilio(**{"account_sid": ACCOUNT, "auth_token": SECRET, **wrong})
    assert SECRET not in str(refused.value)


def test_an_account_without_senders_of_a_kind_is_no_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOMATION_TWILIO__ACCOUNT_SID", ACCOUNT)
    monkeypatch.setenv("AUTOMATION_TWILIO__AUTH_TOKEN", SECRET)
    monkeypatch.setenv("AUTOMATION_TWILIO__TENANTS", '{"7": {"numbers": "+15550107"}}')
    smtp = "smtp://localhost:25?tls=none"
    without = Settings(home=tmp_path, smtp_url=smtp)
    assert without.twilio is not None
    assert without.twilio.senders(7).pool == ("+15550107",)
    missing = unavailable(without)
    assert "AUTOMATION_TWILIO__MESSAGING_SERVICE_SID or AUTOMATION_TWILIO__NUMBERS" in missing["sms"]
    assert "AUTOMATION_TWILIO__WHATSAPP" in missing["whatsapp"]
    monkeypatch.setenv("AUTOMATION_TWILIO__WHATSAPP", "+15550003")
    settings = Settings(home=tmp_path, smtp_url=smtp)
    assert "whatsapp" not in unavailable(settings)
    assert isinstance(build_channels(settings)["whatsapp"], TwilioChannel)


@pytest.mark.parametrize(
    ("text", "segments", "foreign"),
    [
        ("", 1, ""),
        ("a" * 160, 1, ""),
        ("a" * 161, 2, ""),
        ("a" * 306, 2, ""),
        ("a" * 307, 3, ""),
        ("€" * 80, 1, ""),
        ("€" * 81, 2, ""),
        ("a" * 152 + "€" + "a" * 10, 2, ""),
        ("a" * 152 + "€" + "a" * 152, 3, ""),  # the € does not fit into the first segment
        ("é" * 160, 1, ""),
        ("ê" + "a" * 69, 1, "ê"),
        ("ê" + "a" * 70, 2, "ê"),
        ("— " * 67, 2, "—"),
        ("😀" * 35, 1, "😀"),
        ("😀" * 36, 2, "😀"),
        ("😀" * 67, 3, "😀"),  # 33 in each: none is split
    ],
)
def test_segments_are_counted_as_networks_do(text: str, segments: int, foreign: str) -> None:
    length = length_of(text)
    assert (length.segments, length.foreign) == (segments, foreign)
