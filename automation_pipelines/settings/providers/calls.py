"""What all providers have in common that are called over HTTP."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

_PREFIX = "whsec_"
_OF_HOST = re.compile(rf"([^\s=]+)=({_PREFIX}.*)")
_BYTES = range(24, 65)


class Called(BaseModel):
    """Something that is called."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    connections: int = Field(default=8, ge=1, le=256, description="Concurrent calls.")
    timeout_seconds: float = Field(
        default=20, gt=0, le=300, description="How long a call may take in all, name lookup apart."
    )


def signing_secrets(text: str) -> Iterator[tuple[str, str]]:
    """Read `whsec_…` and `host=whsec_…`, separated by blanks: each secret with its host, which may be ''."""
    for entry in text.split():
        found = _OF_HOST.fullmatch(entry)
        yield (found[1].lower(), found[2]) if found else ("", entry)


def _decodable(value: SecretStr) -> SecretStr:
    _refuse_unreadable(value.get_secret_value().split())
    return value


def _decodable_by_host(value: SecretStr) -> SecretStr:
    _refuse_unreadable([secret for _, secret in signing_secrets(value.get_secret_value())])
    return value


def _refuse_unreadable(secrets: Sequence[str]) -> None:
    """Refuse what the receivers would read otherwise than we do, or could be guessed."""
    for secret in secrets or [""]:
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not secret.startswith(_PREFIX) or len(key) not in _BYTES:
            kind, advice = "secret", "write whsec_ and then 24 to 64 random bytes in Base64"
            raise PydanticCustomError(kind, advice)


SigningSecrets = Annotated[SecretStr, AfterValidator(_decodable)]
SigningSecretsByHost = Annotated[SecretStr, AfterValidator(_decodable_by_host)]
