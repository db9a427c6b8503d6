"""The figures of delivery in Prometheus' form, read from the ledger whenever they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from automation_pipelines.ledger import holds, stops, watching
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.figures import HOUR, figures

_STANDING = ("waiting", "delayed", "processing", "dead", "unknown")
_ENDED = ("completed", "late", "failed", "skipped", "expired", "cancelled")
_GAUGES = {
    "per_minute": "Jobs completed a minute, over the last hour.",
    "average_seconds": "Average time from hand-off to answer, over the last hour.",
    "p95_seconds": "95 % of the answers of the last hour came within this time.",
    "open_breakers": "Providers that are left alone for a while.",
}


class Figures(Collector):
    """What a scrape gets. No personal data: channels, tenants, campaigns and numbers."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        """Remember where to look; nothing is read before a scrape."""
        self._db = db
        self._clock = clock

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is read when it is registered."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the ledger once for all metrics."""
        now = self._clock()
        held = GaugeMetricFamily("automation_delivery_held", "1 while a restored ledger lets nothing leave.")
        held.add_metric([], float(holds.current(self._db) is not None))
        yield held
        yield from self._stopped()
        rows = figures(self._db, now - HOUR, now).rows.to_dicts()
        yield _by_word(rows, "automation_jobs", "Jobs by how they stand.", "state", _STANDING)
        told = "Jobs of the last hour by what came of them; late are among completed, expired among skipped."
        yield _by_word(rows, "automation_ended_jobs", told, "outcome", _ENDED)
        waits = [
            max(now - row["oldest_waiting"], timedelta()) if row["oldest_waiting"] else timedelta()
            for row in rows
        ]
        told = "For how long the first of the waiting could have been sent."
        yield _gauge(
            rows, "automation_oldest_waiting_seconds", told, [wait.total_seconds() for wait in waits]
        )
        for name, told in _GAUGES.items():
            yield _gauge(rows, f"automation_{name}", told, [row[name] for row in rows])

    def _stopped(self) -> Iterator[GaugeMetricFamily]:
        told = "1 while marketing is stopped because of what came back."
        stopped = GaugeMetricFamily("automation_stopped_marketing", told, labels=["channel", "tenant"])
        for stop in stops.in_force(self._db):
            stopped.add_metric([stop.channel, str(stop.tenant_id)], 1.0)
        yield stopped
        told = "1 while a campaign is paused because of what came back."
        paused = GaugeMetricFamily("automation_paused_campaigns", told, labels=["campaign"])
        for one in watching.paused(self._db):
            paused.add_metric([one.campaign], 1.0)
        yield paused


def _by_word(
    rows: Sequence[dict[str, Any]], name: str, told: str, label: str, words: Sequence[str]
) -> GaugeMetricFamily:
    made = GaugeMetricFamily(name, told, labels=["channel", "tenant", label])
    for row in rows:
        for word in words:
            made.add_metric([row["channel"], str(row["tenant_id"]), word], row[word])
    return made


def _gauge(
    rows: Sequence[dict[str, Any]], name: str, told: str, values: Sequence[float | None]
) -> GaugeMetricFamily:
    made = GaugeMetricFamily(name, told, labels=["channel", "tenant"])
    for row, value in zip(rows, values, strict=True):
        if value is not None:
            made.add_metric([row["channel"], str(row["tenant_id"])], value)
    return made


def serve(db: Database, host: str, port: int, clock: Callable[[], datetime]) -> Callable[[], None]:
    """Answer scrapes of http://host:port/metrics in a thread of its own; call what is returned to end it."""
    registry = CollectorRegistry()
    registry.register(Figures(db, clock))
    server, thread = start_http_server(port, addr=host, registry=registry)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end
