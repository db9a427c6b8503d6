"""Wallet passes: signed calls to the company's own wallet service, which writes the message on the pass.

What the service is asked and may answer is described in docs/channels.md.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import assert_never

import httpx

from automation_pipelines.channels.answers import Answer, outcome_of
from automation_pipelines.channels.channel import Channel
from automation_pipelines.channels.http import Http, Lost, NotSent
from automation_pipelines.channels.retry_after import retry_after
from automation_pipelines.channels.signing import Clock, Signer
from automation_pipelines.model import Handoff, Note, Outcome, Reject, Retry
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Wallet

_WHO = "the wallet service"
# Our secret is the trouble: somebody sets that right, and then the message goes out.
_STRANGERS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def build(name: str, settings: Settings) -> Channel:
    """Assemble the channel; the clock dates signatures."""
    assert settings.wallet is not None  # noqa: S101 - `missing` has said so
    return WalletChannel(name, settings.wallet, lambda: datetime.now(UTC))


class WalletChannel:
    """Channel `wallet`. The service tells a repeat by its id, which is part of what it is asked."""

    repeatable = True

    def __init__(self, name: str, settings: Wallet, clock: Clock) -> None:
        """Connect to nothing yet."""
        self.name = name
        self._url = settings.url
        self._signer = Signer(settings.secret, clock)
        self._http = Http(settings.connections, settings.timeout_seconds)

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Make all calls, as many at once as there are connections."""
        return self._http.each(self._deliver, handoffs)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _deliver(self, handoff: Handoff) -> Outcome:
        if not isinstance(handoff, Note):
            return Reject(f"{type(handoff).__name__} is nothing for a pass")
        match self._http.exchange(self._request(handoff)):
            case Answer() as answer:
                return self._outcome(answer)
            case NotSent(error, for_good):
                return Reject(f"{_WHO}: {error}") if for_good else Retry(f"{_WHO}: {error}", provider=True)
            case Lost(error):
                return Retry(f"{_WHO}: {error}", provider=True)
            case never:
                assert_never(never)

    def _outcome(self, answer: Answer) -> Outcome:
        said = f"{_WHO} answered {answer.words}"
        if answer.status in _STRANGERS:
            return Retry(said, retry_after(answer.headers), provider=True)
        if answer.status == HTTPStatus.GONE:
            return Reject(f"{said}: the pass is no more", suppress="bounced")
        return outcome_of(answer, _WHO)

    def _request(self, note: Note) -> httpx.Request:
        asked = {
            "id": note.identity,
            "tenant": note.tenant_id,
            "pass": note.to,
            "title": note.title,
            "message": note.text,
        }
        body = json.dumps(asked, separators=(",", ":"))
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            **self._signer.headers(note.identity, body),
        }
        return httpx.Request("POST", self._url, headers=headers, content=body)
