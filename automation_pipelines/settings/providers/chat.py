"""Chats of the staff."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Chat(BaseModel):
    """Where notices to staff go."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    urls: SecretStr = Field(description="One or more addresses in Apprise's form, separated by blanks.")
