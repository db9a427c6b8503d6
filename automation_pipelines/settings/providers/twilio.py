"""Twilio: text messages and WhatsApp."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Twilio(BaseModel):
    """An account of Twilio."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$", description="The account, AC….")
    auth_token: SecretStr = Field(description="Its token.")
