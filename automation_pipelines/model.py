"""The words that travel between modules: frozen values, no behaviour beyond validation.

What belongs here is shared by at least two layers. Time is always an aware UTC `datetime`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

Scalar = str | int | float | bool | None


def require_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; raise `ValueError` for a naive one (time is an argument, aware)."""
    if moment.tzinfo is None:
        msg = f"naive time {moment.isoformat()}: give a time with a zone, for example ...+00:00"
        raise ValueError(msg)
    return moment.astimezone(UTC)


class Purpose(StrEnum):
    """Why a message exists; consent, lateness and repeats after a crash follow from it."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    INTERNAL = "internal"


class Reason(StrEnum):
    """What planning made of a moment, in the order in which the gates are asked.

    `SETTLED` reasons take the moment's key for good; the others are judged again at each tick.
    """

    STALE = "stale"
    INACTIVE = "inactive"
    WAITING = "waiting"
    CONDITION = "condition"
    NO_RECIPIENT = "no_recipient"
    SUPPRESSED = "suppressed"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    HOLDOUT = "holdout"
    MERGED = "merged"
    """Said in the message of another subject of the same person: a digest, or a second record of them."""
    GUARDED = "guarded"
    CAPPED = "capped"
    LIMITED = "limited"
    PLANNED = "planned"


SETTLED = frozenset(
    {
        Reason.STALE,
        Reason.CONDITION,
        Reason.SUPERSEDED,
        Reason.HOLDOUT,
        Reason.MERGED,
        Reason.CAPPED,
        Reason.LIMITED,
        Reason.PLANNED,
    }
)


class State(StrEnum):
    """Where a job is (DESIGN: the ledger)."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    DEAD = "dead"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class EventType(StrEnum):
    """Feedback, in one vocabulary for all providers."""

    SENT = "sent"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    OPENED = "opened"
    CLICKED = "clicked"
    REPLIED = "replied"
    CONVERTED = "converted"
    UNSUBSCRIBED = "unsubscribed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took responsibility. `provider_id` is its name for the message, if it said one."""

    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: try again later, not before `after` has passed when the provider asked for that.

    `provider`: it says nothing of this hand-off, the next one would fare no better: the other side cannot be
    reached, throttles all of us, is out of order, or refuses our credentials. Such an attempt does not
    count, and some of them in a row open the circuit breaker; with `after`, the first one does.
    """

    error: str
    after: timedelta | None = None
    provider: bool = False


@dataclass(frozen=True, slots=True)
class Reject:
    """Never: repeating this hand-off cannot succeed.

    `suppress`: nor can any other to this address on this channel, and why: it takes nothing more, or its
    owner told the provider to stop. The address is suppressed for the tenant.
    """

    error: str
    suppress: Literal["bounced", "unsubscribed"] | None = None


Outcome = Sent | Retry | Reject


@dataclass(frozen=True, slots=True)
class Email:
    """One complete e-mail ready for hand-off.

    `identity` names this hand-off for ever, in this installation and among all others: a repeat has
    the same one. `content` is an RFC 5322 message with CRLF line ends whose Message-ID derives from
    it. `sender`, `recipient` and `copies` are the envelope addresses; the recipient's fate is the
    message's.
    """

    job_id: int
    tenant_id: int
    identity: str
    sender: str
    recipient: str
    content: bytes
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteBack:
    """One CRM write-back: `sql/actions/<action>.sql` with `values` bound by name.

    `identity` names this hand-off for ever, in this installation and among all others.
    """

    job_id: int
    tenant_id: int
    identity: str
    action: str
    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class ContentTemplate:
    """A text that the provider keeps and has approved, with what is filled into its places."""

    sid: str
    variables: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Note:
    """A short text for one address: an SMS, a push message, a call to be made, a line in a chat.

    `to` is whatever the channel calls its recipients by; `title` is empty where a channel has none.
    `content` says the same where only approved texts may be sent, and `conversing` that the person
    wrote to us within the last day, so that any text may be.
    """

    job_id: int
    tenant_id: int
    identity: str
    to: str
    title: str
    text: str
    content: ContentTemplate | None = None
    conversing: bool = False
    keys: Mapping[str, Scalar] = field(default_factory=dict)
    """What a write-back about the same may bind, for a channel that is one."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, complete; `body` is sent as JSON.

    Headers and body may hold secrets, and so may the address: none of them is ever printed.
    """

    job_id: int
    tenant_id: int
    identity: str
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Command:
    """One action of another product, in that product's words, with its parameters."""

    job_id: int
    tenant_id: int
    identity: str
    target: str
    action: str
    parameters: Mapping[str, Any] = field(repr=False)
    at: datetime | None = None
    """When it was made: what a product dates its records by."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to hand over: a step that only lets time pass."""

    job_id: int
    tenant_id: int
    identity: str


Handoff = Email | WriteBack | Note | Call | Command | Wait
