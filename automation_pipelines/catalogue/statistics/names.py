"""Names for the numbers: tenants, campaigns and their steps."""

from automation_pipelines.catalogue.statistics.columns import CAMPAIGN, STEP, count
from automation_pipelines.catalogue.types import Column, Statistic, Type

TENANTS = Statistic(
    "tenants",
    "a tenant as the latest tick saw it: names for the numbers",
    (
        Column("tenant_id", Type.ID, "Key of the tenant in the CRM.", required=True),
        Column("name", Type.TEXT, "Name shown to customers."),
        Column("time_zone", Type.TEXT, "IANA zone."),
        Column("currency", Type.TEXT, "ISO 4217 code."),
    ),
    key=("tenant_id",),
    daily=False,
    inputs=("profiles",),
)

CAMPAIGN_STEPS = Statistic(
    "campaign_steps",
    "a step of a campaign that was ever started, in its newest version: names for the numbers",
    (
        CAMPAIGN,
        STEP,
        count("place", "Its number among the steps, from 1."),
        Column("title", Type.TEXT, "Title of the campaign.", required=True),
        Column("step_title", Type.TEXT, "Title of the step; null: it has none."),
        Column("state", Type.TEXT, "Whether the campaign runs, is paused or over.", required=True),
    ),
    key=("campaign", "step"),
    daily=False,
    inputs=("declared_steps",),
)
