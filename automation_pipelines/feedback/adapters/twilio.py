"""Twilio: what became of SMS and WhatsApp messages, and what people write back. Signed (HMAC).

Echo: the channel puts `job` and `identity` into the query of the status callback's URL, which is signed, too.
Who writes STOP has unsubscribed from all that the number sends, START takes it back, HELP asks for nothing
that Twilio would not answer itself.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from hmac import digest
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from automation_pipelines.errors import MalformedError
from automation_pipelines.feedback.adapters.adapter import (
    Adapter,
    Reading,
    Request,
    forged,
    not_set_up,
    same,
)
from automation_pipelines.feedback.adapters.fields import (
    Fields,
    form_of,
    letters,
    named,
    parsed,
    remarks,
)
from automation_pipelines.feedback.told import Told
from automation_pipelines.model import EventType
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Twilio
from automation_pipelines.settings.providers.twilio import Senders

NAME, TITLE = "twilio", "Twilio"
WORDS: Mapping[str, EventType] = {
    "accepted": EventType.SENT,
    "scheduled": EventType.SENT,
    "queued": EventType.SENT,
    "sending": EventType.SENT,
    "sent": EventType.SENT,
    "delivered": EventType.DELIVERED,
    "partiallydelivered": EventType.DELIVERED,
    "read": EventType.OPENED,
    "undelivered": EventType.BOUNCED,
    "failed": EventType.FAILED,
    "canceled": EventType.FAILED,
}
"""By `MessageStatus`."""
HARD = frozenset({"21211", "21214", "21217", "21401", "21421", "21614", "30005", "30006", "63003", "63024"})
"""No such number, one that takes no texts, or nobody of that name on the channel."""
BLOCKED = frozenset(
    {
        *("21408", "21612", "30004", "30007", "30032", "30033", "30034", "30035", "30036", "30453", "30454"),
        *("30485", "30486", "63013", "63016", "63032", "63049", "63051"),
    }
)
"""The carrier or the channel does not want this message, or any of ours; the number may be fine."""
SOFT = frozenset(
    {
        *("30001", "30003", "30008", "30009", "30010", "30011", "30012", "30013", "30017", "30018"),
        *("30020", "30022", "30023", "30410", "30500", "63005", "63012", "63018", "63021", "63022"),
    }
)
STOPPED = frozenset({"21610", "63050"})
"""The person told the provider to stop."""
STOP = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "arret"})
START = frozenset({"start", "unstop"})
"""Not YES: it answers other questions, too. Where Twilio itself takes it for START, it says so."""
HELP = frozenset({"help", "info", "aide"})

_SIGNATURE = "x-twilio-signature"
_CHANNELS = {"": "sms", "whatsapp": "whatsapp"}


def verify(request: Request, settings: Settings, _now: datetime) -> None:
    """By an HMAC over the URL and the fields."""
    secret = _token(settings.twilio) if settings.twilio else None
    if secret is None:
        raise not_set_up(TITLE, "AUTOMATION_TWILIO__AUTH_TOKEN, or …__WEBHOOK_AUTH_TOKEN beside an API key")
    given = request.headers.get(_SIGNATURE)
    if not given:
        raise forged(TITLE, "it is not signed")
    signed = [f"{url}{_signed_fields(request)}" for url in _spellings(request.url)]
    right = [b64encode(digest(secret, one.encode("utf-8", "surrogatepass"), "sha1")) for one in signed]
    if not same(given, right) or not _is_hashed(request):
        raise forged(TITLE, "the signature is wrong, or the service knows its own address wrongly")


def _token(twilio: Twilio) -> bytes | None:
    found = twilio.webhook_auth_token or (None if twilio.api_key_sid else twilio.auth_token)
    return found.get_secret_value().encode() if found else None


def _signed_fields(request: Request) -> str:
    """Names and values in order, each once; of JSON the URL holds a hash instead."""
    if _is_json(request):
        return ""
    return "".join(f"{name}{value}" for name, value in sorted(set(form_of(request, TITLE))))


def _is_json(request: Request) -> bool:
    return "bodySHA256=" in request.url


def _is_hashed(request: Request) -> bool:
    if not _is_json(request):
        return True
    said = dict(parse_qsl(urlsplit(request.url).query)).get("bodySHA256", "")
    return same(said.lower(), [hashlib.sha256(request.body).hexdigest()])


def _spellings(url: str) -> Iterator[str]:
    """With the port and without it: Twilio signs either."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    bare = parts.netloc.removesuffix(f":{port}") if port else parts.netloc
    standard = 443 if parts.scheme == "https" else 80
    for place in (bare, f"{bare}:{port or standard}"):
        yield _written(url, parts, place)


def _written(url: str, parts: SplitResult, place: str) -> str:
    # Not put together anew: what is signed are the very characters.
    return url.replace(f"://{parts.netloc}", f"://{place}", 1) if parts.netloc else urlunsplit(parts)


