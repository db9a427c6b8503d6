"""The steps from the CRM to the ledger: sources, audiences, decisions and jobs.

Each calls one stage and says what it did. What an asset is called and means is in `specs`.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import dagster as dg
import polars as pl

from automation_pipelines import decisions, reconstruction
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.decisions import COLUMNS as DECISION_COLUMNS
from automation_pipelines.engine import open_engine
from automation_pipelines.errors import LockedError
from automation_pipelines.installation import Installation
from automation_pipelines.orchestration import figures, records, specs
from automation_pipelines.orchestration.checks import broken_contracts, contract_specs, kept_contracts
from automation_pipelines.orchestration.metadata import OPEN, ROWS, Metadata, counted, counts, markdown
from automation_pipelines.orchestration.resources import Automation, Release
from automation_pipelines.orchestration.runs import (
    RunFiles,
    Scope,
    begin,
    files_of,
    remember_first_day,
    too_far,
)
from automation_pipelines.selection import audience_table
from automation_pipelines.tick import (
    Frames,
    TickResult,
    Work,
    known,
    plan_and_commit,
    read_sources,
    select_audiences,
    track_changes,
)

SINGLE_RUN = dg.BackfillPolicy.single_run()

Result = dg.MaterializeResult[None]


def planning_assets(database: str, days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Assemble the assets of a tick."""
    return [_sources(), _audiences(days), _planning(database, days)]


def _sources() -> dg.AssetsDefinition:
    @dg.multi_asset(name="sources", specs=specs.source_specs(), check_specs=contract_specs())
    def sources(
        context: dg.AssetExecutionContext, automation: dg.ResourceParam[Automation], release: Release
    ) -> Iterator[Result | dg.AssetCheckResult]:
        """Read from the CRM what the work of this run needs; refuse what breaks a contract."""
        installation = automation.installation
        installation.database.require_current()
        frames: Frames = {}
        with broken_contracts(installation) as broken:
            scope, work = begin(context, automation, release, whole=True)
            if scope.refusal is None:
                track_changes(installation, work)
            frames = read_sources(installation, work) if work.needs else {}
        if broken.report is not None:
            yield from broken.results()
            raise broken.failure()
        files_of(context, installation).write(frames)
        yield from kept_contracts(frames)
        for name in SOURCES:
            yield Result(specs.source_key(name), metadata=_source_metadata(name, frames.get(name)))

    return sources


def _source_metadata(name: str, frame: pl.DataFrame | None) -> Metadata:
    if frame is None:
        return {"note": dg.MetadataValue.text("not read: nothing that could be due now needs it")}
    return counted(frame, SOURCES[name].columns)


def _audiences(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="audiences", specs=specs.audience_specs(days), can_subset=True, backfill_policy=SINGLE_RUN
    )
    def audiences(
        context: dg.AssetExecutionContext, automation: dg.ResourceParam[Automation], release: Release
    ) -> Iterator[Result]:
        """Select who is in scope, for all tenants at once."""
        installation = automation.installation
        files = files_of(context, installation)
        scope, work = files.resume() or begin(context, automation, release, whole=False)
        selected = _select(installation, scope, work, _frames(installation, files, work))
        wanted = [name for name in AUDIENCES if specs.audience_key(name) in context.selected_asset_keys]
        for name in wanted:
            records.file_audience(
                installation, name, selected.get(name, []), run_id=context.run.run_id, scope=scope
            )
        files.write({audience_table(name): frames[-1][1] for name, frames in selected.items()})
        for name in wanted:
            yield Result(specs.audience_key(name), metadata=_audience_metadata(name, selected.get(name)))

    return audiences


def _frames(installation: Installation, files: RunFiles, work: Work) -> Frames:
    """The frames the run's sources left; a run without that step reads what it needs itself."""
    found = {name: frame for name in SOURCES if (frame := files.read(name)) is not None}
    if found or not work.needs:
        return found
    frames = read_sources(installation, work)
    files.write(frames)
    return frames


def _select(
    installation: Installation, scope: Scope, work: Work, frames: Frames
) -> dict[str, list[records.DayFrame]]:
    """The rows of each audience looked at: of the tick, or of each day of a look."""
    if scope.refusal is None:
        return {
            name: [(scope.as_of.date(), frame)]
            for name, frame in _select_once(installation, work, frames).items()
        }
    selected: dict[str, list[records.DayFrame]] = {}
    for day in scope.days:
        lived = reconstruction.with_days(work, day, day, now=scope.as_of)
        for name, frame in _select_once(installation, lived, frames).items():
            selected.setdefault(name, []).append((day, frame))
    return selected


def _select_once(installation: Installation, work: Work, frames: Frames) -> dict[str, pl.DataFrame]:
    with open_engine() as engine:
        names = select_audiences(installation, engine, frames, work)
        return {name: engine.query(f"FROM {audience_table(name)}") for name in names}


