"""What must hold of every source before anything downstream may use it.

Violations are values: `extract` raises all those of one extraction together, `check` lists them.
Messages name source, column, rows and keys, and never show personal data.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import assert_never
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
from pyarrow import compute

from automation_pipelines.catalogue.types import Column, Format, Source, Type

_KEYS = 5
_EXAMPLES = 3
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")

_CALLED = {
    Type.ID: "an integer key",
    Type.INTEGER: "an integer",
    Type.MONEY: "an integer of minor units",
    Type.NUMBER: "a number",
    Type.TEXT: "text",
    Type.BOOLEAN: "a boolean",
    Type.DATE: "a date YYYY-MM-DD",
    Type.INSTANT: "an ISO 8601 instant",
}


class Severity(StrEnum):
    """Whether a violation stops the extraction."""

    ERROR = "error"
    WARNING = "warning"
    """Reported by `check`; such rows simply find no partner."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with one column of one source."""

    source: str
    column: str | None
    problem: str
    path: Path
    rows: int = 0
    keys: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.source}.{self.column}" if self.column else self.source
        rows = f" in {self.rows:,} row{'s' if self.rows != 1 else ''}" if self.rows else ""
        more = ", …" if self.rows > len(self.keys) else ""
        keys = f" (id {', '.join(self.keys)}{more})" if self.keys else ""
        return f"{where}: {self.problem}{rows}{keys} [{self.path}]"


@dataclass(frozen=True, slots=True)
class Reading:
    """One source as it was read: what the CRM sent and what it became."""

    source: Source
    path: Path
    raw: pa.Table
    frame: pl.DataFrame
    text_ids: frozenset[str]
    whole: bool

    @property
    def columns(self) -> tuple[Column, ...]:
        """The catalogue's entries for the columns read."""
        return tuple(column for column in self.source.columns if column.name in self.frame.columns)

    def violation(self, column: Column, problem: str, bad: pl.Series, *, warn: bool = False) -> Violation:
        """A violation by the rows where `bad` is true."""
        shortest = (pl.col("id_text").str.len_chars(), pl.col("id_text"))
        keys = self.frame.filter(bad).select("id_text").sort(*shortest)["id_text"].head(_KEYS)
        severity = Severity.WARNING if warn else Severity.ERROR
        texts = tuple("(null)" if key is None else str(key) for key in keys)
        return Violation(self.source.name, column.name, problem, self.path, int(bad.sum()), texts, severity)


def shape_violations(
    source: Source, path: Path, returned: Iterable[str], text_ids: Iterable[str]
) -> list[Violation]:
    """Missing columns, and `text ids` that are none. Columns the catalogue does not know are ignored."""
    names = list(returned)
    missing = [column.name for column in source.columns if column.name not in names]
    found = [Violation(source.name, name, _missing(name, names), path) for name in missing]
    ids = [column.name for column in source.columns if column.type is Type.ID]
    for name in text_ids:
        if name not in ids:
            problem = f"declared in `-- text ids:`, which may name {', '.join(ids)}"
            found.append(Violation(source.name, name, problem, path))
    return found


def _missing(name: str, returned: list[str]) -> str:
    near = difflib.get_close_matches(name, returned, n=1)
    hint = f"; did you mean to rename {near[0]!r}?" if near else ""
    return f"column missing, the file returns {', '.join(returned)}{hint}"


def violations(reading: Reading) -> list[Violation]:
    """Everything wrong inside one source."""
    found: list[Violation] = []
    for column in reading.columns:
        found += _unfit(reading, column)
        found += _null(reading, column)
        found += _refused(reading, column)
    return found + _duplicates(reading)


