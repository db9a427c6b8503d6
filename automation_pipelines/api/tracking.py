"""`/o/<token>.gif` and `/c/<token>?u=…`: opens and clicks, kept as they come, those of machines marked.

What is signed, and which hits are machines', is `messages.tracking`'s and `feedback.humans`'. A reader who
clicks is always led on: 302 says that the click is durable, 307 that it could not be kept.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from automation_pipelines.api.service import Service


@dataclass(frozen=True)
class Tracking:
    """The endpoints."""

    service: Service

    async def opened(self, request: Request) -> Response:
        """The pixel."""
        raise NotImplementedError

    async def clicked(self, request: Request) -> Response:
        """The way to where a link leads."""
        raise NotImplementedError
