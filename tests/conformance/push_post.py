"""Google on loopback: it gives a service account tokens, and takes messages for devices."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from pydantic import SecretStr

from automation_pipelines.channels.push import PushChannel
from automation_pipelines.model import Note
from automation_pipelines.settings.providers import Push
from tests.conformance.gate import TIMEOUT, GatedPost, gated
from tests.conformance.posts import SECRET
from tests.loopback import Asked, Said

PATH = "/v1/projects/acme-app/messages:send"
TOKEN = "ya29.right-horse"


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_file(port: int) -> str:
    """The key of a service account, as Google's console has it downloaded."""
    pem = _key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    told = {
        "type": "service_account",
        "project_id": "acme-app",
        "private_key_id": "k1",
        "private_key": pem.decode(),
        "client_email": "sender@acme-app.iam.gserviceaccount.example",
        "token_uri": f"https://localhost:{port}/token",
    }
    return json.dumps(told)


def failure(status: int, word: str, code: str | None = None, **details: object) -> Said:
    """An error as Firebase writes it."""
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    more = [{"@type": kind, "errorCode": code}] if code else []
    if details:
        more.append({"@type": "type.googleapis.com/google.rpc.BadRequest", **details})  # type: ignore[dict-item]
    return Said(status, {"error": {"code": status, "message": SECRET, "status": word, "details": more}})


@dataclass
class Google:
    """Gives tokens to whoever signs with the key, and takes messages from whoever has one."""

    messages: list[dict[str, object]] = field(default_factory=list)
    jobs: Counter[str] = field(default_factory=Counter)
    grants: int = 0

    def __call__(self, asked: Asked) -> Said:
        """Grant, or take."""
        if asked.path == "/token":
            return self._grant(asked)
        if asked.headers["authorization"] != f"Bearer {TOKEN}":
            return failure(401, "UNAUTHENTICATED")
        message = asked.json["message"]
        self.messages.append(message)
        self.jobs[message["data"]["job_id"]] += 1
        return Said(200, {"name": f"projects/acme-app/messages/{len(self.messages)}"})

    def _grant(self, asked: Asked) -> Said:
        public = (
            _key()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        [assertion] = parse_qs(asked.body.decode())["assertion"]
        claims = jwt.decode(assertion, certs=public, verify=True)  # type: ignore[no-untyped-call]
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        self.grants += 1
        return Said(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})


def note(job: int) -> Note:
    """A message for a device."""
    return Note(job, 1, f"{job}.test", f"device-{job}", f"Offer {job}", "Hello — for you")


def settings(port: int, **more: object) -> Push:
    """How Google is reached."""
    told = {"credentials": SecretStr(key_file(port)), "url": f"https://localhost:{port}"}
    return Push.model_validate({**told, "timeout_seconds": TIMEOUT, **more})


@contextmanager
def push_post() -> Iterator[tuple[GatedPost, Google]]:
    """Google over TLS."""
    google = Google()
    with gated(google) as (server, gate):
        channel = PushChannel("push", settings(gate.port), lambda: datetime.now(UTC))
        refusal = failure(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
        post = GatedPost(server, gate, channel, note, lambda job: google.jobs[str(job)], PATH, refusal)
        yield post, google
        channel.close()
