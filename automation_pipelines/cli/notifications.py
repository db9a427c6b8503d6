"""Commands on messages inside the product: what somebody has not read yet, and that it was read."""

import click
from rich.table import Table

from automation_pipelines.cli.front import NUMBER, ROWS, Front
from automation_pipelines.cli.tables import counted, say
from automation_pipelines.ledger import notifications as messages

_WHOSE = click.option("--recipient", required=True, help="customer:12, user:7 or contact:3.")
_TENANT = click.option("--tenant", type=NUMBER, help="Only those of this tenant.")


@click.group()
def notifications() -> None:
    """Messages of channel in_app, which the product shows."""


@notifications.command("list")
@_WHOSE
@_TENANT
@click.option("--all", "read", is_flag=True, help="Those that were read, too.")
@click.option("--limit", type=ROWS, default=50, show_default=True, help="The newest so many.")
@click.pass_obj
def list_command(front: Front, *, recipient: str, tenant: int | None, read: bool, limit: int) -> None:
    """List the messages somebody has not read yet, the newest first."""
    found = messages.listed(front.database, recipient, tenant=tenant, unread=not read, limit=limit)
    if not found:
        click.echo(f"{recipient} has no {'' if read else 'unread '}messages")
        return
    table = Table("id", "tenant", "created (UTC)", "read (UTC)", "title", "text")
    for one in found:
        read_at = f"{one.read_at:%Y-%m-%d %H:%M}" if one.read_at else ""
        table.add_row(
            str(one.id), str(one.tenant_id), f"{one.created_at:%Y-%m-%d %H:%M}", read_at, one.title, one.text
        )
    say(table)


@notifications.command()
@click.argument("ids", nargs=-1, type=NUMBER)
@_WHOSE
@_TENANT
@click.pass_obj
def read(front: Front, *, ids: tuple[int, ...], recipient: str, tenant: int | None) -> None:
    """Note that somebody has read the messages IDS; without any, all of theirs."""
    done = messages.mark_read(front.database, recipient, front.now, tenant=tenant, ids=ids or None)
    click.echo(f"{recipient}: {counted(done, 'message')} read")
