"""Amazon SES: events of e-mails, through Amazon SNS."""

from pydantic import BaseModel, ConfigDict, Field


class Ses(BaseModel):
    """Topics of Amazon SNS to which Amazon SES publishes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    webhook_topics: str = Field(
        pattern=r"^\s*arn:aws[a-z-]*:sns:[^\s,]+(\s*,\s*arn:aws[a-z-]*:sns:[^\s,]+)*\s*$",
        description="Their ARNs, separated by commas. Amazon signs for whoever publishes: only these count.",
    )

    @property
    def topics(self) -> frozenset[str]:
        """The topics that are believed."""
        return frozenset(map(str.strip, self.webhook_topics.split(",")))
