"""When the watch pauses, stops and warns."""

from pydantic import BaseModel, ConfigDict, Field


class Watch(BaseModel):
    """Limits of what may come back; a rate counts once chance alone no longer explains it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pauses: bool = Field(
        default=True,
        description="Whether campaigns are paused and marketing is stopped; false: it only tells.",
    )
    bounce_percent: float = Field(
        default=5, gt=0, le=100, description="Hard bounces of what a campaign sent in 24 hours."
    )
    complaint_percent: float = Field(
        default=0.3,
        gt=0,
        le=100,
        description="Complaints of what a campaign sent in 24 hours or 7 days; of marketing by e-mail to one "
        "mailbox provider in 7 days.",
    )
    complaint_warning_percent: float = Field(
        default=0.1,
        gt=0,
        le=100,
        description="The same of marketing to one provider, from where on it warns.",
    )
    unsubscribe_percent: float = Field(
        default=2, gt=0, le=100, description="Unsubscribes of what a campaign sent in 24 hours."
    )
    least_sent: int = Field(
        default=100, ge=1, description="Messages a campaign must have sent in that time to be judged."
    )
    least_delivered: int = Field(
        default=1000, ge=1, description="Messages that must have reached one provider in 7 days to be judged."
    )
