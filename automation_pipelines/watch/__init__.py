"""Looks at what came back of what was sent, and protects: pauses campaigns, stops marketing, tells somebody.

Rates (`rates`) → what to do about them (`look`) → whom to tell (`notices`). What is counted is the ledger's;
when somebody looks is orchestration's and the command line's.
"""

from automation_pipelines.watch.look import Finding, Seen, look, standing
from automation_pipelines.watch.notices import tell

__all__ = ["Finding", "Seen", "look", "standing", "tell"]