def translate(request: Request, settings: Settings, now: datetime) -> Reading:
    """A status, or a message from somebody."""
    form = _form(request)
    if form.text("MessageSid", "SmsSid", "SmsMessageSid") is None:
        msg = "the body is no status and no message that Twilio would post: MessageSid is missing"
        raise MalformedError(msg)
    query = Fields(dict(parse_qsl(urlsplit(request.url).query)))
    status = letters(form.text("MessageStatus", "SmsStatus"))
    if status in {"received", "receiving"} or form.text("MessageStatus", "SmsStatus") is None:
        return Reading(tuple(_inbound(form, settings, now)))
    told = _status(form, query, status, now)
    # Who has stopped a number that no job of ours names has stopped it for whoever sends by it.
    stranger = told.kind == "stop" and told.job_id is None
    return Reading(tuple(_shared(told, form, "From", settings)) if stranger else (told,))


def _form(request: Request) -> Fields:
    if request.body.lstrip()[:1] == b"{":
        return Fields.of(parsed(request.body, TITLE))
    return Fields(dict(form_of(request, TITLE)))


def _status(form: Fields, query: Fields, status: str, now: datetime) -> Told:
    sid, code = form.text("MessageSid", "SmsSid"), form.text("ErrorCode")
    channel, address = _party(form.text("To"))
    type_, kind = _meaning(status, code)
    return Told(
        identity=named(NAME, sid, status),
        type=type_,
        at=now,
        provider=NAME,
        job_id=query.job(),
        message_id=query.text("identity"),
        provider_id=sid,
        address=address,
        channel=channel,
        kind=kind,
        cause="no_address" if kind == "hard" else None,
        detail=remarks(said=form.text("MessageStatus", "SmsStatus"), error=code),
    )


def _meaning(status: str, code: str | None) -> tuple[EventType, str | None]:
    """The code says more than the status: a number that is none fails before anything is sent."""
    type_ = WORDS.get(status, EventType.UNKNOWN)
    if type_ not in {EventType.BOUNCED, EventType.FAILED} or status == "canceled":
        return type_, None
    if code in STOPPED:
        return EventType.UNSUBSCRIBED, "stop"
    for codes, kind in ((HARD, "hard"), (BLOCKED, "block"), (SOFT, "soft")):
        if code in codes:
            return EventType.BOUNCED, kind
    return type_, "soft" if type_ is EventType.BOUNCED else None


def _inbound(form: Fields, settings: Settings, now: datetime) -> Iterator[Told]:
    channel, address = _party(form.text("From"))
    word = letters(form.text("OptOutType")) or _word(form.text("Body"))
    type_, kind = EventType.REPLIED, None
    if word in STOP:
        type_, kind = EventType.UNSUBSCRIBED, "stop"
    elif word in START:
        kind = "start"
    elif word in HELP:
        kind = "help"
    told = Told(
        identity=named(NAME, form.text("MessageSid", "SmsSid", "SmsMessageSid"), "received"),
        type=type_,
        at=now,
        provider=NAME,
        address=address,
        channel=channel,
        kind=kind,
    )
    return _shared(told, form, "To", settings)


def _word(body: str | None) -> str:
    """What a message says that is one word."""
    said = (body or "").strip()
    return letters(said.replace("Ê", "E").replace("ê", "e")) if len(said.split()) == 1 else ""


def _party(said: str | None) -> tuple[str, str | None]:
    """The channel and number of whatsapp:+15550100; numbers of SMS have nothing in front."""
    prefix, _, number = (said or "").rpartition(":")
    return _CHANNELS.get(prefix.lower(), prefix.lower()[:20]), number.replace(" ", "+", 1) or None


def _shared(told: Told, form: Fields, ours: str, settings: Settings) -> Iterator[Told]:
    """The same for each tenant that a number of ours is kept for, else for all without one of their own."""
    _, number = _party(form.text(ours))
    tenants = dict(settings.twilio.tenants) if settings.twilio else {}
    used = {tenant: _numbers(senders, told.channel) for tenant, senders in tenants.items()}
    given = {number, form.text("MessagingServiceSid")}
    owners = sorted(tenant for tenant, numbers in used.items() if numbers & given)
    if not owners:
        own = frozenset(tenant for tenant, numbers in used.items() if numbers)
        yield replace(told, all_tenants_but=own)
    for tenant in owners:
        yield replace(told, identity=f"{told.identity}:{tenant}", tenant_id=tenant)


def _numbers(senders: Senders, channel: str | None) -> set[str | None]:
    """What a tenant of its own sends by."""
    if channel == "whatsapp":
        return set(senders.whatsapp_pool)
    return {*senders.pool, senders.messaging_service_sid} - {None}


ADAPTER = Adapter(NAME, verify, translate)
