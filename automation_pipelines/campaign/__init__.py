"""What a campaign file may declare, as data. It knows conditions, but no audience, template or channel."""

from automation_pipelines.campaign.experiment import Experiment, Metric, Promotion, Variant
from automation_pipelines.campaign.policy import Guard, Policy
from automation_pipelines.campaign.spec import Campaign, Kind, SenderAddress, Timeline, Tracking, Utm
from automation_pipelines.campaign.steps import (
    CALL_CHANNELS,
    MESSAGE_CHANNELS,
    ROLES,
    Assign,
    Integration,
    Request,
    Role,
    Step,
    StepVariant,
)
from automation_pipelines.campaign.values import Span, setting_in
from automation_pipelines.campaign.windows import WEEKDAYS, Schedule, Weekday, Window

__all__ = [
    "CALL_CHANNELS",
    "MESSAGE_CHANNELS",
    "ROLES",
    "WEEKDAYS",
    "Assign",
    "Campaign",
    "Experiment",
    "Guard",
    "Integration",
    "Kind",
    "Metric",
    "Policy",
    "Promotion",
    "Request",
    "Role",
    "Schedule",
    "SenderAddress",
    "Span",
    "Step",
    "StepVariant",
    "Timeline",
    "Tracking",
    "Utm",
    "Variant",
    "Weekday",
    "Window",
    "setting_in",
]
