"""What e-mail needs beside a server."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_NAME = r"^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$"


class Dkim(BaseModel):
    """With what e-mails are signed (RFC 6376)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    domain: str = Field(
        pattern=_NAME, description="The signing domain, d=: that of the senders, or one above it."
    )
    selector: str = Field(
        pattern=_NAME, description="The selector, s=: the public key is at <selector>._domainkey.<domain>."
    )
    private_key: SecretStr = Field(
        description="The private key in PEM (RSA or Ed25519), or the path of a file with it."
    )
