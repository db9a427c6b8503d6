"""Commands on days that are held: look, approve, reject."""

from datetime import date, datetime

import click
from rich.table import Table

from automation_pipelines.cli.front import DAY, Front
from automation_pipelines.cli.tables import say, when
from automation_pipelines.ledger import guards


@click.command("guards")
@click.argument("name", metavar="[CAMPAIGN]", required=False)
@click.option("--all", "everything", is_flag=True, help="Answered ones, too.")
@click.pass_obj
def held(front: Front, *, name: str | None, everything: bool) -> None:
    """List the days that are more than usual and wait for an answer."""
    if name is not None:
        front.ready.campaigns.show(name)  # refuses one that does not exist
    days = guards.held(front.ready.database, campaign=name, unanswered=not everything)
    if not days:
        click.echo("no day was ever held" if everything else "no day waits for an answer")
        return
    table = Table("campaign", "day (UTC)", "moments", "let go without approval", "held since", "answer", "by")
    for one in days:
        counts = (str(one.moments), str(one.allowed))
        answer = (one.answer or "", one.answered_by or "")
        table.add_row(one.campaign, str(one.day), *counts, when(one.held_at), *answer)
    say(table)


def _answering(name: str, help_text: str, said: str) -> click.Command:
    @click.argument("campaign")
    @click.option("--day", type=DAY, help="UTC day; default: the newest that waits for an answer.")
    @click.pass_obj
    def command(front: Front, *, campaign: str, day: datetime | None) -> None:
        wanted: date | None = day.date() if day else None
        found = guards.answer(front.ready.database, campaign, wanted, said, by=front.user, at=front.now)
        click.echo(f"{campaign}, {found}: {said}")

    return click.command(name, help=help_text)(command)


approve = _answering("approve", "Let a held day go: the next tick plans it from fresh data.", guards.APPROVED)
reject = _answering("reject", "Leave a held day alone: what is too much grows stale.", guards.REJECTED)
