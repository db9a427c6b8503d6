"""How a campaign behaves among others, how often it may act, and when something looks wrong."""

from typing import Literal

from pydantic import Field, model_validator

from automation_pipelines.campaign.values import Duration, Instant, Model


class Guard(Model):
    """When a day of a campaign is held until somebody approves it."""

    factor: float = Field(default=3, gt=1, description="Times the median of the days before.")
    at_least: int = Field(default=500, ge=0, description="Fewer moments a day are never held by the factor.")
    cap: int | None = Field(default=None, ge=0, description="More moments a day are always held.")


class Policy(Model):
    """How a campaign behaves among others and when things go wrong."""

    priority: int = Field(default=5, ge=1, le=9, description="1 goes first.")
    max_lateness: Duration | None = Field(
        default=None,
        description="Default: marketing 24 hours, transactional 72 hours, internal none.",
    )
    backlog: Literal["none", "7 days", "all"] = "none"
    late: Literal["latest", "all"] = "latest"
    reentry: Literal["occurrence", "never"] = Field(
        default="occurrence", description="never: a subject goes through it once, whatever its anchor."
    )
    repeat_after: Duration | None = Field(
        default=None, description="No step twice for a subject within this, whatever the occurrence."
    )
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    max_executions: int | None = Field(default=None, ge=0, description="Jobs per tenant, over all time.")
    holdout: float = Field(default=0, ge=0, le=100, description="Per cent of the subjects who get nothing.")
    guard: Guard = Guard()
    capped: bool = Field(default=True, description="False: frequency caps neither count nor stop it.")
    one_per_address: bool = Field(
        default=True, description="Marketing to customers: one message a day for all records of an address."
    )
    consent: Literal["opt_out", "opt_in"] = Field(
        default="opt_out", description="opt_in: only to customers whose consent is recorded."
    )

    @model_validator(mode="after")
    def _some_time(self) -> "Policy":
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            msg = f"valid_until is before valid_from {self.valid_from.isoformat()}"
            raise ValueError(msg)
        return self
