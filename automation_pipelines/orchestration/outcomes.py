"""The steps after the ledger: deliveries, feedback, and what an operator looks after; not statistics.

Each calls one stage and says what it did. What an asset is called and means is in `specs`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, timedelta
from threading import Event

import dagster as dg
import polars as pl

from automation_pipelines import feedback, history
from automation_pipelines.channels import closing
from automation_pipelines.delivery import deliver
from automation_pipelines.files import FileStore
from automation_pipelines.housekeeping import housekeep
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import holds
from automation_pipelines.orchestration import figures, records, runs, specs
from automation_pipelines.orchestration.assets import Result
from automation_pipelines.orchestration.endings import postponed
from automation_pipelines.orchestration.metadata import ROWS, Metadata, markdown, table
from automation_pipelines.orchestration.resources import Automation, system_clock
from automation_pipelines.orchestration.watching import watch_asset

FRAMES_KEPT = timedelta(days=1)
AUDIENCES_KEPT = timedelta(days=7)
"""They hold personal data and can be selected again."""

_LATELY = timedelta(days=30)


def outcome_assets(database: str) -> list[dg.AssetsDefinition]:
    """Assemble the assets behind the ledger."""
    delivery, upkeep = specs.delivery_specs(database), specs.upkeep_specs(database)
    return [
        _deliveries(delivery[specs.DELIVERIES]),
        _feedback(delivery[specs.FEEDBACK]),
        _campaigns(upkeep[specs.CAMPAIGNS]),
        _payloads(upkeep[specs.PAYLOADS]),
        _storage(upkeep[specs.STORAGE]),
        watch_asset(upkeep[specs.WATCH]),
    ]


def _deliveries(spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_asset(name="deliveries", specs=[spec])
    def deliveries(
        context: dg.AssetExecutionContext, automation: dg.ResourceParam[Automation]
    ) -> Iterator[Result]:
        """Hand over everything that is due."""
        automation.installation.database.require_current()
        with postponed() as told:
            metadata = _deliver(context, automation, told)
        if told.is_set():
            context.log_event(dg.AssetMaterialization(specs.DELIVERIES, metadata=metadata))
            context.log.warning(
                "told to end: what was in flight is finished, the rest waits for the next run"
            )
            raise dg.DagsterExecutionInterruptedError
        yield Result(metadata=metadata)

    return deliveries


def _deliver(context: dg.AssetExecutionContext, automation: Automation, told: Event) -> Metadata:
    installation, channels, clock = automation.installation, automation.channels(), automation.shared_clock
    since = clock()
    with closing(channels):
        done = deliver(
            installation.database,
            channels,
            installation.campaigns,
            installation.settings,
            clock=clock,
            owner=f"dagster:{context.run.run_id}",
            stop=told.is_set,
            nap=told.wait,
        )
    now = clock()
    told_late = figures.late_lines(installation.database, since, now)
    for line in told_late if done.expired or done.late else ():
        context.log.warning(line)
    metadata = figures.of_delivery(installation.database, done, since, now, told_late)
    hold = holds.current(installation.database)
    if hold is not None:
        metadata = {"held": dg.MetadataValue.text(str(hold)), **metadata}
        context.log.warning(str(hold))
    return {
        ROWS: dg.MetadataValue.int(done.completed + done.dead + done.skipped + done.cancelled),
        **metadata,
        "preview": table(records.latest_deliveries(installation)),
    }


def _feedback(spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_asset(name="feedback_events", specs=[spec])
    def ingest(automation: dg.ResourceParam[Automation]) -> Result:
        """Read the files providers left, and the mailbox."""
        installation = automation.installation
        done = feedback.ingest(
            installation.database, installation.sqlfiles, installation.settings, now=automation.clock()
        )
        numbers: Metadata = {name: dg.MetadataValue.int(count) for name, count in asdict(done).items()}
        preview = table(records.latest_events(installation))
        return Result(metadata={ROWS: dg.MetadataValue.int(done.events), **numbers, "preview": preview})

    return ingest


def _campaigns(spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_asset(name="campaigns", specs=[spec])
    def campaigns(automation: dg.ResourceParam[Automation]) -> Result:
        """End what is over, and list what there is."""
        store = automation.installation.campaigns
        over = store.complete(automation.clock())
        entries = [
            (each.campaign, each.title, each.state, each.version, each.started_at, each.changed_by)
            for each in store.list()
        ]
        names = ["campaign", "title", "state", "version", "started_at", "changed_by"]
        frame = pl.DataFrame(entries, schema=names, orient="row", infer_schema_length=None)
        did = history.counts(automation.installation, since=automation.clock() - _LATELY)
        told = ("campaign", "executions", "successes", "failures", "pending", "last_execution")
        frame = frame.cast({"campaign": pl.String}).join(
            did.select(told), on="campaign", how="left", maintain_order="left"
        )
        return Result(
            metadata={
                ROWS: dg.MetadataValue.int(len(frame)),
                "running": dg.MetadataValue.int(sum(each[2] == "running" for each in entries)),
                "completed_now": dg.MetadataValue.text(", ".join(over) or "none"),
                "campaigns": table(frame),
            }
        )

    return campaigns


def _payloads(spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_asset(name="payloads", specs=[spec])
    def payloads(context: dg.AssetExecutionContext, automation: dg.ResourceParam[Automation]) -> Result:
        """Let go of what is over its time."""
        by = f"dagster:{context.run.run_id}"
        done = housekeep(automation.installation, now=automation.clock(), by=by)
        return Result(metadata={name: dg.MetadataValue.int(count) for name, count in asdict(done).items()})

    return payloads


def _storage(spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.multi_asset(name="storage", specs=[spec])
    def storage(automation: dg.ResourceParam[Automation]) -> Result:
        """Remove what is old enough, and measure the rest."""
        # Directories are as old as the machine's clock says, whatever time the runs speak for.
        installation, now = automation.installation, system_clock()
        removed = runs.remove_older(runs.frames_root(installation), now - FRAMES_KEPT)
        expired = _remove_audiences(installation, automation.clock().date() - AUDIENCES_KEPT)
        sizes = _sizes(installation.files)
        return Result(
            metadata={
                ROWS: dg.MetadataValue.int(len(sizes)),
                "megabytes": dg.MetadataValue.float(float(sizes["megabytes"].sum())),
                "runs_cleaned": dg.MetadataValue.int(removed),
                "audience_files_removed": dg.MetadataValue.int(expired),
                "by_kind": markdown(sizes),
            }
        )

    return storage


def _remove_audiences(installation: Installation, before: date) -> int:
    removed = 0
    for name in installation.files.datasets(specs.AUDIENCE):
        days = [day for day in installation.files.days(name) if day < before]
        removed += installation.files.remove(name, days)
    return removed


def _sizes(files: FileStore) -> pl.DataFrame:
    rows = []
    for folder in sorted(path for path in files.root.glob("*") if path.is_dir()):
        found = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        rows.append((folder.name, len(found), round(sum(found) / 1e6, 2)))
    schema = {"kind": pl.String, "files": pl.Int64, "megabytes": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")
