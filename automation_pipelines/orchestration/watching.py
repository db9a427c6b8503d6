"""The look at what came back, in Dagster's runs: its asset with a check, and the sensor that asks for it.

What is too much, and what is done about it, is `watch`'s.
"""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from automation_pipelines import watch
from automation_pipelines.channels import closing
from automation_pipelines.errors import AutomationError
from automation_pipelines.ledger import reactions
from automation_pipelines.orchestration import specs
from automation_pipelines.orchestration.jobs import WATCH
from automation_pipelines.orchestration.metadata import ROWS, Metadata, table
from automation_pipelines.orchestration.resources import Automation
from automation_pipelines.watch import Seen

CHECK = "rates_are_usual"


def watch_asset(spec: dg.AssetSpec) -> dg.AssetsDefinition:
    """Assemble the asset."""
    check = dg.AssetCheckSpec(
        CHECK,
        asset=spec.key,
        description="No campaign is paused and no tenant's marketing is stopped because of what came back, "
        "and no rate is near its limit. Fails until somebody resumes or releases it.",
    )

    @dg.multi_asset(name="look_back", specs=[spec], check_specs=[check])
    def look(
        context: dg.AssetExecutionContext, automation: dg.ResourceParam[Automation]
    ) -> Iterator[dg.MaterializeResult[object] | dg.AssetCheckResult]:
        """Look at the rates, do what is to be done, and tell somebody."""
        installation, now = automation.installation, automation.clock()
        seen = watch.look(installation.database, now, installation.settings.watch)
        for one in seen.news:
            context.log.warning(one.words)
        _tell(context, automation, seen)
        kinds = ("paused", "stopped", "warning")
        counts = {kind: sum(one.kind == kind for one in seen.findings) for kind in kinds}
        rows = [(one.kind, one.about, one.words) for one in seen.findings]
        found = pl.DataFrame(rows, schema=dict.fromkeys(("kind", "about", "words"), pl.String), orient="row")
        numbers: Metadata = {name: dg.MetadataValue.int(count) for name, count in counts.items()}
        yield dg.MaterializeResult(
            asset_key=spec.key,
            metadata={ROWS: dg.MetadataValue.int(len(rows)), **numbers, "findings": table(found)},
        )
        yield _result(seen)

    return look


def _tell(context: dg.AssetExecutionContext, automation: Automation, seen: Seen) -> None:
    recipient = automation.installation.settings.notify_email
    if not seen.news or recipient is None:
        return
    channels = automation.channels()
    with closing(channels):
        outcome = watch.tell(channels, recipient, seen.news, automation.clock())
    context.log.info("told %s: %s", recipient, outcome)


def _result(seen: Seen) -> dg.AssetCheckResult:
    words = [one.words for one in seen.findings]
    return dg.AssetCheckResult(
        asset_key=specs.WATCH,
        check_name=CHECK,
        passed=not words,
        severity=dg.AssetCheckSeverity.ERROR if seen.held else dg.AssetCheckSeverity.WARN,
        description=words[0] if words else "nothing out of the ordinary",
        metadata={"findings": dg.MetadataValue.md("\n".join(f"- {line}" for line in words) or "none")},
    )


def watch_sensor() -> dg.SensorDefinition:
    """Assemble the sensor."""

    @dg.sensor(
        name="look_at_what_came_back",
        job=WATCH,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at the rates when a bounce, complaint or unsubscribe came in, by whatever way. "
        "Reads the events that are new since it looked last.",
    )
    def look_at_what_came_back(
        context: dg.SensorEvaluationContext, automation: dg.ResourceParam[Automation]
    ) -> dg.SkipReason | dg.SensorResult:
        before = int(context.cursor or 0)
        try:
            automation.installation.database.require_current()
            newest, trouble = reactions.newest(automation.installation.database, before)
        except AutomationError as error:
            return dg.SkipReason(str(error))
        if not trouble:
            return dg.SensorResult(skip_reason="nothing bad came back", cursor=str(newest))
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=str(newest))

    return look_at_what_came_back
