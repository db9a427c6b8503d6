"""Outgoing webhooks."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from automation_pipelines.settings.providers.calls import Called, SigningSecretsByHost

Network = IPv4Network | IPv6Network


def _networks(text: str) -> str:
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            ip_network(part)
        except ValueError:
            kind, advice = (
                "networks",
                "write IP addresses and networks such as 10.1.2.0/24, with commas between",
            )
            raise PydanticCustomError(kind, advice) from None
    return text


class Webhook(Called):
    """How calls are signed, and where they may go."""

    secret: SigningSecretsByHost | None = Field(
        default=None,
        description="What calls are signed with, whsec_…, and host=whsec_… for calls to one host. Several, "
        "separated by blanks; two for the same while one replaces the other.",
    )
    allowed_networks: Annotated[str, AfterValidator(_networks)] = Field(
        default="",
        description="IP addresses and networks that are not public and may be called all the same, "
        "separated by commas.",
    )
    allow_http: bool = Field(default=False, description="Whether calls may go out without encryption.")

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that are allowed."""
        return tuple(map(ip_network, filter(None, map(str.strip, self.allowed_networks.split(",")))))
