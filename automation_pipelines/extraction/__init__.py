"""CRM → frames: what the audiences need, in the catalogue's types; refuses what breaks the contract.

`open_crm` opens a CRM by URL, `extract` reads demands from it, `check` reads everything for a report,
`watermarks` tells cheaply whether there is anything new. Nothing here writes, selects audiences or
knows campaigns.
"""

from automation_pipelines.extraction.contracts import Severity, Violation
from automation_pipelines.extraction.crm import Crm
from automation_pipelines.extraction.demands import Demand, Range, Selection, merged
from automation_pipelines.extraction.extract import Report, SourceReport, check, extract, watermarks
from automation_pipelines.extraction.readers import open_crm

__all__ = [
    "Crm",
    "Demand",
    "Range",
    "Report",
    "Selection",
    "Severity",
    "SourceReport",
    "Violation",
    "check",
    "extract",
    "merged",
    "open_crm",
    "watermarks",
]
