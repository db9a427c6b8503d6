"""Envelopes of Amazon SNS: whether Amazon signed one, for which topic, and what is in it.

The certificate is fetched from Amazon's own hosts alone, over a function that tests replace.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from automation_pipelines.errors import FeedbackError
from automation_pipelines.feedback.adapters.adapter import forged
from automation_pipelines.feedback.adapters.fields import Fields

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

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
_CERTIFICATE = re.compile(r"https://[a-z0-9.:-]+/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")
_LARGEST = 100_000
_SECONDS = 10.0
_KEPT = 16
_OURS_TO_WAIT = 500
"""From this status on it is Amazon's trouble, and passes."""


def fetch(url: str, *, seconds: float = _SECONDS) -> bytes:
    """Over HTTPS, without redirections, so long and no longer.

    `ForgedError`: there is no such thing. Another `FeedbackError`: it cannot be had now.
    """
    import httpx  # noqa: PLC0415 - only where Amazon asks

    end, content = monotonic() + seconds, b""
    try:
        with httpx.stream("GET", url, timeout=seconds, follow_redirects=False) as answer:
            if answer.status_code < _OURS_TO_WAIT and not answer.is_success:
                raise forged(SNS, f"what it points to is answered with {answer.status_code}")
            answer.raise_for_status()
            for part in answer.iter_bytes():
                content += part
                if len(content) > _LARGEST:
                    raise forged(SNS, f"what it points to has more than {_LARGEST} bytes")
                if monotonic() > end:
                    raise _away(TimeoutError.__name__)
    except httpx.HTTPError as error:
        raise _away(type(error).__name__) from None
    return content


def _away(why: str) -> FeedbackError:
    return FeedbackError(f"Amazon SNS could not be asked, so nothing is believed for now: {why}")


class Envelopes:
    """Checks signatures; keeps a few certificates: those alone that were one."""

    def __init__(self, get: Fetch = fetch) -> None:
        """Bind to how things are fetched; fetches nothing yet."""
        self.get = get
        self._kept: dict[str, Certificate] = {}

    def asks(self, envelope: Fields) -> bool:
        """Whether Amazon has to be asked for something."""
        url = envelope.text("SigningCertURL") or ""
        return _is_certificates(url) and (url not in self._kept or envelope.text("Type") == CONFIRMATION)

    def verify(self, envelope: Fields, topics: frozenset[str], now: datetime) -> None:
        """`ForgedError` unless Amazon signed it, for one of these topics."""
        topic, type_ = envelope.text("TopicArn"), envelope.text("Type")
        if topic not in topics:
            raise forged(SNS, "its topic is none of AUTOMATION_SES__WEBHOOK_TOPICS")
        if type_ not in TYPES:
            raise forged(SNS, "its Type is unknown")
        url = envelope.text("SigningCertURL") or ""
        if not _is_certificates(url):
            raise forged(SNS, "its certificate is not on a host of Amazon SNS")
        names = _SIGNED[NOTIFICATION if type_ == NOTIFICATION else CONFIRMATION]
        signed = "".join(f"{name}\n{envelope.values[name]}\n" for name in names if _said(envelope, name))
        version, signature = envelope.text("SignatureVersion") or "", envelope.values.get("Signature")
        if not _is_signed(self._certificate(url), signature, signed, version, now):
            raise forged(SNS, "the signature is wrong")

    def _certificate(self, url: str) -> "Certificate":
        found = self._kept.get(url)
        if found is None:
            found = _loaded(self.get(url))
            while len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)), None)
            self._kept[url] = found
        return found


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


def _is_certificates(url: str) -> bool:
    return is_amazons(url) and _CERTIFICATE.fullmatch(url) is not None


def _loaded(pem: bytes) -> "Certificate":
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - heavy

    try:
        return load_pem_x509_certificate(pem)
    except ValueError:
        raise forged(SNS, "what it points to is no certificate") from None


def _is_signed(
    certificate: "Certificate", signature: object, signed: str, version: str, now: datetime
) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm  # noqa: PLC0415

    # Version 1 is still what a topic signs with where nobody chose another.
    hashes: dict[str, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}  # noqa: S303
    if version not in hashes or not isinstance(signature, str):
        return False
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return False
    try:
        key = certificate.public_key()
        if isinstance(key, RSAPublicKey):
            text = signed.encode("utf-8", "surrogatepass")
            key.verify(b64decode(signature, validate=True), text, PKCS1v15(), hashes[version])
            return True
    except (InvalidSignature, ValueError):
        pass
    return False
