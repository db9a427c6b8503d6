"""What e-mail needs beside a server."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Dkim(BaseModel):
    """With what e-mails are signed (RFC 6376)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    domain: str = Field(description="The signing domain, d=.")
    selector: str = Field(description="The selector, s=.")
    private_key: SecretStr = Field(description="The private key in PEM, or the path of a file with it.")
