"""Where files of feedback lie, behind one small interface: here a directory of ours, in `bucket` a bucket.

Names are relative, with `/` between folder and file. Hidden files are being written and are seen by nobody.
What is in files is the readers'.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from automation_pipelines.settings import Settings

SETTING = "AUTOMATION_FEEDBACK_INBOX"


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A file, seen in a listing."""

    name: str
    version: str = field(default="", compare=False)
    """Another one once another file lies under the name."""


class Inbox(Protocol):
    """A place with files. `str()` names it, without what is secret."""

    def listing(self, folders: Collection[str]) -> list[Found]:
        """The files in these folders (`""` is the place itself), by name, without opening any."""
        ...

    def read(self, name: str, longest: int | None = None) -> bytes | None:
        """What is in a file, or its beginning; `None`: another process was quicker."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Put a file there: whole, or not at all."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def move(self, name: str, place: str) -> bool:
        """Rename a file; `False`: another process moved it first."""
        ...

    def remove(self, name: str) -> None:
        """Take a file away, if it is still there."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory."""

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    def listing(self, folders: Collection[str]) -> list[Found]:
        """By one look into each directory."""
        return sorted(found for folder in folders for found in self._in(folder))

    def _in(self, folder: str) -> list[Found]:
        found: list[Found] = []
        try:
            entries = list(os.scandir(self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_file():
                name = str(PurePosixPath(folder, entry.name))
                found.append(Found(name, _version(entry)))
        return found

    def read(self, name: str, longest: int | None = None) -> bytes | None:
        """In one go."""
        try:
            with (self.root / name).open("rb") as file:
                return file.read(-1 if longest is None else longest)
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Beside its place first, under a name of this process's own."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_bytes(content)
        beside.replace(path)

    def has(self, name: str) -> bool:
        """By its name."""
        return (self.root / name).exists()

    def move(self, name: str, place: str) -> bool:
        """By rename."""
        (self.root / place).parent.mkdir(parents=True, exist_ok=True)
        try:
            (self.root / name).rename(self.root / place)
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str) -> None:
        """By unlinking it."""
        (self.root / name).unlink(missing_ok=True)


def _version(entry: "os.DirEntry[str]") -> str:
    try:
        seen = entry.stat()
    except FileNotFoundError:  # another process was quicker
        return ""
    return f"{seen.st_size} {seen.st_mtime_ns}"


def open_inbox(place: str) -> Inbox:
    """By path or URL; connects to nothing yet. `ConfigurationError`: no driver is there for the URL."""
    scheme, separator, _ = place.partition("://")
    if not separator:
        return Folder(Path(place).expanduser())
    if scheme.lower() == "file":
        return Folder(Path(unquote(urlsplit(place).path)))
    from automation_pipelines.feedback.bucket import Bucket  # noqa: PLC0415 - drivers are heavy

    return Bucket.at(place)


def inbox_of(settings: Settings) -> Inbox:
    """The installation's."""
    said = settings.feedback_inbox
    return open_inbox(said.get_secret_value()) if said else Folder(settings.feedback)
