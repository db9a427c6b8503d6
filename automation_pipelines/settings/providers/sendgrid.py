"""SendGrid: events of e-mails."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class SendGrid(BaseModel):
    """An event webhook of SendGrid."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    webhook_key: SecretStr = Field(
        description="The verification key of its signed event webhook, or several, separated by blanks."
    )
