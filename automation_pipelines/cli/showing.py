"""`automation campaign show`: one campaign as people read it, its steps, and its versions."""

from collections.abc import Iterable, Iterator

import click
from rich.table import Table
from rich.text import Text

from automation_pipelines.campaign import Experiment, Step
from automation_pipelines.campaign.experiment import in_hours
from automation_pipelines.cli import history
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.tables import say, when
from automation_pipelines.ledger import watching
from automation_pipelines.ledger.campaigns import CampaignStore, Details


@click.command()
@click.argument("name", metavar="CAMPAIGN")
@click.pass_obj
def show(front: Front, *, name: str) -> None:
    """Show one campaign: its steps, since when they count, and its versions."""
    paused = (str(one) for one in watching.paused(front.database) if one.campaign == name)
    _print(CampaignStore(front.database).show(name), paused)
    (did,) = history.summaries(front, [name]).values() or [history.NOTHING_YET]
    words = ", ".join(f"{what}: {said or 'none'}" for what, said in zip(history.SUMMARY, did, strict=True))
    say(f"of what was due in the last {history.LATELY.days} days: {words}")


def _print(details: Details, reasons: Iterable[str]) -> None:
    spec, entry = details.spec, details.entry
    say(Text(f"{spec.id}: {spec.title} ({entry.state}, version {entry.version})", "bold"))
    say(
        f"audience {spec.audience}, purpose {spec.purpose}, zone {spec.zone}, priority {spec.policy.priority}"
    )
    if spec.experiment is not None:
        say(" ".join(_tests(spec.experiment)))
    say(f"last changed {when(entry.changed_at)} by {entry.changed_by}")
    for reason in reasons:
        say(reason)
    steps = Table("step", "when", "what", "to", "counts from", title="Steps", title_justify="left")
    for step in spec.steps:
        since = details.active_from.get(step.id)
        steps.add_row(step.id, " ".join(_falls(step)), _what(step), _whom(step), when(since))
    say(steps)
    versions = Table("version", "applied", "by", title="Versions", title_justify="left")
    for change in details.history:
        versions.add_row(str(change.version), when(change.applied_at), change.applied_by)
    say(versions)


def _tests(experiment: Experiment) -> Iterator[str]:
    """What is measured of the variants, and what becomes of the winner."""
    yield f"experiment: {experiment.metric} within {in_hours(experiment.time_to_act)},"
    yield f"a change of {experiment.effect:g} is worth finding"
    if experiment.promote is not None:
        yield f"(first {experiment.promote.share:g} %,"
        yield f"the rest {in_hours(experiment.rest_waits)} later with the winner;"
        yield "`automation campaign experiment` says how it stands)"


def _falls(step: Step) -> Iterator[str]:
    """When the step is, in the words of its file."""
    if step.day is not None and step.daily is not None:
        yield f"day {step.day}" + (f" at {step.daily[1]:%H:%M}" if step.delay else "")
    else:
        yield str(step.offset)
    if step.after is not None:
        yield f"after {step.after}" + (", if it was sent" if step.requires else "")
    if step.at is not None:
        yield f"at {step.at if isinstance(step.at, str) else format(step.at, '%H:%M')}"


def _what(step: Step) -> str:
    match step.carries:
        case "action":
            values = ", ".join(f"{name}={value}" for name, value in step.values.items())
            return f"{step.action}({values})"
        case "call" if step.integration is not None:
            return f"{step.integration.target}: {step.integration.action}"
        case "call":
            return f"webhook: {step.request.method} {step.request.url}" if step.request else "webhook"
        case "nothing":
            return "wait"
        case "message":
            ways = step.channels if isinstance(step.channels, str) else ", ".join(step.ways)
            return f"{ways}: {step.template}"


def _whom(step: Step) -> str:
    if step.carries == "message":
        roles = step.recipient if isinstance(step.recipient, str) else ", ".join(step.recipient)
        return ", ".join(step.to) or roles
    return "CRM" if step.carries == "action" else ""
