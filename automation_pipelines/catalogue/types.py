"""The vocabulary in which catalogue entries are written. No entries, no SQL, no I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

Range = tuple[datetime | None, datetime | None]
"""Instants from one to another, both included; `None` is open."""


class Type(StrEnum):
    """Column types, the same in every engine. `FRAME_TYPES` in `engine` says how each is stored."""

    ID = "id"
    """A CRM key as int64: the CRM's integer, or 63 bits of a hash of its text."""
    INTEGER = "integer"
    MONEY = "money"
    """Integer minor units (cents) of the row's `currency`."""
    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"
    """A moment in time, UTC, microseconds."""


class Format(StrEnum):
    """What a text column must be able to do, beyond being text."""

    TIME_ZONE = "time_zone"
    """The name of an IANA zone."""
    CLOCK = "clock"
    """A local time of day, HH:MM."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `required` refuses nulls; `values` refuses everything else that is not null."""

    name: str
    type: Type
    doc: str
    required: bool = False
    values: tuple[str, ...] = ()
    references: str | None = None
    """The source whose `id` this column holds."""
    personal: bool = False
    """Personal data: masked in previews, never in decisions, statistics or metadata."""
    format: Format | None = None
    between: tuple[int, int] | None = None
    """The smallest and largest value allowed, for integers."""
    variable: str | None = None
    """Where templates find it beside its own name, for example `account.name`."""


class Keeper(StrEnum):
    """Who keeps a source's rows."""

    CRM = "crm"
    """`sql/sources/<name>.sql` selects them from the CRM."""
    LEDGER = "ledger"
    """The automation database: what the system saw, was told and did itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """A canonical table; one of the CRM is whatever `sql/sources/<name>.sql` selects there."""

    name: str
    row: str
    """What one row is."""
    columns: tuple[Column, ...]
    watermark: str | None = None
    """The column, written by the CRM, that grows with every new or changed row."""
    track: tuple[str, ...] = ()
    """Columns whose changes are recorded in source `changes` whenever the rows are read."""
    origin: Keeper = Keeper.CRM
    optional: bool = False
    """A CRM may have no such table: its audiences then select nobody."""
    table: str | None = None
    """The table that its shipped SQL reads, where it has none of its own."""

    def column(self, name: str) -> Column:
        """The column called `name`; `KeyError` if there is none."""
        return {column.name: column for column in self.columns}[name]


@dataclass(frozen=True, slots=True)
class Among:
    """Rows whose `column` is one of `values`."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InRange:
    """Rows whose `column` (date or instant) lies in one of the anchor ranges asked for.

    `before` reaches so much further back; `onwards` takes everything since the earliest range began.
    """

    column: str
    before: timedelta = timedelta(0)
    onwards: bool = False

    def reach(self, ranges: tuple[Range, ...]) -> tuple[Range, ...]:
        """The ranges of the column's values where anchors have these; none at all restrict nothing."""
        if not self.onwards:
            return tuple((lo and lo - self.before, hi) for lo, hi in ranges)
        starts = [lo for lo, _ in ranges if lo is not None]
        return ((min(starts) - self.before, None),) if starts and len(starts) == len(ranges) else ()


@dataclass(frozen=True, slots=True)
class OnMonthDay:
    """Rows whose `column` (date or instant) has the month and day of some day in the anchor ranges."""

    column: str


Predicate = Among | InRange | OnMonthDay


@dataclass(frozen=True, slots=True)
class Read:
    """What an audience needs of one source: these columns, of the rows that match every predicate.

    With `of`, only rows whose `id` (or column `by`) occurs in that (source, column) among the rows of
    the reads of that source listed before this one: "the customers of those quotes", "the goals of those
    accounts". A predicate is pushed into the CRM's SQL and may let through a little more than it says;
    the audience's SQL is exact. With `asked`, only where some tenant's value of that setting passes.
    """

    source: str
    columns: tuple[str, ...]
    where: tuple[Predicate, ...] = ()
    of: tuple[str, str] | None = None
    by: str = "id"
    asked: tuple[str, Callable[[str], bool]] | None = None


class Anchor(StrEnum):
    """What steps count from."""

    DATE = "date"
    INSTANT = "instant"
    SCHEDULE = "schedule"
    """The slots of the campaign's own schedule: the audience is a segment."""


class Grain(StrEnum):
    """Which time this is: how much of the anchor makes the occurrence."""

    ONCE = "once"
    YEAR = "year"
    DAY = "day"
    INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class Audience:
    """One row per subject in scope with its anchor: `sql/audiences/<name>.sql`.

    The SQL returns `tenant_id, subject_id, subject_text, customer_id, agent_id, anchor` (no `anchor`
    for a segment; `customer_id`/`agent_id` null where there is none) and then `columns`, which
    conditions and templates may use.
    """

    name: str
    row: str
    subject: str
    """The source whose row the subject is."""
    anchor: Anchor
    grain: Grain
    reads: tuple[Read, ...]
    columns: tuple[Column, ...] = ()
    facts: tuple[str, ...] = ()
    """The `sql/facts/<name>.sql` it joins, each made once from the same reads for all its audiences."""


@dataclass(frozen=True, slots=True)
class Window:
    """Days of a daily statistic around the one computed; its SQL finds them as `<statistic>_window`."""

    statistic: str
    before: int
    after: int = 0


@dataclass(frozen=True, slots=True)
class Statistic:
    """A table for analysts: `sql/stats/<name>.sql`."""

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    daily: bool = True
    """Filed and restated per UTC day (column `day`); otherwise derived whole from the daily ones."""
    inputs: tuple[str, ...] = ()
    """The frames its SQL reads: of the record (`stats.inputs`), and statistics that stand before it."""
    reads: tuple[Read, ...] = ()
    """What it needs of the CRM, by the day computed."""
    windows: tuple[Window, ...] = ()
    published: bool = True
    """False: Parquet only. Row by row it is too much for a file that is replaced whole."""
