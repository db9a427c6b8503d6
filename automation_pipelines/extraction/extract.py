"""The three questions asked of a CRM: these rows, everything that is wrong, anything new."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.catalogue.types import Column, Source
from automation_pipelines.engine import Engine, open_engine
from automation_pipelines.errors import ContractError, SourceError
from automation_pipelines.extraction.canonical import canonical, no_rows
from automation_pipelines.extraction.contracts import (
    Reading,
    Severity,
    Violation,
    reference_violations,
    shape_violations,
    violations,
)
from automation_pipelines.extraction.crm import Crm
from automation_pipelines.extraction.demands import Demand, merged
from automation_pipelines.extraction.statements import Origin, newest, probe, reading
from automation_pipelines.sqlfiles import SqlFile, SqlFiles


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source: how many rows it has (`None`: it cannot be read) and what is wrong with it."""

    source: str
    file: SqlFile
    rows: int | None
    violations: tuple[Violation, ...]
    absent: bool = False
    """The CRM has no such thing: the audiences that need it select nobody."""


@dataclass(frozen=True, slots=True)
class Report:
    """Every source of a CRM."""

    sources: tuple[SourceReport, ...]

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Those of all sources."""
        return tuple(violation for source in self.sources for violation in source.violations)

    @property
    def broken(self) -> bool:
        """Whether an extraction could be refused."""
        return any(violation.severity is Severity.ERROR for violation in self.violations)


def extract(crm: Crm, sqlfiles: SqlFiles, demands: Sequence[Demand]) -> dict[str, pl.DataFrame]:
    """Read what is demanded; one frame per source, always with `id` and `id_text`.

    `ContractError` with all violations of all sources together.
    """
    wanted = merged(demands)
    names: frozenset[str] = frozenset().union(*(demand.sources for demand in wanted))
    with crm, open_engine() as engine:
        reader = _Reader(crm, engine, _origins(crm, sqlfiles, names))
        for demand in wanted:
            reader.recall(demand)
    errors = [str(violation) for violation in reader.all_found() if violation.severity is Severity.ERROR]
    if errors:
        raise ContractError(errors)
    return {**reader.without_rows, **{name: one.frame for name, one in reader.readings.items()}}


def check(crm: Crm, sqlfiles: SqlFiles) -> Report:
    """Read every source whole and report what is wrong; nothing is raised for the CRM's mistakes."""
    with crm, open_engine() as engine:
        reader = _Reader(crm, engine, _origins(crm, sqlfiles, CRM_SOURCES))
        for name, source in CRM_SOURCES.items():
            reader.read(Demand(name, frozenset(column.name for column in source.columns)))
            if name in reader.readings:
                reader.readings[name] = _keys_only(reader.readings[name])
    found = reader.all_found()
    return Report(tuple(_report(source, sqlfiles, reader, found) for source in CRM_SOURCES))


def watermarks(crm: Crm, sqlfiles: SqlFiles) -> dict[str, str | None]:
    """The greatest watermark of each source that has one, as text: it changes when there are new rows."""
    marked = [name for name, source in CRM_SOURCES.items() if source.watermark]
    with crm:
        origins = _origins(crm, sqlfiles, marked)
        if origins.found:
            raise ContractError([str(violation) for violation in origins.found])
        newest_ = {name: _newest(crm, origin) for name, origin in origins.read.items()}
        return {name: newest_.get(name) for name in marked}


def _newest(crm: Crm, origin: Origin) -> str | None:
    try:
        value = crm.read(newest(origin)).column(0)[0].as_py()
    except SourceError as error:
        msg = str(_failed(origin.source, origin.file, error))
        raise SourceError(msg) from None
    return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class _Origins:
    """Where sources come from, which the CRM does not have, and which cannot be read for these reasons."""

    read: dict[str, Origin]
    absent: frozenset[str]
    found: list[Violation]


