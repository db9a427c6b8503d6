"""The figures of delivery in Prometheus' form, read from the ledger whenever they are asked for."""

from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.figures import figures

_STATES = ("waiting", "delayed", "processing", "completed", "dead", "unknown", "skipped", "cancelled")
_GAUGES = {
    "per_minute": "Jobs completed a minute, over the last hour.",
    "average_seconds": "Average time from hand-off to answer, over the last hour.",
    "p95_seconds": "95 % of the answers of the last hour came within this time.",
    "open_breakers": "Providers that are left alone for a while.",
}


class Figures(Collector):
    """What a scrape gets. No personal data: channels, tenants and numbers."""

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
        rows = figures(self._db, now).to_dicts()
        whom = [(row["channel"], str(row["tenant_id"])) for row in rows]
        jobs = GaugeMetricFamily("automation_jobs", "Jobs by state.", labels=["channel", "tenant", "state"])
        for (channel, tenant), row in zip(whom, rows, strict=True):
            for state in _STATES:
                jobs.add_metric([channel, tenant, state], row[state])
        yield jobs
        waiting = GaugeMetricFamily(
            "automation_oldest_waiting_seconds",
            "For how long the first of the waiting could have been sent.",
            labels=["channel", "tenant"],
        )
        for labels, row in zip(whom, rows, strict=True):
            since = row["oldest_waiting"]
            waiting.add_metric(labels, max((now - since).total_seconds(), 0.0) if since else 0.0)
        yield waiting
        for name, doc in _GAUGES.items():
            gauge = GaugeMetricFamily(f"automation_{name}", doc, labels=["channel", "tenant"])
            for labels, row in zip(whom, rows, strict=True):
                if row[name] is not None:
                    gauge.add_metric(labels, row[name])
            yield gauge


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
