"""`automation audit`: who did what."""

from dataclasses import asdict
from datetime import datetime

import click
from rich.table import Table

from automation_pipelines.cli.front import MOMENT, ROWS, Front
from automation_pipelines.cli.tables import say
from automation_pipelines.ledger.audits import entries
from automation_pipelines.ledger.database import dump_json


@click.command()
@click.option("--by", help="Only what this person did.")
@click.option("--action", help="Only this: campaign.pause, or campaign for all about campaigns.")
@click.option("--since", type=MOMENT, help="Only at or after this time.")
@click.option("--until", type=MOMENT, help="Only before this time.")
@click.option("--limit", type=ROWS, default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines instead of a table.")
@click.pass_obj
def audit(
    front: Front,
    *,
    by: str | None,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show who ordered what, the newest first."""
    found = entries(front.database, by=by, action=action, since=since, until=until, limit=limit)
    if as_json:
        for one in found:
            click.echo(dump_json(asdict(one)))
        return
    table = Table("at (UTC)", "by", "action", "detail", title="who did what", title_justify="left")
    for one in found:
        table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", one.by, one.action, dump_json(dict(one.detail)))
    say(table)
