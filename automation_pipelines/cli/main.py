"""The root of the command line: assembles the groups and turns errors into messages."""

import sys

import click

from automation_pipelines.cli import (
    audit,
    campaigns,
    copies,
    coupons,
    crm,
    delivery,
    demo,
    docs,
    erasure,
    exports,
    history,
    housekeeping,
    jobs,
    notifications,
    pipeline,
    reconcile,
    reports,
    serving,
    stats,
    suppressions,
    takeover,
    templates,
    watching,
)
from automation_pipelines.cli.front import Front
from automation_pipelines.errors import AutomationError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="automation-pipelines")
@click.pass_context
def automation(ctx: click.Context) -> None:
    """Decide and send the right message to the right customer at the right time, exactly once."""
    ctx.obj = ctx.obj or Front.open()


for command in (
    pipeline.init,
    crm.crm,
    campaigns.campaign,
    pipeline.preview,
    pipeline.tick,
    delivery.deliver,
    pipeline.explain,
    jobs.jobs,
    jobs.dlq,
    reconcile.reconcile,
    history.escalations,
    stats.feedback,
    takeover.import_command,
    suppressions.suppressions,
    watching.watch,
    watching.stops,
    audit.audit,
    exports.export,
    erasure.forget,
    coupons.coupons,
    notifications.notifications,
    housekeeping.housekeep,
    stats.stats,
    reports.report,
    serving.serve,
    templates.template,
    docs.docs,
    demo.demo,
):
    automation.add_command(command)
jobs.jobs.add_command(copies.copy)


def main() -> None:
    """Run the command line; what is refused on purpose is one message and exit status 1."""
    try:
        automation(prog_name="automation")
    except (AutomationError, OSError) as error:  # OSError: a full disk, a directory that is not ours
        click.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
