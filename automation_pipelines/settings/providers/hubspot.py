"""HubSpot."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class HubSpot(BaseModel):
    """A private app of HubSpot."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    access_token: SecretStr = Field(description="Its token.")
