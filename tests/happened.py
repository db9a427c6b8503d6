"""What a ledger has seen, been told and done, for tests: rows of the sources that the ledger answers for."""

import itertools
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger import events
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import changes, interventions, jobs
from tests.past import plan, settle
from tests.world import at

_RUNS = itertools.count()
_DEFAULTS: dict[str, dict[str, Any]] = {
    "changes": {"tenant_id": 1, "old": None, "new": None},
    "interventions": {"tenant_id": 1, "by": "test"},
    "message_events": {"tenant_id": 1, "type": "sent", "mode": "live"},
}


def happen(db: Database, source: str, row: dict[str, Any]) -> None:
    """Record one row of a source of the ledger; what is not given has a sensible value."""
    values = {**_DEFAULTS[source], **row}
    moment = at(values.pop("at"))
    match source:
        case "changes":
            _insert(db, changes, {**values, "at": moment})
        case "interventions":
            _insert(db, interventions, {"subject_text": str(row["subject_id"]), **values, "at": moment})
        case _:
            type_, mode, machine = values.pop("type"), values.pop("mode"), values.pop("machine", None)
            (job,) = plan(
                db, {**values, "occurrence": next(_RUNS)}, run_id=f"happened-{next(_RUNS)}", mode=mode
            )
            settle(db, job, "completed")
            if type_ == "sent":
                with db.begin() as connection:
                    connection.execute(jobs.update().where(jobs.c.id == job).values(finished_at=moment))
            else:
                _tell(db, job, type_, moment, machine=machine)


def _insert(db: Database, table: sa.Table, values: dict[str, Any]) -> None:
    with db.begin() as connection:
        connection.execute(table.insert().values(**values))


def _tell(db: Database, job: int, type_: str, moment: Any, *, machine: bool | None) -> None:
    detail = None if machine is None else f'{{"machine":{str(machine).lower()}}}'
    told = pl.DataFrame(
        {
            "identity": [f"happened-{next(_RUNS)}"],
            "type": [type_],
            "told_at": [moment],
            "job_id": [job],
            "detail": [detail],
            "detail_of_stranger": [None],
            "suppresses": [None],
        }
    )
    events.record(db, told, now=moment)