def _origins(crm: Crm, sqlfiles: SqlFiles, names: Iterable[str]) -> _Origins:
    """What each source's file returns; files that fail or lack columns are reported and left out."""
    origins: dict[str, Origin] = {}
    absent: set[str] = set()
    found: list[Violation] = []
    for name in sorted(names, key=list(CRM_SOURCES).index):
        source, file = CRM_SOURCES[name], sqlfiles.find("sources", name)
        if is_absent(crm, source, file):
            absent.add(name)
            continue
        try:
            forms = crm.memory.get(file) or crm.forms(probe(file))
        except SourceError as error:
            found.append(_failed(source, file, error))
            continue
        crm.memory[file] = forms
        spelled = {spelling.lower(): spelling for spelling in forms}
        origin = Origin(source, file, spelled, {key: forms[value] for key, value in spelled.items()})
        wrong = shape_violations(source, file.path, spelled, origin.text_ids)
        found += wrong
        if not wrong:
            origins[name] = origin
    return _Origins(origins, frozenset(absent), found)


def is_absent(crm: Crm, source: Source, file: SqlFile) -> bool:
    """Whether the CRM has no such thing. It must be open."""
    # Only a table that certainly does not exist is none: an opt-out must not be lost to a failing connection.
    return file.empty or (source.optional and file.shipped and not crm.has(source.table or source.name))


def _failed(source: Source, file: SqlFile, error: SourceError) -> Violation:
    return Violation(source.name, None, f"the CRM refuses the file: {error}", file.path)


@dataclass(slots=True)
class _Reader:
    """Collects what was read, and what is wrong with it, over the sources of one extraction."""

    crm: Crm
    engine: Engine
    origins: _Origins
    readings: dict[str, Reading] = field(default_factory=dict)
    without_rows: dict[str, pl.DataFrame] = field(default_factory=dict)

    def all_found(self) -> list[Violation]:
        """Everything wrong, within sources and between them."""
        return self.origins.found + reference_violations(self.readings)

    def recall(self, demanded: Demand) -> None:
        """Read one source, unless it was just read whole: those are few rows, and often asked for."""
        if demanded in self.crm.memory:
            self.readings[demanded.source] = self.crm.memory[demanded]
            return
        self.read(demanded)
        if demanded.whole and demanded.source in self.readings:
            self.crm.memory[demanded] = self.readings[demanded.source]

    def read(self, demanded: Demand) -> None:
        """Read one source, unless it or one it is selected by is already known to be broken."""
        columns = _columns(CRM_SOURCES[demanded.source], demanded)
        demand = demanded.without(self.origins.absent)
        if demand is None:
            self.without_rows[demanded.source] = no_rows(columns)
            return
        if not demand.sources <= self.origins.read.keys():
            return
        origin = self.origins.read[demand.source]
        try:
            raw = self.crm.read(reading(demand, [column.name for column in columns], self.origins.read))
        except SourceError as error:
            self.origins.found.append(_failed(origin.source, origin.file, error))
            return
        frame = canonical(self.engine, raw, columns, origin.text_ids)
        path, text_ids = origin.file.path, origin.text_ids
        result = Reading(origin.source, path, raw, frame, text_ids, demand.whole)
        self.origins.found.extend(violations(result))
        self.readings[demand.source] = replace(result, raw=raw.select([]))


def _columns(source: Source, demand: Demand) -> list[Column]:
    """The demanded columns in the catalogue's order, `id` always and first."""
    unknown = demand.columns - {column.name for column in source.columns}
    if unknown:
        msg = f"source {source.name} has no column {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    return [column for column in source.columns if column.name in demand.columns | {"id"}]


def _keys_only(whole: Reading) -> Reading:
    """A reading reduced to what `reference_violations` asks, so that a large CRM fits into memory."""
    keys = [column.name for column in whole.columns if column.references or column.name == "id"]
    return replace(whole, frame=whole.frame.select(*keys, "id_text"))


def _report(name: str, sqlfiles: SqlFiles, reader: _Reader, found: Sequence[Violation]) -> SourceReport:
    own = tuple(violation for violation in found if violation.source == name)
    rows = reader.readings[name].frame.height if name in reader.readings else None
    absent = name in reader.origins.absent
    return SourceReport(name, sqlfiles.find("sources", name), rows, own, absent)
