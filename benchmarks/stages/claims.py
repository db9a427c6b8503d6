"""Ledger → delivery: claim due jobs, mark the hand-off, settle."""

from datetime import timedelta

import polars as pl

from automation_pipelines.ledger.claims import Claim, claim
from automation_pipelines.ledger.jobs import Completed, Settlement, settle, start_handoff
from automation_pipelines.ledger.plans import write_plan
from benchmarks.harness import AS_OF, Measured, Setting, Stage, Way, stopwatch
from benchmarks.programme import fresh_ledger, identify, ledger_rows, open_ledger, tick

_JOBS, _SINGLY = 20_000, 300
_LEASE = timedelta(minutes=5)


def prepare(setting: Setting) -> None:
    """As many jobs wait as there are customers."""
    database = fresh_ledger(setting, "claims")
    identify(database)
    rows = ledger_rows(setting)
    write_plan(database, tick("one", rows.height), rows, pl.DataFrame({"tenant_id": [1], "profile": ["{}"]}))


def _claimed(setting: Setting, batch: int, number: int) -> int:
    database, done = open_ledger(setting, "claims"), 0
    while done < number:
        taken = claim(database, Claim(owner="benchmark", now=AS_OF, limit=batch, lease=_LEASE))
        ids = start_handoff(database, [job.id for job in taken], "benchmark", AS_OF)
        settle(database, "benchmark", [Settlement(one, Completed()) for one in ids], AS_OF)
        done += len(ids)
        if not ids:
            break
    return done


def batches(setting: Setting) -> Measured:
    with stopwatch() as watch:
        done = _claimed(setting, 500, min(_JOBS, setting.customers // 2))
    return Measured(watch, done)


def singly(setting: Setting) -> Measured:
    with stopwatch() as watch:
        done = _claimed(setting, 1, _SINGLY)
    return Measured(watch, done, of=min(_JOBS, setting.customers // 2))


STAGES = (
    Stage(
        "claim, mark, settle",
        (Way("batches of 500", batches), Way("one job after the other", singly)),
        prepare,
    ),
)
