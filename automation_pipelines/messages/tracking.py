"""Links that tell of clicks, and the pixel that tells of opens: how they are signed, written and read.

A template is prepared once (`markup`, `links`); here is what each message then fills in. Ways out of
marketing are left alone, and so are texts. What becomes of a hit is the service's.
"""

import struct
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import quote

from automation_pipelines.campaign import Tracking
from automation_pipelines.messages.optout import PATHS, Site
from automation_pipelines.messages.tokens import Forged, LinkKeys, Malformed, Page

TARGET = "u"
"""The parameter that says where a click leads; the token is good for this target alone."""
SWITCH = "tracking"
"""The setting with which a tenant has nothing of this."""
NOBODY = 0
"""The job of a proof or a preview: its links lead on, and nothing is recorded."""

_NUMBERS = struct.Struct(">qq")
_CLICK = f"/{PATHS['click']}/"
_WEB = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Trace:
    """Which message a link or pixel is in, and what the template calls the link ('': its target says it)."""

    tenant_id: int
    job_id: int
    label: str = ""


@dataclass(frozen=True)
class Tracker:
    """Of one message."""

    url: str
    keys: LinkKeys
    trace: Trace
    tracking: Tracking

    def click(self, address: str, label: str) -> str:
        """Where a link leads instead: over our own page, if it is one of the web."""
        lowered = address.lower()
        if not self.tracking.clicks or not lowered.startswith(_WEB) or "unsubscribe" in lowered:
            return address
        token = self._token("click", label.encode(), address.encode())
        return f"{self.url}{_CLICK}{token}?{TARGET}={_quoted(address)}"

    @property
    def pixel(self) -> str:
        """An image of nothing, which has a name of its own for each message."""
        if not self.tracking.opens:
            return ""
        source = f"{self.url}/{PATHS['open']}/{self._token('open')}.gif"
        return f'<img src="{source}" width="1" height="1" alt="" style="border:0">'

    @cached_property
    def _numbers(self) -> bytes:
        return _NUMBERS.pack(self.trace.tenant_id, self.trace.job_id)

    def _token(self, page: Page, label: bytes = b"", bound: bytes = b"") -> str:
        return self.keys.seal(page, self._numbers + label, bound)


def tracker_of(site: Site, tracking: Tracking, trace: Trace) -> Tracker | None:
    """What a message is tracked with; `None`: not at all, or the installation has no pages."""
    if site.url is None or site.keys is None or not (tracking.opens or tracking.clicks):
        return None
    return Tracker(site.url, site.keys, trace, tracking)


def read_open(keys: LinkKeys, token: str) -> Trace | Forged | Malformed:
    """Which message was opened."""
    return _trace(keys.unseal("open", token, least=_NUMBERS.size))


def read_click(keys: LinkKeys, token: str, target: str) -> Trace | Forged | Malformed:
    """Which message a link is in, if we made it lead to this target."""
    bound = target.encode("utf-8", "replace")
    # Without a target it would be a token that is bound to nothing: there are none.
    return _trace(keys.unseal("click", token, bound, least=_NUMBERS.size)) if bound else Malformed()


def link_of(trace: Trace, target: str) -> str:
    """What a link is called in statistics: as the template has it, without what only one reader gets."""
    return trace.label or target.partition("#")[0].partition("?")[0]


def _trace(plain: bytes | Forged | Malformed) -> Trace | Forged | Malformed:
    if not isinstance(plain, bytes):
        return plain
    tenant_id, job_id = _NUMBERS.unpack_from(plain)
    return Trace(tenant_id, job_id, plain[_NUMBERS.size :].decode())


@lru_cache(maxsize=4096)
def _quoted(address: str) -> str:
    return quote(address, safe="")
