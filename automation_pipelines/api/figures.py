"""`/health` and `/metrics`: for who runs it. No tenant, no address, no token.

Whoever comes through a proxy gets no figures: they are for the host's own Prometheus.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import prometheus_client
import sqlalchemy as sa
from prometheus_client import CollectorRegistry, multiprocess
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from automation_pipelines.api.gate import Seen
from automation_pipelines.api.rendering import BUSY, NO_LINK, RETRY_AFTER
from automation_pipelines.api.service import Service
from automation_pipelines.errors import LedgerError
from automation_pipelines.ledger.database import Database

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Where processes of one service add up their figures (prometheus_client's own variable)."""
_KEPT = 1.0
"""Seconds for which the database is believed to be as it was."""
_PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


@dataclass(frozen=True)
class Figures:
    """The counters of one process."""

    registry: CollectorRegistry
    requests: prometheus_client.Counter
    seconds: prometheus_client.Histogram
    waiting: prometheus_client.Gauge

    @classmethod
    def new(cls) -> "Figures":
        """Counters at nought."""
        registry = CollectorRegistry()
        labels = ["place", "status"]
        return cls(
            registry,
            prometheus_client.Counter(
                "automation_http_requests", "Requests by place and status.", labels, registry=registry
            ),
            prometheus_client.Histogram(
                "automation_http_seconds",
                "How long answers took.",
                ["place"],
                buckets=_BUCKETS,
                registry=registry,
            ),
            prometheus_client.Gauge(
                "automation_http_waiting_events",
                "Events that wait to be stored.",
                registry=registry,
                multiprocess_mode="livesum",
            ),
        )

    def seen(self, seen: Seen) -> None:
        """Count a request."""
        self.requests.labels(seen.place, str(seen.status)).inc()
        self.seconds.labels(seen.place).observe(seen.seconds)

    def text(self) -> bytes:
        """What a scrape gets: of all processes, where there are several."""
        if SHARED not in os.environ:
            return prometheus_client.generate_latest(self.registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return prometheus_client.generate_latest(together)


@dataclass
class _Pulse:
    """Whether the database answers, asked once a second at most."""

    db: Database
    time: Callable[[], float] = monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _read: tuple[float, bool] | None = None

    def beats(self) -> bool:
        with self._lock:
            if self._read is None or self.time() - self._read[0] >= _KEPT:
                self._read = self.time(), self._asked()
            return self._read[1]

    def _asked(self) -> bool:
        try:
            with self.db.reading() as connection:
                connection.execute(sa.select(sa.literal(1)))
        except LedgerError:
            return False
        return True


@dataclass(frozen=True)
class Standing:
    """The endpoints."""

    service: Service
    figures: Figures
    pulse: _Pulse

    @classmethod
    def of(cls, service: Service, figures: Figures) -> "Standing":
        """For one process."""
        return cls(service, figures, _Pulse(service.installation.database))

    async def health(self, _: Request) -> Response:
        """200 while whatever comes would be stored."""
        writer = self.service.writer
        if not writer.alive or writer.waiting >= writer.room:
            return _unwell("the queue is full" if writer.alive else "nothing is stored any more")
        if not await self.service.aside(self.pulse.beats):
            return _unwell("the automation database is away")
        return JSONResponse({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        """In Prometheus' form."""
        if any(name in request.headers for name in _PROXIED):
            raise HTTPException(NO_LINK)
        self.figures.waiting.set(self.service.writer.waiting)
        return Response(self.figures.text(), media_type=prometheus_client.CONTENT_TYPE_LATEST)


def _unwell(why: str) -> Response:
    return JSONResponse({"status": why}, BUSY, {"Retry-After": RETRY_AFTER})
