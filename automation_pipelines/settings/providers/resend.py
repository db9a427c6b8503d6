"""Resend: events of e-mails."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Resend(BaseModel):
    """Webhooks of Resend."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    webhook_secret: SecretStr = Field(
        description="The signing secret of the webhook, whsec_…, or several, separated by blanks."
    )
