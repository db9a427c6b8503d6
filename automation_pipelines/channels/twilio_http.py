"""One request to Twilio, for its library: over httpx, whose errors tell what had already gone out.

The library's own client hands answers over in a field that its threads share, and drops Retry-After.
"""

import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from threading import Lock
from typing import Any

import httpx
from twilio.http import HttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]

from automation_pipelines.channels.retry_after import retry_after

_MOST_TO_CONNECT = 10.0


class Refusal(Exception):  # noqa: N818 - an answer, not a mistake
    """An answer that is no success: its status, Twilio's code and words, and when to come back."""

    def __init__(self, status: int, code: int | None, message: str, after: timedelta | None) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.after = after
        super().__init__(f"{status} {code}")


class Connection(HttpClient):  # type: ignore[misc]
    """Connections to Twilio, safe to use from several threads; made anew after `close`."""

    def __init__(self, timeout: float, connections: int) -> None:
        """Remember how long to wait and how much at once."""
        super().__init__(logging.getLogger(__name__), is_async=False, timeout=timeout)
        self._client: httpx.Client | None = None
        self._opening = Lock()
        self._limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._waits = httpx.Timeout(timeout, connect=min(timeout, _MOST_TO_CONNECT), pool=None)

    def request(  # noqa: PLR0917 - the library's signature
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - ours is set for all
        allow_redirects: bool = False,  # noqa: ARG002, FBT001, FBT002 - never
    ) -> Response:
        """Ask; `Refusal` for any answer but success, `httpx.HTTPError` where there is none."""
        answer = self._opened().request(
            method, uri, params=_given(params), data=_given(data), headers=headers, auth=auth
        )
        if not answer.is_success:
            raise _refusal(answer)
        return Response(answer.status_code, answer.text, dict(answer.headers))

    def close(self) -> None:
        """Give back connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _opened(self) -> httpx.Client:
        with self._opening:
            if self._client is None:
                self._client = httpx.Client(limits=self._limits, timeout=self._waits)
            return self._client


def _given(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {name: value for name, value in values.items() if value is not None}


def _refusal(answer: httpx.Response) -> Refusal:
    try:
        told = json.loads(answer.text)
    except ValueError:
        told = None
    said = told if isinstance(told, dict) else {}
    code, message = said.get("code"), said.get("message")
    return Refusal(
        answer.status_code,
        code if isinstance(code, int) else None,
        message if isinstance(message, str) else answer.reason_phrase,
        retry_after(answer.headers),
    )
