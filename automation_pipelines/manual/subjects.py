"""Who is named: the CRM's own keys become rows, and what is read of the CRM is narrowed to theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Among, InRange, Keeper, OnMonthDay
from automation_pipelines.errors import RefusedError
from automation_pipelines.extraction import Demand, Keys, Selection
from automation_pipelines.installation import Installation
from automation_pipelines.manual.request import Request
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.tick import read_frames

_CUSTOMERS = "customers"
_MANY = 5_000
"""More keys than this are not worth a predicate."""


@dataclass(frozen=True, slots=True)
class Named:
    """The rows that were named: `id, id_text, tenant_id`; and the keys nothing was found for."""

    rows: pl.DataFrame
    missing: tuple[tuple[str, str], ...]
    """(the key as it was given, why it names nobody)."""


def find(installation: Installation, spec: Campaign, request: Request) -> Named:
    """Look the keys up in the CRM; `RefusedError` for one that several tenants have."""
    source = AUDIENCES[spec.audience].subject
    own = (*request.subjects, *(request.customers if source == _CUSTOMERS else ()))
    theirs = () if source == _CUSTOMERS else request.customers
    found = _look_up(installation, source, "id", own)
    none = f"none of the CRM's {source} has this key: check it"
    missing = [(key, none) for key in own if key not in set(found["id_text"])]
    if theirs:
        holders = _look_up(installation, _CUSTOMERS, "id", theirs)
        held = _look_up(installation, source, _customer_column(spec, source), theirs, holders)
        found = pl.concat([found, held.drop("customer", strict=False)])
        having = holders.filter(pl.col("id").is_in(held["customer"].implode()))["id_text"]
        missing += [
            (key, f"the CRM has no {source} of a customer with this key")
            for key in theirs
            if key not in set(having)
        ]
    if request.tenant_id is not None:
        found = found.filter(pl.col("tenant_id") == request.tenant_id)
        none = f"none of the {source} of tenant {request.tenant_id} has this key"
        missing += [(key, none) for key in own if key not in {*found["id_text"], *dict(missing)}]
    found = found.unique(maintain_order=True).sort("tenant_id", "id")
    _in_one_tenant(found, source, own)
    return Named(found, tuple(dict.fromkeys(missing)))


def _customer_column(spec: Campaign, source: str) -> str:
    for column in SOURCES[source].columns:
        if column.references == _CUSTOMERS:
            return column.name
    msg = f"campaign '{spec.id}' is about {source}, which belong to no customer: name them with --subject"
    raise RefusedError(msg)


def _in_one_tenant(found: pl.DataFrame, source: str, keys: Sequence[str]) -> None:
    several = found.filter(pl.col("id_text").is_duplicated(), pl.col("id_text").is_in(list(keys)))
    if len(several):
        keys = several["id_text"].unique().sort().to_list()
        msg = f"several {source} have the key {', '.join(keys)}: say which tenant's is meant with --tenant"
        raise RefusedError(msg)


def _look_up(
    installation: Installation,
    source: str,
    column: str,
    keys: Sequence[str],
    holders: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The rows of `source` with these keys; with `holders`, those whose `column` names one of them."""
    columns = frozenset({"tenant_id", column} - {"id"})
    numbers = _numbers(keys) if holders is None else holders["id"].to_list()
    where = _predicate(installation.sqlfiles, source, column, numbers, keys)
    rows = read_frames(installation, [Demand(source, columns, (Selection(where),))])[source]
    if holders is None:
        return rows.filter(pl.col("id_text").is_in(list(keys))).select("id", "id_text", "tenant_id")
    whom = holders.select("tenant_id", pl.col("id").alias(column))
    theirs = rows.join(whom, on=["tenant_id", column], how="semi")
    return theirs.select("id", "id_text", "tenant_id", pl.col(column).alias("customer"))


def _numbers(keys: Sequence[str]) -> list[int]:
    return [int(key) for key in keys if key.isascii() and key.isdigit()]


def _predicate(
    files: SqlFiles, source: str, column: str, numbers: Sequence[int], texts: Sequence[str]
) -> tuple[Among | Keys, ...]:
    """These keys and no others, as the CRM holds them; what cannot be asked for restricts nothing."""
    if len(texts) > _MANY:
        return ()
    kept_here = SOURCES[source].origin is Keeper.LEDGER
    if not kept_here and column in files.find("sources", source).directive("text ids"):
        return (Among(column, tuple(texts)),)
    return (Keys(column, frozenset(numbers)),)


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
            yield from _predicate(self.files, source, column, numbers, texts)

    def _column(self, source: str) -> str | None:
        if source == self.source:
            return "id"
        columns = SOURCES[source].columns
        return next((column.name for column in columns if column.references == self.source), None)
