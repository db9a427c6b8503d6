"""SparkPost's webhooks, in batches. Not signed: basic authentication or a header proves them.

Echo: metadata `job_id` and `identity` (header X-MSYS-API) come back as `rcpt_meta`.
"""

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

NAME, TITLE = "sparkpost", "SparkPost"
WORDS: Mapping[str, EventType] = {
    "injection": EventType.SENT,
    "delivery": EventType.DELIVERED,
    "delay": EventType.DEFERRED,
    "bounce": EventType.BOUNCED,
    "outofband": EventType.BOUNCED,
    "policyrejection": EventType.FAILED,
    "generationfailure": EventType.FAILED,
    "generationrejection": EventType.FAILED,
    "spamcomplaint": EventType.COMPLAINED,
    "open": EventType.OPENED,
    "initialopen": EventType.OPENED,
    "ampopen": EventType.OPENED,
    "ampinitialopen": EventType.OPENED,
    "click": EventType.CLICKED,
    "ampclick": EventType.CLICKED,
    "listunsubscribe": EventType.UNSUBSCRIBED,
    "linkunsubscribe": EventType.UNSUBSCRIBED,
}
CLASSES: Mapping[str, tuple[EventType, str | None]] = {
    "1": (EventType.BOUNCED, "soft"),
    "10": (EventType.BOUNCED, "hard"),
    "20": (EventType.BOUNCED, "soft"),
    "21": (EventType.BOUNCED, "soft"),
    "22": (EventType.BOUNCED, "soft"),
    "23": (EventType.BOUNCED, "soft"),
    "24": (EventType.BOUNCED, "soft"),
    "25": (EventType.BOUNCED, "block"),
    "30": (EventType.BOUNCED, "hard"),
    "40": (EventType.BOUNCED, "soft"),
    "50": (EventType.BOUNCED, "block"),
    "51": (EventType.BOUNCED, "block"),
    "52": (EventType.BOUNCED, "block"),
    "53": (EventType.BOUNCED, "block"),
    "54": (EventType.BOUNCED, "block"),
    "60": (EventType.UNKNOWN, "auto"),
    "70": (EventType.BOUNCED, "soft"),
    "80": (EventType.UNKNOWN, "resubscribed"),
    "90": (EventType.UNSUBSCRIBED, None),
    "100": (EventType.UNKNOWN, "auto"),
}
"""By `bounce_class` of a bounce; what comes back out of band may be no bounce at all."""
_FULL = "22"


def verify(request: Request, settings: Settings, _now: datetime) -> None:
    """By a secret that both know."""
    if settings.sparkpost is None:
        raise not_set_up(TITLE, "AUTOMATION_SPARKPOST__WEBHOOK_SECRET")
    if not shared_secret(request, settings.sparkpost.webhook_secret):
        raise forged(TITLE, "it does not bear the webhook's secret")


def translate(request: Request, _settings: Settings, now: datetime) -> Reading:
    """A batch of events; an empty one is a test of the webhook."""
    body = parsed(request.body, TITLE)
    return gathered(body if isinstance(body, list) else [body], lambda event: _told(event, now))


def _told(wrapped: Fields, now: datetime) -> Told | str | tuple[Told, ...]:
    inner = wrapped.values.get("msys")
    if not isinstance(inner, dict):
        return "it has no `msys`"
    if not inner:
        return ()
    event = Fields.of(next(iter(inner.values())))
    word = event.text("type") or next(iter(inner))
    type_ = WORDS.get(letters(word), EventType.UNKNOWN)
    kind: str | None = "initial" if letters(word).endswith("initialopen") else None
    cause: str | None = None
    address, meta = event.text("raw_rcpt_to", "rcpt_to"), event.sub("rcpt_meta")
    if type_ is EventType.BOUNCED:
        type_, kind, cause = _bounce(event, address)
    return Told(
        identity=named(
            NAME, event.text("event_id"), word, event.text("message_id"), event.text("timestamp"), address
        ),
        type=type_,
        at=event.at(now, "timestamp"),
        provider=NAME,
        job_id=meta.job(),
        message_id=meta.text("identity"),
        provider_id=event.text("message_id"),
        address=address,
        channel="email",
        kind=kind,
        cause=cause,
        machine=by_machine(type_, event.text("user_agent"), said=_is_prefetched(event)),
        link=event.text("target_link_url") if type_ is EventType.CLICKED else None,
        detail=remarks(said=word, bounce_class=event.text("bounce_class"), status=event.text("error_code")),
    )


def _is_prefetched(event: Fields) -> bool:
    return event.text("is_prefetched") == "true" or event.values.get("is_prefetched") is True


def _bounce(event: Fields, address: str | None) -> tuple[EventType, str | None, str | None]:
    number = event.text("bounce_class") or ""
    type_, kind = CLASSES.get(number, (EventType.BOUNCED, "soft"))
    if type_ is not EventType.BOUNCED:
        return type_, kind, None
    weight: Kind = "hard" if kind == "hard" else "block" if kind == "block" else "soft"
    words = " ".join(filter(None, (event.text("error_code"), event.text("raw_reason", "reason"))))
    verdict = judge(None, words, word=weight, domain=domain_of(address))
    # Its classes come of reading the same words, and of much experience.
    kind = weight if verdict.kind == "hard" else verdict.kind
    return type_, kind, "full" if number == _FULL else verdict.cause


ADAPTER = Adapter(NAME, verify, translate)
