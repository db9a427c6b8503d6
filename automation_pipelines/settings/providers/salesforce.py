"""Salesforce."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Salesforce(BaseModel):
    """A connected user of Salesforce."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    username: str = Field(description="The user.")
    password: SecretStr = Field(description="Its password.")
    security_token: SecretStr = Field(description="Its security token.")
