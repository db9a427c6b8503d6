"""Decisions → ledger: one row with its payload per customer."""

from uuid import uuid4

import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import polars as pl

from automation_pipelines.ledger.plans import KEY, write_plan
from automation_pipelines.ledger.tables import job_payloads, jobs
from benchmarks.harness import Measured, Setting, Stage, Way, stopwatch
from benchmarks.programme import database_url, fresh_ledger, identify, ledger_rows, open_ledger, tick

_SAMPLE = 50_000
_PROFILES = pl.DataFrame({"tenant_id": [1], "profile": ["{}"]})
_PAYLOAD = ("subject_text", "address", "address_hash", "variables", "fallbacks")


def prepare(setting: Setting) -> None:
    for name in ("write", "core", "raw"):
        database = fresh_ledger(setting, name)
        identify(database)
        database.close()


def _written(setting: Setting, run_id: str) -> Measured:
    rows, database = ledger_rows(setting), open_ledger(setting, "write")
    with stopwatch() as watch:
        written = write_plan(database, tick(run_id, rows.height), rows, _PROFILES)
    return Measured(watch, rows.height, found=written.planned)


def ours(setting: Setting) -> Measured:
    return _written(setting, uuid4().hex)


def ours_again(setting: Setting) -> Measured:
    return _written(setting, uuid4().hex)


def core(setting: Setting) -> Measured:
    """`INSERT … ON CONFLICT DO NOTHING` with a list of parameters."""
    database, rows = open_ledger(setting, "core"), ledger_rows(setting, _SAMPLE)
    with stopwatch() as watch, database.begin() as connection:
        values = [
            {**{name: row[name] for name in row if name not in (*_PAYLOAD, "reason")}, "id": number}
            | {"state": "pending", "available_at": row["due_at"], "attempts": 0, "tick_id": 1}
            for number, row in enumerate(rows.iter_rows(named=True), 1)
        ]
        connection.execute(database.insert(jobs).on_conflict_do_nothing(index_elements=list(KEY)), values)
        payloads = [
            {"job_id": number, **dict(zip(_PAYLOAD, row, strict=True))}
            for number, row in enumerate(rows.select(_PAYLOAD).iter_rows(), 1)
        ]
        connection.execute(database.insert(job_payloads).on_conflict_do_nothing(), payloads)
    return Measured(watch, rows.height, of=setting.customers)


def bare(setting: Setting) -> Measured:
    """Into tables without keys, indexes or checks."""
    rows, url = ledger_rows(setting), database_url(setting, "raw")
    driver = adbc_driver_sqlite.dbapi if setting.server is None else adbc_driver_postgresql.dbapi
    place = url.removeprefix("sqlite:///")
    with driver.connect(place) as connection, connection.cursor() as cursor, stopwatch() as watch:
        cursor.adbc_ingest("bare_jobs", rows.drop(_PAYLOAD).to_arrow(), mode="replace")
        cursor.adbc_ingest("bare_payloads", rows.select("subject_id", *_PAYLOAD).to_arrow(), mode="replace")
        connection.commit()
    return Measured(watch, rows.height)


STAGES = (
    Stage(
        "ledger: write a tick",
        (
            Way("bulk load, insert-or-ignore", ours),
            Way("limit: ADBC into bare tables", bare),
            Way("SQLAlchemy Core, executemany", core),
        ),
        prepare,
    ),
    Stage(
        "ledger: write it again, all duplicates",
        (Way("bulk load, insert-or-ignore", ours_again), Way("SQLAlchemy Core, executemany", core)),
    ),
)
