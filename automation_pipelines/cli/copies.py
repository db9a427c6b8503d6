"""`automation jobs copy`: what a customer received, as it was."""

import json
from pathlib import Path
from typing import Literal

import click

from automation_pipelines.cli.front import NUMBER, Front
from automation_pipelines.delivery.copies import Copy, exact_copy
from automation_pipelines.errors import RefusedError
from automation_pipelines.model import Email

Form = Literal["text", "html", "eml"]


@click.command("copy")
@click.argument("job_id", type=NUMBER)
@click.option("--html", "form", flag_value="html", help="The page of an e-mail.")
@click.option("--eml", "form", flag_value="eml", help="The whole e-mail, as any mail program opens it.")
@click.option(
    "--to",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write it into this directory, in every form there is, instead of printing it.",
)
@click.pass_obj
def copy(front: Front, *, job_id: int, form: Form | None, directory: Path | None) -> None:
    """Show what was handed over for a job, while its payload is kept."""
    made = exact_copy(front.database, front.installation.campaigns, front.settings, job_id)
    if directory is None:
        click.echo(_printed(made, job_id, form or "text"), nl=form != "eml")
        return
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in _files(made, job_id).items():
        path = directory / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        click.echo(path)


def _printed(made: Copy, job_id: int, form: Form) -> str | bytes:
    match form:
        case "html" if made.html is not None:
            return made.html
        case "eml" if isinstance(made.handoff, Email):
            return made.handoff.content
        case "text":
            return made.text
    msg = f"job {job_id} is no e-mail: leave out --{form}"
    raise RefusedError(msg)


def _files(made: Copy, job_id: int) -> dict[str, bytes]:
    if isinstance(made.handoff, Email):
        page = (made.html or "").encode()
        return {f"{job_id}.eml": made.handoff.content, f"{job_id}.html": page}
    text = json.dumps(dict(made.values), ensure_ascii=False, indent=2, default=str)
    return {f"{job_id}.json": f"{text}\n".encode()}
