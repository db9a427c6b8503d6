"""`automation export`: the record as a file for other tools."""

from datetime import datetime
from pathlib import Path

import click

from automation_pipelines import exports
from automation_pipelines.cli.front import MOMENT, NUMBER, Front
from automation_pipelines.cli.tables import counted
from automation_pipelines.errors import RefusedError
from automation_pipelines.exports import Kind, Wanted


@click.command()
@click.argument("kind", type=click.Choice([str(kind) for kind in Kind]))
@click.option(
    "--to",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"A new file; its name says the format: {', '.join(exports.FORMATS)}.",
)
@click.option("--campaign", help="Only this campaign.")
@click.option("--tenant", type=NUMBER, help="Only this tenant.")
@click.option("--since", type=MOMENT, help="Only what was due, or happened, at or after this time.")
@click.option("--until", type=MOMENT, help="Only what was due, or happened, before this time.")
@click.option("--with-personal-data", "personal", is_flag=True, help="Addresses and the like, too; audited.")
@click.pass_obj
def export(
    front: Front,
    *,
    kind: str,
    path: Path,
    campaign: str | None,
    tenant: int | None,
    since: datetime | None,
    until: datetime | None,
    personal: bool,
) -> None:
    """Write jobs, decisions, events or suppressions into a file. The data dictionary has their columns."""
    if campaign is not None:
        if kind == Kind.SUPPRESSIONS:
            msg = "a suppression is of no campaign: leave out --campaign"
            raise RefusedError(msg)
        front.ready.campaigns.show(campaign)  # refuses one that does not exist
    wanted = Wanted(
        kind=Kind(kind), campaign=campaign, tenant=tenant, since=since, until=until, personal=personal
    )
    rows = exports.export(front.ready, wanted, path, by=front.user, now=front.now)
    click.echo(f"{path}: {counted(rows, 'row')}")
