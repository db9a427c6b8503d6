"""The jobs: which assets run together. No cadence (`schedules`, `sensors`) and no steps (`assets`)."""

import dagster as dg

from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.orchestration import specs

RELEASED = {"resources": {"release": {"config": {"release": True}}}}
"""The run configuration that lets a tick commit jobs."""

_TICK = dg.AssetSelection.groups("sources", "audiences", "planning")
_WHOLE_TABLES = dg.AssetSelection.checks(
    *(dg.AssetCheckKey(specs.source_key(name), "whole_table") for name in CRM_SOURCES)
)

TICK = dg.define_asset_job(
    "tick",
    selection=_TICK - _WHOLE_TABLES,
    config=RELEASED,
    description="Plan everything that is due and commit it to the ledger. Twice, late or in two places at "
    "once: it adds nothing. Launched for a past day it is a look, which writes no jobs.",
)
DELIVER = dg.define_asset_job(
    "deliver",
    selection=dg.AssetSelection.assets(specs.DELIVERIES),
    description="Hand over everything that is due in the ledger.",
)
FEEDBACK = dg.define_asset_job(
    "feedback",
    selection=dg.AssetSelection.assets(specs.FEEDBACK, specs.WATCH),
    description="Read the files of events that providers left, and look at what came back.",
)
WATCH = dg.define_asset_job(
    "watch",
    selection=dg.AssetSelection.assets(specs.WATCH),
    description="Look at what came back lately: pause campaigns and stop marketing of which too much bounced "
    "or was complained of, and tell AUTOMATION_NOTIFY_EMAIL.",
)
DAILY = dg.define_asset_job(
    "daily",
    selection=dg.AssetSelection.groups("stats", "campaigns", "operations") | _WHOLE_TABLES,
    description="Restate the statistics of the run's days, publish them, end campaigns that are over, look "
    "at the CRM's tables whole, and clean up. Sends nothing.",
)
JOBS = [TICK, DELIVER, FEEDBACK, WATCH, DAILY]
