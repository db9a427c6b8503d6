"""The application, assembled: which path leads where, and what becomes of errors."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from automation_pipelines import feedback
from automation_pipelines.api.figures import Figures, Standing
from automation_pipelines.api.gate import Gate
from automation_pipelines.api.preferences import Preferences
from automation_pipelines.api.rendering import BUSY, NO_LINK, RETRY_AFTER, UNCLEAR
from automation_pipelines.api.service import Service, words_of
from automation_pipelines.api.tracking import Tracking
from automation_pipelines.api.unsubscribe import Unsubscribe
from automation_pipelines.api.view import View
from automation_pipelines.api.webhooks import Webhooks
from automation_pipelines.api.writer import BusyError, Writer, Writing
from automation_pipelines.errors import LedgerError
from automation_pipelines.feedback.adapters import PROVIDERS
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import preferences

_LOG = logging.getLogger("automation.serve")
_PROVIDERS = "/webhooks/"


def build(installation: Installation, clock: Callable[[], datetime]) -> FastAPI:
    """The service of one installation; `ConfigurationError` when it has no links to answer for.

    It connects to nothing before it is asked something.
    """
    writer = Writer(saver(installation, clock))
    service = Service.over(installation, clock, writer)
    figures = Figures.new()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writer.start()
        try:
            yield
        finally:
            # Requests that are under way were answered before this; what nobody waits for any more is stored.
            writer.close()
            installation.database.close()

    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        routes=_routes(service, figures),
        redirect_slashes=False,
    )
    _tell_errors(app, service)
    app.add_middleware(Gate, prefix=urlsplit(service.public_url).path, seen=figures.seen)
    return app


def saver(installation: Installation, clock: Callable[[], datetime]) -> Callable[[Sequence[Writing]], None]:
    """What stores the writings of many requests at once: choices first, for they are promises."""

    def save(writings: Sequence[Writing]) -> None:
        db, now = installation.database, clock()
        choices = [choice for writing in writings for choice in writing.choices]
        told = [event for writing in writings for event in writing.told]
        if choices:
            with db.begin(durable=True) as connection:
                preferences.record(db, connection, choices, now)
        feedback.store(db, told, now)

    return save


def _routes(service: Service, figures: Figures) -> list[BaseRoute]:
    unsubscribe, preferred = Unsubscribe(service), Preferences(service)
    tracking, standing = Tracking(service), Standing.of(service, figures)
    webhooks = Webhooks(service, PROVIDERS)
    return [
        Route("/o/{token}.gif", tracking.opened, methods=["GET"]),
        Route("/c/{token}", tracking.clicked, methods=["GET"]),
        Route("/u/{token}", unsubscribe.show, methods=["GET"]),
        Route("/u/{token}", unsubscribe.post, methods=["POST"]),
        Route("/p/{token}", preferred.show, methods=["GET"]),
        Route("/p/{token}", preferred.post, methods=["POST"]),
        Route("/v/{token}", View(service).show, methods=["GET"]),
        Route("/webhooks/{provider}", webhooks.receive, methods=["GET", "POST"]),
        Route("/health", standing.health, methods=["GET"]),
        Route("/metrics", standing.metrics, methods=["GET"]),
    ]


def _tell_errors(app: FastAPI, service: Service) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        """Pages where people look, and the bare status elsewhere; the same for whatever is wrong."""
        assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
        what = {NO_LINK: "missing", UNCLEAR: "unclear"}.get(error.status_code)
        if what is None or request.scope["path"].startswith(_PROVIDERS):
            return PlainTextResponse(f"{error.status_code}\n", error.status_code, error.headers)
        return service.pages.notice(words_of(request), what, error.status_code)

    async def busy(request: Request, error: Exception) -> Response:
        """Nothing was stored, or nothing could be read: whoever asks shall come again."""
        _LOG.warning("%s", error)
        if request.scope["path"].startswith(_PROVIDERS):
            return PlainTextResponse("503\n", BUSY, {"Retry-After": RETRY_AFTER})
        return service.pages.notice(words_of(request), "busy", BUSY)

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(BusyError, busy)
    app.add_exception_handler(LedgerError, busy)
