"""Send windows as a setting writes them: `mon-fri 09:00-18:00; sms 10:00-20:00; FR mon-sat 08:00-20:00`.

Each part may begin with a channel or a country (ISO 3166, capitals) or both, then days, then hours.
Parts for the same channel and country add up; a message must lie within every group that applies to it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time

DAYS: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)")
_LIKE = "write for example 'mon-fri 09:00-18:00; sms 10:00-20:00; FR mon-sat 08:00-20:00'"


@dataclass(frozen=True, slots=True)
class Opening:
    """One part: hours of some days, for messages by `channel` to customers in `country` (`None`: any)."""

    days: tuple[str, ...]
    start: time
    end: time | None
    """`None` is midnight at the end of the day."""
    channel: str | None = None
    country: str | None = None

    @property
    def scope(self) -> tuple[str | None, str | None]:
        """Whom it is about."""
        return self.channel, self.country

    def applies(self, channel: str, country: str | None) -> bool:
        """Say whether a message by this channel to this country is bound by it."""
        return self.channel in (None, channel) and self.country in (None, country)


def read_openings(text: str, channels: tuple[str, ...]) -> tuple[Opening, ...]:
    """Read a text; `ValueError` says what is wrong with it."""
    return tuple(_opening(part.split(), channels) for part in text.split(";") if part.strip())


def _opening(words: list[str], channels: tuple[str, ...]) -> Opening:
    channel = country = None
    *heads, hours = words
    days = DAYS
    for word in heads:
        if word in channels and channel is None and country is None:
            channel = word
        elif re.fullmatch("[A-Z]{2}", word) and country is None:
            country = word
        elif word == heads[-1]:
            days = tuple(dict.fromkeys(_days(word)))
        else:
            msg = f"'{word}' is no channel ({', '.join(channels)}), country or days: {_LIKE}"
            raise ValueError(msg)
    start, end = _hours(hours)
    return Opening(days, start, end, channel, country)


def _days(word: str) -> Iterator[str]:
    for part in word.split(","):
        first, _, last = part.partition("-")
        last = last or first
        if first not in DAYS or last not in DAYS:
            msg = f"'{word}' are no days ({', '.join(DAYS)}), country or channel: {_LIKE}"
            raise ValueError(msg)
        at = DAYS.index(first)
        yield DAYS[at]
        while DAYS[at] != last:
            at = (at + 1) % 7
            yield DAYS[at]


def _hours(word: str) -> tuple[time, time | None]:
    found = _HOURS.fullmatch(word)
    if not found:
        msg = f"'{word}' are no hours such as 09:00-18:00: {_LIKE}"
        raise ValueError(msg)
    start = time.fromisoformat(found[1])
    end = None if found[2] == "24:00" else time.fromisoformat(found[2])
    if end is not None and end <= start:
        msg = f"'{word}' ends before it starts: write two parts for a night"
        raise ValueError(msg)
    return start, end
