"""Ledger → statistics: a day after a late event, a year of days, and the same counts in other ways.

The history is written straight into the ledger's tables: a year, six messages and twenty events a customer.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta

import duckdb
import polars as pl
import sqlalchemy as sa

from automation_pipelines.catalogue.statistics import CAMPAIGN_DAILY, MESSAGE_FACTS
from automation_pipelines.engine import open_engine
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.daily import events_of_jobs_due, jobs_due
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import identify
from automation_pipelines.ledger.tables import EPOCH, events, jobs, tenants
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats import dataset, publish, restate
from automation_pipelines.stats.tables import show_files
from benchmarks.harness import AS_OF, Measured, Setting, Stage, Way, stopwatch
from benchmarks.programme import fresh_ledger, open_ledger

DAYS, TENANTS, CAMPAIGNS = 365, 20, 20
_MESSAGES = 6.2  # a customer
_DAY = timedelta(days=1)
_END = datetime.combine(AS_OF.date(), time(), AS_OF.tzinfo)
_START = _END - DAYS * _DAY
_LATE = _END - 100 * _DAY  # the day a late event is about
_STEP = 30  # days read at a time

Statement = Callable[[str, str, str], str]
"""What counts, given how a day, a step and the limits of `due_at` are written there."""

# Event, every how many jobs have it (or all but those), minutes after the hand-off, told of a machine.
_KINDS = (
    ("sent", 1, True, 0, None),
    ("delivered", 50, False, 1, None),
    ("bounced", 50, True, 2, None),
    ("opened", 3, True, 1, True),
    ("opened", 2, True, 30, False),
    ("opened", 4, True, 90, False),
    ("opened", 8, True, 2000, False),
    ("clicked", 10, True, 35, False),
    ("clicked", 20, True, 40, False),
    ("converted", 100, True, 600, None),
    ("unsubscribed", 300, True, 60, None),
    ("complained", 1000, True, 90, None),
)
_COUNTED = ("delivered", "opened", "clicked", "converted", "bounced", "unsubscribed", "complained")


def prepare(setting: Setting) -> None:
    """Fill the ledger, and copy what is counted to Parquet for those who count there."""
    database = fresh_ledger(setting, "statistics")
    _fill(database, int(setting.customers * _MESSAGES))
    _copy(database, setting)
    database.close()


def _fill(database: Database, rows: int) -> None:
    pairs = {(f"campaign-{n}", step) for n in range(CAMPAIGNS) for step in ("", "one")}
    numbers = identify(database, pairs, "live")
    steps = [(numbers[f"campaign-{n}", ""], numbers[f"campaign-{n}", "one"]) for n in range(CAMPAIGNS)]
    quick = [index for table in (jobs, events) for index in table.indexes]
    with database.begin() as connection:
        for index in quick:
            index.drop(connection)
        connection.execute(sa.text(_jobs_sql(database, rows, steps)))
        connection.execute(sa.text(_events_sql(database)))
        for index in quick:
            index.create(connection)
        profile = '{"name":"Acme","time_zone":"Europe/Berlin"}'
        given = [{"tenant_id": n + 1, "profile": profile, "seen_at": AS_OF} for n in range(TENANTS)]
        connection.execute(tenants.insert(), given)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if database.dialect == "postgresql" else "ANALYZE")


def _jobs_sql(database: Database, rows: int, steps: list[tuple[int, int]]) -> str:
    a_day, first = -(-rows // DAYS), (_START - EPOCH) // timedelta(minutes=1)
    minute = f"({first} + CAST(s.i AS BIGINT) * 1440 / {a_day})"
    due = _instant(database, minute)
    listed = ", ".join(f"({place}, {campaign}, {step})" for place, (campaign, step) in enumerate(steps))
    return f"""
        WITH RECURSIVE steps (place, campaign_id, step_id) AS (VALUES {listed}),
        s (i) AS ({_series(database, a_day * DAYS)})
        INSERT INTO jobs (occurrence, tenant_id, campaign_id, step_id, subject_id, recipient_id, state,
            reason, purpose, channel, campaign_version, priority, due_at, available_at, attempts, tick_id,
            finished_at, customer_id, sender_domain, mailbox)
        SELECT {minute}, s.i % {TENANTS} + 1, p.campaign_id, p.step_id, s.i, 0,
            CASE WHEN s.i % 100 = 99 THEN 'dead' WHEN s.i % 50 = 25 THEN 'skipped' ELSE 'completed' END,
            CASE WHEN s.i % 100 <> 99 AND s.i % 50 = 25 THEN 'capped' END,
            'marketing', CASE WHEN s.i % 5 = 0 THEN 'sms' ELSE 'email' END, 1, 5, {due}, {due}, 1, 1, {due},
            s.i / 6 + 1, 'mail.acme.example', CASE WHEN s.i % 2 = 0 THEN 'gmail' ELSE 'other' END
        FROM s INNER JOIN steps AS p ON p.place = s.i % {CAMPAIGNS}
    """


def _events_sql(database: Database) -> str:
    listed = ", ".join(
        f"({place}, '{type_}', {every}, {yes}, {minutes}, {'NULL' if machine is None else machine})"
        for place, (type_, every, yes, minutes, machine) in enumerate(_KINDS)
    )
    later = "k.minutes * 60000000"
    at = f"j.finished_at + {later}"
    if database.dialect == "postgresql":
        at = "j.finished_at + k.minutes * INTERVAL '1 minute'"
    return f"""
        WITH kinds (place, type, every, yes, minutes, machine) AS (VALUES {listed})
        INSERT INTO events (identity, type, at, received_at, job_id, machine)
        SELECT k.place || '-' || j.id, k.type, {at}, {at}, j.id, CAST(k.machine AS BOOLEAN)
        FROM jobs AS j CROSS JOIN kinds AS k
        WHERE j.state = 'completed' AND (j.id % k.every = 0) = k.yes
    """


def _series(database: Database, count: int) -> str:
    """Numbers from 0."""
    if database.dialect == "postgresql":
        return f"SELECT i FROM generate_series(0::bigint, {count - 1}) AS g(i)"
    return f"SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < {count - 1}"


def _instant(database: Database, minute: str) -> str:
    if database.dialect == "postgresql":
        return f"(TIMESTAMPTZ 'epoch' + {minute} * INTERVAL '1 minute')"
    return f"({minute} * 60000000)"


def _months() -> Iterator[tuple[datetime, datetime]]:
    for day in range(0, DAYS, _STEP):
        yield _START + day * _DAY, min(_START + (day + _STEP) * _DAY, _END)


def _copy(database: Database, setting: Setting) -> None:
    place = setting.home / "raw"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for number, (lo, hi) in enumerate(_months()):
        due = jobs_due(database, lo, hi).select(
            pl.col("job_id").alias("id"), "tenant_id", "campaign", "step", "channel", "state", "due_at"
        )
        due.write_parquet(place / f"jobs-{number}.parquet")
        told = events_of_jobs_due(database, lo, hi).select("job_id", "type", "machine")
        told.write_parquet(place / f"events-{number}.parquet")


def a_day(setting: Setting) -> Measured:
    database, files = open_ledger(setting, "statistics"), FileStore(setting.home / "statistics")
    with stopwatch() as watch:
        restate(database, files, SqlFiles(), [_LATE.date()], as_of=AS_OF)
    counted = files.read(dataset(CAMPAIGN_DAILY), [_LATE.date()])["opened"].sum()
    return Measured(watch, len(events_of_jobs_due(database, _LATE, _LATE + _DAY)), found=int(counted))


def a_day_in_the_database(setting: Setting) -> Measured:
    return _in_the_database(setting, _told_once, (_LATE, _LATE + _DAY))


def every_day(setting: Setting) -> Measured:
    database, files = open_ledger(setting, "statistics"), FileStore(setting.home / "statistics")
    with stopwatch() as watch:
        restate(database, files, SqlFiles(), [(_START + n * _DAY).date() for n in range(DAYS)], as_of=AS_OF)
    return Measured(watch, _events(setting))


def published(setting: Setting) -> Measured:
    database, files = open_ledger(setting, "statistics"), FileStore(setting.home / "statistics")
    with stopwatch() as watch:
        publish(database, files, SqlFiles(), setting.home / "analytics.duckdb", as_of=AS_OF)
    return Measured(watch, _events(setting))


def _happened(type_: str) -> str:
    human = " AND NOT coalesce(e.machine, false)" if type_ in ("opened", "clicked") else ""
    return f"e.type = '{type_}'{human}"


_GROUPS = "j.tenant_id, {step}, j.channel"


def _told_once(day: str, step: str, due: str) -> str:
    """Of a message each kind of event once, then messages counted: how `sql/stats` does it."""
    told = ", ".join(f"max(CASE WHEN {_happened(t)} THEN 1 ELSE 0 END) AS {t}" for t in _COUNTED)
    within = f" INNER JOIN jobs AS j ON e.job_id = j.id WHERE {due}" if due else ""
    sums = ", ".join(f"sum(coalesce(t.{t}, 0)) AS {t}" for t in _COUNTED)
    return f"""
        WITH told AS (SELECT e.job_id, {told} FROM events AS e{within} GROUP BY e.job_id)
        SELECT {day} AS day, {_GROUPS.format(step=step)}, count(*) AS planned,
            sum(CASE WHEN j.state = 'completed' THEN 1 ELSE 0 END) AS sent, {sums}
        FROM jobs AS j LEFT JOIN told AS t ON j.id = t.job_id {f"WHERE {due}" if due else ""}
        GROUP BY {day}, {_GROUPS.format(step=step)}
    """


_FIRST = {type_: "told_converted_at" if type_ == "converted" else f"{type_}_at" for type_ in _COUNTED}
_FROM_FACTS = f"""
    SELECT day, tenant_id, campaign, step, channel, count(*) AS planned,
        sum(CASE WHEN state = 'completed' THEN 1 ELSE 0 END) AS sent,
        {", ".join(f"count({column}) AS {type_}" for type_, column in _FIRST.items())}
    FROM message_facts
    GROUP BY day, tenant_id, campaign, step, channel
