"""Where files go once they were read, and the count of what they brought."""

from dataclasses import dataclass
from pathlib import Path

DONE = "done"
REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a pass over the directory brought."""

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


def free(path: Path) -> Path:
    """`path`, numbered when a file of that name was read before."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.stem}.{number}{path.suffix}")
    return found


def file_away(path: Path, folder: str) -> Path | None:
    """Move a file to a folder beside it; `None`: another process moved it first."""
    place = free(path.parent / folder / path.name)
    place.parent.mkdir(exist_ok=True)
    try:
        path.rename(place)
    except FileNotFoundError:
        return None
    return place
