"""Audience SQL over source frames: who is in scope, for all tenants at once.

`demands` says what to extract for it, `select` runs it. Which anchors could matter is planning's question.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import polars as pl

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.tenant_settings import TENANT_SETTINGS
from automation_pipelines.catalogue.types import Anchor, Audience, Read, Type
from automation_pipelines.engine import FRAME_TYPES, Engine, open_engine
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.extraction import Demand, Keys, Selection
from automation_pipelines.sqlfiles import SqlFile, SqlFiles

Range = tuple[datetime | None, datetime]

_DAY = timedelta(days=1)
# Bounds that every database's timestamp type can hold, for ranges that are open below.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)

_NOBODY = (Selection((Keys("id", frozenset()),)),)

SUBJECT_COLUMNS = ("tenant_id", "subject_id", "subject_text", "customer_id", "agent_id")


@dataclass(frozen=True, slots=True)
class Need:
    """One audience and the disjoint ranges of anchors that could matter, both ends included."""

    audience: str
    ranges: tuple[Range, ...]

    @property
    def entry(self) -> Audience:
        """The catalogue entry."""
        return AUDIENCES[self.audience]


def demands(needs: Iterable[Need], settings: pl.DataFrame | None = None) -> list[Demand]:
    """What must be extracted to select these audiences; tenants, their settings and staff travel whole.

    `settings`, the tenants' as one wide frame, may show that some of it is not needed.
    """
    wanted = [whole("tenants"), whole("tenant_settings"), whole("users")]
    for need in needs:
        for place, read in enumerate(need.entry.reads):
            found = _alternatives(need, place, settings)
            wanted.append(Demand(read.source, frozenset(read.columns), found))
            wanted += [_consents(found)] if read.source == "customers" and found != _NOBODY else []
    return wanted


def _consents(customers: tuple[Selection, ...]) -> Demand:
    """What these customers said on being written to: whoever is selected, the gates of planning ask that."""
    columns = frozenset(column.name for column in SOURCES["consents"].columns)
    theirs = (Selection(of=("customers", "id", found), by="customer_id") for found in customers)
    return Demand("consents", columns, tuple(theirs))


def whole(source: str) -> Demand:
    """Every row and column of a source."""
    columns = frozenset(column.name for column in SOURCES[source].columns)
    return Demand(source, columns, (Selection(),))


def _alternatives(need: Need, place: int, settings: pl.DataFrame | None) -> tuple[Selection, ...]:
    if settings is None or _asked(need.entry.reads[place], settings):
        return tuple(_selections(need, place))
    return _NOBODY  # the audience's SQL names the columns all the same


def _asked(read: Read, settings: pl.DataFrame) -> bool:
    if read.asked is None:
        return True
    setting, passes = read.asked
    return any(passes(value) for value in settings[setting].drop_nulls().unique())


def _selections(need: Need, place: int) -> Iterator[Selection]:
    """The rows of the audience's read at this place: one alternative for each way that leads to them."""
    read = need.entry.reads[place]
    if read.of is None:
        yield Selection(read.where, need.ranges)
        return
    source, column = read.of
    for earlier, other in enumerate(need.entry.reads[:place]):
        if other.source == source:
            for through in _selections(need, earlier):
                yield Selection(read.where, need.ranges, (source, column, through), read.by)


