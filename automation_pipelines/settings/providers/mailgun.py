"""Mailgun: events of e-mails."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Mailgun(BaseModel):
    """Webhooks of Mailgun."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    webhook_key: SecretStr = Field(
        description="Its HTTP webhook signing key, or several, separated by blanks."
    )
