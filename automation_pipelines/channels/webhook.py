"""Webhooks: calls to addresses that campaigns name, signed, and only to where calls may go.

Where that is, is `destinations`'.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import assert_never

import httpx

from automation_pipelines.channels.answers import Answer, outcome_of
from automation_pipelines.channels.channel import Channel
from automation_pipelines.channels.destinations import Destinations, host_of
from automation_pipelines.channels.http import Http, Lost, NotSent
from automation_pipelines.channels.signing import Clock, Signer
from automation_pipelines.model import Call, Handoff, Outcome, Reject, Retry
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Webhook

OURS = frozenset(
    (
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer"),
        *("upgrade", "expect", "accept-encoding", "proxy-authorization", "proxy-connection"),
        *("webhook-id", "webhook-timestamp", "webhook-signature", "idempotency-key"),
    )
)
"""Headers that a campaign does not set: they belong to the connection, or vouch for the call."""


def build(name: str, settings: Settings) -> Channel:
    """Assemble the channel; the clock dates signatures."""
    return WebhookChannel(name, settings.webhook, lambda: datetime.now(UTC))


class WebhookChannel:
    """Channel `webhook`. Receivers tell a repeat by its name, as Standard Webhooks wants of them."""

    repeatable = True

    def __init__(self, name: str, settings: Webhook, clock: Clock) -> None:
        """Connect to nothing yet."""
        self.name = name
        self._signer = Signer(settings.secret, clock)
        self._destinations = Destinations.of(settings)
        objection = self._destinations.address_objection
        self._http = Http(settings.connections, settings.timeout_seconds, objection)

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Make all calls, as many at once as there are connections."""
        return self._http.each(self._deliver, handoffs)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _deliver(self, handoff: Handoff) -> Outcome:
        if not isinstance(handoff, Call):
            return Reject(f"{type(handoff).__name__} is no call")
        why = self._destinations.objection(handoff.url)
        if why is not None:
            return Reject(why)
        for name in map(str.lower, handoff.headers):
            if name in OURS:
                return Reject(f"header {name} is not a campaign's to set")
        try:
            request = self._request(handoff)
        except (TypeError, ValueError) as error:
            # Its words may quote what it stumbled over.
            return Reject(f"no request can be made of it: {type(error).__name__}")
        return self._outcome(request)

    def _outcome(self, request: httpx.Request) -> Outcome:
        host = host_of(request.url)
        match self._http.exchange(request):
            case Answer() as answer:
                return outcome_of(answer, host)
            case NotSent(why, for_good):
                return Reject(f"{host}: {why}") if for_good else Retry(f"{host}: {why}", provider=True)
            case Lost(why):
                return Retry(f"{host}: {why}", provider=True)
            case never:
                assert_never(never)

    def _request(self, call: Call) -> httpx.Request:
        own = {name.lower(): value.strip() for name, value in call.headers.items()}
        url = httpx.URL(call.url)
        body = json.dumps(call.body, allow_nan=False, separators=(",", ":"))
        defaults = {"content-type": "application/json", "accept": "*/*", "user-agent": "automation-pipelines"}
        headers = {
            **defaults,
            **own,
            "accept-encoding": "identity",
            **self._signer.headers(call.identity, body, host_of(url)),
        }
        if url.raw_host.endswith(b"."):
            # Certificates know names without it.
            url = url.copy_with(host=host_of(url))
        return httpx.Request(call.method, url, headers=list(_encoded(headers)), content=body)


def _encoded(headers: dict[str, str]) -> Iterator[tuple[bytes, bytes]]:
    for name, value in headers.items():
        yield name.encode("ascii"), value.encode()
