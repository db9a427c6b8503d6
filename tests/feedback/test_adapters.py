"""Providers' posts: what each of their words means, who may say it, and that no body brings anything down."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation_pipelines.errors import FeedbackError, ForgedError, MalformedError
from automation_pipelines.feedback.adapters import PROVIDERS, Reading, Request, ses
from automation_pipelines.feedback.adapters.sns import fetch
from automation_pipelines.feedback.adapters.twilio import ADAPTER as TWILIO
from automation_pipelines.model import EventType
from automation_pipelines.settings import Settings
from tests.feedback.amazon import CERTIFICATE, SUBSCRIBE, TOPIC, Amazon

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
NOBODY = Settings()
CASES = Path(__file__).parents[3] / "shared" / "cases"
JANE = "jane@mail.example.com"


def read(provider: str, body: object, *, url: str = "https://a.example/w", **headers: str) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request({name.replace("_", "-"): value for name, value in headers.items()}, raw, url)
    return PROVIDERS[provider].translate(request, NOBODY, NOW)


def meant(reading: Reading) -> list[tuple[str, str | None]]:
    return [(str(one.type), one.kind) for one in reading.events]


def sendgrid(event: str, **more: object) -> object:
    return [{"email": JANE, "timestamp": int(STAMP), "event": event, "sg_event_id": "id", **more}]


def mailgun(event: str, **more: object) -> object:
    return {"event-data": {"event": event, "recipient": JANE, "timestamp": float(STAMP), "id": "x", **more}}


def brevo(event: str, **more: object) -> object:
    return {"event": event, "email": JANE, "ts_epoch": int(STAMP) * 1000, "message-id": "<m@x>", **more}


def sparkpost(type_: str, **more: object) -> object:
    return [{"msys": {"message_event": {"type": type_, "rcpt_to": JANE, "event_id": "1", **more}}}]


def resend(type_: str, **data: object) -> object:
    return {"type": type_, "created_at": NOW.isoformat(), "data": {"email_id": "e", "to": [JANE], **data}}


def aws(type_: str, place: str = "", **more: object) -> object:
    mail = {"messageId": "m", "destination": [JANE], "timestamp": NOW.isoformat()}
    return {"eventType": type_, "mail": mail, **({place: more} if place else {})}


def bounce(type_: str, sub: str, **more: str) -> object:
    return aws(
        "Bounce",
        "bounce",
        bounceType=type_,
        bounceSubType=sub,
        bouncedRecipients=[{"emailAddress": JANE, **more}],
        timestamp=NOW.isoformat(),
    )


def postmark(record: str, type_: str | None = None, **more: object) -> object:
    return {"RecordType": record, "Type": type_, "MessageID": "m", "Email": JANE, "ID": 4, **more}


MEANINGS: list[tuple[str, object, str, str | None]] = [
    ("sendgrid", sendgrid("processed"), "sent", None),
    ("sendgrid", sendgrid("deferred"), "deferred", None),
    ("sendgrid", sendgrid("bounce", type="bounce", reason="550 5.1.1 no such user"), "bounced", "hard"),
    ("sendgrid", sendgrid("bounce", type="bounce", status="5.2.2", reason="over quota"), "bounced", "soft"),
    ("sendgrid", sendgrid("bounce", type="blocked", reason="550 see spamhaus"), "bounced", "block"),
    ("sendgrid", sendgrid("bounce", bounce_classification="Invalid Address"), "bounced", "hard"),
    ("sendgrid", sendgrid("dropped", reason="Bounced Address"), "failed", "bounced"),
    ("sendgrid", sendgrid("dropped", reason="Unsubscribed Address"), "failed", "unsubscribed"),
    ("sendgrid", sendgrid("dropped", reason="Invalid SMTPAPI header"), "failed", "dropped"),
    ("sendgrid", sendgrid("group_resubscribe"), "unknown", None),
    ("sendgrid", sendgrid("teleported"), "unknown", None),
    ("mailgun", mailgun("accepted"), "sent", None),
    ("mailgun", mailgun("failed", severity="temporary", reason="generic"), "deferred", None),
    (
        "mailgun",
        mailgun(
            "failed", severity="permanent", **{"delivery-status": {"code": 550, "message": "no such user"}}
        ),
        "bounced",
        "hard",
    ),
    (
        "mailgun",
        mailgun(
            "failed", severity="permanent", **{"delivery-status": {"code": 552, "message": "mailbox full"}}
        ),
        "bounced",
        "soft",
    ),
    ("mailgun", mailgun("failed", severity="permanent", reason="suppress-complaint"), "failed", "complained"),
    ("mailgun", mailgun("complained"), "complained", None),
    ("mailgun", mailgun("list_member_uploaded"), "unknown", None),
    ("postmark", postmark("Bounce", "HardBounce", Details="550 5.1.1 unknown user"), "bounced", "hard"),
    ("postmark", postmark("Bounce", "HardBounce", Details="552 5.2.2 mailbox full"), "bounced", "soft"),
    ("postmark", postmark("Bounce", "Transient"), "deferred", None),
    ("postmark", postmark("Bounce", "Blocked", Details="550 blocked"), "bounced", "block"),
    ("postmark", postmark("Bounce", "AutoResponder"), "unknown", "auto"),
    ("postmark", postmark("Bounce", "NewSort"), "bounced", "soft"),
    ("postmark", postmark("SpamComplaint", "SpamComplaint"), "complained", None),
    (
        "postmark",
        postmark("SubscriptionChange", SuppressSending=True, SuppressionReason="ManualSuppression"),
        "unsubscribed",
        None,
    ),
    (
        "postmark",
        postmark("SubscriptionChange", SuppressSending=True, SuppressionReason="HardBounce"),
        "bounced",
        "hard",
    ),
    ("postmark", postmark("SubscriptionChange", SuppressSending=False), "unknown", "resubscribed"),
    ("postmark", postmark("Inbound"), "unknown", None),
    ("ses", aws("Send", "send"), "sent", None),
    ("ses", aws("DeliveryDelay", "deliveryDelay", delayType="MailboxFull"), "deferred", None),
    ("ses", bounce("Permanent", "NoEmail"), "bounced", "hard"),
    ("ses", bounce("Permanent", "General", diagnosticCode="smtp; 550 5.7.1 spam"), "bounced", "block"),
    ("ses", bounce("Permanent", "General", status="5.2.2"), "bounced", "soft"),
    ("ses", bounce("Permanent", "OnAccountSuppressionList"), "bounced", "soft"),
    ("ses", bounce("Transient", "MailboxFull"), "bounced", "soft"),
    ("ses", bounce("Transient", "ContentRejected"), "bounced", "block"),
    ("ses", bounce("Undetermined", "Undetermined"), "bounced", "soft"),
    ("ses", aws("Complaint", "complaint", complainedRecipients=[{"emailAddress": JANE}]), "complained", None),
    ("ses", aws("Reject", "reject", reason="Bad content"), "failed", "dropped"),
    ("ses", aws("Rendering Failure", "failure", errorMessage="x"), "failed", "dropped"),
    (
        "ses",
        aws("Subscription", "subscription", newTopicPreferences={"unsubscribeAll": True}),
        "unsubscribed",
        None,
    ),
    (
        "ses",
        aws("Subscription", "subscription", newTopicPreferences={"unsubscribeAll": False}),
        "unknown",
        None,
    ),
    ("ses", aws("Levitation"), "unknown", None),
    ("sparkpost", sparkpost("injection"), "sent", None),
    ("sparkpost", sparkpost("bounce", bounce_class="10", raw_reason="550 5.1.1 who?"), "bounced", "hard"),
    ("sparkpost", sparkpost("bounce", bounce_class="22", raw_reason="552 quota"), "bounced", "soft"),
    ("sparkpost", sparkpost("bounce", bounce_class="51"), "bounced", "block"),
    ("sparkpost", sparkpost("out_of_band", bounce_class="60"), "unknown", "auto"),
    ("sparkpost", sparkpost("out_of_band", bounce_class="90"), "unsubscribed", None),
    ("sparkpost", sparkpost("policy_rejection"), "failed", None),
    ("sparkpost", sparkpost("initial_open"), "opened", "initial"),
    ("sparkpost", sparkpost("relay_tempfail"), "unknown", None),
    ("brevo", brevo("request"), "sent", None),
    ("brevo", brevo("hard_bounce"), "bounced", "hard"),
    ("brevo", brevo("hardBounce", reason="550 5.2.2 mailbox full"), "bounced", "soft"),
    ("brevo", brevo("soft_bounce", reason="550 5.1.1 unknown user"), "bounced", "soft"),
    ("brevo", brevo("blocked"), "failed", "dropped"),
    ("brevo", brevo("unique_proxy_open"), "opened", "proxy"),
    ("brevo", brevo("unsubscribed"), "unsubscribed", None),
    ("brevo", brevo("contact_sneezed"), "unknown", None),
    ("resend", resend("email.delivery_delayed"), "deferred", None),
    (
        "resend",
        resend("email.bounced", bounce={"type": "Permanent", "subType": "General"}),
        "bounced",
        "hard",
    ),
    (
        "resend",
        resend("email.bounced", bounce={"type": "Permanent", "subType": "Suppressed"}),
        "bounced",
        "soft",
    ),
    (
        "resend",
        resend("email.bounced", bounce={"type": "Transient", "subType": "MailboxFull"}),
        "bounced",
        "soft",
    ),
    ("resend", resend("email.suppressed"), "failed", "bounced"),
    ("resend", resend("email.wondered"), "unknown", None),
]


@pytest.mark.parametrize(("provider", "body", "type_", "kind"), MEANINGS)
def test_a_word_of_a_provider_in_ours(provider: str, body: object, type_: str, kind: str | None) -> None:
    reading = read(provider, body)
    assert (meant(reading), reading.problems) == ([(type_, kind)], ())
    (told,) = reading.events
    assert (told.provider, told.channel, told.address) == (provider, "email", JANE)
    assert told.identity.startswith(f"{provider}:")
    assert JANE not in json.dumps(dict(told.detail))
    assert told.at == NOW


ECHOES: list[tuple[str, object]] = [
    ("sendgrid", sendgrid("open", job_id="12", identity="a.b")),
    ("mailgun", mailgun("opened", **{"user-variables": {"job_id": "12", "identity": "a.b"}})),
    ("postmark", postmark("Open", Metadata={"job_id": "12", "identity": "a.b"})),
    ("sparkpost", sparkpost("open", rcpt_meta={"job_id": "12", "identity": "a.b"})),
    ("brevo", brevo("opened", **{"X-Mailin-custom": '{"job_id": "12", "identity": "a.b"}'})),
    ("resend", resend("email.opened", tags={"job_id": "12", "identity": "a.b"})),
    ("resend", resend("email.opened", headers=[{"name": "X-Job-ID", "value": "12"}], message_id="a.b")),
    (
        "ses",
        {
            "eventType": "Open",
            "mail": {
                "destination": [JANE],
                "headers": [{"name": "X-Job-ID", "value": "12"}, {"name": "Message-ID", "value": "a.b"}],
            },
        },
    ),
]


@pytest.mark.parametrize(("provider", "body"), ECHOES)
def test_whose_message_it_was_is_echoed(provider: str, body: object) -> None:
    (told,) = read(provider, body).events
    assert (told.job_id, told.message_id) == (12, "a.b")


MACHINES: list[tuple[str, object]] = [
    ("sendgrid", sendgrid("open", sg_machine_open=True)),
    ("mailgun", mailgun("opened", **{"client-info": {"bot": "apple"}})),
    ("sparkpost", sparkpost("open", is_prefetched=True)),
    ("brevo", brevo("proxy_open")),
    ("sendgrid", sendgrid("click", useragent="Barracuda Sentinel (EE)")),
    ("mailgun", mailgun("opened", **{"client-info": {"user-agent": "Mozilla/5.0"}})),
    ("postmark", postmark("Open", UserAgent="python-requests/2.32")),
    ("ses", aws("Click", "click", userAgent="GoogleImageProxy")),
    ("resend", resend("email.clicked", click={"userAgent": "curl/8"})),
]


@pytest.mark.parametrize(("provider", "body"), MACHINES)
def test_what_a_provider_knows_for_a_machine_is_marked(provider: str, body: object) -> None:
    (told,) = read(provider, body).events
    assert told.machine is True


def test_events_under_one_id_stay_apart_and_a_retry_is_the_same() -> None:
    words = ("processed", "deferred", "delivered", "open", "click", "bounce", "dropped", "spamreport")
    body = [event for word in words for event in sendgrid(word)]  # type: ignore[attr-defined]
    first, again = read("sendgrid", body).events, read("sendgrid", list(reversed(body))).events
    assert len({one.identity for one in first}) == len(words)
    assert {one.identity for one in first} == {one.identity for one in again}


def test_of_several_recipients_each_has_an_event_of_their_own() -> None:
    many = aws("Delivery", "delivery", recipients=[JANE, "bob@x.example"])
    assert [one.address for one in read("ses", many).events] == [JANE, "bob@x.example"]
    opened = {
        "eventType": "Open",
        "mail": {"destination": [JANE, "bob@x.example"], "messageId": "m"},
        "open": {},
    }
    assert [one.address for one in read("ses", opened).events] == [None]  # who it was is not told


def test_what_is_wrong_in_a_batch_is_told_and_the_rest_counts() -> None:
    reading = read("sendgrid", [*sendgrid("open"), 7, {"event": None}, *sendgrid("click")])  # type: ignore[misc]
    assert [str(one.type) for one in reading.events] == ["opened", "clicked"]
    assert reading.problems == ("event 2: no JSON object", "event 3: it has no `event`")


TWILIO_STATUSES = [
    ("queued", None, "sent", None),
    ("sent", None, "sent", None),
    ("delivered", None, "delivered", None),
    ("read", None, "opened", None),
    ("undelivered", "30001", "bounced", "soft"),
    ("undelivered", "30003", "bounced", "soft"),
    ("undelivered", "30005", "bounced", "hard"),
    ("undelivered", "30007", "bounced", "block"),
    ("undelivered", "99999", "bounced", "soft"),
    ("failed", "21211", "bounced", "hard"),
    ("failed", "21610", "unsubscribed", "stop"),
    ("failed", "63016", "bounced", "block"),
    ("failed", "30002", "failed", None),
    ("canceled", None, "failed", None),
    ("meditating", None, "unknown", None),
]


@pytest.mark.parametrize(("status", "code", "type_", "kind"), TWILIO_STATUSES)
def test_a_status_of_twilios(status: str, code: str | None, type_: str, kind: str | None) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": status, "To": "whatsapp:+15550100"}
    body = urlencode(form | ({"ErrorCode": code} if code else {})).encode()
    reading = read("twilio", body, url="https://a.example/w?job=12&identity=a.b")
    assert meant(reading) == [(type_, kind)]
    (told,) = reading.events
    assert (told.job_id, told.message_id, told.provider_id) == (12, "a.b", "SM1")
    assert (told.channel, told.address) == ("whatsapp", "+15550100")


INBOUND = [
    ("STOP", None, "unsubscribed", "stop"),
    (" stop! ", None, "unsubscribed", "stop"),
    ("Arrêt", None, "unsubscribed", "stop"),
    ("Please stop by tomorrow", None, "replied", None),
    ("whatever", "STOP", "unsubscribed", "stop"),
    ("Start", None, "replied", "start"),
    ("yes", None, "replied", None),
    ("yes", "START", "replied", "start"),
    ("HELP", None, "replied", "help"),
    ("", None, "replied", None),
]


@pytest.mark.parametrize(("text", "opted", "type_", "kind"), INBOUND)
def test_what_somebody_writes(text: str, opted: str | None, type_: str, kind: str | None) -> None:
    form = {
        "MessageSid": "SM2",
        "SmsStatus": "received",
        "From": "+15550100",
        "To": "+15550199",
        "Body": text,
    }
    reading = read("twilio", urlencode(form | ({"OptOutType": opted} if opted else {})).encode())
    assert meant(reading) == [(type_, kind)]
    (told,) = reading.events
    assert (told.channel, told.address, told.all_tenants_but) == ("sms", "+15550100", frozenset())


def test_a_number_that_tenants_have_for_themselves_is_theirs_alone() -> None:
    senders = {"7": {"numbers": "+15550107"}, "8": {"numbers": "+15550107, +15550108"}, "9": {}}
    known = Settings.model_validate(
        {
            "twilio": {
                "account_sid": "AC" + "0" * 32,
                "auth_token": "x",
                "numbers": "+15550199",
                "tenants": senders,
            }
        }
    )

    def concerned(number: str) -> list[tuple[int | None, frozenset[int] | None]]:
        form = {
            "MessageSid": "SM2",
            "SmsStatus": "received",
            "From": "+15550100",
            "To": number,
            "Body": "STOP",
        }
        reading = TWILIO.translate(Request({}, urlencode(form).encode(), ""), known, NOW)
        assert len({one.identity for one in reading.events}) == len(reading.events)
        return [(one.tenant_id, one.all_tenants_but) for one in reading.events]

    assert concerned("+15550107") == [(7, None), (8, None)]
    assert concerned("+15550108") == [(8, None)]
    assert concerned("+15550199") == [(None, frozenset({7, 8}))]


def test_whatsapp_without_a_provider_between() -> None:
    value = {
        "statuses": [
            {"id": "wamid.1", "status": "read", "timestamp": STAMP, "recipient_id": "15550100"},
            {"id": "wamid.2", "status": "failed", "errors": [{"code": 131026}], "recipient_id": "15550100"},
        ],
        "messages": [{"id": "wamid.3", "from": "15550100", "timestamp": STAMP, "text": {"body": "Stop"}}],
    }
    reading = read("meta", {"entry": [{"changes": [{"value": value}]}]})
    assert meant(reading) == [("opened", None), ("bounced", "soft"), ("unsubscribed", "stop")]
    assert {one.address for one in reading.events} == {"+15550100"}


Signed = Callable[[bytes], tuple[Mapping[str, str], bytes]]
"""A body → headers and body of a request that is the provider's."""


