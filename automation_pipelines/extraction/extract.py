"""The three questions asked of a CRM: these rows, everything that is wrong, anything new."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Column, Source
from automation_pipelines.engine import Engine, open_engine
from automation_pipelines.errors import ContractError, SourceError
from automation_pipelines.extraction.canonical import canonical
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
        reader = _Reader(crm, engine, *_origins(crm, sqlfiles, names))
        for demand in wanted:
            reader.read(demand)
    found = reader.found + reference_violations(reader.readings)
    errors = [str(violation) for violation in found if violation.severity is Severity.ERROR]
    if errors:
        raise ContractError(errors)
    return {name: one.frame for name, one in reader.readings.items()}


def check(crm: Crm, sqlfiles: SqlFiles) -> Report:
    """Read every source whole and report what is wrong; nothing is raised for the CRM's mistakes."""
    with crm, open_engine() as engine:
        reader = _Reader(crm, engine, *_origins(crm, sqlfiles, SOURCES))
        for name, source in SOURCES.items():
            reader.read(Demand(name, frozenset(column.name for column in source.columns)))
            if name in reader.readings:
                reader.readings[name] = _keys_only(reader.readings[name])
    found = reader.found + reference_violations(reader.readings)
    return Report(tuple(_report(source, sqlfiles, reader.readings, found) for source in SOURCES))


def watermarks(crm: Crm, sqlfiles: SqlFiles) -> dict[str, str | None]:
    """The greatest watermark of each source that has one, as text: it changes when there are new rows."""
    marked = [name for name, source in SOURCES.items() if source.watermark]
    with crm:
        origins, found = _origins(crm, sqlfiles, marked)
        if found:
            raise ContractError([str(violation) for violation in found])
        return {name: _newest(crm, origin) for name, origin in origins.items()}


def _newest(crm: Crm, origin: Origin) -> str | None:
    try:
        value = crm.read(newest(origin)).column(0)[0].as_py()
    except SourceError as error:
        msg = str(_failed(origin.source, origin.file, error))
        raise SourceError(msg) from None
    return None if value is None else str(value)


def _origins(crm: Crm, sqlfiles: SqlFiles, names: Iterable[str]) -> tuple[dict[str, Origin], list[Violation]]:
    """What each source's file returns; files that fail or lack columns are reported and left out."""
    origins: dict[str, Origin] = {}
    found: list[Violation] = []
    for name in sorted(names, key=list(SOURCES).index):
        source, file = SOURCES[name], sqlfiles.find("sources", name)
        try:
            forms = crm.forms(probe(file))
        except SourceError as error:
            found.append(_failed(source, file, error))
            continue
        spelled = {spelling.lower(): spelling for spelling in forms}
        origin = Origin(source, file, spelled, {key: forms[value] for key, value in spelled.items()})
        wrong = shape_violations(source, file.path, spelled, origin.text_ids)
        found += wrong
        if not wrong:
            origins[name] = origin
    return origins, found


def _failed(source: Source, file: SqlFile, error: SourceError) -> Violation:
    return Violation(source.name, None, f"the CRM refuses the file: {error}", file.path)


@dataclass(slots=True)
class _Reader:
    """Collects what was read, and what is wrong with it, over the sources of one extraction."""

    crm: Crm
    engine: Engine
    origins: Mapping[str, Origin]
    found: list[Violation]
    readings: dict[str, Reading] = field(default_factory=dict)

    def read(self, demand: Demand) -> None:
        """Read one source, unless it or one it is selected by is already known to be broken."""
        if not demand.sources <= self.origins.keys():
            return
        origin = self.origins[demand.source]
        columns = _columns(origin.source, demand)
        try:
            raw = self.crm.read(reading(demand, [column.name for column in columns], self.origins))
        except SourceError as error:
            self.found.append(_failed(origin.source, origin.file, error))
            return
        frame = canonical(self.engine, raw, columns, origin.text_ids)
        path, text_ids = origin.file.path, origin.text_ids
        result = Reading(origin.source, path, raw, frame, text_ids, demand.whole)
        self.found += violations(result)
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


def _report(
    name: str, sqlfiles: SqlFiles, readings: Mapping[str, Reading], found: Sequence[Violation]
) -> SourceReport:
    own = tuple(violation for violation in found if violation.source == name)
    rows = readings[name].frame.height if name in readings else None
    return SourceReport(name, sqlfiles.find("sources", name), rows, own)
