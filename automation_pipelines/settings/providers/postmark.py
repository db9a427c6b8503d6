"""Postmark: events of e-mails."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Postmark(BaseModel):
    """Webhooks of Postmark."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    webhook_secret: SecretStr = Field(
        description="user:password as in the URL of the webhook, or what its header X-Webhook-Secret says; "
        "several, separated by blanks."
    )
