"""Push messages through Firebase Cloud Messaging (HTTP v1): one message for each device token.

How a token of access is got is `firebase`'s.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

import httpx

from automation_pipelines.channels.answers import Answer
from automation_pipelines.channels.channel import Channel
from automation_pipelines.channels.firebase import Account, outcome_of
from automation_pipelines.channels.http import Http, Lost, NotSent
from automation_pipelines.channels.signing import Clock
from automation_pipelines.model import Handoff, Note, Outcome, Reject, Retry
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Push


def build(name: str, settings: Settings) -> Channel:
    """Assemble the channel; the clock says until when a device may be waited for."""
    assert settings.push is not None  # noqa: S101 - `missing` has said so
    return PushChannel(name, settings.push, lambda: datetime.now(UTC))


class PushChannel:
    """Channel `push`.

    Firebase does not tell repeats, so it is not repeatable: a message that was read and put away would be
    shown again. Where the purpose wants a repeat all the same, it replaces the first, on the device and while
    it waits for the device, since both carry the same tag.
    """

    repeatable = False

    def __init__(self, name: str, settings: Push, clock: Clock) -> None:
        """Read the account's key, `ConfigurationError` if that fails; connect to nothing yet."""
        self.name = name
        self._clock = clock
        self._kept = timedelta(hours=settings.hours_kept)
        self._http = Http(settings.connections, settings.timeout_seconds)
        self._account = Account(settings.credentials, self._http.exchange)
        self._url = f"{settings.url}/v1/projects/{self._account.project}/messages:send"

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Hand over all of them with one token, as many at once as there are connections."""
        if not handoffs:
            return []
        token = self._account.token()
        return self._http.each(lambda handoff: self._deliver(handoff, token), handoffs)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _deliver(self, handoff: Handoff, token: str | Retry) -> Outcome | None:
        if not isinstance(handoff, Note):
            return Reject(f"{type(handoff).__name__} is no push message")
        if isinstance(token, Retry):
            return token
        match self._http.exchange(self._request(handoff, token)):
            case Answer() as answer:
                if answer.status == httpx.codes.UNAUTHORIZED:
                    self._account.forget_token()
                return outcome_of(answer)
            case NotSent(error):
                return Retry(f"Firebase: {error}", provider=True)
            case Lost():
                return None
            case never:
                assert_never(never)

    def _request(self, note: Note, token: str) -> httpx.Request:
        body = json.dumps({"message": self._message(note)}, separators=(",", ":"))
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "accept-encoding": "identity",
        }
        return httpx.Request("POST", self._url, headers=headers, content=body)

    def _message(self, note: Note) -> Mapping[str, Any]:
        seconds = int(self._kept.total_seconds())
        until = int((self._clock() + self._kept).timestamp()) if seconds else 0
        tag = note.identity
        return {
            "token": note.to,
            "notification": {"title": note.title, "body": note.text},
            "data": {"identity": note.identity, "job_id": str(note.job_id)},
            "android": {"collapse_key": tag, "ttl": f"{seconds}s", "notification": {"tag": tag}},
            "apns": {"headers": {"apns-collapse-id": tag, "apns-expiration": str(until)}},
            "webpush": {"headers": {"TTL": str(seconds)}, "notification": {"tag": tag}},
        }
