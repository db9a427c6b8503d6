"""`automation template`: look at message templates before anybody gets them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from automation_pipelines.campaign import Campaign
from automation_pipelines.cli.front import NUMBER, Front
from automation_pipelines.cli.tables import say
from automation_pipelines.errors import AutomationError, CampaignError, ConfigurationError
from automation_pipelines.ledger import daily
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.messages import NOTES, Content, NoteContent
from automation_pipelines.messages.context import Branding
from automation_pipelines.messages.optout import Site
from automation_pipelines.messages.segments import length_of
from automation_pipelines.playbooks import FOLDER, TEMPLATES, find_template, template_folders, template_names
from automation_pipelines.validation import understand
from automation_pipelines.validation.specimens import (
    Reader,
    Specimen,
    Wording,
    specimens,
    spoken,
    wordings,
)

_CAMPAIGNS = Path("campaigns")


@click.group()
def template() -> None:
    """Look at message templates."""


@template.command("list")
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
def list_(folder: Path | None) -> None:
    """List the templates beside the campaign files of FOLDER (default: campaigns) and the shipped ones."""
    folders = template_folders((folder or _CAMPAIGNS) / "any.yaml")
    table = Table("template", "parts", "languages", "where")
    for name in sorted(template_names(folders)):
        home, source = find_template(name, folders)
        parts = sorted({part for part, _ in source.parts()})
        row = (name, ", ".join(parts), ", ".join([source.locale, *sorted(source.locales)]), str(home))
        table.add_row(*row)
    say(table)


@template.command()
@click.argument("name", metavar="NAME_OR_CAMPAIGN")
@click.option("--step", help="Only this step.")
@click.option("--variant", help="As this variant says it.")
@click.option("--locale", help="The reader's language, such as fr or pt-BR.")
@click.option("--tenant", type=NUMBER, help="In the name of this tenant, as the latest tick saw it.")
@click.option(
    "--sample",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A JSON object of variables that replace sample values.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("template-preview"),
    show_default=True,
    help="Directory of the files to look at.",
)
@click.pass_obj
def preview(
    front: Front,
    *,
    name: str,
    step: str | None,
    variant: str | None,
    locale: str | None,
    tenant: int | None,
    sample: Path | None,
    output: Path,
) -> None:
    """Write what a template would say, with sample values, as files to look at.

    NAME_OR_CAMPAIGN is a campaign file, an applied campaign, a shipped one, or a template. Every message
    is written twice: with all values, and without the optional ones.
    """
    reader = Reader(
        None if tenant is None else _profile(front, tenant),
        locale,
        None if sample is None else _row(sample),
        Branding.of(front.settings),
        Site.of(front.settings),
    )
    wanted = [one for one in _find(front, name) if _asked(one, step, variant)]
    if not wanted:
        msg = f"'{name}' has no message for this step and variant: leave them out to see all"
        raise ConfigurationError(msg)
    output.mkdir(parents=True, exist_ok=True)
    for specimen in (specimen for wording in wanted for specimen in specimens(wording, reader)):
        _show(specimen, output)


def _asked(wording: Wording, step: str | None, variant: str | None) -> bool:
    return step in (None, wording.step.id) and variant in (None, wording.variant)


def _show(specimen: Specimen, output: Path) -> None:
    for path, text in _files(specimen):
        (output / path).write_text(text, encoding="utf-8", errors="replace")
        click.echo(output / path)
    sms = specimen.trial.said.get("sms")
    if isinstance(sms, NoteContent):
        length = length_of(sms.text)
        because = f", because of {length.foreign}" if length.foreign else ""
        click.echo(f"  {length.segments} SMS segment{'s' * (length.segments != 1)}{because}")
    for missing in specimen.trial.missing:
        click.secho(f"  there is no '{missing}'", fg="red")
    for problem in specimen.trial.problems:
        click.secho(f"  {problem}", fg="red")


def _files(specimen: Specimen) -> Iterator[tuple[str, str]]:
    variant = f".{specimen.wording.variant}" if specimen.wording.variant else ""
    stem = f"{specimen.wording.step.id}{variant}{'.optional-missing' if specimen.missing else ''}"
    for channel, said in specimen.trial.said.items():
        if isinstance(said, Content):
            yield f"{stem}.html", said.html
            yield f"{stem}.txt", f"Subject: {said.subject}\n\n{said.text}"
        else:
            title = f"{said.title}\n\n" if said.title else ""
            if said.text or said.approved is None:
                yield f"{stem}.{channel}.txt", f"{title}{said.text}\n"
            if said.approved is not None:
                yield f"{stem}.{channel}.json", f"{json.dumps(asdict(said.approved), indent=2)}\n"


def _row(path: Path) -> dict[str, Any]:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path} is no JSON file: {error}"
        raise ConfigurationError(msg) from None
    if not isinstance(row, dict):
        msg = f'{path}: write one JSON object of variables, such as {{"first_name": "Ada"}}'
        raise ConfigurationError(msg)
    for whose in ("recipient", "tenant"):
        if not isinstance(row.get(whose, {}), dict):
            msg = f'{path}: {whose} has variables of its own: write {{"{whose}": {{"name": "Ada"}}}}'
            raise ConfigurationError(msg)
    return row


def _profile(front: Front, tenant: int) -> Mapping[str, Any]:
    known = dict(daily.profiles(front.database).rows())
    if tenant not in known:
        msg = f"no tick has seen tenant {tenant}, known: {', '.join(map(str, known)) or 'none'}"
        raise ConfigurationError(msg)
    profile: dict[str, Any] = json.loads(known[tenant])
    return profile


def _find(front: Front, name: str) -> list[Wording]:
    """Look for a campaign file, then an applied campaign, a shipped one, and a template."""
    if Path(name).is_file():
        return _worded(understand(Path(name)), Path(name))
    applied = _applied(front, name)
    if applied is not None:
        return applied
    for path in _campaign_files():
        if (spec := _spec(path)) is not None and spec.id == name:
            return _worded(spec, path)
    return _of_template(name)


def _campaign_files() -> list[Path]:
    return [*sorted(_CAMPAIGNS.glob("*.y*ml")), *sorted(FOLDER.glob("*.yaml"))]


def _applied(front: Front, name: str) -> list[Wording] | None:
    try:
        store = CampaignStore(front.database)
        version = store.version(name, store.show(name).entry.version)
    except AutomationError:  # no automation database yet, or no such campaign in it
        return None
    return list(wordings(version.spec, version.templates))


def _spec(path: Path) -> Campaign | None:
    try:
        return understand(path)
    except CampaignError:
        return None


def _worded(spec: Campaign, path: Path) -> list[Wording]:
    folders = template_folders(path)
    names = {said.template for step in spec.steps for _, said in spoken(step) if said.template}
    return list(wordings(spec, {name: find_template(name, folders)[1] for name in names}))


def _of_template(name: str) -> list[Wording]:
    """Show a template as the first campaign that uses it says it, or else to any customer."""
    for path in _campaign_files():
        spec = _spec(path)
        if spec is not None and any(step.template == name for step in spec.steps):
            return [wording for wording in _worded(spec, path) if wording.step.template == name]
    _, source = find_template(name, (_CAMPAIGNS / TEMPLATES, FOLDER / TEMPLATES))
    given = {"whatsapp" if note == "approved" else note for note in source.notes}
    short = [note for note in NOTES if note in given]
    channels = [*(["email"] if source.html is not None else []), *short]
    step = {"id": name.replace("/", "-"), "channels": channels, "template": name}
    spec = Campaign.model_validate({"id": "any", "title": name, "audience": "customers", "steps": [step]})
    return list(wordings(spec, {name: source}))
