"""Salesforce."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Salesforce(BaseModel):
    """A connected app of Salesforce with the client credentials flow, which runs as a user of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str = Field(
        pattern=r"^https://[^/\s@]+$", description="The organisation's own, https://acme.my.salesforce.com."
    )
    consumer_key: str = Field(description="The app's key.")
    consumer_secret: SecretStr = Field(description="Its secret.")
    identity_field: str = Field(
        default="Automation_Identity__c",
        pattern=r"^[A-Za-z]\w*__c$",
        description="A text field (60, unique, external ID) of every object that records are added to: "
        "no record is added twice.",
    )
