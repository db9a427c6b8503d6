"""`automation import` takes over what another tool knew; `suppressions` says who must not be contacted."""

from pathlib import Path
from typing import get_args

import click

from automation_pipelines.campaign import MESSAGE_CHANNELS
from automation_pipelines.cli.front import NUMBER, Front
from automation_pipelines.cli.tables import counted, say, table_of
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import suppressions as ledger
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


@click.group()
def suppressions() -> None:
    """Who must not be contacted, and why."""


def _address(command: click.decorators.FC) -> click.decorators.FC:
    command = click.argument("address")(command)
    command = click.option("--tenant", type=NUMBER, required=True, help="The tenant.")(command)
    choice = click.Choice(MESSAGE_CHANNELS)
    return click.option("--channel", type=choice, default="email", show_default=True)(command)


@suppressions.command("add")
@_address
@click.option("--topic", default="", help="Only this topic; default: every one.")
@click.pass_obj
def add(front: Front, *, address: str, tenant: int, channel: str, topic: str) -> None:
    """Stop contacting an address, from now on."""
    hashed = ledger.address_hash(front.database.salt, channel, address)
    entry = ledger.Suppression(tenant, channel, hashed, "manual", front.now, topic)
    ledger.add(front.database, [entry])
    click.echo("suppressed; what is planned already is checked once more before it leaves")


@suppressions.command("show")
@_address
@click.pass_obj
def show(front: Front, *, address: str, tenant: int, channel: str) -> None:
    """Say whether and why an address is suppressed."""
    hashed = ledger.address_hash(front.database.salt, channel, address)
    found = ledger.of_address(front.database, tenant, channel, hashed, front.now)
    if found.is_empty():
        click.echo("not suppressed")
        return
    say(table_of(found, "Suppressions"))


@suppressions.command("lift")
@_address
@click.option("--topic", help="Only that of this topic; default: all.")
@click.pass_obj
def lift(front: Front, *, address: str, tenant: int, channel: str, topic: str | None) -> None:
    """Contact an address again. Audited: the customer should have asked for it."""
    hashed = ledger.address_hash(front.database.salt, channel, address)
    lifted = ledger.lift(front.database, tenant, channel, hashed, topic, by=front.user, at=front.now)
    if not lifted:
        msg = "nothing to lift: the address is not suppressed"
        raise RefusedError(msg)
    click.echo(f"{counted(lifted, 'suppression')} lifted")


@suppressions.command("count")
@click.pass_obj
def count(front: Front) -> None:
    """How many are suppressed, by tenant, channel, topic and reason."""
    rows = ledger.active(front.database, front.now)
    key = ["tenant_id", "channel", "topic", "reason"]
    say(table_of(rows.group_by(key).len("addresses").sort(key), "Suppressed addresses"))
