"""Signed calls: the headers of Standard Webhooks tell a receiver who calls, when, and what is a repeat."""

from collections.abc import Callable
from datetime import datetime

from pydantic import SecretStr
from standardwebhooks import Webhook

Clock = Callable[[], datetime]
"""Tells the time, aware and UTC."""


class Signer:
    """Signs with each of its secrets, so that one can be changed while receivers still know the other."""

    def __init__(self, secrets: SecretStr | None, clock: Clock) -> None:
        """Read the secrets; without any, calls are named and dated only."""
        self._keys = [Webhook(one) for one in secrets.get_secret_value().split()] if secrets else []
        self._clock = clock

    def headers(self, identity: str, body: str) -> dict[str, str]:
        """Make the headers of one attempt. Its repeats have the same name, so the receiver can tell them."""
        at = self._clock()
        signatures = " ".join(key.sign(identity, at, body) for key in self._keys)
        named = {
            "webhook-id": identity,
            "webhook-timestamp": str(int(at.timestamp())),
            "idempotency-key": identity,
        }
        return {**named, "webhook-signature": signatures} if signatures else named
