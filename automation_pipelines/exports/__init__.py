"""What the record holds as a file for other tools: jobs, decisions, events and suppressions, in bulk."""

from automation_pipelines.exports.columns import EXPORTS, Kind
from automation_pipelines.exports.export import Wanted, export
from automation_pipelines.exports.writers import FORMATS

__all__ = ["EXPORTS", "FORMATS", "Kind", "Wanted", "export"]
