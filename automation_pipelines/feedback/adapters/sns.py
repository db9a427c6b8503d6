"""Envelopes of Amazon SNS: whether Amazon signed one, for which topic, and what is in it.

The certificate is fetched from Amazon's own hosts alone, over a function that tests replace.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from automation_pipelines.errors import ForgedError
from automation_pipelines.feedback.adapters.adapter import forged
from automation_pipelines.feedback.adapters.fields import Fields

Fetch = Callable[[str], bytes]
"""Gets what an https address of Amazon's answers with."""

SNS = "Amazon SNS"
NOTIFICATION, CONFIRMATION = "Notification", "SubscriptionConfirmation"
TYPES = frozenset({NOTIFICATION, CONFIRMATION, "UnsubscribeConfirmation"})
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HOST = re.compile(r"sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?")
_LARGEST = 100_000
_SECONDS = 10


def fetch(url: str) -> bytes:
    """Over HTTPS, without redirections; `ForgedError` where it cannot be had."""
    import httpx  # noqa: PLC0415 - only where Amazon asks

    try:
        answer = httpx.get(url, timeout=_SECONDS, follow_redirects=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        msg = f"Amazon SNS could not be asked, so nothing is believed for now: {type(error).__name__}"
        raise ForgedError(msg) from None
    return answer.content[:_LARGEST]


class Envelopes:
    """Checks signatures; keeps the certificates it has seen."""

    def __init__(self, get: Fetch = fetch) -> None:
        """Bind to how things are fetched; fetches nothing yet."""
        self.get = get
        self._certificate = lru_cache(maxsize=16)(get)

    def verify(self, envelope: Fields, topics: frozenset[str], now: datetime) -> None:
        """`ForgedError` unless Amazon signed it, for one of these topics."""
        topic, type_ = envelope.text("TopicArn"), envelope.text("Type")
        if topic not in topics:
            raise forged(SNS, "its topic is none of AUTOMATION_SES__WEBHOOK_TOPICS")
        if type_ not in TYPES:
            raise forged(SNS, "its Type is unknown")
        url = envelope.text("SigningCertURL") or ""
        if not is_amazons(url) or not url.endswith(".pem"):
            raise forged(SNS, "its certificate is not on a host of Amazon SNS")
        names = _SIGNED[NOTIFICATION if type_ == NOTIFICATION else CONFIRMATION]
        signed = "".join(f"{name}\n{envelope.values[name]}\n" for name in names if _said(envelope, name))
        version, signature = envelope.text("SignatureVersion") or "", envelope.values.get("Signature")
        if not _is_signed(self._certificate(url), signature, signed, version, now):
            raise forged(SNS, "the signature is wrong")


def _said(envelope: Fields, name: str) -> bool:
    return isinstance(envelope.values.get(name), str)


def is_amazons(url: str) -> bool:
    """Whether an address leads to Amazon SNS, over TLS and nowhere else."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return False
    plain = port in (None, 443) and "@" not in parts.netloc and "\\" not in url
    return plain and parts.scheme == "https" and _HOST.fullmatch(host) is not None


def _is_signed(pem: bytes, signature: object, signed: str, version: str, now: datetime) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    # Version 1 is still what a topic signs with where nobody chose another.
    hashes: dict[str, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}  # noqa: S303
    if version not in hashes or not isinstance(signature, str):
        return False
    try:
        certificate = load_pem_x509_certificate(pem)
        key = certificate.public_key()
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return False
        if isinstance(key, RSAPublicKey):
            text = signed.encode("utf-8", "surrogatepass")
            key.verify(b64decode(signature, validate=True), text, PKCS1v15(), hashes[version])
            return True
    except (InvalidSignature, ValueError):
        pass
    return False
