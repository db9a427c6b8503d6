"""What every provider's adapter takes and answers with. What its words mean is each adapter's own."""

import hmac
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from automation_pipelines.errors import ForgedError
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


@dataclass(frozen=True)
class Adapter:
    """One provider: checks who is asking, and translates."""

    name: str
    verify: Callable[[Request, Settings, datetime], None]
    """`ForgedError` unless it is the provider's."""
    translate: Callable[[Request, Settings, datetime], Reading]
    """What it says, whoever sent it: also used for posts that were kept as files."""
    asks: Callable[[Request], bool] = lambda _: False
    """Whether the network is asked about this request, which may take seconds."""

    def read(self, request: Request, settings: Settings, *, now: datetime) -> Reading:
        """Read one request.

        `ForgedError`: it is not the provider's, or no secret is set to tell by. `MalformedError`: its body
        is none of the provider's. Another `FeedbackError`: who could tell is away; posted again it may count.
        """
        self.verify(request, settings, now)
        return self.translate(request, settings, now)


def not_set_up(name: str, variable: str) -> ForgedError:
    """Nobody can prove anything without a secret."""
    return ForgedError(f"{name} is not set up here, so nothing it posts is believed: set {variable}")


def forged(name: str, why: str) -> ForgedError:
    """It is not the provider's."""
    return ForgedError(f"this is not proved to be {name}'s: {why}")


def secrets_of(secret: SecretStr) -> tuple[bytes, ...]:
    """All that are set: while one replaces another, both count."""
    return tuple(one.encode() for one in secret.get_secret_value().split())


def same(given: str | bytes, wanted: Iterable[str | bytes]) -> bool:
    """Whether it is one of those, in a time that tells nothing of them."""
    told = _bytes(given)
    return sum(hmac.compare_digest(told, _bytes(one)) for one in wanted) > 0


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def shared_secret(request: Request, secret: SecretStr) -> bool:
    """Whether it bears a secret: by basic authentication, as a bearer's token, or in X-Webhook-Secret."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    said = [request.headers.get("x-webhook-secret", "")]
    if scheme.lower() == "basic":
        said.append(_decoded(given.strip()))
    elif scheme.lower() == "bearer":
        said.append(given.strip())
    known = secrets_of(secret)
    return any(same(one, known) for one in said if one)


def _decoded(text: str) -> str:
    try:
        return b64decode(text, validate=True).decode("latin-1")
    except ValueError:
        return ""
