"""CRM → frames: what the audiences need, in the catalogue's types; refuses what breaks the contract.

`open_crm` opens a CRM by URL, `extract` reads demands from it, `collect` also those that the ledger
answers, `check` reads everything for a report, `watermarks` tells cheaply whether there is anything new.
`track` records how tracked columns change, `withdraw` ends the waiting marketing of who has said no since.
Nothing here writes to the CRM, selects audiences or knows campaigns.
"""

from automation_pipelines.catalogue.types import Range
from automation_pipelines.extraction.collection import collect
from automation_pipelines.extraction.contracts import Severity, Violation
from automation_pipelines.extraction.crm import Crm
from automation_pipelines.extraction.demands import Demand, Keys, Selection, merged
from automation_pipelines.extraction.extract import (
    Report,
    SourceReport,
    check,
    extract,
    is_absent,
    watermarks,
)
from automation_pipelines.extraction.readers import open_crm
from automation_pipelines.extraction.tracking import track
from automation_pipelines.extraction.withdrawals import withdraw

__all__ = [
    "Crm",
    "Demand",
    "Keys",
    "Range",
    "Report",
    "Selection",
    "Severity",
    "SourceReport",
    "Violation",
    "check",
    "collect",
    "extract",
    "is_absent",
    "merged",
    "open_crm",
    "track",
    "watermarks",
    "withdraw",
]
