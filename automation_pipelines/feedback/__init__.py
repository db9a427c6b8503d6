"""What came back from providers and people → events of the ledger.

Ways in: files (`files`) of a directory or bucket (`inbox`), providers' posts (`adapters`), mail (`mailbox`).
All of them make `Told`s, and `store` keeps them. What events do to jobs and suppressions is the ledger's;
HTTP is the service's.
"""

from automation_pipelines.feedback.files import read_lines
from automation_pipelines.feedback.filing import DONE, REJECTED, Ingested
from automation_pipelines.feedback.inbox import Found, Inbox, inbox_of, open_inbox
from automation_pipelines.feedback.intake import ingest, kept, waiting
from automation_pipelines.feedback.store import store
from automation_pipelines.feedback.told import Told
from automation_pipelines.ledger.events import Recorded

__all__ = [
    "DONE",
    "REJECTED",
    "Found",
    "Inbox",
    "Ingested",
    "Recorded",
    "Told",
    "inbox_of",
    "ingest",
    "kept",
    "open_inbox",
    "read_lines",
    "store",
    "waiting",
]
