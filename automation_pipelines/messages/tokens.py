"""The signed tokens in links of messages: whose link it is, which nobody else can read, make or change.

A token is for one page only: one for viewing a message unsubscribes nobody. It holds a hash of the
address and no time, so that it is the same in a repeated message and works for as long as the mail is
kept. Where links lead is `optout`'s; what a page does with a token is the service's.
"""

import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import shake_256
from typing import Literal

Page = Literal["unsubscribe", "preferences", "view", "open", "click"]

SAMPLE = "sample"
"""Stands for a token where nobody's may be: in tests and previews. It is malformed: it does nothing."""

_VERSION = b"\x01"
_TAG = 16
_NUMBERS = struct.Struct(">qq32s")
_LONGEST = 512
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose a link is. The ledger need not know the job any more for it to be good."""

    tenant_id: int
    channel: str
    address_hash: str
    topic: str
    campaign: str
    job_id: int


@dataclass(frozen=True, slots=True)
class Valid:
    """We made it, for this page."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Forged:
    """We did not make it: it was changed or made up, is for another page, or its secret was given up."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """It is no token at all."""


Verdict = Valid | Forged | Malformed


class LinkKeys:
    """Signs with the first of several secrets and knows the tokens of all: so secrets are replaced.

    The tag of a token is an HMAC-SHA256 of what it says, and the key stream that hides it derives from
    the tag (the construction of RFC 5297, with SHAKE256 for its cipher): equal claims make equal tokens.
    """

    def __init__(self, secrets: str) -> None:
        """Take one or more secrets, separated by blanks."""
        self._secrets = tuple(secret.encode() for secret in secrets.split())
        self._keys = cache(_derived)

    def sign(self, page: Page, claim: Claim) -> str:
        """The token of a page; `ValueError` for an address hash that is none."""
        return self.seal(page, _packed(claim))

    def verify(self, page: Page, token: str) -> Verdict:
        """Say whether a token is one of ours for this page."""
        plain = self.unseal(page, token, least=_NUMBERS.size + 1)
        return Valid(_unpacked(plain)) if isinstance(plain, bytes) else plain

    def seal(self, page: Page, plain: bytes, bound: bytes = b"") -> str:
        """A token that says `plain` and is good only together with `bound`, which it does not hold."""
        tagging, hiding = self._keys(self._secrets[0], page)
        tag = hmac.digest(tagging, _tagged(plain, bound), "sha256")[:_TAG]
        return urlsafe_b64encode(_VERSION + tag + _masked(hiding, tag, plain)).rstrip(b"=").decode()

    def unseal(self, page: Page, token: str, bound: bytes = b"", *, least: int) -> bytes | Forged | Malformed:
        """What a token of ours says; one of fewer bytes than `least` is none."""
        raw = _raw(token, least)
        if raw is None:
            return Malformed()
        tag, hidden = raw[1 : 1 + _TAG], raw[1 + _TAG :]
        for secret in self._secrets:
            tagging, hiding = self._keys(secret, page)
            plain = _masked(hiding, tag, hidden)
            if hmac.compare_digest(hmac.digest(tagging, _tagged(plain, bound), "sha256")[:_TAG], tag):
                return plain
        return Forged()


def _derived(secret: bytes, page: Page) -> tuple[bytes, bytes]:
    """The keys of one page: for the tag, and for hiding."""
    tagging, hiding = (
        hmac.digest(secret, f"automation-pipelines:link:{use}:{page}".encode(), "sha256")
        for use in ("tag", "hide")
    )
    return tagging, hiding


def _masked(key: bytes, tag: bytes, text: bytes) -> bytes:
    """Hide a text, or show it again."""
    stream = shake_256(key + tag).digest(len(text))
    return (int.from_bytes(text) ^ int.from_bytes(stream)).to_bytes(len(text))


def _tagged(plain: bytes, bound: bytes) -> bytes:
    """What a tag covers; the length keeps the two apart."""
    return len(plain).to_bytes(4) + plain + bound if bound else plain


def _packed(claim: Claim) -> bytes:
    numbers = _NUMBERS.pack(claim.tenant_id, claim.job_id, bytes.fromhex(claim.address_hash))
    return numbers + f"{claim.channel}\n{claim.topic}\n{claim.campaign}".encode()


def _unpacked(plain: bytes) -> Claim:
    tenant_id, job_id, digest = _NUMBERS.unpack_from(plain)
    channel, topic, campaign = plain[_NUMBERS.size :].decode().split("\n")
    return Claim(tenant_id, channel, digest.hex(), topic, campaign, job_id)


def _raw(token: str, least: int) -> bytes | None:
    """The bytes of what can be a token: in one spelling only, of this version, long enough."""
    if len(token) > _LONGEST or not _TOKEN.fullmatch(token) or len(token) % 4 == 1:
        return None
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    same = urlsafe_b64encode(raw).rstrip(b"=").decode() == token
    long_enough = len(raw) >= len(_VERSION) + _TAG + least
    return raw if same and raw.startswith(_VERSION) and long_enough else None
