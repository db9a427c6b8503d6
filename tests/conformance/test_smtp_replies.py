"""What servers say, and what that means for a message, its address, its server and the next attempt."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.smtp import outcome_of
from automation_pipelines.model import Outcome, Reject, Retry, Sent
from tests.conformance.posts import email
from tests.mailserver import Script, scripted

SAMPLE = Path(__file__).parents[3] / "shared" / "cases" / "smtp_replies_sample.json"
MEANINGS: dict[str, type[Outcome]] = {"success": Sent, "retry": Retry, "permanent": Reject}

# The replies, in the order of the words a server uses: refused for now, for ever, or taken.
REPLIES = {
    Retry: """
        450 4.2.0 <kim@mail.example.com>: Recipient address rejected: Greylisted
        450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents more
        452 4.2.2 Mailbox full
        451 4.7.1 Try again later
        451 4.7.650 The mail server [192.0.2.25] has been temporarily rate limited
        421 4.7.0 Too many errors
        421 Service not available, closing transmission channel
        421 4.4.2 Connection timed out
        450 Requested mail action not taken: mailbox unavailable
        451 Requested action aborted: local error in processing
        452 Requested action not taken: insufficient system storage
        452 Too many recipients received this hour
        452 4.5.3 Too many recipients
        454 Throttling failure: Maximum sending rate exceeded.
        432 4.7.12 A password transition is needed
        455 Server unable to accommodate parameters
        555 4.4.7 Message expired: unable to deliver in 840 minutes.<421 4.4.2 Connection timed out>
        554 4.3.2 Please try again later
        550 4.4.1 Persistent transient failure: no answer from host
        554-4.7.5 Certificate validation failure
        451 (#4.1.8) Domain of sender address does not resolve
        550 #4.2.1 mailbox busy
        450 2.0.0 nonsense before the code
        450 5.1.1.1 is no enhanced code
        426 connection timed out
        """,
    Reject: """
        550 5.1.1 <kim@mail.example.com>... User Unknown
        450 5.1.1 No such user
        421 5.7.1 We want nothing of you
        451 5.7.1 Refused by policy
        550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found
        556 5.1.10 Recipient address has null MX
        550 5.2.1 The email account that you tried to reach is disabled
        552 5.2.2 Mailbox full
        552 5.2.3 Message length exceeds limit set by recipient
        552 5.3.4 Message too large
        552 Too many recipients
        553 5.6.7 The address needs SMTPUTF8
        550 5.7.1 This message was blocked because of its content; try again in 300 seconds
        550 5.7.26 Unauthenticated mail
        550-5.7.1 Our system has detected that this message is
        550 sorry, no mailbox here by that name (#5.1.1)
        550 #5.1.0 Address rejected.
        554 Blocked, see https://example.com/?ip=192.0.2.1 and 4.2.1.9
        554 5.4.14 Hop count exceeded
        551 User not local
        553 sorry, that domain is not in my list of allowed hosts
        500 5.5.2 Syntax error
        571 Delivery not authorized
        550 2.1.5 nonsense
        550 4.2.1.7 is an address
        550 rejected by version 4.96.1 of us
        """,
    Sent: """
        250 2.0.0 OK: queued as ABC123
        250 OK
        251 User not local; will forward
        252 Cannot verify, will try
        250 2.1.5 OK, 5.1.1 is not meant
        """,
}
LINES = [(line.strip(), kind) for kind, lines in REPLIES.items() for line in lines.strip().splitlines()]


def read(response: str) -> Outcome:
    """Take `550 text` or `550-text` apart, as it comes off the wire."""
    found = re.match(r"(?:smtp; ?)?(\d{3})[ -]?(.*)", response, re.IGNORECASE | re.DOTALL)
    assert found is not None, response
    return outcome_of(int(found[1]), found[2])


@pytest.mark.parametrize(("line", "kind"), LINES)
def test_the_enhanced_code_counts_before_the_reply_code(line: str, kind: type[Outcome]) -> None:
    assert type(read(line)) is kind


def published() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(SAMPLE.read_text()) if SAMPLE.exists() else []
    return found


@pytest.mark.skipif(not SAMPLE.exists(), reason="the collection of replies is not here")
def test_published_replies_mean_what_was_published() -> None:
    wrong = [
        case["response"]
        for case in published()
        if not isinstance(read(case["response"]), MEANINGS[case["expected"]])
    ]
    assert wrong == []


def test_the_code_stands_on_any_line_of_a_reply() -> None:
    assert isinstance(outcome_of(550, b"we are sorry\n4.2.1 mailbox busy"), Retry)
    assert isinstance(outcome_of(450, b"5.7.1 no\n5.7.1 never"), Reject)
    assert outcome_of(550, b"5.7.1 no\n5.7.1 never") == Reject("550 5.7.1 no 5.7.1 never")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Greylisted, please try again in 300 seconds", 300),
        ("Greylisted for 5 minutes (see http://postgrey.example.com/)", 300),
        ("Greylisting in action, please come back in 00:04:57", 297),
        ("Please retry after 90 sec", 90),
        ("try again after 1 hour", 3600),
        ("Too many messages, wait 45s", 45),
        ("Retry-After: 120", 120),
        ("Blocked for 10 min. Your limit is 500 messages in 24 hours", 600),
        ("You are deferred; retry in 99999 hours", 86_400),
        ("Try again later", None),
        ("Try again later. You may send 60 messages per 5 minutes", None),
        ("Message expired: unable to deliver in 840 minutes", None),
        ("Connection from 192.0.2.1 blocked, see https://example.com/300", None),
        ("Try again in 0 seconds", None),
    ],
)
def test_a_server_that_says_when_is_taken_at_its_word(text: str, seconds: int | None) -> None:
    answer = outcome_of(450, f"4.7.1 {text}")
    assert isinstance(answer, Retry)
    assert answer.after == (timedelta(seconds=seconds) if seconds else None)


@pytest.mark.parametrize(
    ("reply", "suppressed"),
    [
        ("550 5.1.1 no such user", True),
        ("550 5.1.6 moved", True),
        ("556 5.1.10 null MX", True),
        ("550 5.1.8 bad sender", False),
        ("550 5.1.0 rejected", False),
        ("550 5.2.1 disabled", False),
        ("552 5.2.2 full", False),
        ("550 5.7.1 policy", False),
        ("550 5.0.0 User unknown", False),
        ("550 no such user", False),
    ],
)
def test_only_an_address_that_certainly_is_none_is_suppressed(reply: str, suppressed: bool) -> None:
    answer = read(reply)
    assert isinstance(answer, Reject)
    assert answer.suppress == ("bounced" if suppressed else None)


@pytest.mark.parametrize(
    ("reply", "of_the_server"),
    [
        ("421 4.7.0 later", True),
        ("452 4.3.1 insufficient system storage", True),
        ("454 Throttling failure: Maximum sending rate exceeded", True),
        ("451 4.7.0 too many connections from you", True),
        ("450 4.7.1 sender rate limit exceeded", True),
        ("450 4.7.1 Greylisted, try again in 300 seconds", False),
        ("452 4.2.2 mailbox full", False),
        ("450 4.2.1 mailbox busy", False),
    ],
)
def test_what_would_meet_the_next_message_too_is_said_of_the_server(reply: str, of_the_server: bool) -> None:
    answer = read(reply)
    assert isinstance(answer, Retry)
    assert answer.provider is of_the_server


def test_an_error_has_a_bounded_length() -> None:
    answer = outcome_of(550, b"x" * 10_000)
    assert isinstance(answer, Reject)
    assert len(answer.error) == 500


STAGES = ["MAIL", "RCPT", "DATA", "END"]


@pytest.fixture
def script() -> Script:
    """What the server says."""
    return Script()


@pytest.fixture
def channel(script: Script) -> Iterator[EmailChannel]:
    """A channel to it."""
    with scripted(script) as port:
        made = EmailChannel(f"smtp://127.0.0.1:{port}?tls=none", connections=1)
        yield made
        made.close()


@pytest.mark.parametrize("stage", STAGES)
def test_replies_mean_the_same_whenever_they_come(script: Script, channel: EmailChannel, stage: str) -> None:
    """But for a sender that is refused: that is nothing of the recipient's, and not of this message."""
    early = stage == "MAIL"
    script.replies[stage] = [
        "450 4.7.1 wait 60 seconds",
        "550-we are sorry\n550 5.1.1 no such user",
        "452 4.2.2 full",
    ]
    if early:
        script.replies["RCPT"] = "503 5.5.1 MAIL first"
    wait = timedelta(seconds=60)
    assert channel.send([email(job) for job in (1, 2, 3)]) == [
        Retry("450 4.7.1 wait 60 seconds", wait, provider=early),
        Reject("550 we are sorry 5.1.1 no such user", None if early else "bounced"),
        Retry("452 4.2.2 full", provider=early),
    ]
    assert script.connections == 1
