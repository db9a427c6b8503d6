"""Addresses of chats: which of those in `AUTOMATION_CHAT__URLS` a notice goes to.

They are secrets as a whole: who has one can write there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from automation_pipelines.errors import ConfigurationError

_ENTRY = re.compile(r"(?:(?P<tag>\d+|(?:\d+)?#[^\s=]+)=)?(?P<url>[a-z][a-z0-9+.-]*://\S+)", re.IGNORECASE)
_PLACES = re.compile(r"\{(to|channel)\}")
_SHORTEST_SECRET = 6
_PUBLIC = frozenset({"https", "services", "localhost"})


@dataclass(frozen=True, slots=True)
class Address:
    """One address and whom it is for: a tenant, a channel, a tenant's channel, or everybody (no tag)."""

    tag: str
    url: str = field(repr=False)

    @property
    def service(self) -> str:
        """What may be said of it."""
        return self.url.partition(":")[0].lower()

    def filled(self, places: Mapping[str, str]) -> str | None:
        """The address with `{to}` and `{channel}` filled in; `None` where one of them is not known."""
        wanted = set(_PLACES.findall(self.url))
        if not all(places.get(name) for name in wanted):
            return None
        return _PLACES.sub(lambda found: quote(places[found[1]], safe="@"), self.url)

    @property
    def personal(self) -> bool:
        """Whether it leads to the recipient alone."""
        return "{to}" in self.url

    def redacted(self, text: str) -> str:
        """Take what is secret of the address out of a text."""
        parts = {unquote(part) for part in re.split(r"[/:@?&=#]+", self.url)}
        for part in sorted(parts, key=len, reverse=True):
            if len(part) >= _SHORTEST_SECRET and part.lower() not in _PUBLIC:
                text = text.replace(part, "***")
        return text


def parse(urls: str) -> list[Address]:
    """Read the setting; `ConfigurationError` without repeating any of it."""
    addresses = []
    for place, entry in enumerate(urls.split(), start=1):
        found = _ENTRY.fullmatch(entry)
        if found is None:
            msg = (
                f"AUTOMATION_CHAT__URLS: entry {place} cannot be read: write service://… as Apprise does, or "
                "2=service://… for a tenant, or '#sales=service://…' for a channel"
            )
            raise ConfigurationError(msg)
        addresses.append(Address(found["tag"] or "", found["url"]))
    return addresses


def chosen(addresses: Sequence[Address], tenant: int, channel: str = "") -> list[Address]:
    """Those for a tenant's channel, else for the channel, else for the tenant, else for everybody."""
    room = f"#{channel.removeprefix('#')}" if channel else ""
    tags = [f"{tenant}{room}", room, str(tenant), ""] if room else [str(tenant), ""]
    found = ([one for one in addresses if one.tag == tag] for tag in tags)
    return next(filter(None, found), [])
