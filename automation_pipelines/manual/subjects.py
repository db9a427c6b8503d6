"""Who is named: the CRM's own keys become rows, and what is read of the CRM is narrowed to theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Among, InRange, OnMonthDay
from automation_pipelines.errors import RefusedError
from automation_pipelines.extraction import Demand, Keys, Selection
from automation_pipelines.installation import Installation
from automation_pipelines.manual.request import Request
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.subjects import look_up, those
from automation_pipelines.tick import read_frames

_CUSTOMERS = "customers"


@dataclass(frozen=True, slots=True)
class Named:
    """The rows that were named: `id, id_text, tenant_id`; and the keys nothing was found for."""

    rows: pl.DataFrame
    missing: tuple[tuple[str, str], ...]
    """(the key as it was given, why it names nobody)."""


def find(installation: Installation, spec: Campaign, request: Request) -> Named:
    """Look the keys up in the CRM; `RefusedError` for one that several tenants have."""
    source = AUDIENCES[spec.audience].subject
    if source == _CUSTOMERS:
        return _named(installation, source, (*request.subjects, *request.customers), request.tenant_id)
    own = _named(installation, source, request.subjects, request.tenant_id)
    if not request.customers:
        return own
    column = _customer_column(spec, source)
    holders = _named(installation, _CUSTOMERS, request.customers, request.tenant_id)
    theirs = _held_by(installation, source, column, holders.rows)
    rows = pl.concat([own.rows, theirs.drop("holder")]).unique().sort("tenant_id", "id")
    without = holders.rows.filter(~pl.col("id_text").is_in(theirs["holder"].implode()))["id_text"]
    none = f"the CRM has no {source} of the customer with this key"
    return Named(rows, (*own.missing, *holders.missing, *((key, none) for key in without)))


def _named(installation: Installation, source: str, keys: Sequence[str], tenant: int | None) -> Named:
    rows = look_up(installation, source, keys, tenant).sort("tenant_id", "id")
    whose = f"the CRM's {source}" if tenant is None else f"the {source} of tenant {tenant}"
    missing = [key for key in dict.fromkeys(keys) if key not in set(rows["id_text"])]
    return Named(rows, tuple((key, f"none of {whose} has this key: check it") for key in missing))


def _customer_column(spec: Campaign, source: str) -> str:
    for column in SOURCES[source].columns:
        if column.references == _CUSTOMERS:
            return column.name
    msg = f"campaign '{spec.id}' is about {source}, which belong to no customer: name them with --subject"
    raise RefusedError(msg)


def _held_by(installation: Installation, source: str, column: str, holders: pl.DataFrame) -> pl.DataFrame:
    """The rows of `source` whose `column` names one of the holders, whose key is beside it as `holder`."""
    where = those(
        installation.sqlfiles, source, column, holders["id"].to_list(), holders["id_text"].to_list()
    )
    demand = Demand(source, frozenset({"tenant_id", column}), (Selection(where),))
    rows = read_frames(installation, [demand])[source]
    whom = holders.select("tenant_id", pl.col("id").alias(column), pl.col("id_text").alias("holder"))
    return rows.join(whom, on=["tenant_id", column]).select("id", "id_text", "tenant_id", "holder")


@dataclass(frozen=True, slots=True)
class Narrow:
    """Makes demands smaller: only what is about some subjects is read."""

    files: SqlFiles
    source: str
    rows: pl.DataFrame

    def demand(self, demand: Demand) -> Demand:
        """The same demand, of these subjects' rows."""
        alternatives = demand.alternatives or (Selection(),)
        return replace(
            demand, alternatives=tuple(self._selection(demand.source, each) for each in alternatives)
        )

    def _selection(self, source: str, selection: Selection) -> Selection:
        if selection.of is not None:
            above, column, inner = selection.of
            return replace(selection, of=(above, column, self._selection(above, inner)))
        return replace(selection, where=(*selection.where, *self._keys(source, selection)))

    def _keys(self, source: str, selection: Selection) -> Iterator[Among | Keys]:
        # What is read by its state alone, like the workload of agents, is beside the subjects.
        about = not selection.where or any(isinstance(p, InRange | OnMonthDay) for p in selection.where)
        column = self._column(source)
        if about and column is not None:
            numbers, texts = self.rows["id"].to_list(), self.rows["id_text"].to_list()
            yield from those(self.files, source, column, numbers, texts)

    def _column(self, source: str) -> str | None:
        if source == self.source:
            return "id"
        columns = SOURCES[source].columns
        return next((column.name for column in columns if column.references == self.source), None)
