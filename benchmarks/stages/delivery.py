"""Ledger → SMTP server, end to end: claim, check, render 10 KB, mark, hand over, settle."""

import json
import subprocess
import sys
from dataclasses import asdict

import polars as pl

from automation_pipelines.ledger.plans import write_plan
from benchmarks.deliverer import Done
from benchmarks.harness import Measured, Setting, Stage, Stopwatch, Way
from benchmarks.programme import identify, install, ledger_rows, open_ledger, source, tick
from benchmarks.stages.smtp import sink

_CAMPAIGN = {
    "id": "bench",
    "title": "bench",
    "audience": "customers",
    "zone": "UTC",
    "schedule": {"date": "2026-11-21", "at": "08:45"},
    "steps": [{"id": "one", "offset": "at once", "channel": "email", "template": "letter"}],
}


def prepare(setting: Setting) -> None:
    """As many messages wait as there are customers, for each way."""
    tenants = source(setting, "tenants")
    profiles = pl.DataFrame(
        [(row["id"], json.dumps(row, default=str)) for row in tenants.iter_rows(named=True)],
        schema={"tenant_id": pl.Int64, "profile": pl.String},
        orient="row",
    )
    rows = ledger_rows(setting)
    for name in ("one", "two"):
        install(setting, f"deliver_{name}", (_CAMPAIGN,))
        database = open_ledger(setting, f"deliver_{name}")
        identify(database)
        write_plan(database, tick("one", rows.height), rows, profiles)
        database.close()


def _delivered(setting: Setting, name: str, workers: int) -> Measured:
    with sink(0) as port:
        command = [sys.executable, "-m", "benchmarks.deliverer", json.dumps(asdict(setting)), name, str(port)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
        done = [Done(*json.loads(one.communicate()[0])) for one in running]
    print("      each at its peak:", *(f"{one.megabytes} MB" for one in done), file=sys.stderr)
    completed = sum(one.completed for one in done)
    return Measured(Stopwatch(max(one.seconds for one in done)), completed, found=completed)


def one(setting: Setting) -> Measured:
    return _delivered(setting, "deliver_one", 1)


def two(setting: Setting) -> Measured:
    return _delivered(setting, "deliver_two", 2)


STAGES = (Stage("deliver, end to end", (Way("one worker", one), Way("two workers", two)), prepare),)
