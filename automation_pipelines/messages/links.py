"""Parameters on links: which a message carries, and how they are put on an address (RFC 3986).

`traced` and `pixel` are used by `markup` on HTML; plain text is searched for addresses. Ways out of
marketing carry none: they are somebody's own, and no advertisement. How clicks are told is `tracking`'s.
"""

import html
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Protocol
from urllib.parse import parse_qsl, quote, urlencode

import jinja2
from jinja2.runtime import Context
from markupsafe import Markup

Parameters = tuple[tuple[str, str], ...]

WAYS_OUT = ("unsubscribe_url", "preferences_url", "browser_url")
"""The variables whose links are left alone; null where a message has no such way out."""
TRACKER = "tracker"
"""Under this name the HTML part of a message is told its tracker, if it has one."""

# A full stop or bracket after an address ends the sentence, not the address.
_ADDRESS = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)\]}']", re.IGNORECASE)


@lru_cache(maxsize=4096)
def with_parameters(address: str, parameters: Parameters) -> str:
    """Add what an http(s) address does not say already; all that it says is kept as it is."""
    if not address.lower().startswith(("http://", "https://")) or "unsubscribe" in address.lower():
        return address
    before, hash_, fragment = address.partition("#")
    place, _, query = before.partition("?")
    said = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
    added = urlencode([(name, value) for name, value in parameters if name not in said], quote_via=quote)
    joined = "&".join(part for part in (query, added) if part)
    return f"{place}?{joined}{hash_}{fragment}" if joined else address


def parameters_of(message: Mapping[str, object] | None) -> Parameters:
    """Return the parameters the links of a message carry: its `utm`, what is null left out."""
    utm = (message or {}).get("utm")
    if not isinstance(utm, Mapping):
        return ()
    return tuple((f"utm_{name}", str(value)) for name, value in utm.items() if value is not None)


class Tracker(Protocol):
    """Makes the links of one message lead over our own pages, so that it is known what came of it."""

    def click(self, address: str, label: str) -> str:
        """Where a link leads instead; `label` is its target as the template has it, if it fills that in."""

    @property
    def pixel(self) -> str:
        """HTML that tells when it is shown; empty: nothing does."""


@jinja2.pass_context
def traced(context: Context, target: str, label: str | None = None) -> str:
    """Add the message's parameters to the target of a link, as it stands in HTML, and have clicks tracked.

    Without a label they are not.
    """
    message = context.get("message") or {}
    parameters, tracker = parameters_of(message), message.get(TRACKER) if label is not None else None
    if not parameters and tracker is None:
        return target
    address = html.unescape(str(target)).strip()
    if address in ways_out(context):
        return target
    led = with_parameters(address, parameters)
    if tracker is not None:
        led = tracker.click(led, label)
    return Markup(html.escape(led)) if parameters or led != address else target  # noqa: S704 - it is escaped


@jinja2.pass_context
def pixel(context: Context, nothing: str) -> str:
    """The pixel of the message, where it has one."""
    tracker = (context.get("message") or {}).get(TRACKER)
    return nothing if tracker is None else Markup(tracker.pixel)  # noqa: S704 - it is HTML


def ways_out(variables: Mapping[str, object] | Context) -> tuple[object, ...]:
    """Return the addresses of a message that are left alone."""
    return tuple(variables.get(name) for name in WAYS_OUT)


def traced_text(text: str, parameters: Parameters, alone: Collection[object] = ()) -> str:
    """Add the parameters to every address in a plain text, but to those to be left alone."""
    if not parameters or "://" not in text:
        return text
    return _ADDRESS.sub(
        lambda found: found[0] if found[0] in alone else with_parameters(found[0], parameters), text
    )
