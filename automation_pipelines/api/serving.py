"""uvicorn around the application: sockets, processes, and an end that loses nothing."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI

from automation_pipelines.api.app import build
from automation_pipelines.api.figures import SHARED
from automation_pipelines.installation import Installation
from automation_pipelines.settings import Settings

_CONNECTIONS = 2_000
"""More at once are told to come again."""
_TURN = 0.0005
"""Seconds after which one thread lets another one go on."""
_PATIENCE = 30
"""Seconds that requests under way have when the service is told to end."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where, and by how many processes."""

    host: str
    port: int
    workers: int = 1


def application() -> FastAPI:
    """The application of one process, from the environment. Here the clock is read."""
    # The writer's thread gives way at every statement; by default it would wait 5 ms to go on each time.
    sys.setswitchinterval(_TURN)
    settings = Settings()
    _log(requests=settings.serve_log)
    return build(Installation.open(settings), lambda: datetime.now(UTC))


def serve_for_ever(listening: Listening) -> None:
    """Answer until SIGTERM or SIGINT; what is under way then is finished."""
    with _shared(listening.workers):
        uvicorn.run(
            f"{__name__}:application",
            factory=True,
            host=listening.host,
            port=listening.port,
            workers=listening.workers,
            access_log=False,  # it would hold tokens
            log_level="warning",
            server_header=False,
            proxy_headers=False,  # nobody's network address is used, so none has to be believed
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=_PATIENCE,
            ws="none",
        )


def _log(*, requests: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name, level in (
        ("automation.access", logging.INFO if requests else logging.WARNING),
        ("automation.serve", logging.INFO),
    ):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


@contextmanager
def _shared(workers: int) -> Iterator[None]:
    """Where several processes add up their figures; they find it in their environment."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="automation-serve-") as directory:
        os.environ[SHARED] = directory
        try:
            yield
        finally:
            del os.environ[SHARED]
