"""HubSpot."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class HubSpot(BaseModel):
    """A private app of HubSpot."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    access_token: SecretStr = Field(description="Its token.")
    identity_property: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9_]*$",
        description="A text property with unique values of deals, tasks and notes: then nothing is added "
        "twice. Without it what is in doubt is looked for by a mark in its text.",
    )
    url: str = Field(default="https://api.hubapi.com", pattern=r"^https?://[^/\s@]+$", description="Its API.")
