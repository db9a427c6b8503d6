"""Brevo: events of e-mails."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Brevo(BaseModel):
    """Webhooks of Brevo."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    webhook_secret: SecretStr = Field(
        description="user:password of the webhook's basic authentication, or its token; several, separated "
        "by blanks."
    )
