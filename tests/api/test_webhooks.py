"""What providers post counts once, is durable when it is answered, and must be theirs."""

import asyncio
import json
import shutil
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha1
from hmac import digest
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from automation_pipelines.api import app
from automation_pipelines.errors import FeedbackError
from automation_pipelines.feedback.adapters import PROVIDERS, ses
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.messages.tokens import Claim
from automation_pipelines.settings import Settings
from tests.api.served import Site, serving
from tests.feedback.amazon import CERTIFICATE, MADE, SUBSCRIBE, TOPIC, Amazon
from tests.mailroom import LINKS

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
ACCOUNT = {"account_sid": f"AC{'0' * 32}", "auth_token": "t" * 32, "numbers": "+15550100"}
META = {"secret": "app", "token": "tell-nobody"}
INVALID = Path(__file__).parents[3] / "shared" / "cases" / "webhooks_invalid_sample.jsonl"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("webhooks")
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_templates') / 'ledger.db', home)}"
    else:
        new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
        url = new_postgres(request.getfixturevalue("migrated_template"))
    database = Database.open(url)
    providers = {f"AUTOMATION_TWILIO__{name.upper()}": value for name, value in ACCOUNT.items()}
    providers |= {f"AUTOMATION_META__WEBHOOK_{name.upper()}": value for name, value in META.items()}
    providers["AUTOMATION_SENDGRID__WEBHOOK_KEY"] = PUBLIC
    with serving(database, home, **providers) as made:
        made.room.apply(topic="offers")
        yield made
    database.close()


def sendgrid(site: Site, body: bytes, *, stamp: str = "1760000000") -> httpx.Response:
    """Post as SendGrid does, signed."""
    signature = b64encode(KEY.sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode()
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": signature,
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        "Content-Type": "application/json",
    }
    with site.client() as client:
        return client.post("/webhooks/sendgrid", content=body, headers=headers)


def twilio(site: Site, *, secret: str = ACCOUNT["auth_token"], **fields: str) -> httpx.Response:
    """Post as Twilio does, who signs the public address."""
    url = f"{LINKS['public_url']}/webhooks/twilio?from=a%20b"
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    signature = b64encode(digest(secret.encode(), signed.encode(), sha1)).decode()
    with site.client() as client:
        return client.post(
            "/webhooks/twilio?from=a%20b", data=fields, headers={"X-Twilio-Signature": signature}
        )


def event(claim: Claim, word: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "timestamp": 1760000000 + number,
        "event": word,
        "sg_event_id": f"{word}-{claim.job_id}-{number}",
        "sg_message_id": "m",
        "job_id": str(claim.job_id),
        **more,
    }


def test_a_thousand_events_are_recorded_once_however_often_they_are_posted(site: Site) -> None:
    claim = site.letter()
    body = json.dumps([event(claim, "open", number) for number in range(999)] + [event(claim, "delivered")])
    for _ in range(3):
        answer = sendgrid(site, body.encode())
        assert (answer.status_code, answer.content) == (200, b"")
    assert len(site.events(claim)) == 1000


def test_who_writes_stop_hears_no_more_and_who_writes_start_does_again(site: Site) -> None:
    number = "+4915112345678"
    theirs = Claim(1, "sms", address_hash(site.database.salt, "sms", number), "", "", 0)
    site.letter(channel="sms", address=number)
    for place, (word, wanted) in enumerate((("Stop", {("", "unsubscribed")}), ("START", set()))):
        fields = {"MessageSid": f"SM{place}", "From": number, "To": "+15550100", "Body": word}
        for _ in range(2):
            answer = twilio(site, SmsStatus="received", **fields)
            assert (answer.status_code, answer.content) == (200, b"")
        assert site.suppressed(theirs) == wanted


def test_what_is_not_theirs_is_refused_and_leaves_nothing(site: Site) -> None:
    claim = site.letter()
    before = site.count()
    body = json.dumps([event(claim, "bounce")]).encode()
    with site.client() as client:
        for name in PROVIDERS:
            assert client.post(f"/webhooks/{name}", content=body).status_code in (400, 403), name
            assert client.get(f"/webhooks/{name}?hub.mode=subscribe&hub.challenge=1").status_code in (
                400,
                403,
            )
        for name in ("nobody", "%2e%2e", "SendGrid ", "sendgrid/x", ""):
            assert client.post(f"/webhooks/{name}", content=body).status_code == 404
    assert twilio(site, secret="x" * 32, MessageSid="SM9", From="+1", Body="STOP").status_code == 403
    assert site.count() == before