"""


def _naive(day: str, step: str, due: str) -> str:
    counts = ", ".join(f"count(DISTINCT e.job_id) FILTER (WHERE {_happened(t)}) AS {t}" for t in _COUNTED)
    return f"""
        SELECT {day} AS day, {_GROUPS.format(step=step)}, count(DISTINCT j.id) AS planned,
            count(DISTINCT j.id) FILTER (WHERE j.state = 'completed') AS sent, {counts}
        FROM jobs AS j LEFT JOIN events AS e ON e.job_id = j.id {f"WHERE {due}" if due else ""}
        GROUP BY {day}, {_GROUPS.format(step=step)}
    """


def _in_the_database(
    setting: Setting, statement: Statement, due: tuple[datetime, datetime] | None
) -> Measured:
    database = open_ledger(setting, "statistics")
    day, when = (
        "j.due_at / 86400000000",
        [str((one - EPOCH) // timedelta(microseconds=1)) for one in due or ()],
    )
    if database.dialect == "postgresql":
        day, when = "CAST(j.due_at AT TIME ZONE 'UTC' AS DATE)", [f"'{one.isoformat()}'" for one in due or ()]
    within = "j.due_at >= {} AND j.due_at < {}".format(*when) if due else ""
    with stopwatch() as watch:
        found = database.read(statement(day, "j.step_id", within))
    told = len(events_of_jobs_due(database, *due)) if due else _events(setting)
    return Measured(watch, told, found=int(found["opened"].sum()))


def _events(setting: Setting) -> int:
    """How many there are."""
    files = pl.scan_parquet(setting.home / "raw" / "events-*.parquet")
    return int(files.select(pl.len()).collect().item())


def _of_facts(setting: Setting, days: Sequence[date] | None) -> int:
    """Count from facts as they are filed, a row each message: how statistics over many days are derived."""
    files = FileStore(setting.home / "statistics")
    with open_engine() as engine:
        show_files(engine, "message_facts", MESSAGE_FACTS, files.paths(dataset(MESSAGE_FACTS), days))
        return int(engine.query(_FROM_FACTS)["opened"].sum())


def a_day_of_facts(setting: Setting) -> Measured:
    with stopwatch() as watch:
        found = _of_facts(setting, [_LATE.date()])
    database = open_ledger(setting, "statistics")
    return Measured(watch, len(events_of_jobs_due(database, _LATE, _LATE + _DAY)), found=found)


def a_year_of_facts(setting: Setting) -> Measured:
    with stopwatch() as watch:
        found = _of_facts(setting, None)
    return Measured(watch, _events(setting), found=found)


def _over_files(setting: Setting, statement: Statement) -> Measured:
    raw = setting.home / "raw"
    with stopwatch() as watch, duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name in ("jobs", "events"):
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{raw}/{name}-*.parquet')")
        found = connection.sql(statement("CAST(j.due_at AS DATE)", "j.campaign, j.step", "")).pl()
    return Measured(watch, _events(setting), found=int(found["opened"].sum()))


def a_year(setting: Setting) -> Measured:
    return _over_files(setting, _told_once)


def a_year_naively(setting: Setting) -> Measured:
    return _over_files(setting, _naive)


def a_year_in_the_database(setting: Setting) -> Measured:
    return _in_the_database(setting, _told_once, None)


def a_year_naively_in_the_database(setting: Setting) -> Measured:
    return _in_the_database(setting, _naive, None)


STAGES = (
    Stage(
        "statistics: a day again, after a late event",
        (
            Way("restate: every statistic, from the ledger", a_day),
            Way("one of them, from the filed facts", a_day_of_facts),
            Way("one of them, in the ledger's database", a_day_in_the_database),
        ),
        prepare,
    ),
    Stage("statistics: every day of a year again", (Way("restate: every statistic", every_day),)),
    Stage(
        "statistics: one of them, over the year",
        (
            Way("from the filed facts", a_year_of_facts),
            Way("DuckDB, raw events: once a message, then counted", a_year),
            Way("DuckDB, raw events: count(DISTINCT …) FILTER", a_year_naively),
            Way("in the ledger's database: once a message, then counted", a_year_in_the_database),
            Way("in the ledger's database: count(DISTINCT …) FILTER", a_year_naively_in_the_database),
        ),
    ),
    Stage("statistics: publish the year", (Way("publish", published),)),
)
