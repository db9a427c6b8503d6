"""SendGrid's event webhook, signed (ECDSA). Ids of events are not unique in its own examples.

Echo: custom arguments `job_id` and `identity` (header X-SMTPAPI, `unique_args`) are fields of each event;
`smtp-id` is the Message-ID.
"""

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from automation_pipelines.feedback.adapters.adapter import (
    Adapter,
    Reading,
    Request,
    forged,
    not_set_up,
    secrets_of,
)
from automation_pipelines.feedback.adapters.fields import (
    Fields,
    by_machine,
    domain_of,
    gathered,
    letters,
    named,
    parsed,
    remarks,
)
from automation_pipelines.feedback.bounces import Kind, judge
from automation_pipelines.feedback.told import Told
from automation_pipelines.model import EventType
from automation_pipelines.settings import Settings

NAME, TITLE = "sendgrid", "SendGrid"
WORDS: Mapping[str, EventType] = {
    "processed": EventType.SENT,
    "deferred": EventType.DEFERRED,
    "delivered": EventType.DELIVERED,
    "bounce": EventType.BOUNCED,
    "dropped": EventType.FAILED,
    "open": EventType.OPENED,
    "click": EventType.CLICKED,
    "spamreport": EventType.COMPLAINED,
    "unsubscribe": EventType.UNSUBSCRIBED,
    "groupunsubscribe": EventType.UNSUBSCRIBED,
    "groupresubscribe": EventType.UNKNOWN,
    "accountstatuschange": EventType.UNKNOWN,
}
BOUNCES: Mapping[str, Kind] = {
    "bounce": "hard",
    "blocked": "block",
    "expired": "soft",
    "invalidaddress": "hard",
    "technicalfailure": "soft",
    "content": "block",
    "reputation": "block",
    "frequencyvolume": "block",
    "frequencyorvolumetoohigh": "block",
    "mailboxunavailable": "soft",
    "unclassified": "soft",
}
"""Its `bounce_classification`, else its `type`: both weigh less than what the server said."""
DROPPED: Mapping[str, str] = {
    "bouncedaddress": "bounced",
    "spamreportingaddress": "complained",
    "unsubscribedaddress": "unsubscribed",
}
"""Why it sent nothing: it had heard so before."""

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"


def verify(request: Request, settings: Settings, _now: datetime) -> None:
    """By the public key of the webhook, over timestamp and body."""
    if settings.sendgrid is None:
        raise not_set_up(TITLE, "AUTOMATION_SENDGRID__WEBHOOK_KEY")
    signature, timestamp = request.headers.get(_SIGNATURE), request.headers.get(_TIMESTAMP)
    if not signature or not timestamp:
        raise forged(TITLE, "it is not signed")
    keys = secrets_of(settings.sendgrid.webhook_key)
    signed = timestamp.encode("utf-8", "surrogatepass") + request.body
    if not any(_is_signed(key, signature, signed) for key in keys):
        raise forged(TITLE, "the signature is wrong")


def _is_signed(key: bytes, signature: str, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.asymmetric.ec import (  # noqa: PLC0415
        ECDSA,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        public = load_der_public_key(b64decode(key))
        if isinstance(public, EllipticCurvePublicKey):
            public.verify(b64decode(signature, validate=True), signed, ECDSA(SHA256()))
            return True
    except (InvalidSignature, ValueError):
        pass
    return False


def translate(request: Request, _settings: Settings, now: datetime) -> Reading:
    """A list of events."""
    body = parsed(request.body, TITLE)
    return gathered(body if isinstance(body, list) else [body], partial(_told, now=now))


def _told(event: Fields, now: datetime) -> Told | str:
    word = event.text("event")
    if word is None:
        return "it has no `event`"
    type_ = WORDS.get(letters(word), EventType.UNKNOWN)
    address, at = event.text("email"), event.at(now, "timestamp")
    ids = (event.text("sg_event_id"), event.text("sg_message_id"), event.text("smtp-id"))
    kind, cause = _kind(type_, event, address)
    return Told(
        identity=named(NAME, *ids, word, address, event.text("timestamp"), event.text("url")),
        type=type_,
        at=at,
        provider=NAME,
        job_id=event.job(),
        message_id=event.text("identity") or ids[2],
        # What it answered when it took the message is the first part.
        provider_id=ids[1].partition(".")[0] if ids[1] else None,
        address=address,
        channel="email",
        kind=kind,
        cause=cause,
        machine=by_machine(type_, event.text("useragent"), said=event.values.get("sg_machine_open") is True),
        link=event.text("url") if type_ is EventType.CLICKED else None,
        detail=remarks(said=word, status=event.text("status")),
    )


def _kind(type_: EventType, event: Fields, address: str | None) -> tuple[str | None, str | None]:
    if type_ is EventType.FAILED:
        return DROPPED.get(letters(event.text("reason", "type")), "dropped"), None
    if type_ is not EventType.BOUNCED:
        return None, None
    said = BOUNCES.get(letters(event.text("bounce_classification"))) or BOUNCES.get(
        letters(event.text("type"))
    )
    verdict = judge(event.text("status"), event.text("reason"), word=said, domain=domain_of(address))
    # What it calls blocked it would send to again: no such address is dead.
    dead = verdict.kind == "hard" and letters(event.text("type")) == "blocked"
    return ("block" if dead else verdict.kind), verdict.cause


ADAPTER = Adapter(NAME, verify, translate)
