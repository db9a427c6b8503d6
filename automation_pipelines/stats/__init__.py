"""Statistics: ledger + events + decisions + the CRM → one small table per question analysts ask.

A day is computed from that day's rows alone and replaces what was filed before, so restating is
repeatable and late feedback changes only its own day. What is not filed by day is derived from the filed
days at each publication. Nothing here writes to the ledger.
"""

from automation_pipelines.stats.attribution import Terms
from automation_pipelines.stats.conversions import days_changed
from automation_pipelines.stats.days import Restated, compute_day, demands, restate
from automation_pipelines.stats.publication import publish
from automation_pipelines.stats.tables import dataset, derived_file, filed

__all__ = [
    "Restated",
    "Terms",
    "compute_day",
    "dataset",
    "days_changed",
    "demands",
    "derived_file",
    "filed",
    "publish",
    "restate",
]
