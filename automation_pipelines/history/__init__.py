"""What ran, and what came of it: views over jobs and decisions, computed when somebody asks.

Runs of a campaign, its counts and reasons, its ticks and days, escalated enquiries, lists of jobs.
No number is kept beside the record, so none can drift from it. Nothing here writes. Tests of a
campaign count nowhere.
"""

from automation_pipelines.history.counts import counts, reasons
from automation_pipelines.history.escalations import escalations
from automation_pipelines.history.jobs import listing, masked
from automation_pipelines.history.pages import Page, page
from automation_pipelines.history.runs import RunFilter, RunState, runs
from automation_pipelines.history.ticks import days, ticks

__all__ = [
    "Page",
    "RunFilter",
    "RunState",
    "counts",
    "days",
    "escalations",
    "listing",
    "masked",
    "page",
    "reasons",
    "runs",
    "ticks",
]
