"""Amazon SES through Amazon SNS: event publishing and feedback notifications, which are nearly the same.

Echo: `mail.headers` has X-Job-ID and Message-ID; message tags `job_id` and `identity` (header
X-SES-MESSAGE-TAGS) come back in `mail.tags`. `mail.messageId` is Amazon's own.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from automation_pipelines.errors import MalformedError
from automation_pipelines.feedback.adapters.adapter import Adapter, Reading, Request, forged, not_set_up
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
from automation_pipelines.feedback.adapters.sns import (
    CONFIRMATION,
    NOTIFICATION,
    SNS,
    TYPES,
    Envelopes,
    Fetch,
    fetch,
    is_amazons,
)
from automation_pipelines.feedback.bounces import Kind, judge
from automation_pipelines.feedback.told import Told
from automation_pipelines.model import EventType
from automation_pipelines.settings import Settings

NAME, TITLE = "ses", "Amazon SES"
WORDS: Mapping[str, tuple[EventType, str]] = {
    "send": (EventType.SENT, "send"),
    "delivery": (EventType.DELIVERED, "delivery"),
    "deliverydelay": (EventType.DEFERRED, "deliveryDelay"),
    "bounce": (EventType.BOUNCED, "bounce"),
    "complaint": (EventType.COMPLAINED, "complaint"),
    "reject": (EventType.FAILED, "reject"),
    "renderingfailure": (EventType.FAILED, "failure"),
    "open": (EventType.OPENED, "open"),
    "click": (EventType.CLICKED, "click"),
    "subscription": (EventType.UNSUBSCRIBED, "subscription"),
}
"""What it is, and where in the event more of it is said."""
BOUNCES: Mapping[tuple[str, str], Kind] = {
    ("permanent", "noemail"): "hard",
    ("permanent", "suppressed"): "hard",
    ("permanent", "onaccountsuppressionlist"): "soft",
    ("permanent", "unsubscribedrecipient"): "block",
    ("permanent", "general"): "hard",
    ("transient", "general"): "soft",
    ("transient", "mailboxfull"): "soft",
    ("transient", "messagetoolarge"): "soft",
    ("transient", "contentrejected"): "block",
    ("transient", "attachmentrejected"): "block",
    ("transient", "customtimeoutexceeded"): "soft",
    ("undetermined", "undetermined"): "soft",
}
"""By `bounceType` and `bounceSubType`."""
_LONG = 50_000
"""A body of so many bytes is read once, where it may take its time."""
_NOT_SPAM = "notspam"
_VALIDATED = "Successfully validated SNS topic"


def adapter(get: Fetch = fetch) -> Adapter:
    """The adapter; `get` fetches what Amazon has to show."""
    envelopes = Envelopes(get)
    return Adapter(NAME, partial(_verify, envelopes), _translate, partial(_asks, envelopes))


def _asks(envelopes: Envelopes, request: Request) -> bool:
    if len(request.body) > _LONG:
        return True
    try:
        return envelopes.asks(Fields.of(parsed(request.body, SNS)))
    except MalformedError:
        return False


def _verify(envelopes: Envelopes, request: Request, settings: Settings, now: datetime) -> None:
    if settings.ses is None:
        raise not_set_up(TITLE, "AUTOMATION_SES__WEBHOOK_TOPICS")
    envelope = Fields.of(parsed(request.body, SNS))
    said = request.headers.get("x-amz-sns-message-type")
    if said is not None and said != envelope.text("Type"):
        raise forged(SNS, "its header tells another type than its body")
    envelopes.verify(envelope, settings.ses.topics, now)
    if envelope.text("Type") == CONFIRMATION:
        url = envelope.text("SubscribeURL") or ""
        if not is_amazons(url):
            raise forged(SNS, "it is to be confirmed on a host that is not Amazon's")
        envelopes.get(url)


def _translate(request: Request, _settings: Settings, now: datetime) -> Reading:
    body = Fields.of(parsed(request.body, TITLE))
    event = _opened(body) if body.text("Type") in TYPES else body.values
    if event is None:
        return Reading()
    fields = Fields(event)
    if fields.text("eventType", "notificationType") in (None, "Received"):
        msg = "the body is no event of sending by Amazon SES"
        raise MalformedError(msg)
    return gathered([event], lambda one: tuple(_told(one, now)))


def _opened(envelope: Fields) -> Mapping[str, Any] | None:
    """The event in an envelope; `None`: it is about the subscription."""
    said = envelope.values.get("Message")
    if envelope.text("Type") != NOTIFICATION or str(said).startswith(_VALIDATED):
        return None
    event = parsed(said.encode("utf-8", "surrogatepass") if isinstance(said, str) else b"", TITLE)
    return event if isinstance(event, dict) else {}


def _told(event: Fields, now: datetime) -> Iterator[Told]:
    word = event.text("eventType", "notificationType") or ""
    type_, place = WORDS.get(letters(word), (EventType.UNKNOWN, ""))
    mail, more = event.sub("mail"), event.sub(place)
    if place == "complaint" and letters(more.text("complaintFeedbackType")) == _NOT_SPAM:
        type_ = EventType.UNKNOWN
    if place == "subscription" and not _has_left(more):
        type_ = EventType.UNKNOWN
    echoed, said = _echoed(mail), more.text("timestamp") or mail.text("timestamp")
    for recipient in _recipients(place, mail, more):
        kind, cause = _kind(place, more, recipient)
        address = recipient.text("emailAddress")
        ids = (mail.text("messageId"), word, address, said, more.text("link", "feedbackId"))
        yield Told(
            identity=named(NAME, *ids),
            type=type_,
            at=Fields({"at": said}).at(now, "at"),
            provider=NAME,
            job_id=echoed.job(),
            message_id=echoed.text("identity", "message-id"),
            provider_id=mail.text("messageId"),
            address=address,
            channel="email",
            kind=kind,
            cause=cause,
            machine=by_machine(type_, more.text("userAgent")),
            link=more.text("link"),
            detail=remarks(said=word, bounce=_words_of(more), status=recipient.text("status")),
        )


def _has_left(more: Fields) -> bool:
    """Whether a change of subscriptions ends any."""
    old, new = more.sub("oldTopicPreferences"), more.sub("newTopicPreferences")
    if new.values.get("unsubscribeAll") is True:
        return True
    before = {
        one.text("topicName"): one.text("subscriptionStatus") for one in old.each("topicSubscriptionStatus")
    }
    return any(
        one.text("subscriptionStatus") == "OptOut" and before.get(one.text("topicName")) != "OptOut"
        for one in new.each("topicSubscriptionStatus")
    )


def _recipients(place: str, mail: Fields, more: Fields) -> list[Fields]:
    """Whom an event is about; an e-mail to one is about them, whatever is not said."""
    listed = {
        "bounce": "bouncedRecipients",
        "complaint": "complainedRecipients",
        "deliveryDelay": "delayedRecipients",
    }
    found = list(more.each(listed[place])) if place in listed else []
    addresses = more.texts("recipients") if place == "delivery" else mail.texts("destination")
    # Who of several opened it, or complained where nobody is named, Amazon does not tell.
    if not found and (len(addresses) == 1 or place not in {"open", "click", *listed}):
        found = [Fields({"emailAddress": one}) for one in addresses]
    return found or [Fields({})]


def _kind(place: str, more: Fields, recipient: Fields) -> tuple[str | None, str | None]:
    if place in {"reject", "failure"}:
        return "dropped", None
    if place != "bounce":
        return None, None
    type_, sub = letters(more.text("bounceType")), letters(more.text("bounceSubType"))
    weight = BOUNCES.get((type_, sub), "soft")
    if sub == "mailboxfull":
        return "soft", "full"
    address = recipient.text("emailAddress")
    verdict = judge(
        recipient.text("status"), recipient.text("diagnosticCode"), word=weight, domain=domain_of(address)
    )
    # Amazon has no permanent bounce in its own list that it did not see itself.
    if sub == "suppressed":
        return "hard", "no_address"
    passing = type_ != "permanent" and verdict.kind == "hard"
    return ("soft" if passing else verdict.kind), verdict.cause


def _words_of(more: Fields) -> str | None:
    said = [more.text("bounceType"), more.text("bounceSubType", "complaintFeedbackType", "delayType")]
    return "/".join(one for one in said if one) or None


def _echoed(mail: Fields) -> Fields:
    """Our ids, from the headers and the tags."""
    headers = {(one.text("name") or "").lower(): one.values.get("value") for one in mail.each("headers")}
    found = {"job_id": headers.get("x-job-id"), "message-id": headers.get("message-id")}
    found.setdefault("message-id", mail.sub("commonHeaders").text("messageId"))
    for name in ("job_id", "identity"):
        tagged = mail.sub("tags").texts(name)
        if tagged and not found.get(name):
            found[name] = tagged[0]
    return Fields(found)


ADAPTER = adapter()
