"""`/webhooks/<provider>`: what providers post, read by their adapters; answered once it is durable."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from automation_pipelines.api.rendering import NO_LINK, UNCLEAR
from automation_pipelines.api.service import Service
from automation_pipelines.api.writer import BusyError, Writing
from automation_pipelines.errors import FeedbackError, ForgedError, MalformedError
from automation_pipelines.feedback import adapters

_LOG = logging.getLogger("automation.serve")
_FORBIDDEN = 403
_LARGE = 50_000
"""A body of so many bytes is read aside: a megabyte of JSON takes longer than others should wait."""


@dataclass(frozen=True)
class Webhooks:
    """The endpoint."""

    service: Service
    providers: Mapping[str, adapters.Adapter]

    async def receive(self, request: Request) -> Response:
        """Record what a provider says."""
        adapter = self.providers.get(request.path_params["provider"])
        if adapter is None:
            raise HTTPException(NO_LINK)
        asked = adapters.Request(dict(request.headers), await request.body(), self._public(request))
        reading = await self._reading(adapter, asked)
        if reading.problems:
            _LOG.warning("%s: %d entries were no events", adapter.name, len(reading.problems))
        if reading.events:
            await self.service.write(Writing(told=reading.events))
        # Nothing is said where nothing is asked for: Twilio would send any text on as a message.
        return PlainTextResponse(reading.reply) if reading.reply else Response()

    async def _reading(self, adapter: adapters.Adapter, asked: adapters.Request) -> adapters.Reading:
        if adapter.asks(asked):
            return await self.service.outside(self._read, adapter, asked)
        if len(asked.body) > _LARGE:
            return await self.service.aside(self._read, adapter, asked)
        return self._read(adapter, asked)

    def _read(self, adapter: adapters.Adapter, asked: adapters.Request) -> adapters.Reading:
        try:
            return adapter.read(asked, self.service.installation.settings, now=self.service.clock())
        except ForgedError:
            raise HTTPException(_FORBIDDEN) from None
        except (MalformedError, RecursionError, ValueError):
            # ValueError: numbers longer than any, and texts that are none, in a body that is signed.
            raise HTTPException(UNCLEAR) from None
        except FeedbackError as error:
            # It may well be theirs: a refusal would be taken for the last word.
            raise BusyError(str(error)) from None

    def _public(self, request: Request) -> str:
        """The URL as the provider called it, whatever proxies made of it."""
        query = request.scope["query_string"].decode("latin-1")
        return f"{self.service.public_url}{request.scope['path']}{'?' if query else ''}{query}"
