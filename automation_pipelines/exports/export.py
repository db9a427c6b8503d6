"""An export from beginning to end: what is wanted, into which file, and who had it where it is personal."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import polars as pl

from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.errors import RefusedError
from automation_pipelines.exports.columns import EXPORTS
from automation_pipelines.exports.rows import SLICE, Wanted, slices
from automation_pipelines.exports.writers import FORMATS, write
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import dump_json
from automation_pipelines.ledger.tables import audit

ACTION = "export"

__all__ = ["ACTION", "Wanted", "export"]


def export(
    installation: Installation, wanted: Wanted, path: Path, *, by: str, now: datetime, size: int = SLICE
) -> int:
    """Write a new file that only its owner may read; how many rows. Personal data is audited first."""
    if path.suffix not in FORMATS:
        msg = f"{path} is no file for an export: let its name end in {', '.join(FORMATS)}"
        raise RefusedError(msg)
    if path.exists():
        msg = f"{path} exists already: name another file, or remove it"
        raise RefusedError(msg)
    if wanted.personal:
        _audit(installation, wanted, path, by, now)
    return write(path, _at_least_one(installation, wanted, size))


def _at_least_one(installation: Installation, wanted: Wanted, size: int) -> Iterator[pl.DataFrame]:
    """Without any rows the file still says which columns there are."""
    columns = [column for column in EXPORTS[wanted.kind] if wanted.personal or not column.personal]
    yield pl.DataFrame(schema={column.name: FRAME_TYPES[column.type] for column in columns})
    yield from slices(installation.database, installation.files, wanted, size)


def _audit(installation: Installation, wanted: Wanted, path: Path, by: str, now: datetime) -> None:
    given = {name: value for name, value in asdict(wanted).items() if value is not None}
    detail = dump_json({**given, "file": str(path.absolute())})
    with installation.database.begin() as connection:
        connection.execute(audit.insert().values(at=now, by=by, action=ACTION, detail=detail))
