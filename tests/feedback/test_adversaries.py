"""Whatever is in a post: nothing breaks, what is good counts, what is told can be stored and names nobody.

Each field of each sample is left out, and replaced by each of what no provider would say.
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import sqlalchemy as sa

from automation_pipelines.errors import ForgedError, MalformedError
from automation_pipelines.feedback import Told, store
from automation_pipelines.feedback.adapters import PROVIDERS, Reading, Request
from automation_pipelines.feedback.adapters.fields import form_of
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import events
from automation_pipelines.settings import Settings
from tests.past import NOON

SAMPLES = Path(__file__).parents[3] / "shared" / "cases" / "webhooks_sample.jsonl"
NAMES = {"Amazon SES": "ses", "Mailgun": "mailgun", "Postmark": "postmark", "SendGrid": "sendgrid"}
NOBODY = Settings()
STAMP = int(NOON.timestamp())
UNFIT = re.compile("[\x00-\x1f\ud800-\udfff]")
PERSONAL = re.compile("jane|@|4915112345678")
SOMEBODY, NUMBER = "jane.doe+spring@mail.example.com", "+4915112345678"


def nested(depth: int) -> Any:
    found: Any = {}
    for level in range(depth):
        found = [found] if level % 2 else {"a": found, "event": found}
    return found


NASTY: dict[str, Any] = {
    "nothing": None,
    "a truth": True,
    "an empty list": [],
    "an empty object": {},
    "something deep": nested(12),
    "a huge number": 10**400,
    "a number below": -(10**30),
    "no number": float("nan"),
    "more than any": float("inf"),
    "half a character": "\ud800x",
    "controls": "a\x00b\x1b\u2028\u202e",
    "a long text": "y" * 20_000,
    "an address": SOMEBODY,
    "a phone": NUMBER,
    "a far time": "99999999999999999",
    "before all time": "0001-01-01T00:00:00+14:00",
    "after all time": "9999-12-31T23:59:59-14:00",
    "no time": "2026-13-45T99:99:99Z",
    "digits of others": "٣٤²",
}

JSON: list[tuple[str, Any]] = [
    ("brevo", {"event": "hard_bounce", "email": SOMEBODY, "ts_epoch": STAMP * 1000, "message-id": "<m@x>",
               "id": 1, "reason": "550 5.1.1", "X-Mailin-custom": '{"job_id": "12"}', "link": "https://x"}),
    ("sparkpost", [{"msys": {"message_event": {
        "type": "bounce", "rcpt_to": SOMEBODY, "event_id": "1", "bounce_class": "10", "timestamp": str(STAMP),
        "raw_reason": "550 who?", "rcpt_meta": {"job_id": "12"}, "user_agent": "x", "error_code": "550"}}}]),
    ("resend", {"type": "email.bounced", "created_at": NOON.isoformat(), "data": {
        "email_id": "e", "to": [SOMEBODY], "tags": {"job_id": "12"}, "bounce": {"type": "Permanent"},
        "headers": [{"name": "X-Job-ID", "value": "12"}]}}),
    ("meta", {"entry": [{"changes": [{"value": {
        "statuses": [{"id": "w1", "status": "failed", "timestamp": str(STAMP), "recipient_id": NUMBER,
                      "errors": [{"code": 131026}], "biz_opaque_callback_data": '{"job_id": "1"}'}],
        "messages": [{"id": "w2", "from": NUMBER, "timestamp": str(STAMP), "text": {"body": "Stop"}}]}}]}]}),
    ("ses", {"eventType": "Open", "mail": {"messageId": "m", "destination": [SOMEBODY],
             "tags": {"job_id": ["1"]}, "timestamp": NOON.isoformat()},
             "open": {"userAgent": "x", "timestamp": NOON.isoformat()}}),
    ("mailgun", {"event-data": {
        "event": "failed", "severity": "permanent", "recipient": SOMEBODY, "timestamp": float(STAMP),
        "id": "x", "user-variables": {"job_id": "12"}, "delivery-status": {"code": 550, "message": "no"},
        "message": {"headers": {"message-id": "m"}}, "client-info": {"user-agent": "x"}, "url": "https://x"}}),
]  # fmt: skip
FORMS: list[tuple[str, list[tuple[str, str]]]] = [
    ("twilio", parse_qsl(f"MessageSid=SM1&MessageStatus=failed&ErrorCode=30005&To={NUMBER[1:]}")),
    ("twilio", parse_qsl(f"MessageSid=SM2&SmsStatus=received&From={NUMBER[1:]}&To=15550100&Body=Stop")),
]
if SAMPLES.is_file():
    for case in map(json.loads, SAMPLES.read_text(encoding="utf-8").splitlines()):
        headers = {name.lower(): value for name, value in case["headers"].items()}
        name, body = NAMES[case["esp"]], case["body"]
        if "form" in headers["content-type"]:
            FORMS.append((name, form_of(Request(headers, body.encode(), ""), name)))
        else:
            JSON.append((name, json.loads(body)))


def broken(value: Any) -> Iterator[Any]:
    """The same with one thing in it missing, or something else."""
    if isinstance(value, str) and value.startswith('{"'):  # one document within another
        yield from map(json.dumps, broken(json.loads(value)))
    elif isinstance(value, dict):
        for name in value:
            yield {other: value[other] for other in value if other != name}
            yield from ({**value, name: instead} for instead in broken(value[name]))
    elif isinstance(value, list):
        yield from ([], value * 2, [*NASTY.values(), *value])
        for place, one in enumerate(value):
            yield from ([*value[:place], instead, *value[place + 1 :]] for instead in broken(one))
    yield from NASTY.values()


def broken_form(fields: Sequence[tuple[str, str]]) -> Iterator[bytes]:
    for place, (name, value) in enumerate(fields):
        rest = [*fields[:place], *fields[place + 1 :]]
        yield urlencode(rest).encode()
        yield urlencode([*fields, (name, value)] * 100).encode()
        for nasty in NASTY.values():
            text = nasty if isinstance(nasty, str) else json.dumps(nasty)
            yield urlencode([*rest, (name, text)], errors="surrogatepass").encode()
            yield urlencode([*fields, (name, text)], errors="surrogatepass").encode()


def read(provider: str, body: bytes) -> Reading:
    try:
        return PROVIDERS[provider].translate(Request({}, body, "https://a.example/w"), NOBODY, NOON)
    except (MalformedError, ForgedError) as error:
        return Reading(problems=(str(error),))


def require_storable(told: Told) -> None:
    texts = (told.address, told.link, told.message_id, told.provider_id, told.kind, told.cause, told.topic)
    said = "".join(text or "" for text in (*texts, *map(str, told.detail.values())))
    assert not UNFIT.search(said)
    assert re.fullmatch(r"[!-~]{1,200}", told.identity)
    assert timedelta(0) <= told.at - datetime(2000, 1, 1, tzinfo=UTC)
    assert told.at <= NOON + timedelta(days=1)
    assert told.job_id is None or 0 <= told.job_id < 2**63


def require_nobody(reading: Reading) -> None:
    said = [one for told in reading.events for one in (told.kind, told.cause, *told.detail.values())]
    assert not PERSONAL.search(" ".join(map(str, (*said, *reading.problems))))


@cache
def everything() -> tuple[Told, ...]:
    """What all of it tells, looked through."""
    bodies = [(provider, json.dumps(one).encode()) for provider, body in JSON for one in broken(body)]
    bodies += [(provider, body) for provider, fields in FORMS for body in broken_form(fields)]
    told: dict[str, Told] = {}
    for provider, body in bodies:
        reading = read(provider, body)
        require_nobody(reading)
        for one in reading.events[:100]:
            require_storable(one)
            told[one.identity] = one
    return tuple(told.values())


def test_whatever_is_in_a_post(database: Database) -> None:
    told = everything()
    assert store(database, told, NOON).events == len(told) > 500
    assert database.read(sa.select(sa.func.count()).select_from(events)).item() == len(told)


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("sendgrid", [{"event": "open", "sg_event_id": "1", "email": SOMEBODY}]),
        ("sparkpost", next(body for name, body in JSON if name == "sparkpost")),
        ("meta", next(body for name, body in JSON if name == "meta")),
    ],
)
def test_what_is_good_counts_beside_what_is_bad(provider: str, body: Any) -> None:
    good = {one.identity for one in read(provider, json.dumps(body).encode()).events}
    assert good
    if provider == "meta":
        (entry,) = body["entry"]
        (change,) = entry["changes"]
        changes = [*NASTY.values(), change, {"value": {"statuses": list(NASTY.values())}}]
        mixed: Any = {"entry": [*NASTY.values(), {"changes": changes}, {"changes": 7}]}
    else:
        mixed = [*NASTY.values(), *body, *NASTY.values(), *body]
    found = [one.identity for one in read(provider, json.dumps(mixed).encode()).events]
    assert good <= set(found)


def test_ten_thousand_at_once() -> None:
    many = range(10_000)
    statuses = [{"id": number, "status": "sent"} for number in many]
    posts: dict[str, Any] = {
        "sendgrid": [{"event": "open", "sg_event_id": number} for number in many],
        "meta": {"entry": [{"changes": [{"value": {"statuses": statuses}}]}]},
        "ses": {
            "eventType": "Bounce",
            "bounce": {"bouncedRecipients": [{"emailAddress": f"{number}@x.example"} for number in many]},
        },
    }
    for provider, body in posts.items():
        reading = read(provider, json.dumps(body).encode())
        assert len({one.identity for one in reading.events}) == len(many), provider
