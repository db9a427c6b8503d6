"""Runs the files of `sql/` over columnar frames in DuckDB. No file names, no business rules.

Every engine speaks UTC, has the macros of `sql/macros.sql`, and takes values only as bound parameters.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import duckdb
import jinja2
import polars as pl

from automation_pipelines.catalogue.types import Type
from automation_pipelines.sqlfiles import SHIPPED

FRAME_TYPES: dict[Type, pl.DataType] = {
    Type.ID: pl.Int64(),
    Type.INTEGER: pl.Int64(),
    Type.MONEY: pl.Int64(),
    Type.NUMBER: pl.Float64(),
    Type.TEXT: pl.String(),
    Type.BOOLEAN: pl.Boolean(),
    Type.DATE: pl.Date(),
    Type.INSTANT: pl.Datetime("us", "UTC"),
}

SQL_TYPES: dict[Type, str] = {
    Type.ID: "BIGINT",
    Type.INTEGER: "BIGINT",
    Type.MONEY: "BIGINT",
    Type.NUMBER: "DOUBLE",
    Type.TEXT: "VARCHAR",
    Type.BOOLEAN: "BOOLEAN",
    Type.DATE: "DATE",
    Type.INSTANT: "TIMESTAMPTZ",
}

_SHAPES = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True)  # noqa: S701 - SQL, no HTML


@lru_cache(maxsize=64)
def _compiled(statement: str) -> jinja2.Template:
    return _SHAPES.from_string(statement)


def shape(statement: str, **names: object) -> str:
    """Shape a statement with Jinja: which columns, which predicates. Values are never put in here."""
    return _compiled(statement).render(**names)


@lru_cache(maxsize=256)
def _words(statement: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", statement))


class Engine:
    """One DuckDB connection with named frames. Not shared between threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._rows: dict[str, int] = {}
        self._frames: dict[str, pl.DataFrame] = {}
        self._unnamed: set[str] = set()

    def add(self, **frames: pl.DataFrame) -> None:
        """Make frames known by name; a frame of that name is replaced."""
        # Half a millisecond each, and a small tick names few of them: DuckDB sees a frame once it is named.
        self._frames.update(frames)
        self._unnamed.update(frames)
        self._rows.update((name, len(frame)) for name, frame in frames.items())

    def frame(self, name: str) -> pl.DataFrame:
        """The rows known by that name, as they were added where they were."""
        return self._frames[name] if name in self._frames else self.query(f'SELECT * FROM "{name}"')

    def _register(self, statement: str) -> None:
        """Show DuckDB the frames that a statement is the first to name."""
        named = _words(statement) & self._unnamed if self._unnamed else frozenset()
        for name in named:
            self.connection.register(name, self._frames[name])
        self._unnamed -= named

    def query(self, statement: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Run one statement with bound `$name` values and return its rows. Instants come back as UTC."""
        self._register(statement)
        result: pl.DataFrame = self.connection.sql(statement, params=dict(parameters or {})).pl()
        instants = [
            name
            for name, dtype in result.schema.items()
            if isinstance(dtype, pl.Datetime) and dtype.time_zone
        ]
        return result.with_columns(pl.col(instants).dt.convert_time_zone("UTC")) if instants else result

    def keep(self, name: str, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run one statement and keep its rows in the engine as table `name`."""
        self._register(statement)
        # Temporary: no other engine of this process sees it.
        made = self.connection.execute(f'CREATE TEMP TABLE "{name}" AS {statement}', dict(parameters or {}))
        self._rows[name] = made.fetchall()[0][0]

    def show(self, name: str, statement: str) -> None:
        """Let `name` stand for the rows of a statement, which runs whenever they are asked for."""
        self._register(statement)
        self.connection.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {statement}')

    def extend(self, name: str, frame: pl.DataFrame) -> None:
        """Append the rows of a frame to a table kept here."""
        self.connection.register("appended", frame)
        self.connection.execute(f'INSERT INTO "{name}" BY NAME SELECT * FROM appended')
        self.connection.unregister("appended")
        self._rows[name] += len(frame)

    def drop(self, *names: str) -> None:
        """Forget tables kept here, or frames."""
        for name in names:
            if name not in self._frames:
                self.connection.execute(f'DROP TABLE "{name}"')
            elif name not in self._unnamed:
                self.connection.unregister(name)
            self._frames.pop(name, None)
            self._unnamed.discard(name)
            del self._rows[name]

    def clear(self) -> None:
        """Forget everything and give its memory back."""
        # What is temporary goes with its connection, at once and not one by one.
        self.connection.close()
        self.connection = _cursor()
        for known in (self._rows, self._frames, self._unnamed):
            known.clear()

    def count(self, name: str) -> int:
        """The number of rows of a table or frame."""
        return self._rows[name]

    def names(self) -> frozenset[str]:
        """The names of all tables and frames that were added or kept."""
        return frozenset(self._rows)


def in_memory() -> dict[str, str | bool | int | float | list[str]]:
    """How much memory a DuckDB connection may take, and where it goes on beyond that."""
    return {"memory_limit": "1500MB", "temp_directory": tempfile.gettempdir()}


@contextmanager
def open_engine() -> Iterator[Engine]:
    """An engine in memory; what it holds is its own, and gone at the end."""
    engine = Engine(_cursor())
    try:
        yield engine
    finally:
        engine.connection.close()


def _cursor() -> duckdb.DuckDBPyConnection:
    connection = _database(os.getpid()).cursor()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def set_threads(count: int) -> None:
    """Let all engines of this process share so many threads; default: one for each core."""
    _database(os.getpid()).execute(f"SET threads = {count:d}")


@cache
def _database(pid: int) -> duckdb.DuckDBPyConnection:  # noqa: ARG001 - a fork must not use its parent's threads
    """The database of this process: its macros are made once, which takes longer than a small statement."""
    connection = duckdb.connect(":memory:", config=in_memory())
    connection.execute((SHIPPED / "macros.sql").read_text(encoding="utf-8"))
    return connection
