"""What is wanted of a source: which columns, of which rows. Knows no SQL and no database."""

from collections.abc import Iterable
from dataclasses import dataclass

from automation_pipelines.catalogue.types import Predicate, Range


@dataclass(frozen=True, slots=True)
class Keys:
    """Rows whose `column` is one of these keys, already known because another database holds them."""

    column: str
    values: frozenset[int]


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that match every predicate and, with `of`, whose `by` occurs in another source's rows.

    `ranges` are the anchors that could matter, both ends included, `None` for open; they bind every
    `InRange` and `OnMonthDay` predicate. No range at all restricts nothing: too much is better than
    too little, since the audience's SQL is exact.
    """

    where: tuple[Predicate | Keys, ...] = ()
    ranges: tuple[Range, ...] = ()
    of: "tuple[str, str, Selection] | None" = None
    """(source, column, selection of that source): "the customers of those quotes"."""
    by: str = "id"

    @property
    def whole(self) -> bool:
        """Whether this is every row."""
        return not self.where and self.of is None

    @property
    def sources(self) -> frozenset[str]:
        """The other sources whose SQL takes part."""
        if self.of is None:
            return frozenset()
        source, _, selection = self.of
        return frozenset({source}) | selection.sources


@dataclass(frozen=True, slots=True)
class Demand:
    """Columns of one source, for the rows that match any of the alternatives (none: every row)."""

    source: str
    columns: frozenset[str]
    alternatives: tuple[Selection, ...] = (Selection(),)

    @property
    def whole(self) -> bool:
        """Whether every row is wanted."""
        return not self.alternatives or any(selection.whole for selection in self.alternatives)

    def without(self, absent: frozenset[str]) -> "Demand | None":
        """What remains where these sources have no rows; `None`: nothing can match."""
        if self.source in absent:
            return None
        if self.whole:
            return self
        left = tuple(selection for selection in self.alternatives if not selection.sources & absent)
        return Demand(self.source, self.columns, left) if left else None

    @property
    def sources(self) -> frozenset[str]:
        """Every source whose SQL takes part, this one included."""
        others = () if self.whole else (selection.sources for selection in self.alternatives)
        return frozenset({self.source}).union(*others)


def merged(demands: Iterable[Demand]) -> tuple[Demand, ...]:
    """One demand per source, in the order of first mention: all columns, any of the alternatives."""
    by_source: dict[str, Demand] = {}
    for demand in demands:
        before = by_source.get(demand.source)
        by_source[demand.source] = _union(before, demand) if before else demand
    return tuple(by_source.values())


def _union(one: Demand, other: Demand) -> Demand:
    columns = one.columns | other.columns
    if one.whole or other.whole:
        return Demand(one.source, columns)
    alternatives = tuple(dict.fromkeys(one.alternatives + other.alternatives))
    return Demand(one.source, columns, alternatives)
