"""CRM → frames."""

from collections.abc import Iterator

import adbc_driver_manager.dbapi
import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import polars as pl
import sqlalchemy as sa

from automation_pipelines.catalogue.sources import CRM_SOURCES, CRM_TABLES
from automation_pipelines.demo.crm import build_crm
from automation_pipelines.extraction import Demand, extract, open_crm
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.tick import find_work, read_sources
from benchmarks.harness import AS_OF, Measured, Setting, Stage, Way, stopwatch
from benchmarks.programme import EVERY_AUDIENCE, install, installation

_SAMPLE = 50_000  # rows per table


def raw(setting: Setting) -> adbc_driver_manager.dbapi.Connection:
    """Connect to the CRM through the bare driver."""
    driver = adbc_driver_sqlite.dbapi if setting.server is None else adbc_driver_postgresql.dbapi
    connection: adbc_driver_manager.dbapi.Connection = driver.connect(setting.crm.removeprefix("sqlite:///"))
    return connection


def build(setting: Setting) -> Measured:
    with stopwatch() as watch:
        rows = build_crm(setting.crm, as_of=AS_OF, customers=setting.customers)
    return Measured(watch, sum(rows.values()))


def sources(setting: Setting) -> None:
    """Make files of the sources, for the stages that start from frames, and the small installation."""
    directory = setting.home / "sources"
    directory.mkdir(exist_ok=True)
    for name in CRM_SOURCES:
        with open_crm(setting.crm) as crm:
            extract(crm, SqlFiles(), [_whole(name)])[name].write_parquet(directory / f"{name}.parquet")
    install(setting, "small", EVERY_AUDIENCE)


def _whole(name: str) -> Demand:
    return Demand(name, frozenset(column.name for column in CRM_SOURCES[name].columns))


def whole(setting: Setting) -> Measured:
    with open_crm(setting.crm) as crm, stopwatch() as watch:
        frames = extract(crm, SqlFiles(), [_whole(name) for name in CRM_SOURCES])
    rows = sum(frame.height for frame in frames.values())
    return Measured(watch, rows, found=rows)


def whole_raw(setting: Setting) -> Measured:
    with raw(setting) as connection, connection.cursor() as cursor, stopwatch() as watch:
        tables = [cursor.execute(f"SELECT * FROM {name}").fetch_arrow_table() for name in CRM_TABLES]
    rows = sum(table.num_rows for table in tables)
    return Measured(watch, rows, found=rows)


def whole_rows(setting: Setting) -> Measured:
    engine = sa.create_engine(setting.crm.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection, stopwatch() as watch:
        frames = list(_fetched(connection, f"LIMIT {_SAMPLE}"))
    with engine.connect() as connection:
        everything = sum(
            connection.scalar(sa.text(f"SELECT count(*) FROM {name}")) or 0 for name in CRM_TABLES
        )
    return Measured(watch, sum(frame.height for frame in frames), of=everything)


def _fetched(connection: sa.Connection, limit: str) -> Iterator[pl.DataFrame]:
    for name in CRM_TABLES:
        rows = connection.execute(sa.text(f"SELECT * FROM {name} {limit}"))
        yield pl.DataFrame(rows.fetchall(), schema=list(rows.keys()), orient="row", infer_schema_length=None)


def due(setting: Setting) -> Measured:
    opened = installation(setting, "small")
    with stopwatch() as watch:
        frames = read_sources(opened, find_work(opened, AS_OF))
    return Measured(watch, sum(frame.height for frame in frames.values()))


STAGES = (
    Stage("demo CRM", (Way("deterministic build, ADBC ingest", build),), after=sources),
    Stage(
        "extract: all columns and rows",
        (
            Way("extract, contracts checked", whole),
            Way("limit: ADBC SELECT *, unchecked", whole_raw),
            Way("SQLAlchemy rows into frames", whole_rows),
        ),
    ),
    Stage(
        "extract: what could be due in nine audiences",
        (Way("extract, predicates pushed down", due), Way("ADBC SELECT * of everything", whole_raw)),
    ),
)
