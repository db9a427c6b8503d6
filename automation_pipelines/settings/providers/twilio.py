"""Twilio: text messages and WhatsApp."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

_SERVICE = r"^MG[0-9a-fA-F]{32}$"


def _listed(value: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, value.split(","))))


def _international(value: str) -> str:
    for number in _listed(value):
        if not (number.startswith("+") and number[1:].isdecimal() and number[1:].isascii()):
            kind, advice = "number", "write numbers as +15550100, separated by commas"
            raise PydanticCustomError(kind, advice)
    return value


class Senders(BaseModel):
    """In whose name messages go."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    messaging_service_sid: str | None = Field(
        default=None, pattern=_SERVICE, description="A messaging service, MG…: it chooses senders of SMS."
    )
    numbers: str = Field(
        default="",
        description="Senders of SMS without a service, separated by commas: numbers, short codes or names. "
        "A recipient always sees the same one.",
    )
    whatsapp: Annotated[str, AfterValidator(_international)] = Field(
        default="", description="Senders on WhatsApp: numbers such as +15550100, separated by commas."
    )

    @property
    def pool(self) -> tuple[str, ...]:
        """The senders of SMS, where no service chooses them."""
        return _listed(self.numbers)

    @property
    def whatsapp_pool(self) -> tuple[str, ...]:
        """The senders on WhatsApp."""
        return _listed(self.whatsapp)


class Twilio(Senders):
    """An account of Twilio, and its senders for all tenants that have none of their own."""

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$", description="The account, AC….")
    auth_token: SecretStr = Field(description="Its token, or the secret of api_key_sid.")
    api_key_sid: str | None = Field(
        default=None, pattern=r"^SK[0-9a-fA-F]{32}$", description="An API key, SK…, instead of the account's."
    )
    tenants: Mapping[int, Senders] = Field(
        default={}, description='Senders of single tenants, as JSON: {"7": {"numbers": "+15550107"}}.'
    )
    base_url: str = Field(
        default="https://api.twilio.com",
        pattern=r"^https?://[^/\s]+",
        description="Another region or edge, such as https://api.dublin.ie1.twilio.com.",
    )
    timeout_seconds: float = Field(default=15, gt=0, le=300, description="For each answer.")
    connections: int = Field(default=8, ge=1, le=64, description="Concurrent requests.")
    status_callback: str | None = Field(
        default=None, pattern=r"^https?://", description="Where Twilio reports what became of a message."
    )
    webhook_auth_token: SecretStr | None = Field(
        default=None,
        description="The account's own token, with which Twilio signs what it posts. Default: auth_token, "
        "unless that is the secret of an api_key_sid.",
    )
    max_segments: int = Field(
        default=10, ge=1, le=10, description="An SMS of more segments than this is refused."
    )

    def senders(self, tenant_id: int) -> Senders:
        """In whose name a tenant's messages go: its own where it has some, on each channel."""
        own = self.tenants.get(tenant_id, self)
        of_sms = own if own.messaging_service_sid or own.numbers else self
        return Senders(
            messaging_service_sid=of_sms.messaging_service_sid,
            numbers=of_sms.numbers,
            whatsapp=own.whatsapp or self.whatsapp,
        )
