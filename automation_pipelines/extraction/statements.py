"""The SQL that reads a source: the user's select inside ours, with columns and predicates pushed down.

Built with SQLAlchemy Core so that quoting, `IN` lists and date arithmetic follow the database's
dialect; every value is bound. A pushed predicate may let through a little more than it says, never less.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, assert_never

import sqlalchemy as sa

from automation_pipelines.catalogue.types import Among, InRange, OnMonthDay, Predicate, Range, Source, Type
from automation_pipelines.extraction.demands import Demand, Keys, Selection
from automation_pipelines.sqlfiles import SqlFile

_DAY = timedelta(days=1)
_YEAR = 366
_MOST_KEYS = 5_000
"""SQLite takes 32,766 values in a statement, and several audiences may ask at once."""


class Form(StrEnum):
    """How the CRM holds a column, as far as it says so before any row was read."""

    TEXT = "text"
    DATE = "date"
    AWARE = "aware"
    """An instant with a zone."""
    NAIVE = "naive"
    """A date and time without a zone: UTC."""
    OTHER = "other"
    """Numbers and booleans."""
    OPAQUE = "opaque"
    """A type of the database's own (numeric, uuid, an enumeration): read as text."""
    DYNAMIC = "dynamic"
    """SQLite: every value has its own type; dates and instants are ISO texts."""
    UNKNOWN = "unknown"
    """A driver that does not say."""


_AS_TEXT = frozenset({Form.TEXT, Form.OPAQUE, Form.DYNAMIC})


@dataclass(frozen=True, slots=True)
class Origin:
    """A source's select and the columns it returns: our name for each, the CRM's spelling and form."""

    source: Source
    file: SqlFile
    names: Mapping[str, str]
    forms: Mapping[str, Form]

    @property
    def text_ids(self) -> frozenset[str]:
        """The id columns the file declares to hold text."""
        return frozenset(self.file.directive("text ids"))

    def subquery(self, alias: str) -> sa.Subquery:
        """Make the user's select something to select from."""
        return _subquery(self.file, self.names.values(), alias)

    def column(self, rows: sa.Subquery, name: str) -> sa.ColumnElement[Any]:
        """Find the column called `name` in the catalogue."""
        return rows.c[self.names[name]]


def _subquery(file: SqlFile, names: Iterable[str], alias: str) -> sa.Subquery:
    # A colon would start a bound parameter, and a last line of comment would swallow the parenthesis.
    text = file.text.rstrip().rstrip(";").replace(":", r"\:") + "\n"
    return sa.text(text).columns(*(sa.column(name) for name in names)).subquery(alias)


@lru_cache(maxsize=64)
def probe(file: SqlFile) -> sa.Select[Any]:
    """Select no rows and all columns, to see what the file returns."""
    return sa.select(sa.text("*")).select_from(_subquery(file, (), "s")).where(sa.false())


def newest(origin: Origin) -> sa.Select[Any]:
    """Select the greatest watermark."""
    rows = origin.subquery("s")
    name = origin.source.watermark or "id"
    return sa.select(sa.func.max(origin.column(rows, name)).label(name))


def reading(demand: Demand, columns: Iterable[str], origins: Mapping[str, Origin]) -> sa.Select[Any]:
    """Select the columns and rows of one source; `origins` holds every source that takes part."""
    origin = origins[demand.source]
    rows = origin.subquery("s")
    statement = sa.select(*(_output(origin, rows, name) for name in columns))
    if demand.whole:
        return statement
    return statement.where(sa.or_(*(_matches(origin, rows, s, origins) for s in demand.alternatives)))


def _output(origin: Origin, rows: sa.Subquery, name: str) -> sa.ColumnElement[Any]:
    column = origin.column(rows, name)
    form = origin.forms[name]
    declared = origin.source.column(name).type
    textual = declared in {Type.TEXT, Type.DATE, Type.INSTANT} or name in origin.text_ids
    if form is Form.OPAQUE or (form is Form.DYNAMIC and textual):
        column = sa.cast(column, sa.Text)
    return column.label(name)


def _matches(
    origin: Origin, rows: sa.Subquery, selection: Selection, origins: Mapping[str, Origin]
) -> sa.ColumnElement[bool]:
    conditions = [_condition(origin, rows, predicate, selection.ranges) for predicate in selection.where]
    if selection.of is not None:
        source, column, inner = selection.of
        other = origins[source]
        others = other.subquery(f"{rows.name}_{source}")
        held, theirs = origin.column(rows, selection.by), other.column(others, column)
        if (selection.by in origin.text_ids) != (column in other.text_ids):
            # Where there are no such keys, one side is a null of some other type.
            held, theirs = sa.cast(held, sa.Text), sa.cast(theirs, sa.Text)
        keys = sa.select(theirs).where(_matches(other, others, inner, origins))
        conditions.append(held.in_(keys))
    return sa.and_(sa.true(), *conditions)


