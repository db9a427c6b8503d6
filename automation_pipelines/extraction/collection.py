"""Everything a computation reads, wherever it is kept: one question to the CRM and the ledger together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Among, InRange, Keeper
from automation_pipelines.extraction.crm import Crm
from automation_pipelines.extraction.demands import Demand, Keys, Selection, merged
from automation_pipelines.extraction.extract import extract
from automation_pipelines.ledger import happened
from automation_pipelines.ledger.database import Database
from automation_pipelines.sqlfiles import SqlFiles

Frames = Mapping[str, pl.DataFrame]


def collect(
    crm: Crm, sqlfiles: SqlFiles, database: Database, demands: Sequence[Demand]
) -> dict[str, pl.DataFrame]:
    """Read what is demanded; one frame per source, always with `id` and `id_text`.

    The ledger is asked first: the rows of the CRM that belong to what happened are asked for by key.
    """
    wanted = merged(demands)
    frames = {demand.source: _happened(database, demand) for demand in wanted if _kept(demand.source)}
    rest = [_keyed_demand(demand, frames) for demand in wanted if not _kept(demand.source)]
    return {**frames, **(extract(crm, sqlfiles, rest) if rest else {})}


def _kept(source: str) -> bool:
    return SOURCES[source].origin is Keeper.LEDGER


def _happened(database: Database, demand: Demand) -> pl.DataFrame:
    parts = [(_predicates(selection), selection.ranges) for selection in demand.alternatives]
    return happened.read(database, demand.source, parts or [((), ())])


def _predicates(selection: Selection) -> tuple[Among | InRange, ...]:
    """What of a selection the ledger can be asked; the audience's SQL is exact."""
    return tuple(predicate for predicate in selection.where if isinstance(predicate, Among | InRange))


def _keyed_demand(demand: Demand, frames: Frames) -> Demand:
    alternatives = tuple(_keyed(selection, frames) for selection in demand.alternatives)
    return replace(demand, alternatives=alternatives)


def _keyed(selection: Selection, frames: Frames) -> Selection:
    """The same selection, without the ledger's rows in it: their keys instead."""
    if selection.of is None:
        return selection
    source, column, inner = selection.of
    if not _kept(source):
        return replace(selection, of=(source, column, _keyed(inner, frames)))
    keys = frames[source].filter(_matching(inner))[column].drop_nulls().unique()
    return replace(selection, of=None, where=(*selection.where, Keys(selection.by, frozenset(keys))))


def _matching(selection: Selection) -> pl.Expr:
    conditions = [_matches(predicate, selection) for predicate in _predicates(selection)]
    return pl.all_horizontal(pl.lit(value=True), *conditions)


def _matches(predicate: Among | InRange, selection: Selection) -> pl.Expr:
    column = pl.col(predicate.column)
    if isinstance(predicate, Among):
        return column.is_in(predicate.values)
    ranges = predicate.reach(selection.ranges)
    within = [pl.all_horizontal(_bounds(column, lo, hi)) for lo, hi in ranges]
    return pl.any_horizontal(within) if within else pl.lit(value=True)


def _bounds(column: pl.Expr, lo: datetime | None, hi: datetime | None) -> list[pl.Expr]:
    low = [column >= lo] if lo is not None else []
    high = [column <= hi] if hi is not None else []
    return [pl.lit(value=True), *low, *high]
