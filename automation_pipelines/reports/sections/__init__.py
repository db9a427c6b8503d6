"""The sections of a report, one file each: rows → a finding, a chart as values, the numbers behind it.

Nothing is drawn and no HTML is written here.
"""

from collections.abc import Callable

from automation_pipelines.reports.asked import Asked
from automation_pipelines.reports.parts import Section
from automation_pipelines.reports.sections.campaigns import campaigns
from automation_pipelines.reports.sections.cohorts import cohorts
from automation_pipelines.reports.sections.experiments import experiments
from automation_pipelines.reports.sections.funnel import funnel
from automation_pipelines.reports.sections.lift import lift
from automation_pipelines.reports.sections.mailboxes import mailboxes
from automation_pipelines.reports.sections.reasons import reasons
from automation_pipelines.reports.sections.returns import returns
from automation_pipelines.reports.sections.sendtimes import send_times
from automation_pipelines.reports.sections.service import service
from automation_pipelines.reports.sections.trend import trend

Make = Callable[[Asked], Section | None]
"""`None`: the question has no such side; a section that lacks its data says so instead."""

_OF_A_CAMPAIGN: tuple[Make, ...] = (lift, experiments, funnel, trend, returns, reasons)
_OF_A_TENANT: tuple[Make, ...] = (
    campaigns,
    lift,
    returns,
    funnel,
    trend,
    reasons,
    experiments,
    send_times,
    cohorts,
    mailboxes,
    service,
)


def sections(asked: Asked) -> tuple[Section, ...]:
    """All that a question has."""
    made = (make(asked) for make in (_OF_A_CAMPAIGN if asked.of_campaign else _OF_A_TENANT))
    return tuple(section for section in made if section is not None)


__all__ = ["sections"]