def _unfit(reading: Reading, column: Column) -> list[Violation]:
    raw, series = reading.raw.column(column.name), reading.frame[column.name]
    if raw.null_count == series.null_count():
        return []
    sent = pl.Series(compute.is_valid(raw))
    bad = sent & series.is_null()
    problem = f"not {_CALLED[column.type]}{_examples(column, raw, bad)}"
    if column.type is Type.ID:
        problem += f"; if keys are text, add the line `-- text ids: {column.name}`"
    return [reading.violation(column, problem, bad)]


def _examples(column: Column, raw: pa.ChunkedArray, bad: pl.Series) -> str:
    if column.personal:
        return ""
    values = pl.Series(raw).filter(bad).unique().sort().head(_EXAMPLES)
    return f": {', '.join(repr(value) for value in values)}"


def _null(reading: Reading, column: Column) -> list[Violation]:
    nulls = reading.raw.column(column.name).null_count
    if not column.required or not nulls:
        return []
    bad = pl.Series(compute.is_null(reading.raw.column(column.name)))
    return [reading.violation(column, "null in a required column", bad)]


def _refused(reading: Reading, column: Column) -> list[Violation]:
    """Values outside the declared ones."""
    series = reading.frame[column.name]
    if column.between:
        lo, hi = column.between
        bad = ~series.is_between(lo, hi).fill_null(value=True)
        return [reading.violation(column, f"outside {lo}-{hi}", bad)] if bad.any() else []
    if not column.values and column.format is None:
        return []
    wrong = sorted(value for value in series.drop_nulls().unique() if not _allowed(column, value))
    if not wrong:
        return []
    shown = "" if column.personal else f"{', '.join(repr(value) for value in wrong[:_EXAMPLES])} "
    problem = f"{shown}{'is' if len(wrong) == 1 else 'are'} not {_expected(column)}"
    return [reading.violation(column, problem, series.is_in(wrong).fill_null(value=False))]


def _allowed(column: Column, value: str) -> bool:
    match column.format:
        case Format.TIME_ZONE:
            return _is_zone(value)
        case Format.CLOCK:
            return _CLOCK.fullmatch(value) is not None
        case None:
            return value in column.values
        case _:
            assert_never(column.format)


def _expected(column: Column) -> str:
    match column.format:
        case Format.TIME_ZONE:
            return "the name of an IANA time zone"
        case Format.CLOCK:
            return "a time HH:MM"
        case None:
            return f"one of {', '.join(column.values)}"
        case _:
            assert_never(column.format)


@cache
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _duplicates(reading: Reading) -> list[Violation]:
    ids = reading.frame["id"]
    if ids.n_unique() == len(ids):
        return []
    bad = ids.is_duplicated() & ids.is_not_null()
    return [reading.violation(reading.source.column("id"), "duplicate key", bad)] if bad.any() else []


def reference_violations(readings: Mapping[str, Reading]) -> list[Violation]:
    """What is wrong between sources: keys of different kinds, and rows that point nowhere."""
    found: list[Violation] = []
    for reading in readings.values():
        for column in reading.columns:
            target = readings.get(column.references or "")
            if target is not None:
                found += _dangling(reading, column, target)
    return found


def _dangling(reading: Reading, column: Column, target: Reading) -> list[Violation]:
    keys = reading.frame[column.name]
    if keys.null_count() == len(keys):
        return []
    ours, theirs = column.name in reading.text_ids, "id" in target.text_ids
    if ours != theirs and not target.frame.is_empty():
        other = f"{target.source.name}.id {_kind(theirs)} ones"
        problem = f"holds {_kind(ours)} keys, {other}: declare both alike in `-- text ids:`"
        return [Violation(reading.source.name, column.name, problem, reading.path)]
    if not target.whole:
        return []
    bad = keys.is_not_null() & ~keys.is_in(target.frame["id"].drop_nulls().implode())
    problem = f"no such row in {target.source.name}"
    return [reading.violation(column, problem, bad, warn=True)] if bad.any() else []


def _kind(textual: bool) -> str:  # noqa: FBT001 - private, read at two places
    return "text" if textual else "integer"
