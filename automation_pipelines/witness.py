"""What the files saw the ledger know, so that a ledger restored from a backup gives itself away.

After each tick its run is noted in `<files>/ledger.tick.json`, and after each delivery the newest job that it
completed in `ledger.delivery.json`, both with the name of the ledger. A ledger that does not know that run,
or for which nobody has tried to send that job, is older than its files: it is held. Nothing noted, another
ledger's note, or one from before an earlier hold says nothing. What a hold means is `ledger.holds`'.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger import holds
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.holds import Hold
from automation_pipelines.ledger.identity import installation_name
from automation_pipelines.ledger.tables import FINAL, installation, jobs, ticks
from automation_pipelines.model import State

_TICK, _DELIVERY = "ledger.tick.json", "ledger.delivery.json"


def look(db: Database, files: Path, *, by: str, now: datetime) -> Hold | None:
    """The hold, if there is one: a new one where the ledger is older than the files."""
    held = holds.current(db)
    if held is not None:
        return held
    why = _older(db, files)
    return holds.start(db, why, by=by, now=now) if why else None


def saw_tick(db: Database, files: Path, run_id: str) -> None:
    """Note that the ledger knows this run."""
    _note(db, files / _TICK, {"run": run_id})


def saw_delivery(db: Database, files: Path) -> None:
    """Note the newest job that the ledger knows to be completed."""
    j = jobs.c
    newest = sa.select(j.id, j.attempts).where(j.state == State.COMPLETED, j.finished_at.is_not(None))
    with db.reading() as connection:
        found = connection.execute(newest.order_by(j.finished_at.desc()).limit(1)).one_or_none()
    if found is not None:
        _note(db, files / _DELIVERY, {"job": found.id, "attempts": found.attempts})


def _older(db: Database, files: Path) -> str | None:
    """Why the ledger cannot be the one that the files knew; `None`: it can."""
    for name, unknown in _UNKNOWN.items():
        noted = _noted(db, files / name)
        if noted is not None and unknown(db, noted):
            return f"the ledger is older than its files: {files / name} tells of what it does not know"
    return None


def _unknown_run(db: Database, noted: Mapping[str, Any]) -> bool:
    wanted = sa.select(ticks.c.id).where(ticks.c.run_id == noted["run"])
    with db.reading() as connection:
        return connection.scalar(wanted) is None


def _unsent_job(db: Database, noted: Mapping[str, Any]) -> bool:
    # A crash may cost the answer, never the attempt: that one is in doubt, and no sign of a backup.
    tried = sa.or_(jobs.c.state.in_([str(state) for state in FINAL]), jobs.c.attempts >= noted["attempts"])
    wanted = sa.select(jobs.c.id).where(jobs.c.id == noted["job"], tried)
    with db.reading() as connection:
        return connection.scalar(wanted) is None


_UNKNOWN: Mapping[str, Callable[[Database, Mapping[str, Any]], bool]] = {
    _TICK: _unknown_run,
    _DELIVERY: _unsent_job,
}


def _holds(db: Database) -> int:
    with db.reading() as connection:
        return int(connection.scalar(sa.select(installation.c.holds)) or 0)


def _noted(db: Database, path: Path) -> Mapping[str, Any] | None:
    """What was noted of this ledger since it was held the last time; before, it is settled what was lost."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        ours = said["ledger"] == installation_name(db.salt) and int(said["holds"]) >= _holds(db)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return said if ours else None


def _note(db: Database, path: Path, seen: Mapping[str, Any]) -> None:
    whose = {"ledger": installation_name(db.salt), "holds": _holds(db)}
    # A full disk must not stop what has been done already: without a note, people must remember.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(json.dumps({**whose, **seen}), encoding="utf-8")
        beside.replace(path)
