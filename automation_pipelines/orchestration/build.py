"""Puts everything together: one function, with overrides for what a test or the demo has otherwise.

Connects to nothing; no wiring happens anywhere else.
"""

from collections.abc import Callable, Mapping

import dagster as dg

from automation_pipelines.channels import Channel, build_channels
from automation_pipelines.installation import Installation
from automation_pipelines.orchestration import specs
from automation_pipelines.orchestration.analytics import analytics_assets, analytics_checks
from automation_pipelines.orchestration.assets import planning_assets
from automation_pipelines.orchestration.checks import checks
from automation_pipelines.orchestration.jobs import JOBS
from automation_pipelines.orchestration.manual import run_campaign
from automation_pipelines.orchestration.outcomes import outcome_assets
from automation_pipelines.orchestration.resources import Automation, Clock, Release, system_clock
from automation_pipelines.orchestration.runs import first_day
from automation_pipelines.orchestration.schedules import schedules
from automation_pipelines.orchestration.sensors import sensors
from automation_pipelines.settings import Settings


def build_definitions(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    channels: Callable[[], Mapping[str, Channel]] | None = None,
) -> dg.Definitions:
    """Everything Dagster needs to know of one installation."""
    installation = Installation.open(settings)
    first = first_day(installation) or clock().date()
    automation = Automation(installation, channels or (lambda: build_channels(settings)), clock, first)
    days = specs.utc_days(first)
    database = _kind(installation.database.dialect)
    return dg.Definitions(
        assets=[
            *specs.crm_specs(_kind(settings.crm_backend)),
            *planning_assets(database, days),
            *outcome_assets(database),
            *analytics_assets(days, copied=settings.stats_url is not None),
        ],
        asset_checks=[*checks(), analytics_checks()],
        jobs=[*JOBS, run_campaign],
        schedules=schedules(settings.tick_minutes),
        sensors=sensors(),
        resources={"automation": automation, "release": Release()},
        executor=dg.in_process_executor,
    )


def _kind(backend: str | None) -> str:
    """A database, or a directory of files, in the graph's words."""
    return {None: "file", "postgresql": "postgres"}.get(backend) or str(backend)
