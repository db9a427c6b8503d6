"""The statistics analysts get: one table each, every column with its type and unit.

Each has `sql/stats/<name>.sql`. A count is a number of moments, jobs or enquiries, never of messages told
twice; columns that add up say so. A statistic stands after those it is computed from.
"""

from automation_pipelines.catalogue.statistics.campaigns import CAMPAIGN_DAILY, CAMPAIGN_TOTALS
from automation_pipelines.catalogue.statistics.definitions import MEASURES_TABLE
from automation_pipelines.catalogue.statistics.journeys import TIMELINE_PROGRESS, WORKFLOW_RUNS
from automation_pipelines.catalogue.statistics.messages import MESSAGE_FACTS
from automation_pipelines.catalogue.statistics.overview import TENANT_OVERVIEW
from automation_pipelines.catalogue.statistics.responses import (
    DECISION_DAILY,
    DELIVERABILITY_DAILY,
    SEND_TIME_RESPONSE,
    SEND_TIME_TOTALS,
    STEP_FUNNEL,
)
from automation_pipelines.catalogue.statistics.service import JOB_HEALTH, SLA_DAILY
from automation_pipelines.catalogue.statistics.tenants import TENANTS
from automation_pipelines.catalogue.types import Statistic

STATISTICS: dict[str, Statistic] = {
    statistic.name: statistic
    for statistic in (
        MESSAGE_FACTS,
        CAMPAIGN_DAILY,
        CAMPAIGN_TOTALS,
        SLA_DAILY,
        JOB_HEALTH,
        TENANTS,
        MEASURES_TABLE,
        STEP_FUNNEL,
        DECISION_DAILY,
        DELIVERABILITY_DAILY,
        SEND_TIME_RESPONSE,
        SEND_TIME_TOTALS,
        WORKFLOW_RUNS,
        TIMELINE_PROGRESS,
        TENANT_OVERVIEW,
    )
}

DAILY: tuple[Statistic, ...] = tuple(each for each in STATISTICS.values() if each.daily)
DERIVED: tuple[Statistic, ...] = tuple(each for each in STATISTICS.values() if not each.daily)
PUBLISHED: tuple[Statistic, ...] = tuple(each for each in STATISTICS.values() if each.published)

__all__ = [
    "CAMPAIGN_DAILY",
    "CAMPAIGN_TOTALS",
    "DAILY",
    "DERIVED",
    "MESSAGE_FACTS",
    "PUBLISHED",
    "STATISTICS",
]
