"""Firebase Cloud Messaging: push messages."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Push(BaseModel):
    """A project of Firebase."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    credentials: SecretStr = Field(
        description="The service account's key, as JSON, or the path of a file with it."
    )
