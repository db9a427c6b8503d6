"""Asset checks: what must hold of what was made, shown beside it. They look, and change nothing.

None of them guards correctness: what must not be sent must not be in the ledger, and the ledger sees to
that by itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

import dagster as dg
import polars as pl
import sqlalchemy as sa

from automation_pipelines import decisions
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import CRM_SOURCES, SOURCES
from automation_pipelines.errors import ContractError
from automation_pipelines.extraction import Report, Severity, SourceReport, check
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.tables import jobs, ticks
from automation_pipelines.model import SETTLED
from automation_pipelines.orchestration import records, specs
from automation_pipelines.orchestration.metadata import OPEN, ROWS
from automation_pipelines.orchestration.resources import Automation

LATE = timedelta(hours=1)
_LOOKED_BACK = timedelta(days=2)
_JUMP, _SMALL, _HISTORY, _ENOUGH = 3, 50, 20, 5


def contract_specs() -> list[dg.AssetCheckSpec]:
    """What was read of each source keeps its contract."""
    return [
        dg.AssetCheckSpec(
            "contract",
            asset=specs.source_key(name),
            description="Columns, types, required values, keys and references are as the catalogue says. "
            "All violations of all sources are reported together, and nothing downstream runs.",
        )
        for name in SOURCES
    ]


@dataclass
class Broken:
    """What an extraction was refused for; `report` is `None` when it was not."""

    message: str = ""
    report: Report | None = None

    def results(self) -> Iterator[dg.AssetCheckResult]:
        """One result per source."""
        for source in self.report.sources if self.report else ():
            errors = [v for v in source.violations if v.severity is Severity.ERROR]
            yield _contract_result(source.source, source, passed=not errors)

    def failure(self) -> dg.Failure:
        """Name every violation of every source."""
        found = (
            [str(v) for v in self.report.violations if v.severity is Severity.ERROR] if self.report else []
        )
        return dg.Failure(
            "\n".join(found) or self.message,
            metadata={"violations": dg.MetadataValue.md("\n".join(f"- {line}" for line in found))},
            allow_retries=False,
        )


@contextmanager
def broken_contracts(installation: Installation) -> Iterator[Broken]:
    """When an extraction is refused, look at every source whole, so that nothing stays unreported."""
    broken = Broken()
    try:
        yield broken
    except ContractError as error:
        broken.message = str(error)
        broken.report = check(installation.crm, installation.sqlfiles)


def kept_contracts(frames: Mapping[str, pl.DataFrame]) -> Iterator[dg.AssetCheckResult]:
    """The results of an extraction that went through."""
    for name in SOURCES:
        rows = f"{len(frames[name]):,} rows read" if name in frames else "not read in this run"
        yield dg.AssetCheckResult(
            asset_key=specs.source_key(name), check_name="contract", passed=True, description=rows
        )


def _contract_result(name: str, source: SourceReport, *, passed: bool) -> dg.AssetCheckResult:
    found = [str(violation) for violation in source.violations]
    return dg.AssetCheckResult(
        asset_key=specs.source_key(name),
        check_name="contract",
        passed=passed,
        description=found[0] if found else "nothing wrong",
        metadata={"violations": dg.MetadataValue.md("\n".join(f"- {line}" for line in found) or "none")},
    )


def checks() -> list[dg.AssetChecksDefinition]:
    """Assemble the checks that run after their assets."""
    return [_references(), _audience_sizes(), _complete_decisions(), _unique_keys(), _ledger_lag()]


def _references() -> dg.AssetChecksDefinition:
    listed = [
        dg.AssetCheckSpec(
            "whole_table",
            asset=specs.source_key(name),
            description="Every row of the CRM's table, not only those a tick needs, keeps the contract and "
            "points to rows that exist. Read in full: run by the daily job.",
        )
        for name in CRM_SOURCES
    ]

    @dg.multi_asset_check(name="whole_tables", specs=listed)
    def whole_tables(
        context: dg.AssetCheckExecutionContext, automation: dg.ResourceParam[Automation]
    ) -> Iterator[dg.AssetCheckResult]:
        report = check(automation.installation.crm, automation.installation.sqlfiles)
        for source in report.sources:
            if source.rows is not None:
                seen = dg.AssetObservation(specs.crm_key(source.source), metadata={ROWS: source.rows})
                context.op_execution_context.log_event(seen)
            found = [str(violation) for violation in source.violations]
            rows = {} if source.rows is None else {"rows": source.rows}
            yield dg.AssetCheckResult(
                asset_key=specs.source_key(source.source),
                check_name="whole_table",
                passed=not found,
                severity=dg.AssetCheckSeverity.WARN,
                description=found[0] if found else "nothing wrong",
                metadata={
                    "violations": dg.MetadataValue.md("\n".join(f"- {v}" for v in found) or "none"),
                    **rows,
                },
            )

    return whole_tables


def _audience_sizes() -> dg.AssetChecksDefinition:
    listed = [
        dg.AssetCheckSpec(
            "size",
            asset=specs.audience_key(name),
            description=f"Not {_JUMP} times as many rows as usual (the median of the last {_HISTORY} runs), "
            f"nor a {_JUMP}rd of them.",
        )
        for name in AUDIENCES
    ]

    @dg.multi_asset_check(name="audience_sizes", specs=listed)
    def audience_sizes(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        for name in AUDIENCES:
            yield _size_result(name, _past_sizes(context.instance, name))

    return audience_sizes


def _past_sizes(instance: dg.DagsterInstance, audience: str) -> list[int]:
    """Row counts, the newest first."""
    key = specs.audience_key(audience)
    found = instance.fetch_materializations(key, limit=_HISTORY + 1).records
    values = (record.asset_materialization for record in found)
    shown = (each.metadata[ROWS].value for each in values if each is not None and ROWS in each.metadata)
    return [value for value in shown if isinstance(value, int)]


def _size_result(audience: str, sizes: list[int]) -> dg.AssetCheckResult:
    newest, before = (sizes[0], sizes[1:]) if sizes else (0, [])
    usual = median(before) if len(before) >= _ENOUGH else None
    jumped = (
        usual is not None and max(newest, usual) >= _SMALL and not usual / _JUMP <= newest <= usual * _JUMP
    )
    said = "not enough runs to compare with" if usual is None else f"{newest:,} rows, usually {usual:,.0f}"
    return dg.AssetCheckResult(
        asset_key=specs.audience_key(audience),
        check_name="size",
        passed=not jumped,
        severity=dg.AssetCheckSeverity.WARN,
        description=said,
    )


def _complete_decisions() -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=specs.DECISIONS, name="every_moment_decided")
    def every_moment_decided(
        context: dg.AssetCheckExecutionContext, automation: dg.ResourceParam[Automation]
    ) -> dg.AssetCheckResult:
        """Each moment of the newest tick has one decision: what settled it is in ledger and files alike."""
        return _moments_result(automation.installation, context.instance)

    return every_moment_decided


def _moments_result(installation: Installation, instance: dg.DagsterInstance) -> dg.AssetCheckResult:
    newest = sa.select(ticks).where(ticks.c.mode == "live").order_by(ticks.c.id.desc()).limit(1)
    rows = installation.database.read(newest)
    if rows.is_empty():
        return dg.AssetCheckResult(passed=True, description="no tick has run yet")
    tick = rows.row(0, named=True)
    filed = _settled_in_files(installation, tick["run_id"])
    in_ledger = tick["planned"] + tick["settled"]
    open_ = _open_moments(instance, tick["run_id"])
    known = {} if open_ is None else {"open": open_}
    return dg.AssetCheckResult(
        passed=filed == in_ledger and (open_ is None or in_ledger + open_ == tick["moments"]),
        description=f"{tick['moments']:,} moments: {in_ledger:,} settled in the ledger, {filed:,} in files"
        + ("" if open_ is None else f", {open_:,} open"),
        metadata={"moments": tick["moments"], "in_ledger": in_ledger, "in_files": filed, **known},
    )


def _settled_in_files(installation: Installation, run_id: str) -> int:
    paths = installation.files.of_run(decisions.DATASET, run_id)
    if not paths:
        return 0
    rows = pl.scan_parquet(paths, hive_partitioning=False)
    settled = rows.filter(pl.col("reason").is_in([str(reason) for reason in SETTLED]))
    return int(settled.select(KEY).unique().select(pl.len()).collect().item())


def _open_moments(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """How many moments the tick left open, as its run told; `None` when it was not a run of ours."""
    event = instance.get_latest_materialization_event(specs.JOBS)
    told = event.asset_materialization if event is not None and event.run_id == run_id else None
    value = told.metadata[OPEN].value if told is not None and OPEN in told.metadata else None
    return value if isinstance(value, int) else None


def _unique_keys() -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=specs.JOBS, name="keys_are_unique")
    def keys_are_unique(automation: dg.ResourceParam[Automation]) -> dg.AssetCheckResult:
        """No key occurs twice among the jobs due since two days ago: nobody gets anything twice."""
        columns = [jobs.c[name] for name in KEY]
        recent = jobs.c.due_at >= automation.clock() - _LOOKED_BACK
        twice = sa.select(*columns).where(recent).group_by(*columns).having(sa.func.count() > 1)
        found = automation.installation.database.read(twice)
        return dg.AssetCheckResult(passed=found.is_empty(), description=f"{len(found):,} keys occur twice")

    return keys_are_unique


def _ledger_lag() -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=specs.DELIVERIES, name="nothing_waits_too_long")
    def nothing_waits_too_long(automation: dg.ResourceParam[Automation]) -> dg.AssetCheckResult:
        """No job that could be delivered has been due for more than an hour."""
        lag = records.lag(automation.installation, automation.clock())
        minutes = lag / timedelta(minutes=1)
        return dg.AssetCheckResult(
            passed=lag <= LATE,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"the oldest due job has been waiting for {minutes:,.0f} minutes",
            metadata={"minutes": round(minutes, 1)},
        )

    return nothing_waits_too_long
