"""Chats of the staff."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Chat(BaseModel):
    """Where notices to staff go."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    urls: SecretStr = Field(
        description="Addresses in Apprise's form, separated by blanks; written tag=address, one is for a "
        "tenant (2=…), a channel (#sales=…) or a tenant's channel (2#sales=…). In an address, {to} stands "
        "for the recipient's e-mail address and {channel} for the channel."
    )
