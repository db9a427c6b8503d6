"""What came back from providers and people → events of the ledger.

Ways in: files (`files`), providers' posts (`adapters`), mail (`mailbox`). All of them make `Told`s, and
`store` keeps them. What events do to jobs and suppressions is the ledger's; HTTP is the service's.
"""

from automation_pipelines.feedback.files import ingest_files, read_lines
from automation_pipelines.feedback.filing import DONE, REJECTED, Ingested
from automation_pipelines.feedback.intake import ingest, waiting
from automation_pipelines.feedback.store import store
from automation_pipelines.feedback.told import Told
from automation_pipelines.ledger.events import Recorded

__all__ = [
    "DONE",
    "REJECTED",
    "Ingested",
    "Recorded",
    "Told",
    "ingest",
    "ingest_files",
    "read_lines",
    "store",
    "waiting",
]
