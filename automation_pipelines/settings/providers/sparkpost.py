"""SparkPost: events of e-mails."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class SparkPost(BaseModel):
    """Webhooks of SparkPost."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    webhook_secret: SecretStr = Field(
        description="user:password of the webhook's basic authentication, or the value of its header "
        "X-Webhook-Secret; several, separated by blanks."
    )
