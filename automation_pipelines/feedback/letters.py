"""One mail that came back → what it tells: bounces, complaints, receipts, requests to unsubscribe, replies.

Anybody can write a mail, so none is believed for a job's number alone: the name of the hand-off, which only
its recipient has seen, must be that job's. A link's token proves itself. Where mail lies is `mailbox`'s.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import Message

from automation_pipelines.errors import MalformedError
from automation_pipelines.feedback import headers
from automation_pipelines.feedback.reports import Finding, findings, original
from automation_pipelines.feedback.told import Told
from automation_pipelines.messages.optout import UNSUBSCRIBE
from automation_pipelines.messages.tokens import Claim, LinkKeys, Valid
from automation_pipelines.model import EventType

NAME = "mailbox"
LARGEST = 1_000_000
"""So much of a mail is looked at."""

_AUTO = re.compile(
    r"^(re: *|aw: *)?(auto(matic|matisch|-|mated)? ?(reply|response|responder|antwort)|out of (the )?office"
    r"|abwesen|réponse automatique|respuesta automática|risposta automatica|resposta automática|ooo\b"
    r"|i am away|vacation)",
    re.IGNORECASE,
)
_WANTED = re.compile(rf"^(?:(?:re|aw|fw|fwd): *)*{UNSUBSCRIBE}\b[ :]*([A-Za-z0-9_-]*) *$", re.IGNORECASE)
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError)


@dataclass(frozen=True)
class Desk:
    """What is needed to read mail: whose tokens are good, and which tenant an address of ours is."""

    keys: LinkKeys | None = None
    tenants: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By address that recipients answer to, in lower case."""


def read(content: bytes, desk: Desk, now: datetime) -> tuple[Told, ...]:
    """What a mail tells; nothing where it has nothing to do with our messages.

    `MalformedError` for one that no parser gets through.
    """
    try:
        mail = message_from_bytes(content[:LARGEST])
        return tuple(_read(mail, hashlib.sha256(content).hexdigest(), desk, now))
    except _BROKEN as error:
        msg = f"the mail cannot be read: {type(error).__name__}"
        raise MalformedError(msg) from None


def _read(mail: Message, digest: str, desk: Desk, now: datetime) -> Iterator[Told]:
    name = headers.text(mail, "Message-ID") or digest
    at = headers.at(mail, now)
    found = findings(mail)
    if found:
        yield from (_reported(mail, one, place, name, at) for place, one in enumerate(found))
        return
    wanted = _WANTED.match(headers.text(mail, "Subject"))
    if wanted:
        yield _unsubscribed(mail, wanted[1], name, desk, at)
        return
    answered = headers.identity(headers.text(mail, "References"), headers.text(mail, "In-Reply-To"))
    if answered is not None:
        yield _answer(mail, answered, name, at)


def _named(*parts: str) -> str:
    text = "\n".join(parts).encode("utf-8", "replace")
    return f"{NAME}:{hashlib.sha256(text).hexdigest()[:40]}"


def _reported(mail: Message, found: Finding, place: int, name: str, at: datetime) -> Told:
    about = original(mail)
    job = headers.number(headers.text(about, "X-Job-ID")) if about is not None else None
    address, kind = found.address, found.kind
    if job is not None and about is not None and address is not None and not _is_shown(address, about):
        # Passed on to another address, or a blind copy: whose fault it is cannot be told.
        address, kind = None, "soft" if kind == "hard" else kind
    said = {"said": found.said, "status": found.status}
    return Told(
        identity=_named(name, str(place), found.address or "", found.type),
        type=found.type,
        at=at,
        provider=NAME,
        job_id=job,
        proved=False,
        message_id=headers.identity(headers.text(about, "Message-ID")) if about is not None else None,
        address=address,
        channel="email",
        kind=kind,
        cause=found.cause,
        detail={key: value[:80] for key, value in said.items() if value},
    )


def _is_shown(address: str, about: Message) -> bool:
    shown = headers.addresses(about, "To", "Cc")
    return not shown or address.lower() in shown


def _unsubscribed(mail: Message, token: str, name: str, desk: Desk, at: datetime) -> Told:
    verdict = desk.keys.verify("unsubscribe", token) if desk.keys and token else None
    if isinstance(verdict, Valid):
        return _by_token(verdict.claim, name, at)
    # Without a good token the sender's word counts for their own address, with whom they wrote to.
    sender = next(iter(headers.addresses(mail, "From")), None)
    ours = headers.addresses(mail, "To", "Cc", "Delivered-To", "X-Original-To")
    tenants = frozenset[int]().union(*(desk.tenants.get(one, frozenset()) for one in ours))
    (tenant,) = tenants if len(tenants) == 1 else (None,)
    return Told(
        identity=_named(name, "unsubscribe"),
        type=EventType.UNSUBSCRIBED,
        at=at,
        provider=NAME,
        address=sender,
        tenant_id=tenant,
        all_tenants_but=frozenset() if tenant is None else None,
        channel="email",
        kind="mailto",
    )


def _by_token(claim: Claim, name: str, at: datetime) -> Told:
    return Told(
        identity=_named(name, "unsubscribe"),
        type=EventType.UNSUBSCRIBED,
        at=at,
        provider=NAME,
        job_id=claim.job_id,
        address_hash=claim.address_hash,
        tenant_id=claim.tenant_id,
        channel=claim.channel,
        kind="mailto",
        topic=claim.topic,
    )


def _answer(mail: Message, answered: str, name: str, at: datetime) -> Told:
    auto = _is_automatic(mail)
    return Told(
        identity=_named(name, "reply"),
        type=EventType.UNKNOWN if auto else EventType.REPLIED,
        at=at,
        provider=NAME,
        proved=False,
        message_id=answered,
        channel="email",
        kind="auto" if auto else None,
    )


def _is_automatic(mail: Message) -> bool:
    """RFC 3834, and those who never heard of it."""
    submitted = headers.text(mail, "Auto-Submitted").lower()
    precedence = headers.text(mail, "Precedence").lower()
    marks = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From")
    return (
        (submitted not in {"", "no"})
        or precedence in {"auto_reply", "auto-reply", "bulk", "junk"}
        or any(name in mail for name in marks)
        or _AUTO.match(headers.text(mail, "Subject")) is not None
    )
