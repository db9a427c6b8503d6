"""`automation import` takes over what another tool knew."""

from pathlib import Path
from typing import get_args

import click

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.tables import counted
from automation_pipelines.takeover import COLUMNS, Defaults, Kind, take_over

_COLUMNS = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in COLUMNS.items())


@click.command("import", epilog=f"Columns: {_COLUMNS}.")
@click.argument("kind", type=click.Choice(get_args(Kind)))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tenant", help="Tenant of lines that name none.")
@click.option("--channel", default="email", show_default=True, help="Channel of lines that name none.")
@click.option("--campaign", help="Campaign of past sends that name none.")
@click.option("--step", help="Step of past sends that name none.")
@click.pass_obj
def import_command(
    front: Front,
    *,
    kind: Kind,
    file: Path,
    tenant: str | None,
    channel: str,
    campaign: str | None,
    step: str | None,
) -> None:
    """Take over another tool's suppressions, consents or past sends from CSV or JSON Lines.

    A file with a wrong line is refused whole. Taking it over again adds nothing.
    """
    installation = front.ready
    taken = take_over(
        installation.database,
        front.sqlfiles,
        installation.campaigns,
        kind,
        file,
        defaults=Defaults(tenant, channel, campaign, step),
        now=front.now,
    )
    click.echo(f"{counted(taken.lines, 'line')}, {counted(taken.added, 'new ' + kind.removesuffix('s'))}")
