"""The company's own wallet service."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Wallet(BaseModel):
    """Where passes are updated."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str = Field(pattern=r"^https?://", description="The service's address.")
    secret: SecretStr = Field(description="What calls are signed with.")
