"""`automation forget`: a person is erased everywhere, and suppressed."""

import click

from automation_pipelines.cli.front import NUMBER, Front
from automation_pipelines.cli.tables import counted, say
from automation_pipelines.forgetting import Forgotten
from automation_pipelines.forgetting import forget as erase


@click.command()
@click.option("--customer", "key", required=True, metavar="KEY", help="The CRM's own key of the customer.")
@click.option(
    "--tenant", "tenant_id", type=NUMBER, help="The tenant, where several have a customer of this key."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be erased where.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(front: Front, *, key: str, tenant_id: int | None, dry_run: bool, yes: bool) -> None:
    """Erase a customer everywhere and never contact them again.

    Delete them in the CRM, too: as long as it has them, what is read of it passes through here.
    """
    if not dry_run and not yes:
        click.confirm(f"erase customer {key} for good?", abort=True)
    told = erase(front.ready, key, tenant_id=tenant_id, by=front.user, now=front.now, dry_run=dry_run)
    _print(told, "would be erased" if dry_run else "erased")


def _print(told: Forgotten, verb: str) -> None:
    for one in told.erased:
        click.echo(f"{one.place}: {one.count:,} {verb}")
    if not told.erased:
        click.echo(f"nothing is left to be {verb.rpartition(' ')[2]}")
    say(
        f"tenant {told.tenant_id}: {counted(told.records, 'record')} of the CRM, "
        f"{counted(told.suppressed, 'suppression')}, {counted(told.cancelled, 'job')} cancelled"
    )
    for file in told.exports:
        click.echo(f"look there yourself, it was exported with personal data: {file}")
    if not told.purged:
        click.secho(
            "somebody is reading the database: its log still holds some of it. Give the order once more",
            fg="yellow",
        )
