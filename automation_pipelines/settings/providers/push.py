"""Firebase Cloud Messaging: push messages."""

from pydantic import Field, SecretStr

from automation_pipelines.settings.providers.calls import Called


class Push(Called):
    """A project of Firebase."""

    credentials: SecretStr = Field(
        description="The service account's key, as JSON, or the path of a file with it."
    )
    url: str = Field(
        default="https://fcm.googleapis.com",
        pattern=r"^https?://[^\s/@?#\\]+$",
        description="The service's address, without a path.",
    )
    hours_kept: int = Field(
        default=24, ge=0, le=672, description="How long a device that is off may be waited for."
    )