def merge(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Disjoint ranges that cover the same instants, so that no anchor joins twice."""
    ordered = sorted(ranges, key=lambda r: (r[0] or EARLIEST, r[1]))
    merged: list[Range] = []
    for lo, hi in ordered:
        if merged and (lo or EARLIEST) <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(hi, merged[-1][1]))
        else:
            merged.append((lo, hi))
    return tuple(merged)


def audience_table(audience: str) -> str:
    """What the engine calls the rows of an audience."""
    return f"audience_{audience}"


def select(engine: Engine, files: SqlFiles, need: Need, *, as_of: datetime, leap_day: str) -> tuple[str, int]:
    """Run one audience over the frames in `engine` and keep it there; returns its table and row count.

    The table has `SUBJECT_COLUMNS`, `anchor` (unless a segment), the declared columns, and `row_id`.
    """
    entry = need.entry
    for fact in entry.facts:
        _know(engine, files, fact, as_of)
    engine.add(ranges=_range_frame(need))
    if entry.anchor is Anchor.DATE:
        engine.add(days=_day_frame(need, leap_day))
    file = files.find("audiences", entry.name)
    anchor = () if entry.anchor is Anchor.SCHEDULE else ("anchor",)
    wanted = (*SUBJECT_COLUMNS, *anchor, *(column.name for column in entry.columns))
    columns = ", ".join(f'"{name}"' for name in wanted)
    table = audience_table(entry.name)
    statement = f"SELECT row_number() OVER () AS row_id, {columns} FROM ({file.text})"
    _keep(engine, table, file, statement, as_of)
    return table, engine.count(table)


def _know(engine: Engine, files: SqlFiles, fact: str, as_of: datetime) -> None:
    """Make the table of `sql/facts/<fact>.sql`, once for all audiences that join it."""
    if fact not in engine.names():
        file = files.find("facts", fact)
        _keep(engine, fact, file, file.text, as_of)


def _keep(engine: Engine, table: str, file: SqlFile, statement: str, as_of: datetime) -> None:
    parameters = {"as_of": as_of} if "$as_of" in file.text else {}
    try:
        engine.keep(table, statement, parameters)
    except Exception as error:
        msg = f"{table.replace('_', ' ', 1)} ({file.path}) cannot be selected: {error}"
        raise ConfigurationError(msg) from error


@cache
def empty(source: str) -> pl.DataFrame:
    """A frame of a source without rows, in its declared types."""
    columns = {column.name: FRAME_TYPES[column.type] for column in SOURCES[source].columns}
    return pl.DataFrame(schema={**columns, "id_text": pl.String()})


@cache
def no_settings() -> pl.DataFrame:
    """The frame `settings` without tenants: one column for each setting, beside `tenant_id`."""
    columns = {name: FRAME_TYPES[setting.type] for name, setting in TENANT_SETTINGS.items()}
    return pl.DataFrame(schema={"tenant_id": pl.Int64(), **columns})


def prepare(files: SqlFiles) -> None:
    """Run every audience of an installation over no rows; `ConfigurationError` for one that cannot run."""
    with open_engine() as engine:
        engine.add(**{source: empty(source) for source in SOURCES}, settings=no_settings())
        for name in AUDIENCES:
            select(engine, files, Need(name, ((None, EARLIEST),)), as_of=EARLIEST, leap_day="02-28")


def _range_frame(need: Need) -> pl.DataFrame:
    rows = [(lo or EARLIEST, hi) for lo, hi in need.ranges]
    if need.entry.anchor is Anchor.DATE:
        # Merged again as days: two ranges may end and begin on the same one.
        days = merge((midnight(lo.date()), midnight(hi.date())) for lo, hi in rows)
        return pl.DataFrame(
            [(lo and lo.date(), hi.date()) for lo, hi in days],
            schema={"lo": pl.Date, "hi": pl.Date},
            orient="row",
        )
    instant = FRAME_TYPES[Type.INSTANT]
    return pl.DataFrame(rows, schema={"lo": instant, "hi": instant}, orient="row")


def _day_frame(need: Need, leap_day: str) -> pl.DataFrame:
    """Each day of the ranges with its month and day; a common year's `leap_day` also stands for 02-29."""
    days = sorted({day for lo, hi in need.ranges for day in _days(lo, hi)})
    rows = [(day, f"{day:%m-%d}") for day in days]
    rows += [(day, "02-29") for day in days if f"{day:%m-%d}" == leap_day and not _leap(day.year)]
    return pl.DataFrame(rows, schema={"day": pl.Date, "month_day": pl.String}, orient="row")


def _days(lo: datetime | None, hi: datetime) -> Sequence[date]:
    """The days of a range; one that is open below goes a year back, as far as a yearly day can be late."""
    first = (lo or hi - 366 * _DAY).date()
    return [first + n * _DAY for n in range((hi.date() - first).days + 1)]


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def midnight(day: date) -> datetime:
    """The start of a UTC day."""
    return datetime.combine(day, time(0), UTC)
