"""The text of the setting `caps`: how many marketing messages somebody may get, and in how long.

`1 per day; 3 per 7 days by email; 2 per 24 hours about offers; 5 per 30 days by sms about news`. Days
are the recipient's calendar days, hours roll. What is counted is `planning.gates.caps`'.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_CAP = re.compile(
    r"(?P<count>\d{1,6}) per (?:(?P<length>\d{1,4}) )?(?P<unit>hour|day|week)s?"
    r"(?: by (?P<channel>[a-z_]+))?(?: about (?P<topic>[a-z0-9]+(?:-[a-z0-9]+)*))?"
)
ALLOWED = "caps such as '1 per day; 3 per 7 days by email; 2 per 24 hours about offers'"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `count` messages in any `minutes`; `calendar`: whole days of the recipient."""

    text: str
    count: int
    minutes: int
    calendar: bool
    channel: str | None = None
    topic: str | None = None


def read_caps(text: str, channels: Sequence[str]) -> tuple[Cap, ...]:
    """The caps a text declares; `ValueError` says which part is wrong and how it is written."""
    return tuple(_cap(part.strip(), channels) for part in text.split(";") if part.strip())


def _cap(text: str, channels: Sequence[str]) -> Cap:
    found = _CAP.fullmatch(" ".join(text.split()))
    if not found:
        msg = f"'{text}' is no cap: write for example '3 per 7 days by email about offers'"
        raise ValueError(msg)
    count, length = int(found["count"]), int(found["length"] or 1)
    if count < 1 or length < 1:
        msg = f"'{text}': write at least 1; to send nothing at all, switch the campaigns off"
        raise ValueError(msg)
    if found["channel"] and found["channel"] not in channels:
        msg = f"'{text}': there is no channel '{found['channel']}', only {', '.join(channels)}"
        raise ValueError(msg)
    calendar = found["unit"] != "hour"
    unit = {"hour": 60, "day": 1440, "week": 7 * 1440}[found["unit"]]
    return Cap(text, count, length * unit, calendar, found["channel"], found["topic"])
