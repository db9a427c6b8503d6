"""Parameters on links: which a message carries, and how they are put on an address (RFC 3986).

`traced` is used by `markup` on the links of HTML; plain text is searched for addresses. Ways out of
marketing carry none: they are somebody's own, and no advertisement.
"""

import html
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote, urlencode

import jinja2
from jinja2.runtime import Context
from markupsafe import Markup

Parameters = tuple[tuple[str, str], ...]

WAYS_OUT = ("unsubscribe_url", "preferences_url", "browser_url")
"""The variables whose links are left alone; null where a message has no such way out."""

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


@jinja2.pass_context
def traced(context: Context, target: str) -> str:
    """Add the message's parameters to the target of a link, as it stands in HTML."""
    parameters = parameters_of(context.get("message"))
    if not parameters:
        return target
    address = html.unescape(str(target)).strip()
    if address in ways_out(context):
        return target
    return Markup(html.escape(with_parameters(address, parameters)))  # noqa: S704 - it is escaped


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
