"""Campaigns and their steps: names for the numbers."""

from automation_pipelines.catalogue.statistics.columns import CAMPAIGN, STEP, count
from automation_pipelines.catalogue.types import Column, Statistic, Type

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
