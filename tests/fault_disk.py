"""Disks on which there is no more room: a file system that is really full, or files that may not grow."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

_SIZE = 32 * 2**20


@dataclass(frozen=True)
class Disk:
    """A directory on it. Of kind `limited` nothing that this process writes may get longer."""

    root: Path
    kind: Literal["full", "limited"]

    @contextmanager
    def left(self, room: int) -> Iterator[None]:
        """For a while only so many bytes are left."""
        with self._filled(room) if self.kind == "full" else self._limited(room):
            yield

    @contextmanager
    def _filled(self, room: int) -> Iterator[None]:
        filler = self.root / "filler"
        free = os.statvfs(self.root)
        filler.write_bytes(bytes(max(free.f_bavail * free.f_frsize - room, 0)))
        try:
            yield
        finally:
            filler.unlink()

    @contextmanager
    def _limited(self, room: int) -> Iterator[None]:
        longest = max((path.stat().st_size for path in self.root.rglob("*-wal")), default=0)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (longest + room, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def small_disk(kind: Literal["full", "limited"], root: Path) -> Iterator[Disk]:
    """A disk of some megabytes at `root`; a full one needs the right to mount."""
    root.mkdir()
    if kind == "limited":
        yield Disk(root, kind)
        return
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", root], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"a file system of its own cannot be mounted: {mounted.stderr.decode().strip()}")
    try:
        yield Disk(root, kind)
    finally:
        subprocess.run(["umount", root], check=True)