def _elliptic() -> tuple[Settings, Signed]:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def sign(body: bytes) -> tuple[Mapping[str, str], bytes]:
        signature = base64.b64encode(key.sign(STAMP.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
        name = "x-twilio-email-event-webhook"
        return {f"{name}-signature": signature, f"{name}-timestamp": STAMP}, body

    return Settings.model_validate({"sendgrid": {"webhook_key": base64.b64encode(public).decode()}}), sign


def _mailgun() -> tuple[Settings, Signed]:
    def sign(body: bytes) -> tuple[Mapping[str, str], bytes]:
        signature = hmac.new(b"key-1", f"{STAMP}tok".encode(), "sha256").hexdigest()
        block = {"timestamp": STAMP, "token": "tok", "signature": signature}
        return {}, json.dumps({**json.loads(body), "signature": block}).encode()

    return Settings.model_validate({"mailgun": {"webhook_key": "key-0 key-1"}}), sign


def _resend() -> tuple[Settings, Signed]:
    secret = base64.b64encode(b"some secret bytes").decode()

    def sign(body: bytes) -> tuple[Mapping[str, str], bytes]:
        signed = hmac.new(b"some secret bytes", f"msg_1.{STAMP}.".encode() + body, "sha256").digest()
        signature = f"v1,AAAA v1,{base64.b64encode(signed).decode()}"
        return {"svix-id": "msg_1", "svix-timestamp": STAMP, "svix-signature": signature}, body

    return Settings.model_validate({"resend": {"webhook_secret": f"whsec_{secret}"}}), sign


def _meta() -> tuple[Settings, Signed]:
    def sign(body: bytes) -> tuple[Mapping[str, str], bytes]:
        return {"x-hub-signature-256": f"sha256={hmac.new(b'app', body, 'sha256').hexdigest()}"}, body

    return Settings.model_validate({"meta": {"webhook_secret": "app", "webhook_token": "hello"}}), sign


def _shared(provider: str) -> tuple[Settings, Signed]:
    def sign(body: bytes) -> tuple[Mapping[str, str], bytes]:
        return {"authorization": f"Basic {base64.b64encode(b'hook:s3cret').decode()}"}, body

    return Settings.model_validate({provider: {"webhook_secret": "hook:s3cret other"}}), sign


def _twilio() -> tuple[Settings, Signed]:
    def sign(body: bytes) -> tuple[Mapping[str, str], bytes]:
        pairs = sorted(part.split("=", 1) for part in body.decode().split("&"))
        text = "https://a.example/w" + "".join(f"{name}{value}" for name, value in pairs)
        return {
            "x-twilio-signature": base64.b64encode(hmac.new(b"tok", text.encode(), "sha1").digest()).decode()
        }, body

    return Settings.model_validate({"twilio": {"account_sid": "AC" + "0" * 32, "auth_token": "tok"}}), sign


SIGNED: dict[str, tuple[Callable[[], tuple[Settings, Signed]], bytes]] = {
    "sendgrid": (_elliptic, json.dumps(sendgrid("open")).encode() + b"\r\n"),
    "mailgun": (_mailgun, json.dumps(mailgun("opened")).encode()),
    "resend": (_resend, json.dumps(resend("email.opened")).encode()),
    "meta": (_meta, b'{"entry": [{"changes": [{"value": {"statuses": [{"id": "1", "status": "sent"}]}}]}]}'),
    "postmark": (lambda: _shared("postmark"), json.dumps(postmark("Open")).encode()),
    "sparkpost": (lambda: _shared("sparkpost"), json.dumps(sparkpost("open")).encode()),
    "brevo": (lambda: _shared("brevo"), json.dumps(brevo("opened")).encode()),
    "twilio": (_twilio, b"MessageSid=SM1&MessageStatus=sent&To=15550100"),
}


@pytest.mark.parametrize("provider", SIGNED)
def test_only_what_is_the_providers_is_read(provider: str) -> None:
    make, body = SIGNED[provider]
    known, sign = make()
    adapter, (headers, signed) = PROVIDERS[provider], sign(body)

    def ask(headers: Mapping[str, str], body: bytes, now: datetime = NOW, of: Settings = known) -> int:
        return len(adapter.read(Request(headers, body, "https://a.example/w"), of, now=now).events)

    assert ask(headers, signed) == 1
    wrong = {name: value[:-4] + "AAA=" for name, value in headers.items() if "timestamp" not in name}
    tampered = signed.replace(STAMP.encode(), b"1") if provider == "mailgun" else signed + b" "
    shared = provider in {"postmark", "sparkpost", "brevo"}
    for refused in ((wrong, signed), ({}, signed), (headers, tampered)):
        if refused == (wrong, signed) and provider == "mailgun":
            continue  # it is signed within the body
        if refused == ({}, signed) and provider == "mailgun":
            continue
        if refused[1] == tampered and shared:
            continue  # a password says nothing of the body
        with pytest.raises(ForgedError):
            ask(*refused)
    with pytest.raises(ForgedError, match=f"AUTOMATION_{provider.upper()}__"):
        ask(headers, signed, of=NOBODY)
    if provider in {"mailgun", "resend"}:
        with pytest.raises(ForgedError, match="long ago"):
            ask(headers, signed, now=NOW + timedelta(days=1))


def test_an_api_keys_secret_is_not_what_twilio_signs_with() -> None:
    account = {"account_sid": "AC" + "0" * 32, "auth_token": "tok", "api_key_sid": "SK" + "0" * 32}
    body = SIGNED["twilio"][1]
    headers, _ = _twilio()[1](body)
    request = Request(headers, body, "https://a.example/w")
    with pytest.raises(ForgedError, match="WEBHOOK_AUTH_TOKEN"):
        TWILIO.read(request, Settings.model_validate({"twilio": account}), now=NOW)
    known = Settings.model_validate({"twilio": account | {"webhook_auth_token": "tok"}})
    assert TWILIO.read(request, known, now=NOW).events


def test_meta_is_answered_what_it_asks_when_the_webhook_is_set_up() -> None:
    known, _ = _meta()
    asked = "https://a.example/w?hub.mode=subscribe&hub.challenge=123&hub.verify_token="
    assert PROVIDERS["meta"].read(Request({}, b"", f"{asked}hello"), known, now=NOW).reply == "123"
    untold = Settings.model_validate({"meta": {"webhook_secret": "app"}})
    for wrong, of in (
        (f"{asked}guess", known),
        (asked, known),
        (f"{asked}h%C3%A9llo", known),
        (f"{asked}hello".replace("subscribe", "publish"), known),
        (f"{asked}hello".replace("hub.mode", "mode"), known),
        (f"{asked}hello", untold),
        (f"{asked}hello", NOBODY),
    ):
        with pytest.raises(ForgedError):
            PROVIDERS["meta"].read(Request({}, b"", wrong), of, now=NOW)


def test_amazon_is_believed_for_its_signature_on_our_topics() -> None:
    amazon = Amazon()
    adapter, known = ses.adapter(amazon.get), Settings.model_validate({"ses": {"webhook_topics": TOPIC}})

    def ask(envelope: Mapping[str, str], of: Settings = known, now: datetime = NOW) -> int:
        return len(adapter.read(Request({}, json.dumps(envelope).encode(), ""), of, now=now).events)

    event = json.dumps(aws("Open"))
    for version in ("1", "2"):
        assert ask(amazon.sign(version, Message=event, Subject="Amazon SES event")) == 1
    assert amazon.asked == [CERTIFICATE]  # once
    good = amazon.sign(Message=event)
    for refused in (
        {**good, "Message": json.dumps(aws("Click"))},
        {**good, "Signature": "AAAA"},
        {**good, "Signature": ""},
        {**good, "SignatureVersion": "3"},
        {**good, "SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"},
        {**good, "SigningCertURL": "http://sns.eu-west-1.amazonaws.com/x.pem"},
        {**good, "SigningCertURL": "https://evil@sns.eu-west-1.amazonaws.com/x.pem"},
        {**good, "SigningCertURL": "https://bucket.s3.amazonaws.com/x.pem"},
        {**good, "SigningCertURL": f"{CERTIFICATE}?x=.pem"},
        {**good, "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/?Action=Publish&x=.pem"},
        amazon.sign(Message=event, TopicArn=f"{TOPIC}-of-somebody-else"),
    ):
        with pytest.raises(ForgedError):
            ask(refused)
    with pytest.raises(ForgedError):  # the certificate has run out
        ask(good, now=NOW + timedelta(days=2))
    with pytest.raises(ForgedError, match="AUTOMATION_SES__WEBHOOK_TOPICS"):
        ask(good, of=NOBODY)
    assert amazon.asked == [CERTIFICATE]


def test_a_subscription_is_confirmed_where_amazon_asks_for_it() -> None:
    amazon = Amazon()
    adapter, known = ses.adapter(amazon.get), Settings.model_validate({"ses": {"webhook_topics": TOPIC}})

    def ask(url: str) -> Reading:
        confirm = amazon.sign(Type="SubscriptionConfirmation", Message="Do", Token="t", SubscribeURL=url)
        return adapter.read(Request({}, json.dumps(confirm).encode(), ""), known, now=NOW)

    assert ask(SUBSCRIBE) == Reading()
    assert amazon.asked == [CERTIFICATE, SUBSCRIBE]
    with pytest.raises(ForgedError):
        ask("https://evil.example/?Action=ConfirmSubscription")
    told = amazon.sign(Message="Successfully validated SNS topic for Amazon SES event publishing.")
    assert adapter.read(Request({}, json.dumps(told).encode(), ""), known, now=NOW) == Reading()
    with pytest.raises(MalformedError):
        read("ses", {"notificationType": "Received"})


def test_few_certificates_are_kept_and_only_what_is_one() -> None:
    amazon = Amazon()
    adapter, known = ses.adapter(amazon.get), Settings.model_validate({"ses": {"webhook_topics": TOPIC}})
    good = amazon.sign(Message=json.dumps(aws("Open")))

    def ask(number: int) -> bool:
        """Whether Amazon had to be asked."""
        posted = {**good, "SigningCertURL": CERTIFICATE.replace("-1.pem", f"-{number}a.pem")}
        request = Request({}, json.dumps(posted).encode(), "")
        before, asks = len(amazon.asked), adapter.asks(request)
        assert adapter.read(request, known, now=NOW).events
        assert asks == (len(amazon.asked) > before)
        return asks

    assert [ask(number) for number in (0, 0, *range(1, 17), 16, 0)] == [
        True,
        False,
        *[True] * 16,
        False,
        True,
    ]
    amazon.pem = b"no certificate"
    for _ in range(2):
        with pytest.raises(ForgedError, match="no certificate"):
            ask(99)
    assert not adapter.asks(Request({}, b"[", ""))


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A server that answers with too much, too slowly, or with something else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = {"/gone": 404, "/moved": 302, "/broken": 500}.get(self.path, 200)
            self.send_response(status)
            self.send_header("Location", "/fine")
            self.end_headers()
            with suppress(OSError):
                for _ in range({"/long": 40, "/slow": 40}.get(self.path, 1)):
                    self.wfile.write(b"x" * (10 if self.path == "/slow" else 10_000))
                    time.sleep(0.05 if self.path == "/slow" else 0)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_amazon_has_to_show_is_short_and_comes_soon(elsewhere: str) -> None:
    assert fetch(f"{elsewhere}/fine") == b"x" * 10_000
    for path in ("gone", "moved", "long"):
        with pytest.raises(ForgedError):
            fetch(f"{elsewhere}/{path}")
    for url, seconds in ((f"{elsewhere}/slow", 0.2), (f"{elsewhere}/broken", 5), ("http://127.0.0.1:9/x", 5)):
        with pytest.raises(FeedbackError) as away:
            fetch(url, seconds=seconds)
        assert type(away.value) is FeedbackError  # not Amazon's last word


HOSTILE = [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5000, b'"x"',
           b"[NaN, 1e999]", b"--x\r\n\r\n--x--", b"a=%ff%00&" * 3000, b"[null, [], {}, 7]"]  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_body_brings_a_provider_down(provider: str) -> None:
    for body in HOSTILE:
        for kind in (
            "application/json",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "text/\x00",
        ):
            try:
                read(provider, body, content_type=kind)
            except FeedbackError:
                continue


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_EXAMPLES = [(provider, body) for provider, body, *_ in MEANINGS] + ECHOES


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_field_may_be_anything_and_what_is_told_can_be_stored(data: st.DataObject) -> None:
    provider, body = data.draw(st.sampled_from(_EXAMPLES))
    broken = _broken(json.loads(json.dumps(body)), data)
    try:
        reading = PROVIDERS[provider].translate(Request({}, json.dumps(broken).encode(), ""), NOBODY, NOW)
    except FeedbackError:
        return
    for told in reading.events:
        assert isinstance(told.type, EventType)
        assert len(told.identity) <= 200
        assert told.at.tzinfo is UTC
        texts = (told.address, told.link, told.message_id, told.provider_id, *told.detail.values())
        for text in texts:
            assert text is None or "\x00" not in str(text).encode().decode()


def _broken(value: Any, data: st.DataObject) -> Any:
    """The same with one part replaced by anything."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 4)):
        name = data.draw(st.sampled_from(sorted(value)))
        return {**value, name: _broken(value[name], data)}
    if isinstance(value, list) and value:
        return [_broken(value[0], data), *value[1:]]
    return data.draw(_ANYTHING)


ESPS = {"Amazon SES": "ses", "Mailgun": "mailgun", "Postmark": "postmark", "SendGrid": "sendgrid",
        "SparkPost": "sparkpost", "Brevo": "brevo", "Resend": "resend"}  # fmt: skip
WORDS_OF_OTHERS = {"ignored": {"sent", "unknown"}, "dropped": {"failed", "bounced"}}


def _lines(name: str) -> list[dict[str, Any]]:
    path = CASES / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


@pytest.mark.parametrize("case", _lines("webhooks_sample.jsonl"), ids=lambda case: case["id"])
def test_a_real_post(case: dict[str, Any]) -> None:
    headers = {name.lower().replace("-", "_"): value for name, value in case["headers"].items()}
    reading = read(ESPS[case["esp"]], case["body"].encode(), **headers)
    for told, expected in zip(reading.events, case["events"], strict=True):
        word = expected["expected"]
        assert str(told.type) in WORDS_OF_OTHERS.get(word, {word})
        assert (told.kind == "hard") == (expected["bounce_class"] == "hard")
        assert (told.address, told.link) == (expected["recipient"], expected["click_url"])


@pytest.mark.parametrize("case", _lines("webhooks_invalid_sample.jsonl"), ids=lambda case: case["id"])
def test_a_post_to_be_refused(case: dict[str, Any]) -> None:
    if case["esp"] not in ESPS:
        pytest.skip(f"nobody here speaks {case['esp']}")
    known = Settings.model_validate(
        {
            "ses": {"webhook_topics": "arn:aws:sns:us-east-1:111111111111:SES_Inbound"},
            "sendgrid": {"webhook_key": "".join(str(case["secret_settings"]).split("'")[3:4]) or "x"},
        }
    )
    headers = {name.lower(): value for name, value in case["headers"].items()}
    with pytest.raises(FeedbackError):
        PROVIDERS[ESPS[case["esp"]]].read(Request(headers, case["body"].encode(), ""), known, now=NOW)


def test_signatures_as_the_vendors_own_libraries_make_them() -> None:
    path = CASES / "signatures.json"
    if not path.is_file():
        pytest.skip("the cases are not here")
    vectors = json.loads(path.read_text())
    for case in vectors["sendgrid"]["cases"]:
        name = "x-twilio-email-event-webhook"
        headers = {f"{name}-signature": case["signature"], f"{name}-timestamp": case["timestamp"]}
        known = Settings.model_validate({"sendgrid": {"webhook_key": case["public_key"]}})
        request = Request(headers, case["payload"].encode(), "")
        assert _is_accepted("sendgrid", request, known) == case["valid"], case["name"]
    for case in vectors["twilio"]["cases"]:
        params = case["params"]
        body = params if isinstance(params, str) else urlencode(params, doseq=True)
        known = Settings.model_validate(
            {"twilio": {"account_sid": "AC" + "0" * 32, "auth_token": case["auth_token"]}}
        )
        request = Request({"x-twilio-signature": case["signature"]}, body.encode(), case["url"])
        assert _is_accepted("twilio", request, known) == case["valid"], case["name"]


def _is_accepted(provider: str, request: Request, known: Settings) -> bool:
    try:
        PROVIDERS[provider].verify(request, known, NOW)
    except ForgedError:
        return False
    return True


def test_hashed_json_is_signed_by_its_address_alone() -> None:
    body = b'{"MessageSid": "SM1", "MessageStatus": "sent"}'
    url = f"https://a.example/w?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = base64.b64encode(hmac.new(b"tok", url.encode(), "sha1").digest()).decode()
    known, _ = _twilio()
    headers = {"x-twilio-signature": signature}
    assert _is_accepted("twilio", Request(headers, body, url), known)
    assert not _is_accepted("twilio", Request(headers, body + b" ", url), known)
