"""What the endpoints share: the installation, the writer, the pages, and who a token belongs to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeVar, TypeVarTuple, Unpack

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request

from automation_pipelines.api.offers import Offers
from automation_pipelines.api.rendering import NO_LINK, Pages
from automation_pipelines.api.words import Words, accepted, words_for
from automation_pipelines.api.writer import Writer, Writing
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.installation import Installation
from automation_pipelines.messages.optout import Site
from automation_pipelines.messages.tokens import Claim, LinkKeys, Page, Valid
from automation_pipelines.settings import Settings

Args = TypeVarTuple("Args")
T = TypeVar("T")

WITHIN = 10.0
"""Seconds until a request that is not stored yet is told to come again."""
_READERS = 8
"""Pages that are put together at the same time; no more connections are taken for reading."""

_ASKERS = 2
"""Requests for which somebody is asked over the network at the same time."""


@dataclass(frozen=True)
class Service:
    """One process of `automation serve`."""

    installation: Installation
    clock: Callable[[], datetime]
    writer: Writer
    keys: LinkKeys
    public_url: str
    pages: Pages = field(default_factory=Pages)

    @classmethod
    def over(cls, installation: Installation, clock: Callable[[], datetime], writer: Writer) -> "Service":
        """Of an installation; `ConfigurationError` when it has no links to answer for."""
        url, keys = links_of(installation.settings)
        return cls(installation, clock, writer, keys, url)

    @cached_property
    def offers(self) -> Offers:
        """What there is to choose."""
        return Offers(self.installation.campaigns, self.clock)

    @cached_property
    def _threads(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(_READERS)

    async def aside(self, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        """Do what waits for a database or takes its time, without holding up other requests."""
        return await anyio.to_thread.run_sync(work, *args, limiter=self._threads)

    @cached_property
    def _askers(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(_ASKERS)

    async def outside(self, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        """Do what asks others over the network: it holds up nobody but its own kind."""
        return await anyio.to_thread.run_sync(work, *args, limiter=self._askers)

    async def write(self, writing: Writing) -> None:
        """Return when it is durable."""
        await self.writer.write(writing, within=WITHIN)

    def claim(self, page: Page, token: str) -> Claim:
        """Whose token it is; one answer for all that is none of ours."""
        match self.keys.verify(page, token):
            case Valid(claim=claim):
                return claim
            case _:
                raise HTTPException(NO_LINK)


def links_of(settings: Settings) -> tuple[str, LinkKeys]:
    """Where links lead and what they are signed with; `ConfigurationError`: there are none."""
    site = Site.of(settings)
    if site.url is None or site.keys is None:
        msg = "there is nothing to serve: set AUTOMATION_PUBLIC_URL (https://…) and AUTOMATION_LINK_SECRET"
        raise ConfigurationError(msg)
    return site.url, site.keys


def words_of(request: Request) -> Words:
    """The words for somebody of whom nothing is known but their browser."""
    return words_for(*accepted(request.headers.get("accept-language")))
