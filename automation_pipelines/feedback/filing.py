"""Where files go once they were read, and the count of what they brought."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from automation_pipelines.feedback.inbox import Inbox

DONE = "done"
REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a pass over the inbox brought."""

    files: int = 0
    events: int = 0
    duplicates: int = 0
    rejected: int = 0
    proved: int = 0

    def __add__(self, other: "Ingested") -> "Ingested":
        """Add up two passes."""
        return Ingested(
            self.files + other.files,
            self.events + other.events,
            self.duplicates + other.duplicates,
            self.rejected + other.rejected,
            self.proved + other.proved,
        )


def free(inbox: Inbox, name: str) -> str:
    """`name`, numbered when a file of that name was read before."""
    path, number, found = PurePosixPath(name), 1, name
    while inbox.has(found):
        number += 1
        found = str(path.with_name(f"{path.stem}.{number}{path.suffix}"))
    return found


def beside(name: str, folder: str) -> str:
    """The place in a folder beside a file."""
    path = PurePosixPath(name)
    return str(path.parent / folder / path.name)


def file_away(inbox: Inbox, name: str, folder: str) -> str | None:
    """Move a file to a folder beside it; `None`: another process moved it first."""
    place = free(inbox, beside(name, folder))
    return place if inbox.move(name, place) else None
