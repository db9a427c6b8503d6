"""Postmark's webhooks. They are not signed: a password in the webhook's URL, or a header, proves them.

Echo: header X-PM-Metadata-job_id comes back in `Metadata`. `MessageID` is Postmark's own.
"""

from collections.abc import Mapping
from datetime import datetime

from automation_pipelines.errors import MalformedError
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
)
from automation_pipelines.feedback.adapters.fields import remarks as remarked
from automation_pipelines.feedback.bounces import Kind, judge
from automation_pipelines.feedback.told import Told
from automation_pipelines.model import EventType
from automation_pipelines.settings import Settings

NAME, TITLE = "postmark", "Postmark"
WORDS: Mapping[str, EventType] = {
    "bounce": EventType.BOUNCED,
    "click": EventType.CLICKED,
    "delivery": EventType.DELIVERED,
    "open": EventType.OPENED,
    "spamcomplaint": EventType.COMPLAINED,
    "subscriptionchange": EventType.UNSUBSCRIBED,
    "smtpapierror": EventType.FAILED,
}
"""By `RecordType`."""
TYPES: Mapping[str, tuple[EventType, str | None]] = {
    "hardbounce": (EventType.BOUNCED, "hard"),
    "softbounce": (EventType.BOUNCED, "soft"),
    "transient": (EventType.DEFERRED, None),
    "dnserror": (EventType.BOUNCED, "soft"),
    "undeliverable": (EventType.BOUNCED, "soft"),
    "unknown": (EventType.BOUNCED, "soft"),
    "blocked": (EventType.BOUNCED, "block"),
    "dmarcpolicy": (EventType.BOUNCED, "block"),
    "spamnotification": (EventType.BOUNCED, "block"),
    "virusnotification": (EventType.BOUNCED, "block"),
    "bademailaddress": (EventType.BOUNCED, "hard"),
    "spamcomplaint": (EventType.COMPLAINED, None),
    "unsubscribe": (EventType.UNSUBSCRIBED, None),
    "subscribe": (EventType.UNKNOWN, None),
    "autoresponder": (EventType.UNKNOWN, "auto"),
    "addresschange": (EventType.UNKNOWN, "auto"),
    "challengeverification": (EventType.UNKNOWN, "auto"),
    "openrelaytest": (EventType.UNKNOWN, None),
    "manuallydeactivated": (EventType.FAILED, "bounced"),
    "inactiverecipient": (EventType.FAILED, "bounced"),
    "unconfirmed": (EventType.FAILED, "dropped"),
    "smtpapierror": (EventType.FAILED, "dropped"),
    "templaterenderingfailed": (EventType.FAILED, "dropped"),
    "inbounderror": (EventType.UNKNOWN, None),
    "manualsuppression": (EventType.UNSUBSCRIBED, None),
}
"""By `Type` of a bounce, and by `SuppressionReason` of a change of subscription."""


def verify(request: Request, settings: Settings, _now: datetime) -> None:
    """By a secret that both know."""
    if settings.postmark is None:
        raise not_set_up(TITLE, "AUTOMATION_POSTMARK__WEBHOOK_SECRET")
    if not shared_secret(request, settings.postmark.webhook_secret):
        raise forged(TITLE, "it does not bear the webhook's secret")


def translate(request: Request, _settings: Settings, now: datetime) -> Reading:
    """One event."""
    body = parsed(request.body, TITLE)
    if not isinstance(body, dict) or not any(name in body for name in ("RecordType", "Type")):
        msg = "the body is no event that Postmark would post: RecordType is missing"
        raise MalformedError(msg)
    return gathered([body], lambda event: _told(event, now))


def _told(event: Fields, now: datetime) -> Told:
    record = event.text("RecordType") or "Bounce"
    said = event.text("SuppressionReason") if letters(record) == "subscriptionchange" else event.text("Type")
    type_, kind, cause = _meaning(event, letters(record), letters(said))
    times = ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt")
    address, metadata = event.text("Email", "Recipient"), event.sub("Metadata")
    ids = (event.text("ID"), event.text("MessageID"), record, address, event.text(*times))
    return Told(
        identity=named(NAME, *ids, event.text("OriginalLink")),
        type=type_,
        at=event.at(now, *times),
        provider=NAME,
        job_id=metadata.job(),
        message_id=metadata.text("identity"),
        provider_id=event.text("MessageID"),
        address=address,
        channel="email",
        kind=kind,
        cause=cause,
        machine=by_machine(type_, event.text("UserAgent")),
        link=event.text("OriginalLink"),
        detail=remarked(said=f"{record}: {said}" if said else record),
    )


def _meaning(event: Fields, record: str, said: str) -> tuple[EventType, str | None, str | None]:
    """The type of an event, its kind and cause."""
    word = WORDS.get(record, EventType.UNKNOWN)
    if record == "subscriptionchange" and event.values.get("SuppressSending") is not True:
        return EventType.UNKNOWN, "resubscribed", None
    if record not in {"bounce", "subscriptionchange", "smtpapierror"} or said not in TYPES:
        return word, "soft" if word is EventType.BOUNCED else None, None
    type_, kind = TYPES[said]
    if type_ is not EventType.BOUNCED:
        return type_, kind, None
    return type_, *_bounce(event, kind)


def _bounce(event: Fields, kind: str | None) -> tuple[str, str]:
    weight: Kind = "hard" if kind == "hard" else "block" if kind == "block" else "soft"
    verdict = judge(
        None,
        event.text("Details", "Description"),
        word=weight,
        domain=domain_of(event.text("Email", "Recipient")),
    )
    # A bounce that Postmark itself would try again is no dead address.
    return ("soft" if weight != "hard" and verdict.kind == "hard" else verdict.kind), verdict.cause


ADAPTER = Adapter(NAME, verify, translate)
