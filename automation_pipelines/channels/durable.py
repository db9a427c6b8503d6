"""Files that are there whole or not at all, and stay there through a power failure."""

import os
from contextlib import suppress
from pathlib import Path
from threading import get_ident

WRITERS = 16
"""Threads that write at once: waiting for the disk is nearly all of it, and many waits cost little more."""


def publish(content: bytes, target: Path, beside: Path) -> None:
    """Write into directory `beside`, then rename: two workers with the same file write the same one.

    Only the owner may read it. The name is not safe before `to_disk` of the target's directory.
    """
    unfinished = beside / f".{target.name}.{os.getpid()}.{get_ident()}"
    try:
        unfinished.touch(mode=0o600)
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(target)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def to_disk(directory: Path) -> None:
    """Make the names in a directory survive a power failure, where the file system can."""
    with suppress(OSError):
        opened = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
