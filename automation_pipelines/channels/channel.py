"""What a channel is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from automation_pipelines.model import Handoff, Outcome


class Channel(Protocol):
    """One way out. The conformance suite in `tests/conformance` says what each must get right."""

    @property
    def name(self) -> str:
        """What campaigns call it."""
        ...

    @property
    def repeatable(self) -> bool:
        """True when handing over the same job again has no further effect."""
        ...

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Hand over; one answer for each, in order. A failed delivery is an answer, not an exception.

        `None`: the other side may or may not have taken it and nobody can tell. Such a job is left as
        it is until its lease ends; then its purpose decides whether it is repeated.
        """
        ...

    def close(self) -> None:
        """Give back connections; the channel can be used again."""
        ...


@dataclass(frozen=True, slots=True)
class Doubt:
    """A hand-off of which nobody knows whether it was taken, and when it was made: between these times."""

    handoff: Handoff
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Trace:
    """A message that the provider has and that may be the hand-off asked about."""

    provider_id: str
    same: bool
    """It says what the hand-off says, as far as that can be compared."""


@runtime_checkable
class Traceable(Protocol):
    """A channel whose provider can be asked what it took."""

    def trace(self, doubts: Sequence[Doubt]) -> list[tuple[Trace, ...] | None]:
        """Everything that the provider has for each one's recipient of that time, in order.

        Empty: it was not taken. `None`: the provider did not tell.
        """
        ...
