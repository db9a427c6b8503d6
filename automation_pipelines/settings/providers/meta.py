"""Meta: WhatsApp without a provider between."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Meta(BaseModel):
    """An app with WhatsApp Business."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    webhook_secret: SecretStr = Field(description="The app's secret, with which its posts are signed.")
    webhook_token: SecretStr | None = Field(
        default=None, description="The verify token, which Meta asks for when the webhook is set up."
    )
