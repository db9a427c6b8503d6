"""Reports: published statistics → one HTML page that people show in a meeting.

Read from the published file alone, so a report never asks the ledger or the CRM. A section's words, chart
and numbers are made from rows (`sections`), drawn (`drawing`) and laid out (`page`) after that.
"""

from automation_pipelines.reports.answer import report
from automation_pipelines.reports.period import Period, Question

__all__ = ["Period", "Question", "report"]
