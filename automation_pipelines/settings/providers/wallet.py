"""The company's own wallet service."""

from pydantic import Field

from automation_pipelines.settings.providers.calls import Called, SigningSecrets


class Wallet(Called):
    """Where passes are updated."""

    url: str = Field(
        pattern=r"^https?://[^\s/@?#\\]+(/[^\s#\\]*)?$",
        repr=False,  # its query may hold a key
        description="The service's address.",
    )
    secret: SigningSecrets = Field(
        description="What calls are signed with, whsec_…. Several, separated by blanks, while it changes."
    )
