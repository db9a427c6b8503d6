"""What one step declares: a message, an action on the CRM, or a call of another system; and when."""

from datetime import time, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from automation_pipelines.campaign.values import (
    ClockOrSetting,
    Duration,
    Model,
    Offset,
    Slug,
    Span,
    TemplateName,
    listed,
    setting_in,
)
from automation_pipelines.conditions import Condition
from automation_pipelines.model import Scalar

Role = Literal[
    "customer",
    "contacts",
    "agent",
    "agent_manager",
    "department_manager",
    "senior_management",
    "executives",
    "account_owner",
    "success_manager",
    "team",
]
ROLES: tuple[Role, ...] = Role.__args__  # type: ignore[attr-defined]
MESSAGE_CHANNELS = ("email", "sms", "whatsapp", "push", "wallet", "in_app", "chat", "phone", "interaction")
"""Channels that carry a message to a person."""
CALL_CHANNELS = ("webhook", "hubspot", "salesforce", "slack")
"""Channels that call another system."""
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
_DAY = timedelta(days=1)


class StepVariant(Model):
    """What one variant of a step does differently."""

    template: TemplateName | None = None
    subject: str | None = None
    at: ClockOrSetting | None = None
    channel: str | None = None


class Assign(Model):
    """Who of the staff gets a row: decided when planning, stored in the job as `assignee_id`."""

    strategy: Literal["round_robin", "least_loaded", "user"]
    user: int | str | None = Field(default=None, description="Key of the user, with strategy user.")
    role: Literal["agent", "manager", "department_manager", "senior_management", "executive"] = "agent"
    department: str | None = None

    @model_validator(mode="after")
    def _somebody(self) -> "Assign":
        if (self.strategy == "user") != (self.user is not None):
            msg = "strategy user, and only it, needs 'user': the key of a member of staff"
            raise ValueError(msg)
        return self


class Request(Model):
    """One HTTP request; text values are templates over the variables of the message."""

    url: str = Field(pattern=r"^https?://")
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[str, str] = Field(default={})
    body: dict[str, Any] = Field(default={})
    retries: int | None = Field(default=None, ge=0, le=20, description="Default: as all jobs.")


class Integration(Model):
    """One action of another product; text parameters are templates over the variables of the message."""

    target: Literal["hubspot", "salesforce", "slack"]
    action: Slug | str = Field(min_length=1)
    parameters: dict[str, Any] = Field(default={})


class Step(Model):
    """One message, action or call: at an offset from the anchor, on a day of a timeline, or after a step."""

    id: Slug
    title: str = ""
    offset: Offset = Span()
    at: ClockOrSetting | None = Field(
        default=None, description="Local time; default: the tenant's send time."
    )
    after: Slug | None = Field(default=None, description="Count from the finish of this step.")
    requires: Literal["sent"] | None = Field(
        default=None, description="sent: skipped unless the step it comes after was sent."
    )
    day: int | None = Field(default=None, ge=1, description="Day of a timeline; 1 is the local day of entry.")
    delay: Duration | None = Field(default=None, description="Local time of that day, as hours and minutes.")
    priority: int | None = Field(default=None, ge=1, le=9, description="Default: the campaign's.")
    when: Condition | None = Field(default=None, description="Skipped for good where it does not hold.")
    channel: str | None = None
    channels: tuple[str, ...] | str = Field(
        default=(), description="In this order: the first the recipient can be reached on, or all."
    )
    send: Literal["first", "all"] = "first"
    template: TemplateName | None = None
    subject: str | None = Field(default=None, description="Subject line instead of the template's.")
    recipient: tuple[Role, ...] | str = ("customer",)
    to: tuple[Address, ...] = Field(default=(), description="Fixed addresses instead of a recipient.")
    cc: tuple[Role | Address, ...] = ()
    bcc: tuple[Role | Address, ...] = ()
    variables: dict[str, Scalar] = Field(default={}, description="Templates find them as custom.name.")
    action: str | None = None
    values: dict[str, Scalar] = Field(default={}, alias="with", description="Bound values of the action.")
    assign: Assign | None = None
    undo_after: Duration | None = Field(default=None, description="Take the action back after so long.")
    request: Request | None = None
    integration: Integration | None = None
    variants: dict[Slug, StepVariant] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        lists = {key: listed(data[key]) for key in ("to", "cc", "bcc") if key in data}
        for key in ("recipient", "channels"):
            if key in data and setting_in(data[key]) is None:
                lists[key] = listed(data[key])
        return {**data, **lists}

    @model_validator(mode="after")
    def _one_thing(self) -> "Step":
        for wrong, what in _faults(self):
            if wrong:
                msg = f"step '{self.id}': {what}"
                raise ValueError(msg)
        return self

    @property
    def carries(self) -> Literal["message", "action", "call", "nothing"]:
        """What the step hands over."""
        if self.action is not None:
            return "action"
        if self.request is not None or self.integration is not None:
            return "call"
        return "nothing" if self.channel == "wait" else "message"

    @property
    def ways(self) -> tuple[str, ...]:
        """The channels it may take, in order; every message channel where a setting says which."""
        if self.channel is not None:
            return (self.channel,)
        if self.request is not None:
            return ("webhook",)
        if self.integration is not None:
            return (self.integration.target,)
        return MESSAGE_CHANNELS if isinstance(self.channels, str) else self.channels

    @property
    def daily(self) -> tuple[Span, time] | None:
        """Offset and local time of a day of a timeline."""
        if self.day is None:
            return None
        delay = self.delay.longest if self.delay else timedelta(0)
        return Span(days=self.day - 1), time(delay.seconds // 3600, delay.seconds // 60 % 60)


def _faults(step: Step) -> list[tuple[bool, str]]:
    kinds = [
        step.channel is not None and step.request is None and step.integration is None,
        bool(step.channels),
        step.action is not None,
        step.request is not None,
        step.integration is not None,
    ]
    message = step.carries == "message"
    only_messages = bool(step.to or step.cc or step.bcc or step.subject or step.template)
    return [
        (
            sum(kinds) != 1,
            "declare either channel (or channels) and template, or action, request or integration",
        ),
        (
            message and step.template is None,
            f"channel '{step.channel or ', '.join(step.ways)}' needs a template",
        ),
        (
            not message and (only_messages or step.recipient != ("customer",)),
            "an action, a call or a wait has neither template nor recipient",
        ),
        (step.request is not None and step.channel not in (None, "webhook"), "a request goes to webhook"),
        (step.day is not None and step.offset != Span(), "write day (and delay), or offset"),
        (step.day is not None and step.at is not None, "write delay instead of at, beside day"),
        (step.delay is not None and step.day is None, "delay goes with day"),
        (step.delay is not None and step.delay.longest >= _DAY, "delay is less than 24 hours"),
        (step.day is not None and step.after is not None, "write day or after, not both"),
        (step.requires is not None and step.after is None, "requires goes with after"),
        (step.after is not None and step.offset.negative, "a step after another cannot lie before it"),
        (
            step.at is not None and step.offset.exact,
            "'at' goes with an offset in days, not with minutes or hours",
        ),
        (step.assign is not None and step.action is None, "assign goes with an action"),
        (step.undo_after is not None and step.action is None, "undo_after goes with an action"),
        (bool(step.to) and step.recipient != ("customer",), "write to or recipient, not both"),
        (bool(step.values) and step.action is None, "with goes with an action"),
    ]
