"""Reading what others wrote: JSON and forms of any shape → texts that can be stored, or nothing.

Nothing here raises for what is in a well-formed body: whatever is not as it should be is not there.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl

from automation_pipelines.errors import MalformedError
from automation_pipelines.feedback.adapters.adapter import Reading, Request
from automation_pipelines.feedback.humans import machine
from automation_pipelines.feedback.told import Told
from automation_pipelines.model import EventType, Scalar

_LONGEST = 4000
_FIELDS = 1000
# What no database takes, or nobody can read: control characters and halves of characters.
_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,9})?")
# Addresses, and numbers as long as a telephone's.
_PERSONAL = re.compile(r"[^\s<>:/,;]*@[^\s<>:/,;]*|\+?\d[\d ().-]{6,}\d")
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
_MILLISECONDS, _MICROSECONDS = 10**11, 10**14
_LARGEST_JOB = 2**63


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of a body."""

    values: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, value: object) -> "Fields":
        """Of anything: what is no object has no fields."""
        return cls(value if isinstance(value, dict) else {})

    def text(self, *names: str) -> str | None:
        """The first of these that says something, fit to be stored."""
        return next((said for name in names if (said := text_of(self.values.get(name)))), None)

    def sub(self, *path: str) -> "Fields":
        """What is further in."""
        found = self
        for name in path:
            found = Fields.of(found.values.get(name))
        return found

    def each(self, name: str) -> Iterator["Fields"]:
        """The objects of a list."""
        listed = self.values.get(name)
        return (
            (Fields(one) for one in listed if isinstance(one, dict)) if isinstance(listed, list) else iter(())
        )

    def texts(self, name: str) -> list[str]:
        """The texts of a list."""
        listed = self.values.get(name)
        return [said for one in listed if (said := text_of(one))] if isinstance(listed, list) else []

    def at(self, now: datetime, *names: str) -> datetime:
        """The first of these that is a time; the present where none is, or one that cannot be."""
        found = next((at for name in names if (at := instant(self.values.get(name)))), now)
        return found if _OLDEST <= found <= now + _AHEAD else now

    def job(self) -> int | None:
        """Our number, under the name we gave it."""
        said = self.text("job_id", "job", "X-Job-ID") or ""
        return int(said) if said.isdecimal() and said.isascii() and int(said[:20]) < _LARGEST_JOB else None


def text_of(value: object) -> str | None:
    """A text or number as a text; without what cannot be stored."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float) and not isfinite(value):
        return None
    said = _UNFIT.sub(" ", (value if isinstance(value, str) else str(value))[:_LONGEST]).strip()
    return said or None


def instant(value: object) -> datetime | None:
    """Seconds, milli- or microseconds since 1970, or ISO 8601; without a zone it is UTC."""
    said = text_of(value)
    if said is None:
        return None
    try:
        if _NUMBER.fullmatch(said):
            number = float(said)
            unit = 1e6 if number > _MICROSECONDS else 1e3 if number > _MILLISECONDS else 1
            return datetime.fromtimestamp(number / unit, UTC)
        found = datetime.fromisoformat(_shortened(said))
        # The first and last day of time may be none in UTC.
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _shortened(said: str) -> str:
    # Some tell more digits than a clock of ours has; SES's "+0000" and a trailing " UTC" are no ISO 8601.
    return re.sub(r"(\.\d{6})\d+", r"\1", said.removesuffix(" UTC"))


def named(provider: str, *parts: object) -> str:
    """The identity of an event: of everything that tells it from others, however a provider numbers them."""
    text = json.dumps([None if part is None else str(part) for part in parts], ensure_ascii=True)
    return f"{provider}:{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def parsed(body: bytes, name: str) -> Any:  # noqa: ANN401 - whatever it is
    """The JSON of a body."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        msg = f"the body is no JSON that {name} would post: {type(error).__name__}"
        raise MalformedError(msg) from None


def gathered(items: Iterable[object], make: Callable[[Fields], Told | str | Iterable[Told]]) -> Reading:
    """Translate each; a text that `make` answers with says why something is no event."""
    events: list[Told] = []
    problems: list[str] = []
    for place, item in enumerate(items, start=1):
        made = make(Fields.of(item)) if isinstance(item, dict) else "no JSON object"
        match made:
            case str():
                problems.append(f"event {place}: {made}")
            case Told():
                events.append(made)
            case _:
                events.extend(made)
    return Reading(tuple(events), tuple(problems))


def form_of(request: Request, name: str) -> list[tuple[str, str]]:
    """The fields of a form, urlencoded or multipart, in their order."""
    kind = request.headers.get("content-type", "")
    if kind.lower().startswith("multipart/") or request.body.startswith(b"--"):
        return list(_multipart(kind, request.body))
    try:
        return parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:  # UnicodeDecodeError is one
        msg = f"the body is no form that {name} would post"
        raise MalformedError(msg) from None


def _multipart(kind: str, body: bytes) -> Iterator[tuple[str, str]]:
    if not kind.lower().startswith("multipart/"):  # of a file nobody kept the header
        boundary = body.split(b"\n", 1)[0].strip()[2:].decode("latin-1").replace('"', "")
        kind = f'multipart/form-data; boundary="{boundary}"'
    head = f"Content-Type: {_UNFIT.sub(' ', kind)}\r\n\r\n".encode("latin-1", "replace")
    form = BytesParser(policy=compat32).parsebytes(head + body)
    for part in form.get_payload() if form.is_multipart() else ():
        name = part.get_param("name", header="content-disposition") if isinstance(part, Message) else None
        payload = part.get_payload(decode=True) if isinstance(part, Message) else None
        if isinstance(name, str) and isinstance(payload, bytes):
            yield name, payload.decode("utf-8", "replace")


def by_machine(type_: EventType, agent: str | None, *, said: bool = False) -> bool | None:
    """Whether an open or click is a machine's: the provider says so, or the program that made it does."""
    if type_ not in {EventType.OPENED, EventType.CLICKED}:
        return None
    return said or (agent is not None and machine("GET", {"user-agent": agent}) is not None) or None


def remarks(**said: str | None) -> dict[str, Scalar]:
    """What else is worth keeping of an event: its own words, short, without whom they name."""
    return {name: _PERSONAL.sub("…", text[:200])[:80] for name, text in said.items() if text}


def domain_of(address: str | None) -> str:
    """What is behind the @."""
    return (address or "").rpartition("@")[2]


def letters(word: str | None) -> str:
    """A provider's word however it spells it: hard_bounce, hardBounce and Hard Bounce are one."""
    return re.sub("[^a-z0-9]", "", (word or "").lower())
