"""All of it up to the ledger: a tick, beside the sum of the limits of its parts."""

import duckdb

from automation_pipelines.sqlfiles import SHIPPED
from automation_pipelines.tick import run_tick
from benchmarks.harness import AS_OF, Measured, Setting, Stage, Way, stopwatch
from benchmarks.programme import EVERY_AUDIENCE, EVERYBODY, install, installation
from benchmarks.stages.audiences import bare_duckdb
from benchmarks.stages.extract import raw, whole_raw
from benchmarks.stages.ledger import bare, prepare


def prepare_small(setting: Setting) -> None:
    install(setting, "tick_small", EVERY_AUDIENCE)


def small(setting: Setting) -> Measured:
    opened = installation(setting, "tick_small")
    with stopwatch() as watch:
        run_tick(opened, as_of=AS_OF, run_id="one")
    return Measured(watch, setting.customers)


def small_limit(setting: Setting) -> Measured:
    reading, selecting = whole_raw(setting), bare_duckdb(setting)
    return Measured(reading.watch + selecting.watch, setting.customers)


def prepare_everybody(setting: Setting) -> None:
    install(setting, "tick_everybody", EVERYBODY)
    prepare(setting)


def everybody(setting: Setting) -> Measured:
    opened = installation(setting, "tick_everybody")
    with stopwatch() as watch:
        result = run_tick(opened, as_of=AS_OF, run_id="one")
    return Measured(watch, len(result.plan.rows))


def everybody_limit(setting: Setting) -> Measured:
    with raw(setting) as connection, connection.cursor() as cursor, stopwatch() as reading:
        cursor.execute("SELECT * FROM customers").fetch_arrow_table()
    path = setting.home / "sources" / "customers.parquet"
    text = (SHIPPED / "audiences" / "customers.sql").read_text(encoding="utf-8")
    with duckdb.connect(":memory:") as engine, stopwatch() as selecting:
        engine.execute(f"CREATE VIEW customers AS SELECT * FROM read_parquet('{path}')")
        engine.sql(text, params={"as_of": AS_OF}).to_arrow_table()
    writing = bare(setting)
    return Measured(reading + selecting + writing.watch, setting.customers)


STAGES = (
    Stage(
        "tick: what is due today, nine audiences",
        (
            Way("run_tick", small),
            Way("limits: ADBC SELECT *, bare DuckDB", small_limit),
        ),
        prepare_small,
    ),
    Stage(
        "tick: a message to everybody",
        (
            Way("run_tick", everybody),
            Way("limits: ADBC, bare DuckDB, bare tables", everybody_limit),
        ),
        prepare_everybody,
    ),
)