def _condition(
    origin: Origin, rows: sa.Subquery, predicate: Predicate | Keys, ranges: tuple[Range, ...]
) -> sa.ColumnElement[bool]:
    column = origin.column(rows, predicate.column)
    form = origin.forms[predicate.column]
    match predicate:
        case Among(values=values):
            text = sa.cast(column, sa.Text) if form is Form.OPAQUE else column
            return text.in_(values)
        case InRange():
            return _any(_in_range(column, form, lo, hi) for lo, hi in predicate.reach(ranges))
        case OnMonthDay():
            return _on_month_days(column, form, ranges)
        case Keys(values=keys):
            # Of a text only a hash is known elsewhere, and no CRM can be asked for that.
            hashed = predicate.column in origin.text_ids and bool(keys)
            return sa.true() if hashed else _among_keys(column, form, sorted(keys))
        case _:
            assert_never(predicate)


def _among_keys(column: sa.ColumnElement[Any], form: Form, keys: list[int]) -> sa.ColumnElement[bool]:
    """Keys that another database gave; so many that no database takes them singly restrict nothing."""
    if len(keys) > _MOST_KEYS:
        return sa.true()
    texts = [str(key) for key in keys]
    match form:
        case Form.OTHER:
            return column.in_(keys)
        case Form.TEXT:
            return column.in_(texts)
        case Form.OPAQUE:
            return sa.cast(column, sa.Text).in_(texts)
        case Form.DYNAMIC:
            return sa.or_(column.in_(keys), column.in_(texts))
        case Form.UNKNOWN | Form.DATE | Form.AWARE | Form.NAIVE:
            return sa.true()
        case _:
            assert_never(form)


def _any(conditions: Iterable[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    listed = list(conditions)
    return sa.or_(*listed) if listed else sa.true()


def _in_range(
    column: sa.ColumnElement[Any], form: Form, lo: datetime | None, hi: datetime | None
) -> sa.ColumnElement[bool]:
    if form is Form.OTHER:  # not a date at all: let it travel and be reported
        return sa.true()
    held = sa.cast(column, sa.Text) if form is Form.OPAQUE else column
    bounds = []
    if lo is not None:
        bounds.append(held >= sa.literal(_bound(form, lo, -_DAY)))
    if hi is not None:
        bounds.append(held <= sa.literal(_bound(form, hi, _DAY)))
    return sa.and_(sa.true(), *bounds)


def _bound(form: Form, moment: datetime, slack: timedelta) -> datetime | date | str:
    """`moment` as it compares with such a column; `slack` where zones or separators are uncertain."""
    moment = moment.astimezone(UTC)
    match form:
        case Form.AWARE:
            return moment
        case Form.NAIVE:
            return moment.replace(tzinfo=None)
        case Form.DATE:
            return (moment + slack).date()
        case Form.UNKNOWN:
            return (moment + slack).replace(tzinfo=None)
        case Form.TEXT | Form.OPAQUE | Form.DYNAMIC | Form.OTHER:
            # '2024-05-01T…' and '2024-05-01 …' both lie between the bare date and the next day's.
            later = slack + _DAY if slack > timedelta(0) else slack
            return (moment + later).date().isoformat()
        case _:
            assert_never(form)


def _on_month_days(
    column: sa.ColumnElement[Any], form: Form, ranges: tuple[Range, ...]
) -> sa.ColumnElement[bool]:
    days = _month_days(ranges)
    if days is None or form is Form.OTHER:
        return sa.true()
    if form in _AS_TEXT:
        held = sa.cast(column, sa.Text) if form is Form.OPAQUE else column
        # The positions are written out, not bound, so that an index on the expression is used.
        text = sa.func.substr(held, sa.literal_column("6"), sa.literal_column("5"), type_=sa.Text())
        return text.in_([f"{month:02}-{day:02}" for month, day in days])
    months = {month: [day for other, day in days if other == month] for month, _ in days}
    return sa.or_(
        *(
            sa.and_(sa.extract("month", column) == month, sa.extract("day", column).in_(in_month))
            for month, in_month in months.items()
        )
    )


def _month_days(ranges: tuple[Range, ...]) -> list[tuple[int, int]] | None:
    """Every (month, day) in the ranges, a day more at both ends; `None` when that may be any day."""
    found: set[tuple[int, int]] = set()
    if not ranges:
        return None
    for lo, hi in ranges:
        if lo is None or hi is None or (hi - lo).days + 3 >= _YEAR:
            return None
        first, last = (lo.astimezone(UTC) - _DAY).date(), (hi.astimezone(UTC) + _DAY).date()
        days = (first + n * _DAY for n in range((last - first).days + 1))
        found.update((day.month, day.day) for day in days)
    if found & {(2, 28), (3, 1)}:  # in common years 29 February is observed on one of these
        found.add((2, 29))
    return sorted(found)
