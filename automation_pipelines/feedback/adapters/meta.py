"""Meta's WhatsApp Business Platform on its own: statuses and what people write. Signed (HMAC).

Echo: `biz_opaque_callback_data`, as JSON or as the identity alone.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from hmac import digest
from urllib.parse import parse_qsl, urlsplit

from automation_pipelines.errors import MalformedError
from automation_pipelines.feedback.adapters.adapter import (
    Adapter,
    Reading,
    Request,
    forged,
    not_set_up,
    same,
)
from automation_pipelines.feedback.adapters.fields import Fields, letters, named, parsed, remarks
from automation_pipelines.feedback.adapters.twilio import HELP, START, STOP
from automation_pipelines.feedback.told import Told
from automation_pipelines.model import EventType
from automation_pipelines.settings import Settings

NAME, TITLE = "meta", "Meta"
WORDS: Mapping[str, EventType] = {
    "sent": EventType.SENT,
    "delivered": EventType.DELIVERED,
    "read": EventType.OPENED,
    "played": EventType.OPENED,
    "failed": EventType.FAILED,
    "deleted": EventType.UNKNOWN,
    "warning": EventType.UNKNOWN,
}
"""By `status`."""
ERRORS: Mapping[str, tuple[EventType, str]] = {
    "131026": (EventType.BOUNCED, "soft"),
    "131030": (EventType.BOUNCED, "block"),
    "131047": (EventType.BOUNCED, "block"),
    "131048": (EventType.BOUNCED, "block"),
    "131049": (EventType.BOUNCED, "block"),
    "131050": (EventType.UNSUBSCRIBED, "stop"),
    "130472": (EventType.BOUNCED, "block"),
    "131000": (EventType.BOUNCED, "soft"),
    "131016": (EventType.BOUNCED, "soft"),
    "130429": (EventType.BOUNCED, "soft"),
    "131056": (EventType.BOUNCED, "soft"),
}
"""By the code of a failure. 131026 is said of numbers without WhatsApp and of much else."""


def verify(request: Request, settings: Settings, _now: datetime) -> None:
    """By an HMAC over the body; a question when the webhook is set up, by the token."""
    if settings.meta is None:
        raise not_set_up(TITLE, "AUTOMATION_META__WEBHOOK_SECRET")
    if not request.body:
        token, asked = settings.meta.webhook_token, _query(request)
        given = asked.text("hub.verify_token")
        if asked.text("hub.mode") != "subscribe":
            raise forged(TITLE, "it neither posts events nor subscribes")
        if token is None or given is None or not same(given, [token.get_secret_value()]):
            raise forged(TITLE, "its verify token is not AUTOMATION_META__WEBHOOK_TOKEN")
        return
    key = settings.meta.webhook_secret.get_secret_value().encode()
    right = f"sha256={digest(key, request.body, 'sha256').hex()}"
    if not same(request.headers.get("x-hub-signature-256", ""), [right]):
        raise forged(TITLE, "the signature is wrong")


def _query(request: Request) -> Fields:
    return Fields(dict(parse_qsl(urlsplit(request.url).query)))


def translate(request: Request, _settings: Settings, now: datetime) -> Reading:
    """Statuses and messages; what is asked when the webhook is set up is answered."""
    if not request.body:
        return Reading(reply=_query(request).text("hub.challenge") or "")
    body = parsed(request.body, TITLE)
    if not isinstance(body, dict) or not isinstance(body.get("entry"), list):
        msg = "the body is nothing that Meta would post: entry is missing"
        raise MalformedError(msg)
    changes = [change for entry in Fields(body).each("entry") for change in entry.each("changes")]
    return Reading(tuple(told for change in changes for told in _told(change.sub("value"), now)))


def _told(value: Fields, now: datetime) -> Iterator[Told]:
    for status in value.each("statuses"):
        yield _status(status, now)
    for message in value.each("messages"):
        yield _message(message, now)


def _status(status: Fields, now: datetime) -> Told:
    word, name = status.text("status") or "", status.text("id")
    code = next((one.text("code") for one in status.each("errors")), None)
    type_, kind = WORDS.get(letters(word), EventType.UNKNOWN), None
    if type_ is EventType.FAILED:
        type_, kind = ERRORS.get(code or "", (type_, "dropped"))
    echoed = _echoed(status.text("biz_opaque_callback_data"))
    return Told(
        identity=named(NAME, name, word, status.text("recipient_id")),
        type=type_,
        at=status.at(now, "timestamp"),
        provider=NAME,
        job_id=echoed.job(),
        message_id=echoed.text("identity"),
        provider_id=name,
        address=_number(status.text("recipient_id")),
        channel="whatsapp",
        kind=kind,
        detail=remarks(said=word, error=code),
    )


def _message(message: Fields, now: datetime) -> Told:
    said = letters(message.sub("text").text("body") or message.sub("button").text("text"))
    type_ = EventType.UNSUBSCRIBED if said in STOP else EventType.REPLIED
    kind = "stop" if said in STOP else "start" if said in START else "help" if said in HELP else None
    return Told(
        identity=named(NAME, message.text("id"), "received"),
        type=type_,
        at=message.at(now, "timestamp"),
        provider=NAME,
        address=_number(message.text("from")),
        all_tenants_but=frozenset(),
        channel="whatsapp",
        kind=kind,
    )


def _number(said: str | None) -> str | None:
    return f"+{said.removeprefix('+')}" if said else None


def _echoed(said: str | None) -> Fields:
    try:
        return Fields.of(json.loads(said or "{}"))
    except (ValueError, RecursionError):
        return Fields({"identity": said})


ADAPTER = Adapter(NAME, verify, translate)
