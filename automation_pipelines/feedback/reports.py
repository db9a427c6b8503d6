"""What machines write back: delivery reports (RFC 3464), complaints (RFC 5965), receipts (RFC 8098).

What is not written to a standard is left to flufl.bounce. Whose job it is about, `letters` says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import cast

from automation_pipelines.feedback import headers
from automation_pipelines.feedback.bounces import judge
from automation_pipelines.model import EventType

ACTIONS = {
    "failed": EventType.BOUNCED,
    "delayed": EventType.DEFERRED,
    "delivered": EventType.DELIVERED,
    "relayed": EventType.DELIVERED,
    "expanded": EventType.DELIVERED,
}
"""By `Action` of a delivery report."""
COMPLAINTS = {
    "abuse": EventType.COMPLAINED,
    "fraud": EventType.COMPLAINED,
    "virus": EventType.COMPLAINED,
    "other": EventType.COMPLAINED,
    "opt-out": EventType.UNSUBSCRIBED,
    "opt-out-list": EventType.UNSUBSCRIBED,
    "not-spam": EventType.UNKNOWN,
    "auth-failure": EventType.UNKNOWN,
    "dmarc": EventType.UNKNOWN,
}
"""By `Feedback-Type` of a complaint."""
_DAEMONS = re.compile(r"^(mailer-?daemon|postmaster|mail-?daemon|bounces?)@")
_PERMANENT = re.compile(r"^5")
_WORDS = 20_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What a report says of one recipient."""

    type: EventType
    address: str | None
    kind: str | None = None
    cause: str | None = None
    status: str | None = None
    said: str | None = None


def findings(mail: Message) -> list[Finding]:
    """What a mail reports; nothing where it is no report."""
    for part in mail.walk():
        match part.get_content_type():
            case "message/feedback-report":
                return [_complaint(_fields(part))]
            case "message/delivery-status":
                return list(_deliveries(part))
            case "message/disposition-notification":
                return [_receipt(_fields(part))]
            case _:
                pass
    return list(_unusual(mail)) if _is_from_machine(mail) else []


def original(mail: Message) -> Message | None:
    """The message that a report is about, or its headers."""
    for part in mail.walk():
        if part is mail:
            continue
        if part.get_content_type() == "message/rfc822" and part.is_multipart():
            return cast("Message", part.get_payload(0))
        if part.get_content_type() in {"text/rfc822-headers", "message/rfc822-headers"}:
            from email.parser import HeaderParser  # noqa: PLC0415 - rare

            return HeaderParser().parsestr(words_of(part).lstrip())
    return None


def words_of(part: Message) -> str:
    """The text of a part, whatever it says it is encoded in."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload[:_WORDS].decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return payload[:_WORDS].decode("utf-8", "replace")


def _fields(part: Message) -> Message:
    """The fields of a report, which parsers see as a message within or as text."""
    if part.is_multipart():
        return cast("Message", part.get_payload(0))
    from email.parser import HeaderParser  # noqa: PLC0415 - rare

    return HeaderParser().parsestr(words_of(part).lstrip())


def _complaint(fields: Message) -> Finding:
    said = headers.text(fields, "Feedback-Type").lower()
    recipients = [
        found
        for name in ("Original-Rcpt-To", "Removal-Recipient", "X-HmXmrOriginalRecipient")
        if (found := headers.typed_address(headers.text(fields, name)))
    ]
    # Only the type that is new is in doubt; who reports at all complains.
    type_ = COMPLAINTS.get(said, EventType.COMPLAINED)
    return Finding(type_, recipients[0] if recipients else None, said=said or None)


def _receipt(fields: Message) -> Finding:
    """Read: somebody asked their mail program to say so."""
    said = headers.text(fields, "Disposition").lower()
    type_ = EventType.OPENED if "displayed" in said else EventType.UNKNOWN
    return Finding(type_, _recipient(fields), kind="receipt", said=said.rpartition(";")[2].strip() or None)


def _recipient(fields: Message) -> str | None:
    """The one we wrote to, where the report remembers it."""
    said = [
        headers.text(fields, name) for name in ("Original-Recipient", "Final-Recipient", "X-Actual-Recipient")
    ]
    return next((found for one in said if (found := headers.typed_address(one))), None)


def _deliveries(part: Message) -> Iterator[Finding]:
    groups = part.get_payload() if part.is_multipart() else [_fields(part)]
    for group in groups if isinstance(groups, list) else ():
        if isinstance(group, Message) and ("Final-Recipient" in group or "Original-Recipient" in group):
            yield _delivery(group)


def _delivery(group: Message) -> Finding:
    address, status = _recipient(group), headers.text(group, "Status")[:20]
    action = headers.text(group, "Action").lower().split(" ")[0]
    failed = EventType.BOUNCED if _PERMANENT.match(status) else EventType.DEFERRED
    type_ = ACTIONS.get(action, failed)
    if type_ not in {EventType.BOUNCED, EventType.DEFERRED}:
        return Finding(type_, address, status=status, said=action)
    domain = (address or "").rpartition("@")[2]
    verdict = judge(status, headers.text(group, "Diagnostic-Code"), domain=domain)
    kind = verdict.kind if type_ is EventType.BOUNCED else "soft"
    return Finding(type_, address, kind, verdict.cause, status, action or None)


def _is_from_machine(mail: Message) -> bool:
    empty = (mail.get("Return-Path") or "").strip() == "<>"
    return empty or any(map(_DAEMONS.match, headers.addresses(mail, "From")))


def _unusual(mail: Message) -> Iterator[Finding]:
    """Bounces in a server's own way of writing."""
    from flufl.bounce import all_failures  # noqa: PLC0415 - heavy

    passing, permanent = all_failures(mail)
    words = " ".join(words_of(part) for part in mail.walk() if part.get_content_type() == "text/plain")
    for recipient in sorted(permanent):
        address = recipient.decode("utf-8", "replace")
        verdict = judge(None, words, domain=address.rpartition("@")[2])
        yield Finding(EventType.BOUNCED, address, verdict.kind, verdict.cause)
    for recipient in sorted(set(passing) - set(permanent)):
        yield Finding(EventType.DEFERRED, recipient.decode("utf-8", "replace"), "soft")
