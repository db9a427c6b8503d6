"""Mailgun's webhooks, as JSON and as the forms of before 2018; signed (HMAC over timestamp and token).

Echo: header X-Mailgun-Variables {"job_id": …} comes back as `user-variables`; the Message-ID is our own.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
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
    form_of,
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

NAME, TITLE = "mailgun", "Mailgun"
WORDS: Mapping[str, EventType] = {
    "accepted": EventType.SENT,
    "rejected": EventType.FAILED,
    "delivered": EventType.DELIVERED,
    "failed": EventType.BOUNCED,
    "temporaryfail": EventType.DEFERRED,
    "permanentfail": EventType.BOUNCED,
    "bounced": EventType.BOUNCED,
    "dropped": EventType.FAILED,
    "opened": EventType.OPENED,
    "clicked": EventType.CLICKED,
    "unsubscribed": EventType.UNSUBSCRIBED,
    "complained": EventType.COMPLAINED,
    "stored": EventType.UNKNOWN,
}
NOT_SENT: Mapping[str, str] = {
    "suppressbounce": "bounced",
    "suppresscomplaint": "complained",
    "suppressunsubscribe": "unsubscribed",
    "605": "bounced",
    "607": "complained",
    "606": "unsubscribed",
}
"""By reason or code: it did not even try, since it had heard so before."""
BOUNCES: Mapping[str, Kind] = {"bounce": "hard", "generic": "soft", "old": "soft", "espblock": "block"}

WINDOW = timedelta(hours=12)
"""Older posts are replays; Mailgun itself repeats for eight hours."""
_EARLY = timedelta(minutes=10)
_MACHINES = frozenset({"bot", "apple", "gmail", "generic"})
_LAST = ("signature", "timestamp", "token")


def verify(request: Request, settings: Settings, now: datetime) -> None:
    """By an HMAC of a time and a word of its own, which are no older than a retry can be."""
    if settings.mailgun is None:
        raise not_set_up(TITLE, "AUTOMATION_MAILGUN__WEBHOOK_KEY")
    said = _signature(request)
    timestamp, token, given = (said.text(name) or "" for name in ("timestamp", "token", "signature"))
    if not timestamp or not token or not given:
        raise forged(TITLE, "it is not signed")
    signed = f"{timestamp}{token}".encode()
    keys = secrets_of(settings.mailgun.webhook_key)
    if not same(given, [digest(key, signed, "sha256").hex() for key in keys]):
        raise forged(TITLE, "the signature is wrong")
    at = instant(timestamp)
    if at is None or not now - WINDOW <= at <= now + _EARLY:
        raise forged(TITLE, "it was signed long ago: a replay, or clocks that differ")


def _is_json(request: Request) -> bool:
    return request.body.lstrip()[:1] == b"{"


def _signature(request: Request) -> Fields:
    if _is_json(request):
        return Fields.of(parsed(request.body, TITLE)).sub("signature")
    return _form(request)


def translate(request: Request, _settings: Settings, now: datetime) -> Reading:
    """One event."""
    if not _is_json(request):
        return gathered([_form(request).values], lambda form: _of_form(form, now))
    body = Fields.of(parsed(request.body, TITLE))
    event = body.values.get("event-data", body.values if "event" in body.values else None)
    if not isinstance(event, dict):
        msg = "the body has no event-data that Mailgun would post"
        raise MalformedError(msg)
    return gathered([event], lambda data: _told(data, now))


def _told(event: Fields, now: datetime) -> Told | str:
    word = event.text("event")
    if word is None:
        return "it has no `event`"
    headers, status = event.sub("message", "headers"), event.sub("delivery-status")
    variables = event.sub("user-variables")
    address = event.text("recipient")
    type_ = WORDS.get(letters(word), EventType.UNKNOWN)
    reason, code = event.text("reason"), status.text("code")
    kind: str | None = None
    cause: str | None = None
    if type_ is EventType.BOUNCED and event.text("severity") == "temporary":
        type_ = EventType.DEFERRED
    elif type_ is EventType.BOUNCED and letters(reason) in NOT_SENT:
        type_, kind = EventType.FAILED, NOT_SENT[letters(reason)]
    elif type_ is EventType.BOUNCED:
        words = " ".join(filter(None, (code, status.text("message"), status.text("description"))))
        weight = BOUNCES.get(letters(reason))
        verdict = judge(status.text("enhanced-code"), words, word=weight, domain=domain_of(address))
        kind, cause = verdict.kind, verdict.cause
    client = event.sub("client-info")
    bot = (client.text("bot") or "").lower()
    return Told(
        identity=named(NAME, event.text("id"), word, event.text("timestamp"), address, event.text("url")),
        type=type_,
        at=event.at(now, "timestamp"),
        provider=NAME,
        job_id=variables.job(),
        message_id=variables.text("identity") or headers.text("message-id"),
        address=address,
        channel="email",
        kind=kind,
        cause=cause,
        machine=by_machine(type_, client.text("user-agent"), said=bot in _MACHINES),
        link=event.text("url") if type_ is EventType.CLICKED else None,
        detail=remarks(said=word, severity=event.text("severity"), reason=reason, status=code),
    )


def _form(request: Request) -> Fields:
    """A form's fields; a user variable of the same name comes after its own, or before what it signs."""
    first: dict[str, str] = {}
    for name, value in form_of(request, TITLE):
        if name in _LAST or name not in first:
            first[name] = value
    return Fields(first)


def _of_form(form: Fields, now: datetime) -> Told | str:
    word = form.text("event")
    if word is None:
        return "it has no `event`"
    address, code = form.text("recipient"), form.text("code")
    type_ = WORDS.get(letters(word), EventType.UNKNOWN)
    kind: str | None = None
    cause: str | None = None
    if type_ is EventType.FAILED:
        kind = NOT_SENT.get(letters(code)) or NOT_SENT.get(letters(form.text("reason"))) or "dropped"
    if type_ is EventType.BOUNCED:
        words = " ".join(filter(None, (code, form.text("error"), form.text("notification"))))
        verdict = judge(code, words, domain=domain_of(address))
        kind, cause = verdict.kind, verdict.cause
    variables = _variables(form)
    return Told(
        identity=named(NAME, form.text("token"), word, form.text("timestamp"), address, form.text("url")),
        type=type_,
        at=form.at(now, "timestamp"),
        provider=NAME,
        job_id=form.job() or variables.job(),
        message_id=form.text("identity", "Message-Id", "message-id") or variables.text("identity"),
        address=address,
        channel="email",
        kind=kind,
        cause=cause,
        machine=by_machine(type_, form.text("user-agent")),
        link=form.text("url") if type_ is EventType.CLICKED else None,
        detail=remarks(said=word, status=code),
    )


def _variables(form: Fields) -> Fields:
    """What we gave it, from the headers of the message."""
    try:
        listed = json.loads(form.text("message-headers") or "[]")
        texts = [pair[1] for pair in _pairs(listed) if pair[0] == "X-Mailgun-Variables"]
        return Fields.of(json.loads(texts[0])) if texts else Fields({})
    except (ValueError, RecursionError):
        return Fields({})


def _pairs(listed: object) -> Iterable[tuple[str, str]]:
    for pair in listed if isinstance(listed, list) else ():
        if isinstance(pair, list) and [type(one) for one in pair] == [str, str]:
            yield pair[0], pair[1]


ADAPTER = Adapter(NAME, verify, translate)
