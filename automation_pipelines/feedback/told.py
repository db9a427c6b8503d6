"""One thing that came back, in our own words: what every way in makes and `store` takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from automation_pipelines.model import EventType, Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event as somebody told it. Whose job it is about is found by the first of the ids that is known."""

    identity: str
    """Told twice, it counts once: at most 200 characters, beginning with who tells it."""
    type: EventType
    at: datetime
    provider: str
    """Who told it: a name in `adapters.PROVIDERS`, `mailbox`, `site`, `file`."""
    job_id: int | None = None
    proved: bool = True
    """Whether who told it may name jobs. If not, `message_id` must be that job's: its recipient knows."""
    message_id: str | None = None
    """A Message-ID, or any text that holds the identity of a hand-off, as it was echoed."""
    provider_id: str | None = None
    """The provider's own name for the message."""
    address: str | None = field(default=None, repr=False)
    """Whom it concerns, in the clear: hashed before anything is stored."""
    address_hash: str | None = None
    """The same where it is known only so: from a signed link."""
    tenant_id: int | None = None
    all_tenants_but: frozenset[int] | None = None
    """It concerns every tenant but these: those that share a sender's number. `None`: `tenant_id` alone."""
    channel: str | None = None
    """On which it happened; `None`: on the one that the job is on."""
    kind: str | None = None
    """Of a bounce: hard, soft, block. Of a reply: stop, start, help, auto. Of others: how."""
    cause: str | None = None
    """Of a bounce, a word of `bounces.Cause`."""
    machine: bool | None = None
    """Opened or clicked by a scanner or prefetcher."""
    link: str | None = None
    """What was clicked."""
    topic: str = ""
    """What was unsubscribed from; '' is everything."""
    detail: Mapping[str, Scalar] = field(default_factory=dict)
    """What else is worth keeping. No personal data."""
