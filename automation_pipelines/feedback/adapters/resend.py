"""Resend's webhooks, signed as Standard Webhooks are (by Svix).

Echo: tags `job_id` and `identity`, or the message's headers where the event shows them.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parseaddr
from hmac import digest

from automation_pipelines.errors import MalformedError
from automation_pipelines.feedback.adapters.adapter import (
    Adapter,
    Reading,
    Request,
    forged,
    not_set_up,
    same,
    secrets_of,
)
from automation_pipelines.feedback.adapters.fields import (
    Fields,
    by_machine,
    domain_of,
    gathered,
    instant,
    letters,
    named,
    parsed,
    remarks,
)
from automation_pipelines.feedback.bounces import Kind, judge
from automation_pipelines.feedback.told import Told
from automation_pipelines.model import EventType
from automation_pipelines.settings import Settings

NAME, TITLE = "resend", "Resend"
WORDS: Mapping[str, EventType] = {
    "emailsent": EventType.SENT,
    "emailscheduled": EventType.SENT,
    "emaildelivered": EventType.DELIVERED,
    "emaildeliverydelayed": EventType.DEFERRED,
    "emailbounced": EventType.BOUNCED,
    "emailcomplained": EventType.COMPLAINED,
    "emailopened": EventType.OPENED,
    "emailclicked": EventType.CLICKED,
    "emailfailed": EventType.FAILED,
    "emailsuppressed": EventType.FAILED,
    "emailreceived": EventType.UNKNOWN,
}
BOUNCES: Mapping[str, Kind] = {
    "permanent": "hard",
    "transient": "soft",
    "undetermined": "soft",
}
FULL, SUPPRESSED = "mailboxfull", frozenset({"suppressed", "onaccountsuppressionlist"})

WINDOW = timedelta(minutes=5)


def verify(request: Request, settings: Settings, now: datetime) -> None:
    """By an HMAC over id, time and body, signed within the last minutes."""
    if settings.resend is None:
        raise not_set_up(TITLE, "AUTOMATION_RESEND__WEBHOOK_SECRET")
    given = [request.headers.get(f"svix-{one}") or request.headers.get(f"webhook-{one}") for one in _SIGNED]
    if not all(given):
        raise forged(TITLE, "it is not signed")
    name, timestamp, signatures = (one or "" for one in given)
    signed = f"{name}.{timestamp}.".encode("utf-8", "surrogatepass") + request.body
    keys = [_key(secret) for secret in secrets_of(settings.resend.webhook_secret)]
    right = [b64encode(digest(key, signed, "sha256")) for key in keys if key]
    versioned = [one.partition(",") for one in signatures.split()]
    if not any(same(one, right) for version, _, one in versioned if version == "v1"):
        raise forged(TITLE, "the signature is wrong")
    at = instant(timestamp)
    if at is None or abs(now - at) > WINDOW:
        raise forged(TITLE, "it was signed long ago: a replay, or clocks that differ")


_SIGNED = ("id", "timestamp", "signature")


def _key(secret: bytes) -> bytes:
    try:
        return b64decode(secret.removeprefix(b"whsec_") + b"==")
    except ValueError:
        return b""


def translate(request: Request, _settings: Settings, now: datetime) -> Reading:
    """One event."""
    body = parsed(request.body, TITLE)
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        msg = "the body is no event that Resend would post: type is missing"
        raise MalformedError(msg)
    return gathered([body], lambda event: _told(event, request.headers, now))


def _told(event: Fields, headers: Mapping[str, str], now: datetime) -> Told | tuple[Told, ...]:
    word, data = event.text("type") or "", event.sub("data")
    if not letters(word).startswith("email"):
        return ()  # contacts, domains and lists of Resend's own
    type_ = WORDS.get(letters(word), EventType.UNKNOWN)
    # An e-mail to several is told of once for each, but not which.
    to = data.texts("to")
    address = parseaddr(to[0])[1] if len(to) == 1 else None
    kind, cause = _kind(type_, word, data.sub("bounce"), address)
    ids = (data.text("email_id"), word, event.text("created_at"), data.sub("click").text("link", "timestamp"))
    echoed = _echoed(data)
    return Told(
        identity=named(NAME, headers.get("svix-id") or headers.get("webhook-id"), *ids),
        type=type_,
        at=event.at(now, "created_at"),
        provider=NAME,
        job_id=echoed.job(),
        message_id=echoed.text("identity", "Message-ID") or data.text("message_id"),
        provider_id=data.text("email_id"),
        address=address,
        channel="email",
        kind=kind,
        cause=cause,
        machine=by_machine(type_, data.sub("click").text("userAgent") or data.sub("open").text("userAgent")),
        link=data.sub("click").text("link"),
        detail=remarks(said=word, bounce=data.sub("bounce").text("subType")),
    )


def _kind(type_: EventType, word: str, bounce: Fields, address: str | None) -> tuple[str | None, str | None]:
    if type_ is EventType.FAILED:
        return "bounced" if letters(word) == "emailsuppressed" else "dropped", None
    if type_ is not EventType.BOUNCED:
        return None, None
    sub = letters(bounce.text("subType"))
    weight = "soft" if sub in SUPPRESSED else BOUNCES.get(letters(bounce.text("type")), "soft")
    if sub == FULL:
        return "soft", "full"
    said = " ".join(filter(None, (bounce.text("message"), *bounce.texts("diagnosticCode"))))
    verdict = judge(None, said, word=weight, domain=domain_of(address))
    return (weight if verdict.kind == "hard" and weight != "hard" else verdict.kind), verdict.cause


def _echoed(data: Fields) -> Fields:
    """Our ids: among the tags, which are an object or a list of names and values, or the headers."""
    found = dict(data.sub("tags").values)
    for list_ in ("tags", "headers"):
        for one in data.each(list_):
            found.setdefault(one.text("name") or "", one.values.get("value"))
    return Fields({name: value for name, value in found.items() if isinstance(name, str)})


ADAPTER = Adapter(NAME, verify, translate)
