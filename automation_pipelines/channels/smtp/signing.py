"""DKIM (RFC 6376): each message signed once, as it is, before it leaves.

The library picks and writes what is signed; the signature itself is OpenSSL's, for the library's RSA is
in Python: 85 messages a second with a key of 2048 bits, against 2,000. Imported only where a key is set.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dkim  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from automation_pipelines.errors import ConfigurationError
from automation_pipelines.settings.providers import Dkim

_SHORTEST = 1024  # RFC 8301
_NO_KEY = (
    "AUTOMATION_DKIM__PRIVATE_KEY is no key to sign with: give a private key in PEM without a passphrase, or "
    f"the path of a file with one; RSA of {_SHORTEST} bits or more (2048 are usual), or Ed25519"
)

# Signed once more than they are there, so that a second one added on the way breaks the signature.
_FROZEN = frozenset({b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"})
# RFC 8058 wants the last two signed.
_SIGNED = _FROZEN | {
    *(b"sender", b"reply-to", b"cc", b"auto-submitted", b"list-id", b"feedback-id"),
    *(b"list-unsubscribe", b"list-unsubscribe-post"),
}
# Blanks and folds of headers may change on the way; of the body, which is encoded, they do not.
_POLICY = dkim.CanonicalizationPolicy.from_c_value(b"relaxed/simple")


@dataclass(frozen=True, slots=True)
class _Signature:
    signature: bytes


@dataclass(frozen=True, slots=True)
class _Key:
    """A private key, as the library calls those that sign by themselves."""

    algorithm: bytes
    signed: Callable[[bytes], bytes]

    def sign(self, digest: bytes) -> _Signature:
        return _Signature(self.signed(digest))


class Signer:
    """Signs messages for one domain."""

    def __init__(self, settings: Dkim) -> None:
        """Read the key once; `ConfigurationError`, which does not show it, where it is none."""
        self._key = _key(_content(settings.private_key.get_secret_value()))
        self._fixed = [
            (b"v", b"1"),
            (b"a", self._key.algorithm),
            (b"c", _POLICY.to_c_value()),
            (b"d", settings.domain.encode()),
            (b"s", settings.selector.encode()),
        ]

    def __call__(self, content: bytes) -> bytes:
        """Return the message with its signature above it."""
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        head, _, body = content.partition(b"\r\n\r\n")
        message = dkim.DKIM(head + b"\r\n\r\n")
        message.should_sign, message.frozen_sign = _SIGNED, _FROZEN
        names = [name.lower() for name in message.default_sign_headers()]
        digest = hashlib.sha256(_POLICY.canonicalize_body(body)).digest()
        tags = [
            *self._fixed,
            (b"h", b" : ".join(names)),
            (b"bh", base64.b64encode(digest)),
            (b"b", b"0" * 60),  # makes the signature fold onto lines of its own
        ]
        # The way in which the library lets a key sign by itself; what is written is the tag `a`.
        message.signature_algorithm, message.hasher = b"ed25519-sha256", hashlib.sha256
        header = message.gen_header(tags, names, _POLICY, b"DKIM-Signature", self._key)
        return b"DKIM-Signature: " + bytes(header) + content


def _content(given: str) -> bytes:
    """The key itself; its line ends may be written as a backslash and an n, as environments have them."""
    if "-----BEGIN" in given:
        return given.replace("\\n", "\n").encode()
    try:
        return Path(given).expanduser().read_bytes()
    except (OSError, ValueError):
        raise ConfigurationError(_NO_KEY) from None


def _key(content: bytes) -> _Key:
    try:
        key = load_pem_private_key(content, password=None) if b"-----BEGIN" in content else _seed(content)
    except Exception:  # noqa: BLE001 - whatever is said of it may show it
        raise ConfigurationError(_NO_KEY) from None
    match key:
        case Ed25519PrivateKey():
            return _Key(b"ed25519-sha256", key.sign)
        case RSAPrivateKey() if key.key_size >= _SHORTEST:
            padding, hashed = PKCS1v15(), Prehashed(SHA256())
            return _Key(b"rsa-sha256", lambda digest: key.sign(digest, padding, hashed))
        case _:
            raise ConfigurationError(_NO_KEY)


def _seed(content: bytes) -> Ed25519PrivateKey:
    """Ed25519 as DKIM's own tools write it: 32 bytes in base64."""
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(content.strip(), validate=True))
