"""Builds the demo's CRM database: tables as the catalogue describes them, filled in one transaction.

What is in the rows is decided in `staff`, `history` and `success`; `advance` lets time pass in it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.catalogue.sources import CRM_TABLES
from automation_pipelines.demo import account_probes, staff
from automation_pipelines.demo.history import block
from automation_pipelines.demo.storage import BEGUN, finish, open_storage, schema
from automation_pipelines.demo.world import World
from automation_pipelines.model import require_utc

_BLOCK = 100_000  # customers made at a time: bounds the memory, changes no row


def build_crm(url: str, *, as_of: datetime, customers: int = 5_000, seed: int = 7) -> dict[str, int]:
    """Build the CRM at `url` (sqlite:///file or postgresql://…) and return the rows of each table.

    Its tables are replaced; nobody sees a half-built one, and a build that dies leaves the old ones.
    """
    as_of = require_utc(as_of).replace(microsecond=0)
    rows = dict.fromkeys(CRM_TABLES, 0)
    with open_storage(url) as storage:
        for statement in schema(storage.dialect):
            storage.run(statement)
        for name, frame in _frames(as_of, customers, seed):
            storage.append(name, frame)
            rows[name] += frame.height
        begun = int(as_of.timestamp())
        storage.run(f"INSERT INTO {BEGUN} VALUES ({begun}, {customers}, {seed}, {begun})")
        for statement in finish(storage.dialect):
            storage.run(statement)
    if sa.make_url(url).get_backend_name() == "sqlite":
        _let_readers_and_writers_be(url)
    return rows


def _let_readers_and_writers_be(url: str) -> None:
    # The mode stays with the file; it cannot change within a transaction.
    with closing(sqlite3.connect(sa.make_url(url).database or "")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def _frames(as_of: datetime, customers: int, seed: int) -> Iterator[tuple[str, pl.DataFrame]]:
    yield "tenants", staff.tenants()
    yield "tenant_settings", staff.tenant_settings()
    users = staff.users(seed, customers)
    yield "users", users
    world = World(seed, as_of, users)
    yield from account_probes.probes(world).items()
    offsets = dict.fromkeys(CRM_TABLES, 0)
    for first in range(1, customers + 1, _BLOCK):
        for name, frame in block(world, first, min(first + _BLOCK - 1, customers), offsets).items():
            offsets[name] += frame.height
            yield name, frame
