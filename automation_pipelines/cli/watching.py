"""The look at what came back, by hand or by a timer, and the marketing that is stopped for it."""

import click

from automation_pipelines import watch as stage
from automation_pipelines.campaign import MESSAGE_CHANNELS
from automation_pipelines.channels import build_channels, closing
from automation_pipelines.cli.front import NUMBER, ROWS, Front
from automation_pipelines.cli.tables import say, say_json, table_of
from automation_pipelines.ledger import stops as ledger
from automation_pipelines.watch import Finding


@click.command()
@click.pass_obj
def watch(front: Front) -> None:
    """Look at what came back lately; pause and stop what must not go on.

    What is new is also written to AUTOMATION_NOTIFY_EMAIL. Dagster does this by itself; without it, let a
    timer call it after `feedback ingest`.
    """
    seen = stage.look(front.database, front.now, front.settings.watch)
    for one in seen.findings:
        click.secho(one.words, bold=one in seen.news)
    if not seen.findings:
        click.echo("nothing out of the ordinary")
    _tell(front, seen.news)


def _tell(front: Front, news: tuple[Finding, ...]) -> None:
    recipient = front.settings.notify_email
    if not news or recipient is None:
        return
    channels = build_channels(front.settings)
    with closing(channels):
        outcome = stage.tell(channels, recipient, news, front.now)
    click.echo(f"told {recipient}: {type(outcome).__name__.lower()}")


@click.group()
def stops() -> None:
    """Marketing of tenants that is stopped because of what came back."""


@stops.command("list")
@click.option("--tenant", type=NUMBER, help="Only those of this tenant.")
@click.option("--limit", type=ROWS, default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines instead of a table.")
@click.pass_obj
def list_command(front: Front, *, tenant: int | None, limit: int, as_json: bool) -> None:
    """List them, the newest first; those that were released, too."""
    found = ledger.listed(front.database, tenant=tenant, limit=limit)
    if as_json:
        say_json(found)
    elif found.is_empty():
        click.echo("no marketing was ever stopped")
    else:
        say(table_of(found, "Stopped marketing (UTC)"))


@stops.command("release")
@click.argument("tenant", type=NUMBER)
@click.option("--channel", type=click.Choice(MESSAGE_CHANNELS), default="email", show_default=True)
@click.option("--because", required=True, help="What was done about it; it is kept with your name.")
@click.pass_obj
def release(front: Front, *, tenant: int, channel: str, because: str) -> None:
    """Let a tenant's marketing go again. Only what is sent from now on counts against it."""
    ledger.release(front.database, tenant, channel, because=because, by=front.user, at=front.now)
    click.echo("released; what waits and is not too late goes with the next delivery")
