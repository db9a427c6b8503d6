"""`automation campaign enter|hold|release|leave|progress`: one campaign and its subjects, one by one."""

import click

from automation_pipelines.cli.front import NUMBER, ROWS, Front
from automation_pipelines.cli.tables import say, say_json, table_of
from automation_pipelines.ledger.interventions import Order
from automation_pipelines.progress import progress as progress_of
from automation_pipelines.subjects import order


def _ordering(name: str, kind: Order, done: str, help_text: str) -> click.Command:
    @click.argument("campaign")
    @click.option("--subject", required=True, help="The CRM's own key of the customer, account, booking …")
    @click.option("--tenant", "tenant_id", type=NUMBER, help="The tenant, where several have such a key.")
    @click.pass_obj
    def command(front: Front, *, campaign: str, subject: str, tenant_id: int | None) -> None:
        who = order(
            front.ready,
            kind,
            campaign=campaign,
            subject=subject,
            tenant_id=tenant_id,
            by=front.user,
            at=front.now,
        )
        click.echo(f"{campaign}: {who.text} of tenant {who.tenant_id} {done}")

    return click.command(name, help=help_text)(command)


ORDERS = (
    _ordering(
        "enter",
        "start",
        "starts now",
        "Start a campaign for one subject, now: day 1 of a timeline is today. Whom the audience brings in is "
        "already there; after `leave` this lets them in again.",
    ),
    _ordering(
        "hold",
        "pause",
        "is on hold",
        "Send one subject nothing until `release`; the days of a timeline stand still meanwhile.",
    ),
    _ordering(
        "release", "resume", "goes on", "Go on after `hold`: the remaining days move by those on hold."
    ),
    _ordering("leave", "stop", "has left", "End a campaign for one subject, for good."),
)


@click.command()
@click.argument("campaign")
@click.option("--subject", help="Only this one, step by step: the CRM's own key.")
@click.option("--tenant", "tenant_id", type=NUMBER, help="Only this tenant.")
@click.option("--json", "as_json", is_flag=True, help="Everybody as JSON lines.")
@click.option("--limit", default=50, type=ROWS, show_default=True, help="Subjects to list.")
@click.pass_obj
def progress(
    front: Front, *, campaign: str, subject: str | None, tenant_id: int | None, as_json: bool, limit: int
) -> None:
    """Say how far the subjects of a CAMPAIGN are: their day, what they got, missed and lost."""
    found = progress_of(front.ready, campaign, front.now, subject=subject, tenant_id=tenant_id)
    if as_json:
        say_json(found.runs)
        return
    if found.runs.is_empty():
        click.echo(f"{campaign}: nobody has had a step yet, or was started by hand")
        return
    by_standing = found.runs.group_by("standing").len("subjects").sort("standing")
    say(table_of(by_standing, campaign))
    shown = found.runs.drop("subject_id", "occurrence").head(limit)
    say(table_of(shown, f"The first {len(shown)} of {len(found.runs)}"))
    if subject is not None:
        steps = found.steps.select(
            "due_at", "step", "recipient_id", "state", "reason", "attempts", "finished_at"
        )
        say(table_of(steps, "Steps (UTC)"))
