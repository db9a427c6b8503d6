"""Signed calls: the headers of Standard Webhooks tell a receiver who calls, when, and what is a repeat."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

from pydantic import SecretStr
from standardwebhooks import Webhook

from automation_pipelines.settings.providers.calls import signing_secrets

Clock = Callable[[], datetime]
"""Tells the time, aware and UTC."""


class Signer:
    """Signs with each of its secrets, so that one can be changed while receivers still know the other.

    A host with secrets of its own is called with those alone: no receiver can sign what another one reads.
    """

    def __init__(self, secrets: SecretStr | None, clock: Clock) -> None:
        """Read the secrets; without any, calls are named and dated only."""
        self._keys: dict[str, list[Webhook]] = defaultdict(list)
        for host, secret in signing_secrets(secrets.get_secret_value()) if secrets else ():
            self._keys[host].append(Webhook(secret))
        self._clock = clock

    def headers(self, identity: str, body: str, host: str = "") -> dict[str, str]:
        """Make the headers of one attempt. Its repeats have the same name, so the receiver can tell them."""
        at = self._clock()
        keys = self._keys.get(host) or self._keys.get("", [])
        signatures = " ".join(key.sign(identity, at, body) for key in keys)
        named = {
            "webhook-id": identity,
            "webhook-timestamp": str(int(at.timestamp())),
            "idempotency-key": identity,
        }
        return {**named, "webhook-signature": signatures} if signatures else named