def test_meta_sets_its_webhook_up_by_a_question(site: Site) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444<b>", "hub.verify_token": META["token"]}
    with site.client() as client:
        answer = client.get("/webhooks/meta", params=asked)
        assert (answer.status_code, answer.text) == (200, asked["hub.challenge"])
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"
        for wrong in ({"hub.verify_token": "guess"}, {"hub.mode": "unsubscribe"}, {"hub.verify_token": ""}):
            answer = client.get("/webhooks/meta", params=asked | wrong)
            assert (answer.status_code, answer.text) == (403, "403\n")
        assert client.get("/webhooks/sendgrid", params=asked).status_code == 403
        body = b'{"entry": []}'
        headers = {"X-Hub-Signature-256": f"sha256={digest(b'app', body, 'sha256').hex()}"}
        assert client.post("/webhooks/meta", content=body, headers=headers).content == b""


def test_while_amazon_is_asked_everybody_else_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    amazon, asked, answered = Amazon(), threading.Event(), threading.Event()

    def get(url: str) -> bytes:
        asked.set()
        if not answered.wait(5):
            raise AssertionError
        return amazon.get(url)

    def away(_: str) -> bytes:
        raise FeedbackError

    known = Settings.model_validate({"home": tmp_path, "ses": {"webhook_topics": TOPIC}, **LINKS})
    monkeypatch.setattr(app, "PROVIDERS", {"ses": ses.adapter(get), "away": ses.adapter(away)})
    built = app.build(Installation.open(known), lambda: MADE)
    confirmation = amazon.sign(
        Type="SubscriptionConfirmation", Message="Do", Token="t", SubscribeURL=SUBSCRIBE
    )

    async def ask() -> None:
        transport = httpx.ASGITransport(built)
        async with httpx.AsyncClient(transport=transport, base_url="http://a.example") as client:
            first = asyncio.create_task(client.post("/webhooks/ses", json=confirmation))
            await asyncio.to_thread(asked.wait, 5)
            assert (await client.get("/webhooks/nobody")).status_code == 404
            answered.set()
            assert (await first).status_code == 200
            assert amazon.asked == [CERTIFICATE, SUBSCRIBE]
            later = await client.post("/webhooks/away", json=confirmation)
            assert (later.status_code, later.headers["retry-after"].isdecimal()) == (503, True)

    asyncio.run(ask())


@pytest.mark.skipif(not INVALID.exists(), reason="the shared cases are not here")
def test_refused_elsewhere_refused_here(site: Site) -> None:
    names = {"Amazon SES": "ses", "SendGrid": "sendgrid"}
    before = site.count()
    with site.client() as client:
        for line in INVALID.read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            name = names.get(case["esp"], case["esp"].lower().replace(" ", ""))
            answer = client.post(f"/webhooks/{name}", content=case["body"], headers=case["headers"])
            assert 400 <= answer.status_code < 500, case["id"]
    assert site.count() == before


HOSTILE = {
    "deep lists": b"[" * 400_000,
    "deep objects": b'{"a":' * 150_000,
    "a number longer than any": b'[{"event":"open","timestamp":' + b"9" * 900_000 + b"}]",
    "numbers that are none": b'[{"event":"open","timestamp":NaN,"job_id":1e999,"sg_event_id":Infinity}]',
    "no text": b'[{"event":"\xff\xfe"}]',
    "half a character": b'[{"event":"open","email":"\\ud800@x","sg_event_id":"\\ud800"}]',
    "zero": b'[{"event":"open","sg_event_id":"a\\u0000b","url":"\\u0000","ip":"\\u0000"}]',
    "wrong kinds": b'[1,null,"a",[],{"event":{}},{"event":["open"]},{"event":"open","timestamp":[]}]',
    "long words": b'[{"event":"click","sg_event_id":"' + b"x" * 100_000 + b'","timestamp":1760000000}]',
    "far away": b'[{"event":"open","sg_event_id":"far","timestamp":1e17,"job_id":99999999999999999999999}]',
    "many names": b'[{"event":"open"' + b',"event":"open"' * 50_000 + b"}]",
    "nothing": b"",
    "a bare word": b"open",
}


@pytest.mark.parametrize("body", HOSTILE)
def test_hostile_json_harms_nobody_even_when_it_is_signed(site: Site, body: str) -> None:
    assert sendgrid(site, HOSTILE[body]).status_code in (200, 400)
    claim = site.letter()
    assert sendgrid(site, json.dumps([event(claim, "delivered")]).encode()).status_code == 200
    assert [one["type"] for one in site.events(claim)] == ["delivered"]
