"""Lets time pass in the demo's CRM: what arrives, what becomes of what is there, and the probes' story.

Everything follows from the CRM as built and from the time alone: cut into however many calls, repeated or
not, a span of time leaves the same rows. What campaigns wrote back meanwhile stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import adbc_driver_manager
import polars as pl

from automation_pipelines.demo.arrivals import arrive
from automation_pipelines.demo.plot import play
from automation_pipelines.demo.storage import BEGUN, Storage, open_storage
from automation_pipelines.demo.turns import turn
from automation_pipelines.demo.world import DAY, World
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import require_utc

_ACTIVITY = {
    "queries": "created_at",
    "bookings": "booked_at",
    "payments": "paid_at",
    "events": "at",
}


@dataclass(frozen=True, slots=True)
class _Begun:
    as_of: int
    customers: int
    seed: int
    lived_until: int


def advance(crm_url: str, *, since: datetime, until: datetime, seed: int | None = None) -> None:
    """Live from `since` to `until` in the CRM that `build_crm` built; what it has lived already stays.

    `seed` changes what happens; without it, it is the one the CRM was built from.
    """
    first, last = (int(require_utc(moment).timestamp()) for moment in (since, until))
    with open_storage(crm_url) as storage:
        begun = _begun(storage)
        world = World(seed or begun.seed, datetime.fromtimestamp(begun.as_of, UTC), _staff(storage))
        for start, end in _pieces(max(first, begun.lived_until), last):
            play(storage, world, start, end)
            arrive(storage, world, begun.customers, start, end)
            turn(storage, world, start, end)
            _note_activity(storage, start, end)
        if last > begun.lived_until:
            storage.run(f"UPDATE {BEGUN} SET lived_until = {last}")


def _begun(storage: Storage) -> _Begun:
    try:
        storage.cursor.execute(f"SELECT as_of, customers, seed, lived_until FROM {BEGUN}")
    except adbc_driver_manager.Error:
        msg = f"no table {BEGUN} tells when this CRM was built: build it anew with `automation demo --force`"
        raise ConfigurationError(msg) from None
    return _Begun(*(int(value) for value in storage.cursor.fetchone() or ()))


def _staff(storage: Storage) -> pl.DataFrame:
    return storage.read("users", ("id", "tenant_id", "role", "active"))


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span cut at UTC midnights: nothing turns twice within a day."""
    while start < end:
        piece = min(end, (start // DAY + 1) * DAY)
        yield start, piece
        start = piece


def _note_activity(storage: Storage, start: int, end: int) -> None:
    """A customer was last active when the last of it happened."""
    for table, column in _ACTIVITY.items():
        lately = f"{column} > {storage.moment(start)} AND {column} <= {storage.moment(end)}"
        rows = storage.read(table, ("id", "customer_id", column), lately)
        last = rows.group_by("customer_id").agg(pl.col(column).max()).sort("customer_id")
        seen = last.select(id="customer_id", last_activity_at=column, updated_at=column)
        storage.update("customers", seen, "t.last_activity_at < new.last_activity_at")
