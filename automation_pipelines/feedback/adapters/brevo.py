"""Brevo's webhooks (Sendinblue's), transactional and marketing. Not signed: a token or basic authentication.

Echo: header X-Mailin-custom, as JSON {"job_id": …}; `message-id` is the Message-ID.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from automation_pipelines.feedback.adapters.adapter import (
    Adapter,
    Reading,
    Request,
    forged,
    not_set_up,
    shared_secret,
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

NAME, TITLE = "brevo", "Brevo"
WORDS: Mapping[str, tuple[EventType, str | None]] = {
    "request": (EventType.SENT, None),
    "sent": (EventType.SENT, None),
    "delivered": (EventType.DELIVERED, None),
    "deferred": (EventType.DEFERRED, None),
    "hardbounce": (EventType.BOUNCED, "hard"),
    "softbounce": (EventType.BOUNCED, "soft"),
    "invalidemail": (EventType.BOUNCED, "hard"),
    "invalid": (EventType.BOUNCED, "hard"),
    "blocked": (EventType.FAILED, "dropped"),
    "error": (EventType.FAILED, "dropped"),
    "spam": (EventType.COMPLAINED, None),
    "complaint": (EventType.COMPLAINED, None),
    "opened": (EventType.OPENED, None),
    "open": (EventType.OPENED, None),
    "uniqueopened": (EventType.OPENED, "first"),
    "firstopening": (EventType.OPENED, "first"),
    "proxyopen": (EventType.OPENED, "proxy"),
    "uniqueproxyopen": (EventType.OPENED, "proxy"),
    "click": (EventType.CLICKED, None),
    "clicked": (EventType.CLICKED, None),
    "unsubscribe": (EventType.UNSUBSCRIBED, None),
    "unsubscribed": (EventType.UNSUBSCRIBED, None),
    "listaddition": (EventType.UNKNOWN, None),
    "contactupdated": (EventType.UNKNOWN, None),
    "contactdeleted": (EventType.UNKNOWN, None),
}


def verify(request: Request, settings: Settings, _now: datetime) -> None:
    """By a secret that both know."""
    if settings.brevo is None:
        raise not_set_up(TITLE, "AUTOMATION_BREVO__WEBHOOK_SECRET")
    if not shared_secret(request, settings.brevo.webhook_secret):
        raise forged(TITLE, "it does not bear the webhook's secret")


def translate(request: Request, _settings: Settings, now: datetime) -> Reading:
    """One event, or a batch of them."""
    body = parsed(request.body, TITLE)
    return gathered(body if isinstance(body, list) else [body], lambda event: _told(event, now))


def _told(event: Fields, now: datetime) -> Told | str:
    word = event.text("event")
    if word is None:
        return "it has no `event`"
    type_, kind = WORDS.get(letters(word), (EventType.UNKNOWN, None))
    address, custom = event.text("email"), _custom(event)
    cause: str | None = None
    if type_ is EventType.BOUNCED:
        weight: Kind = "hard" if kind == "hard" else "soft"
        verdict = judge(None, event.text("reason"), word=weight, domain=domain_of(address))
        kind, cause = ("soft" if weight == "soft" and verdict.kind == "hard" else verdict.kind), verdict.cause
    # `date` and `ts` are in the account's own zone.
    times = ("ts_epoch", "ts_event")
    ids = (event.text("message-id", "messageId"), word, address, event.text(*times, "date"))
    return Told(
        identity=named(NAME, *ids, event.text("link", "URL")),
        type=type_,
        at=event.at(now, *times),
        provider=NAME,
        job_id=custom.job(),
        message_id=custom.text("identity") or ids[0],
        address=address,
        channel="email",
        kind=kind,
        cause=cause,
        machine=by_machine(type_, event.text("user_agent"), said=kind == "proxy"),
        link=event.text("link", "URL") if type_ is EventType.CLICKED else None,
        detail=remarks(said=word),
    )


def _custom(event: Fields) -> Fields:
    try:
        return Fields.of(json.loads(event.text("X-Mailin-custom") or "{}"))
    except (ValueError, RecursionError):
        return Fields({})


ADAPTER = Adapter(NAME, verify, translate)