def _audience_metadata(name: str, days: list[records.DayFrame] | None) -> Metadata:
    if days is None:
        return {
            "note": dg.MetadataValue.text("not selected: no started campaign could have a step of it due")
        }
    rows = pl.concat([frame for _, frame in days])
    return counted(rows, specs.audience_columns(AUDIENCES[name]))


def _planning(database: str, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="planning",
        specs=specs.planning_specs(database, days),
        can_subset=True,
        backfill_policy=SINGLE_RUN,
    )
    def planning(
        context: dg.AssetExecutionContext, automation: dg.ResourceParam[Automation], release: Release
    ) -> Iterator[Result]:
        """Decide every moment in the window; in a tick, commit what was decided."""
        installation = automation.installation
        installation.database.require_current()
        files = files_of(context, installation)
        scope, work = files.resume() or begin(context, automation, release, whole=False)
        both = len(context.selected_asset_keys) == len((specs.DECISIONS, specs.JOBS))
        refusal = scope.refusal or too_far(scope.as_of, automation.clock(), installation.settings.tick)
        refusal = refusal or (None if both else "a look: decisions and jobs are released together")
        if refusal is None:
            yield from _release(context, automation, files, work)
        else:
            frames = _frames(installation, files, work)
            yield from _look(context, installation, scope, work, frames, refusal=refusal)

    return planning


def _release(
    context: dg.AssetExecutionContext, automation: Automation, files: RunFiles, work: Work
) -> Iterator[Result]:
    installation = automation.installation
    try:
        done = _commit(context.run.run_id, installation, files, work)
    except LockedError as error:
        # Its plan covers ours: what is due and unsettled is found again by every tick.
        context.log.warning(
            "nothing was planned: %s. What is due is planned by it or by the next tick", error
        )
        return
    for notice in done.notices:
        context.log.warning(notice)
    rows = done.plan.rows
    remember_first_day(installation, work.clock.as_of.date())
    _note_other_days(context, rows, automation.first_day)
    yield Result(
        specs.DECISIONS,
        metadata={
            **_decision_metadata(rows),
            "appended": dg.MetadataValue.int(done.decisions),
            "campaigns": markdown(done.plan.scope),
            "mode": dg.MetadataValue.text("live"),
        },
    )
    yield Result(
        specs.JOBS, metadata={**_job_metadata(done), **records.ledger(installation, work.clock.as_of)}
    )


def _commit(run_id: str, installation: Installation, files: RunFiles, work: Work) -> TickResult:
    frames = _frames(installation, files, work)
    with open_engine() as engine:
        engine.add(**known(installation, frames))
        for need in work.needs:
            audience = files.read(audience_table(need.audience))
            if audience is not None:
                engine.add(selected=audience)
                engine.keep(audience_table(need.audience), "FROM selected")
        return plan_and_commit(installation, engine, work, run_id=run_id)


def _job_metadata(done: TickResult) -> Metadata:
    return {
        **figures.of_tick(done),
        OPEN: dg.MetadataValue.int(len(done.plan.rows) - len(done.plan.settled)),
    }


def _decision_metadata(rows: pl.DataFrame) -> Metadata:
    reasons: Mapping[str, int] = dict(rows.group_by("reason").len().iter_rows())
    return {
        **counted(rows, DECISION_COLUMNS),
        "by_reason": markdown(counts(reasons, "reason")),
        "planned": dg.MetadataValue.int(reasons.get("planned", 0)),
    }


def _note_other_days(context: dg.AssetExecutionContext, rows: pl.DataFrame, first: date) -> None:
    """A tick also decides moments of the days beside its own: late ones, and those just after midnight."""
    own = set(context.partition_keys) if context.has_partition_key else set()
    days = rows.group_by(pl.col("due_at").dt.date().alias("day")).len().sort("day")
    for day, count in days.iter_rows():
        if day >= first and day.isoformat() not in own:
            metadata = {ROWS: count, "mode": "live"}
            context.log_event(
                dg.AssetMaterialization(specs.DECISIONS, partition=day.isoformat(), metadata=metadata)
            )


def _look(
    context: dg.AssetExecutionContext,
    installation: Installation,
    scope: Scope,
    work: Work,
    frames: Frames,
    *,
    refusal: str,
) -> Iterator[Result]:
    note = dg.MetadataValue.text(refusal)
    if specs.DECISIONS in context.selected_asset_keys:
        rows = reconstruction.decide_past(installation, frames, work)
        decisions.append_look(installation.files, rows, run_id=context.run.run_id, as_of=scope.as_of)
        shown = {**_decision_metadata(rows), "mode": dg.MetadataValue.text("reconstructed"), "note": note}
        yield Result(specs.DECISIONS, metadata=shown)
    if specs.JOBS in context.selected_asset_keys:
        context.log.info("not released: %s", refusal)
        yield Result(specs.JOBS, metadata={"not released": note, "planned": dg.MetadataValue.int(0)})
