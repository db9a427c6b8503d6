"""What a channel is."""

from collections.abc import Sequence
from typing import Protocol

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
