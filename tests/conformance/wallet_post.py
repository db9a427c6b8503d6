"""A company's wallet service: it verifies calls, and takes each id once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import SecretStr
from standardwebhooks import Webhook as StandardWebhook

from automation_pipelines.channels.wallet import WalletChannel
from automation_pipelines.model import Note
from automation_pipelines.settings.providers import Wallet
from tests.conformance.gate import TIMEOUT, GatedPost, gated
from tests.conformance.posts import SECRET
from tests.conformance.webhook_post import SIGNED_WITH
from tests.loopback import Asked, Said


@dataclass
class Service:
    """Writes on passes."""

    passes: dict[str, dict[str, object]] = field(default_factory=dict)
    jobs: Counter[str] = field(default_factory=Counter)

    def __call__(self, asked: Asked) -> Said:
        """Write what is asked, unless it is a repeat."""
        told = StandardWebhook(SIGNED_WITH).verify(asked.body, asked.headers)
        assert asked.headers["idempotency-key"] == told["id"]
        if told["id"] not in self.passes:
            self.passes[told["id"]] = told
            self.jobs[told["id"]] += 1
        return Said(200, {"updated": True})


def note(job: int) -> Note:
    """What a pass is to say."""
    return Note(job, 1, f"{job}.test", f"pass {SECRET} {job}", f"Offer {job}", "Hello — for you")


def settings(port: int, **more: object) -> Wallet:
    """How the service is reached."""
    told = {"url": f"https://localhost:{port}/passes", "secret": SecretStr(SIGNED_WITH)}
    return Wallet.model_validate({**told, "timeout_seconds": TIMEOUT, **more})


@contextmanager
def wallet_post() -> Iterator[GatedPost]:
    """A service over TLS."""
    service = Service()
    with gated(service) as (server, gate):
        channel = WalletChannel("wallet", settings(gate.port), lambda: datetime.now(UTC))
        refusal = Said(400, {"error": SECRET})
        yield GatedPost(
            server, gate, channel, note, lambda job: service.jobs[f"{job}.test"], "/passes", refusal
        )
        channel.close()
