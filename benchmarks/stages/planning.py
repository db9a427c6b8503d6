"""Audiences → decisions: one message to every customer, and the same again when all of it is settled."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from automation_pipelines.decisions import LedgerRecord
from automation_pipelines.engine import open_engine
from automation_pipelines.ledger.plans import identify
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.planning import plan
from automation_pipelines.tick import find_work, read_sources, run_tick, select_audiences
from benchmarks.harness import AS_OF, Measured, Setting, Stage, Way, stopwatch
from benchmarks.programme import EVERYBODY, install, installation, open_ledger, source

_SAMPLE = 20_000
_ADDRESS = re.compile(r"[^\s@]+@([a-z0-9-]+\.)+[a-z]+")


def _planned(setting: Setting, name: str) -> Measured:
    opened = installation(setting, name)
    work = find_work(opened, AS_OF)
    frames = read_sources(opened, work)
    with open_engine() as engine:
        select_audiences(opened, engine, frames, work)
        record = LedgerRecord(opened.database, opened.files)
        with stopwatch() as watch:
            made = plan(engine, opened.sqlfiles, work.campaigns, record, work.clock)
    return Measured(watch, setting.customers, found=len(made.rows))


def first(setting: Setting) -> Measured:
    return _planned(setting, "everybody")


def again(setting: Setting) -> Measured:
    return _planned(setting, "settled")


def _loop(setting: Setting, is_settled: Callable[[int, int], bool]) -> Measured:
    """One customer after the other: key, due time, gates, decision, variables."""
    customers = source(setting, "customers").head(_SAMPLE)
    tenants = {row["id"]: row for row in source(setting, "tenants").iter_rows(named=True)}
    suppressed: set[tuple[int, str]] = set()
    decisions = []
    with stopwatch() as watch:
        for customer in customers.iter_rows(named=True):
            tenant = tenants[customer["tenant_id"]]
            if is_settled(tenant["id"], customer["id"]):
                continue
            day = AS_OF.astimezone(ZoneInfo("UTC")).date()
            due = datetime.combine(day, time(8, 45), ZoneInfo("UTC")).astimezone(UTC)
            address = (customer["email"] or "").strip()
            digest = hashlib.sha256(f"salt:email:{address.lower()}".encode()).hexdigest()
            reason = "planned"
            if due + timedelta(hours=24) < AS_OF:
                reason = "stale"
            elif not tenant["active"]:
                reason = "inactive"
            elif not _ADDRESS.fullmatch(address):
                reason = "no_recipient"
            elif customer["email_opt_out"] or (tenant["id"], digest) in suppressed:
                reason = "suppressed"
            names = ("first_name", "segment", "country", "status", "lifetime_value")
            variables = json.dumps({name: customer[name] for name in names})
            decisions.append((tenant["id"], customer["id"], due, reason, digest, variables))
    return Measured(watch, customers.height, of=setting.customers)


def loop_first(setting: Setting) -> Measured:
    settled: set[tuple[int, int]] = set()
    return _loop(setting, lambda tenant, customer: (tenant, customer) in settled)


def loop_again(setting: Setting) -> Measured:
    database = open_ledger(setting, "settled")
    numbers = identify(database, [("broadcast", ""), ("broadcast", "one")], "live")
    key = sa.select(jobs.c.id).where(
        jobs.c.occurrence == sa.bindparam("occurrence"),
        jobs.c.tenant_id == sa.bindparam("tenant"),
        jobs.c.campaign_id == numbers["broadcast", ""],
        jobs.c.step_id == numbers["broadcast", "one"],
        jobs.c.subject_id == sa.bindparam("subject"),
        jobs.c.recipient_id == 0,
    )
    midnight = int(AS_OF.replace(hour=0, minute=0).timestamp()) // 60
    with database.reading() as connection:

        def is_settled(tenant: int, customer: int) -> bool:
            values = {"occurrence": midnight, "tenant": tenant, "subject": customer}
            return connection.scalar(key, values) is not None

        return _loop(setting, is_settled)


def prepare_first(setting: Setting) -> None:
    install(setting, "everybody", EVERYBODY)


def prepare_again(setting: Setting) -> None:
    install(setting, "settled", EVERYBODY)
    run_tick(installation(setting, "settled"), as_of=AS_OF, run_id="first")


STAGES = (
    Stage(
        "plan: one message to everybody",
        (Way("set-wise, in DuckDB", first), Way("per-row Python loop, fewer gates, no record", loop_first)),
        prepare_first,
    ),
    Stage(
        "plan it again: nearly all settled",
        (Way("set-wise, in DuckDB", again), Way("the same loop, key by key", loop_again)),
        prepare_again,
    ),
)
