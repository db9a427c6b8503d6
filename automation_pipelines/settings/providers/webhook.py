"""Outgoing webhooks."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Webhook(BaseModel):
    """How calls are signed, and where they may go."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    secret: SecretStr | None = Field(default=None, description="What calls are signed with, whsec_….")
