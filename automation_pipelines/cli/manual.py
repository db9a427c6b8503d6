"""`automation campaign run`: a campaign for those somebody names, now, or as a test."""

import uuid
from pathlib import Path

import click

from automation_pipelines.cli.front import NUMBER, Front, lines_of
from automation_pipelines.cli.proofs import deliver_and_tell
from automation_pipelines.cli.tables import say, say_json, table_of
from automation_pipelines.errors import RefusedError
from automation_pipelines.manual import ManualRun, Request
from automation_pipelines.manual import run as run_request


@click.command()
@click.argument("campaign")
@click.option("--subject", "subjects", multiple=True, metavar="KEY", help="The CRM's own key; repeatable.")
@click.option("--customer", "customers", multiple=True, metavar="KEY", help="All that is a customer's.")
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Keys of subjects, one a line.",
)
@click.option("--tenant", "tenant_id", type=NUMBER, help="The tenant, where several have such a key.")
@click.option("--step", "steps", multiple=True, help="This step; repeatable. Default: the first.")
@click.option("--all-steps", is_flag=True, help="Every step.")
@click.option("--again", is_flag=True, help="Also who had it already. Each minute counts as another time.")
@click.option("--test", is_flag=True, help="Everything happens and nothing leaves; drafts too.")
@click.option(
    "--to", "proofs_to", multiple=True, metavar="ADDRESS", help="With --test: proofs go here; repeatable."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be planned.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines instead of a table.")
@click.pass_obj
def run(
    front: Front,
    *,
    campaign: str,
    subjects: tuple[str, ...],
    customers: tuple[str, ...],
    files: tuple[Path, ...],
    tenant_id: int | None,
    steps: tuple[str, ...],
    all_steps: bool,
    again: bool,
    test: bool,
    proofs_to: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send a step of a CAMPAIGN to those you name, now, whenever it would come by itself.

    Conditions, consent, suppressions, caps and limits are asked as always. Who gets it now does not get
    it again by itself; who had it is left alone, unless --again.
    """
    request = Request(
        campaign=campaign,
        subjects=(*subjects, *(key for file in files for key in lines_of(file))),
        customers=customers,
        tenant_id=tenant_id,
        steps=steps,
        all_steps=all_steps,
        again=again,
        test=test,
    )
    _refuse(request, proofs_to)
    made = run_request(
        front.ready, request, as_of=front.now, run_id=str(uuid.uuid4()), by=front.user, dry_run=dry_run
    )
    _show(made, as_json=as_json)
    if made.done is None:
        click.echo(f"{made.planned} would be planned; nothing is written", err=True)
    elif test:
        deliver_and_tell(front, made.done, proofs_to)
    else:
        click.echo(
            f"planned {made.done.planned}; `automation deliver`, or its schedule, hands over", err=True
        )


def _show(made: ManualRun, *, as_json: bool) -> None:
    if as_json:
        say_json(made.outcomes)
        return
    empty = [
        name for name in ("step", "recipient_id", "channel", "why") if made.outcomes[name].is_null().all()
    ]
    shown = made.outcomes.drop(empty).rename(
        {"tenant_id": "tenant", "recipient_id": "recipient"}, strict=False
    )
    say(table_of(shown, "Everybody named, and what is decided"))


def _refuse(request: Request, proofs_to: tuple[str, ...]) -> None:
    wrong = {
        "who? name them with --subject, --customer or --file": not (request.subjects or request.customers),
        "--to goes with --test: the real send goes to the recipients": bool(proofs_to) and not request.test,
        "write --step or --all-steps, not both": bool(request.steps) and request.all_steps,
    }
    for msg, applies in wrong.items():
        if applies:
            raise RefusedError(msg)
