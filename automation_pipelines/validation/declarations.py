"""A document → a `Campaign`, or what is wrong in the words and places of the file.

Whatever part can be understood is handed on even when another cannot, so that one look at a file finds
all its problems. Nothing here knows what exists (audiences, templates): that is `validation`'s.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from automation_pipelines.campaign import Campaign, Step
from automation_pipelines.conditions import unknown
from automation_pipelines.validation.documents import Document, Path

Problem = tuple[Path, str]

_SLUG = "write lower-case letters, digits and hyphens, beginning with a letter or digit"
_PATTERNS = {
    "template": "write the name of a folder of templates, such as 'welcome'",
    "url": "write a URL that begins with https://",
}
_ADDRESS = "write an e-mail address such as ada@example.com"
_WANTED = {
    "missing": "given, it is missing",
    "too_short": "filled, it is empty",
    "string_too_short": "filled, it is empty",
    "tuple_type": "a list",
    "model_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "string_type": "a text",
    "bool_type": "true or false",
    "int_type": "a number",
    "float_type": "a number",
    "date_from_datetime_parsing": "a date such as 2026-05-31",
    "date_type": "a date such as 2026-05-31",
}
_OF_THE_WHOLE = ("too_short", "literal_error")
_FILLED: dict[str, Any] = {"id": "unknown", "title": "unknown", "audience": ""}
_NO_STEP = {"id": "unknown", "action": "unknown"}


@dataclass(frozen=True, slots=True)
class Declared:
    """What was understood of a file. `steps` pairs the understood steps with their place in the file."""

    spec: Campaign | None
    steps: tuple[tuple[int, Step], ...]
    problems: tuple[Problem, ...]


def declare(document: Document) -> Declared:
    """Build the campaign; with problems, its `spec` holds only the parts that have none."""
    if not isinstance(document.data, dict):
        return Declared(
            None, (), (((), "a campaign file is a mapping of keys such as id, title, audience, steps"),)
        )
    bad: frozenset[Path] = frozenset()
    problems: list[Problem] = []
    while True:
        part = _without(document.data, bad)
        try:
            spec = Campaign.model_validate(part.data)
        except ValidationError as error:
            complaints = _complaints(error, part, document)
            problems += _problems(complaints)
            worse = bad | {_part(complaint.place) for complaint in complaints}
            if worse == bad:
                return Declared(None, (), tuple(problems))
            bad = worse
        else:
            return Declared(spec, tuple(zip(part.order, spec.steps, strict=False)), tuple(problems))


@dataclass(frozen=True, slots=True)
class _Partial:
    """The data without its bad parts; `order` holds the places of its steps in the file."""

    data: dict[str, Any]
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Complaint:
    place: Path
    details: ErrorDetails


def _without(data: dict[str, Any], bad: frozenset[Path]) -> _Partial:
    """Leave out bad keys and steps; what is required then is filled in, to be ignored afterwards."""
    steps = data.get("steps")
    places = range(len(steps)) if isinstance(steps, list) and ("steps",) not in bad else range(0)
    if not bad:
        return _Partial(data, tuple(places))
    order = tuple(number for number in places if ("steps", number) not in bad)
    kept = {key: value for key, value in data.items() if (key,) not in bad}
    return _Partial({**_FILLED, **kept, "steps": [data["steps"][n] for n in order] or [_NO_STEP]}, order)


def _part(place: Path) -> Path:
    """Return the part that is left out for a complaint at `place`: one step, or one key."""
    return place[:2] if place[:1] == ("steps",) else place[:1]


def _complaints(error: ValidationError, part: _Partial, document: Document) -> list[_Complaint]:
    found = [
        _Complaint(_place(details, part, document), details) for details in error.errors(include_url=False)
    ]
    # Of a list whose members are wrong, or a value one form of which it nearly has, that alone is told.
    above = {complaint.place[:end] for complaint in found for end in range(1, len(complaint.place))}
    return [c for c in found if not (c.details["type"] in _OF_THE_WHOLE and c.place in above)]


def _place(details: ErrorDetails, part: _Partial, document: Document) -> Path:
    """Return where in the file the complaint belongs: on the key itself, be it there or missing."""
    place: Path = tuple(details.get("ctx", {}).get("place", details["loc"]))
    if len(place) > 1 and place[0] == "steps" and part.order:
        place = ("steps", part.order[int(place[1])], *place[2:])
    return place if details["type"] == "missing" else document.within(place)


def _problems(complaints: Iterable[_Complaint]) -> list[Problem]:
    """One problem for each place: the alternatives of a value that fits none of them count once."""
    messages: dict[Path, dict[str, None]] = {}
    for complaint in complaints:
        messages.setdefault(complaint.place, {})[_message(complaint.details, complaint.place)] = None
    return [
        (place, f"{'.'.join(map(str, place))}: {' or '.join(words)}") for place, words in messages.items()
    ]


def _message(details: ErrorDetails, place: Path) -> str:
    kind, name = details["type"], str(place[-1]) if place else ""
    match kind:
        case "extra_forbidden":
            return unknown("key", name, _keys(details["loc"][:-1]))
        case "literal_error" | "enum":
            return _choice(str(details["input"]), details["ctx"]["expected"])
        case "string_pattern_mismatch":
            how = _ADDRESS if "@" in details["ctx"]["pattern"] else _PATTERNS.get(name, _SLUG)
            return f"'{details['input']}' is not allowed: {how}"
        case _:
            wanted = _WANTED.get(kind)
            return f"must be {wanted}" if wanted else details["msg"].removeprefix("Value error, ")


def _choice(given: str, expected: str) -> str:
    allowed = re.findall(r"'([^']*)'", expected)
    nearest = get_close_matches(given, allowed, n=1)
    hint = f" (did you mean '{nearest[0]}'?)" if nearest else ""
    return f"'{given}' is not allowed{hint}, allowed: {', '.join(allowed)}"


def _keys(parent: Path) -> list[str]:
    """List the keys allowed in the mapping at `parent`."""
    model: type[BaseModel] = Campaign
    for part in parent:
        fields = {info.alias or name: info for name, info in model.model_fields.items()}
        if part in fields:  # else a place in a list, a key that is free, or the form that was tried
            model = next(_models(fields[str(part)].annotation), model)
    return [info.alias or name for name, info in model.model_fields.items()]


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
