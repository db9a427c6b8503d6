"""Statistics in Dagster's runs: restated by day, checked, published, copied to a server if there is one.

Nothing is published while a check says that figures are wrong. What holds of figures is `stats.checks`'.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import dagster as dg
import polars as pl

from automation_pipelines import decisions, stats
from automation_pipelines.catalogue.statistics import DAILY, DERIVED
from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.extraction import extract
from automation_pipelines.files import FileStore
from automation_pipelines.orchestration import rates, specs
from automation_pipelines.orchestration.assets import SINGLE_RUN, Result
from automation_pipelines.orchestration.metadata import ROWS, Metadata, counted, counts, markdown
from automation_pipelines.orchestration.resources import Automation
from automation_pipelines.stats.checks import CHECKS, FRESH, check
from automation_pipelines.stats.findings import Finding, Look
from automation_pipelines.stats.postgres import publish_copy

_DAY = timedelta(days=1)
_AGAIN = dg.RetryPolicy(max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL)


def analytics_assets(days: dg.PartitionsDefinition, *, copied: bool) -> list[dg.AssetsDefinition]:
    """Assemble the assets of statistics; `copied`: a server gets them, too."""
    return [_statistics(days), _publication(), *([_copy()] if copied else [])]


def _statistics(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.multi_asset(name="stats", specs=specs.daily_specs(partitions), backfill_policy=SINGLE_RUN)
    def statistics(
        context: dg.AssetExecutionContext, automation: dg.ResourceParam[Automation]
    ) -> Iterator[Result]:
        """Restate the days of this run; sends nothing, plans nothing."""
        installation, now = automation.installation, automation.clock()
        days = _days(context.op_execution_context, automation, now)
        sources = extract(installation.crm, installation.sqlfiles, stats.demands(days))
        stats.restate(
            installation.database,
            installation.files,
            installation.sqlfiles,
            days,
            as_of=now,
            sources=sources,
            terms=stats.Terms.of(installation.settings),
        )
        for statistic in DAILY:
            yield _described(context, installation.files, statistic, days)

    return statistics


def _described(
    context: dg.AssetExecutionContext, files: FileStore, statistic: Statistic, days: Sequence[date]
) -> Result:
    """Tell of each day by itself, so that plots over partitions are plots over days."""
    key, name = specs.statistic_key(statistic.name), stats.dataset(statistic)
    if not (context.has_partition_key or context.has_partition_key_range):
        return Result(key, metadata=_told(statistic, files.read(name, days)))
    for partition in context.partition_keys:
        day = date.fromisoformat(partition)
        before = [each for each in days if each < day] if partition == context.partition_keys[0] else []
        context.add_asset_metadata(_told(statistic, files.read(name, [*before, day])), key, partition)
    return Result(key)


def _told(statistic: Statistic, rows: pl.DataFrame) -> Metadata:
    return {**counted(rows, statistic.columns), **rates.of_rows(statistic, rows)}


def _days(context: dg.OpExecutionContext, automation: Automation, now: datetime) -> list[date]:
    """The days asked for; without any, yesterday and today.

    What the first tick found late is due on days before the first partition: those go with it.
    """
    if context.has_partition_key or context.has_partition_key_range:
        days = [date.fromisoformat(key) for key in context.partition_keys]
    else:
        days = [(now - _DAY).date(), now.date()]
    if automation.first_day not in days:
        return days
    known = automation.installation.files.days(decisions.DATASET)
    return [*(day for day in known if day < min(days)), *days]


def analytics_checks() -> dg.AssetChecksDefinition:
    """Assemble the checks of statistics: the publication waits for them, and for what they say."""
    listed = [
        dg.AssetCheckSpec(
            each.name,
            asset=specs.statistic_key(each.statistic),
            description=each.doc,
            blocking=each is not FRESH,
        )
        for each in CHECKS
    ]

    @dg.multi_asset_check(name="sound_statistics", specs=listed)
    def sound_statistics(
        context: dg.AssetCheckExecutionContext, automation: dg.ResourceParam[Automation]
    ) -> Iterator[dg.AssetCheckResult]:
        installation, now = automation.installation, automation.clock()
        days = _days(context.op_execution_context, automation, now)
        found = check(Look(installation.database, installation.files, now, days))
        done = {each.check: each for each in found}
        for each in CHECKS:
            yield _result(done.get(each) or Finding(each, "not looked at: a file is wrong", _NOT_LOOKED_AT))

    return sound_statistics


_NOT_LOOKED_AT = pl.DataFrame({"look": ["at the check as_declared of this and other statistics"]})


def _result(finding: Finding) -> dg.AssetCheckResult:
    lines = "\n".join(f"- {row}" for row in finding.rows)
    return dg.AssetCheckResult(
        asset_key=specs.statistic_key(finding.check.statistic),
        check_name=finding.check.name,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.ERROR if finding.gates else dg.AssetCheckSeverity.WARN,
        description=finding.said,
        metadata={
            "wrong": dg.MetadataValue.int(len(finding.wrong)),
            "rows": dg.MetadataValue.md(lines or "none"),
        },
    )


def _publication() -> dg.AssetsDefinition:
    @dg.multi_asset(name="publication", specs=specs.published_specs())
    def publication(automation: dg.ResourceParam[Automation]) -> Iterator[Result]:
        """Replace the database that analysts open."""
        installation, now = automation.installation, automation.clock()
        target = installation.settings.analytics
        rows = stats.publish(
            installation.database,
            installation.files,
            installation.sqlfiles,
            target,
            as_of=now,
            terms=stats.Terms.of(installation.settings),
        )
        for statistic in DERIVED:
            frame = pl.read_parquet(stats.derived_file(installation.files, statistic))
            yield Result(
                specs.statistic_key(statistic.name),
                metadata=_told(statistic, frame),
            )
        yield Result(
            specs.ANALYTICS,
            metadata={
                ROWS: dg.MetadataValue.int(sum(rows.values())),
                "rows_by_table": markdown(counts(rows, "table")),
                "file": dg.MetadataValue.path(target),
                "megabytes": dg.MetadataValue.float(round(target.stat().st_size / 1e6, 2)),
            },
        )

    return publication


def _copy() -> dg.AssetsDefinition:
    @dg.multi_asset(name="copy", specs=[specs.copy_spec()], retry_policy=_AGAIN)
    def copy(context: dg.AssetExecutionContext, automation: dg.ResourceParam[Automation]) -> Result:
        """Bring the server's schema to what the file says, in one transaction."""
        settings = automation.installation.settings
        url = settings.stats_url.get_secret_value() if settings.stats_url else ""
        done = publish_copy(settings.analytics, url, settings.stats_schema)
        for notice in done.notices:
            context.log.warning(notice)
        changed = {name: done.added[name] + done.removed[name] for name in done.added}
        return Result(
            metadata={
                "rows_written": dg.MetadataValue.int(done.written),
                "schema": dg.MetadataValue.text(settings.stats_schema),
                "by_table": markdown(counts({name: rows for name, rows in changed.items() if rows}, "table")),
            }
        )

    return copy
