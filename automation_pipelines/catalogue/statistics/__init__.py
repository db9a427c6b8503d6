"""The statistics analysts get: one table each, every column with its type and unit.

Each has `sql/stats/<name>.sql`. A count is a number of moments, jobs or enquiries, never of messages told
twice; columns that add up say so. A statistic stands after those it is computed from.
"""

from automation_pipelines.catalogue.statistics.campaigns import CAMPAIGN_DAILY, CAMPAIGN_TOTALS
from automation_pipelines.catalogue.statistics.customers import COHORT_RETENTION, ENGAGEMENT_SCORE, RFM
from automation_pipelines.catalogue.statistics.definitions import MEASURES_TABLE
from automation_pipelines.catalogue.statistics.journeys import TIMELINE_PROGRESS, WORKFLOW_RUNS
from automation_pipelines.catalogue.statistics.messages import MESSAGE_FACTS
from automation_pipelines.catalogue.statistics.names import CAMPAIGN_STEPS, TENANTS
from automation_pipelines.catalogue.statistics.overview import TENANT_OVERVIEW
from automation_pipelines.catalogue.statistics.responses import (
    DECISION_DAILY,
    DELIVERABILITY_DAILY,
    SEND_TIME_RESPONSE,
    SEND_TIME_TOTALS,
    STEP_FUNNEL,
)
from automation_pipelines.catalogue.statistics.returns import (
    ATTRIBUTION_DAILY,
    CAMPAIGN_RETURNS,
    CONVERSION_FACTS,
    SPEND_DAILY,
)
from automation_pipelines.catalogue.statistics.segments import (
    AUDIENCE_DAILY,
    SEGMENT_CHANGES,
    SEGMENT_DAILY,
    SEGMENT_MEMBERSHIP,
)
from automation_pipelines.catalogue.statistics.service import JOB_HEALTH, SLA_DAILY
from automation_pipelines.catalogue.statistics.trials import HOLDOUT_LIFT, VARIANT_RESULTS
from automation_pipelines.catalogue.types import Statistic

STATISTICS: dict[str, Statistic] = {
    statistic.name: statistic
    for statistic in (
        *(MESSAGE_FACTS, CAMPAIGN_DAILY, CAMPAIGN_TOTALS, SLA_DAILY, JOB_HEALTH, TENANTS, MEASURES_TABLE),
        *(CONVERSION_FACTS, ATTRIBUTION_DAILY, SPEND_DAILY, VARIANT_RESULTS, HOLDOUT_LIFT, CAMPAIGN_RETURNS),
        STEP_FUNNEL,
        DECISION_DAILY,
        DELIVERABILITY_DAILY,
        SEND_TIME_RESPONSE,
        SEND_TIME_TOTALS,
        WORKFLOW_RUNS,
        TIMELINE_PROGRESS,
        TENANT_OVERVIEW,
        *(AUDIENCE_DAILY, SEGMENT_CHANGES, SEGMENT_DAILY, SEGMENT_MEMBERSHIP),
        *(ENGAGEMENT_SCORE, RFM, COHORT_RETENTION),
        CAMPAIGN_STEPS,
    )
}

DAILY: tuple[Statistic, ...] = tuple(each for each in STATISTICS.values() if each.daily)
DERIVED: tuple[Statistic, ...] = tuple(each for each in STATISTICS.values() if not each.daily)
PUBLISHED: tuple[Statistic, ...] = tuple(each for each in STATISTICS.values() if each.published)

__all__ = [
    "ATTRIBUTION_DAILY",
    "CAMPAIGN_DAILY",
    "CAMPAIGN_RETURNS",
    "CAMPAIGN_TOTALS",
    "CONVERSION_FACTS",
    "DAILY",
    "DERIVED",
    "HOLDOUT_LIFT",
    "MESSAGE_FACTS",
    "PUBLISHED",
    "SPEND_DAILY",
    "STATISTICS",
    "VARIANT_RESULTS",
]
