"""A receiver of webhooks that keeps to Standard Webhooks: it verifies calls, and takes each id once."""

import base64
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import SecretStr
from standardwebhooks import Webhook as StandardWebhook

from automation_pipelines.channels.webhook import WebhookChannel
from automation_pipelines.model import Call
from automation_pipelines.settings.providers import Webhook
from tests.conformance.gate import TIMEOUT, GatedPost, gated
from tests.conformance.posts import HEADERS, SECRET
from tests.loopback import Asked, Said

SIGNED_WITH = "whsec_" + base64.b64encode(b"long enough to sign with" * 2).decode()
LOOPBACK = "127.0.0.0/8, ::1"


@dataclass
class Receiver:
    """Takes calls."""

    secret: str = SIGNED_WITH
    seen: set[str] = field(default_factory=set)
    jobs: Counter[int] = field(default_factory=Counter)

    def __call__(self, asked: Asked) -> Said:
        """Take a call, unless it is a repeat."""
        told = StandardWebhook(self.secret).verify(asked.body, asked.headers)
        name = asked.headers["webhook-id"]
        if name not in self.seen:
            self.seen.add(name)
            self.jobs[told["job"]] += 1
        return Said(202)


def settings(**more: object) -> Webhook:
    """What tests set: loopback is allowed."""
    told = {"secret": SecretStr(SIGNED_WITH), "allowed_networks": LOOPBACK, "timeout_seconds": TIMEOUT}
    return Webhook.model_validate({**told, **more})


def call(url: str, job: int = 1, **more: object) -> Call:
    """A call with secrets wherever there can be any."""
    body = {"job": job, "password": SECRET, **more}
    return Call(job, 1, f"{job}.test", "POST", url, HEADERS, body)


@contextmanager
def webhook_post() -> Iterator[GatedPost]:
    """A receiver over TLS."""
    receiver = Receiver()
    with gated(receiver) as (server, gate):
        channel = WebhookChannel("webhook", settings(), lambda: datetime.now(UTC))
        url = f"https://localhost:{gate.port}/hook?key=right%20horse"
        refusal = Said(400, {"error": SECRET})
        yield GatedPost(
            server, gate, channel, lambda job: call(url, job), receiver.jobs.__getitem__, "/hook", refusal
        )
        channel.close()
