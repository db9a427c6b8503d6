"""What every provider's adapter takes and answers with. What its words mean is each adapter's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from automation_pipelines.feedback.told import Told
from automation_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it came: the names of headers in lower case, the body untouched."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str
    """The public one, with its query: some providers sign it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a request told. `problems` say what in it was no event; the rest counts all the same."""

    events: tuple[Told, ...] = ()
    problems: tuple[str, ...] = ()
    reply: str = ""
    """What the provider wants to read in the answer; mostly nothing."""


class Adapter(Protocol):
    """One provider: checks who is asking, and translates."""

    name: str

    def read(self, request: Request, settings: Settings, *, now: datetime) -> Reading:
        """Read one request.

        `ForgedError`: it is not the provider's, or no secret is set to tell by. `MalformedError`: its body
        is none of the provider's.
        """
        ...
