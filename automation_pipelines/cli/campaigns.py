"""`automation campaign`: apply campaign files, move campaigns between states, look at them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import click
from rich.table import Table

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.actions import actions
from automation_pipelines.channels import build_channels, unavailable, url_refusal, written
from automation_pipelines.channels.crm import CrmChannel
from automation_pipelines.cli import approval, history
from automation_pipelines.cli.experiments import experiment
from automation_pipelines.cli.front import MOMENT, Front
from automation_pipelines.cli.manual import run
from automation_pipelines.cli.showing import show
from automation_pipelines.cli.subjects import ORDERS, progress
from automation_pipelines.cli.tables import say, say_json, table_of, when
from automation_pipelines.cli.testing import test
from automation_pipelines.delivery.composition import profiles_of
from automation_pipelines.difference import difference
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.membership import count_members, missing_source
from automation_pipelines.messages.optout import NO_ADDRESS, Site
from automation_pipelines.model import Purpose
from automation_pipelines.playbooks import FOLDER
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.validation import Draft, Known, campaign_schema, load


def known_here(settings: Settings, sqlfiles: SqlFiles) -> Known:
    """Return what campaigns may name in this installation: its channels and write-backs."""
    channels = build_channels(settings)
    crm = channels.get("crm")
    known = Known(
        frozenset(channels),
        {},
        written=written(settings),
        unavailable=unavailable(settings),
        marketing=Site.of(settings).lacking,
        url_refusal=partial(url_refusal, settings),
    )
    if settings.twilio is not None:
        known = replace(known, sms_segments=settings.twilio.max_segments)
    if not isinstance(crm, CrmChannel):
        return known
    return replace(known, actions=actions(sqlfiles), refusal=crm.refusal)


_SHOWN = 20


@click.group()
def campaign() -> None:
    """Apply campaigns and let them run."""


def _store(front: Front) -> CampaignStore:
    return CampaignStore(front.database)


@campaign.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only check, and say what would change.")
@click.option("--diff", is_flag=True, help="Only show which sends of the coming days would change.")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 92), help="With --diff.")
@click.option("--start", is_flag=True, help="Start the drafts among them at once.")
@click.pass_obj
def apply(
    front: Front, *, paths: tuple[Path, ...], dry_run: bool, diff: bool, days: int, start: bool
) -> None:
    """Check campaign FILES (or folders of them) and store them; a new campaign is a draft.

    Every problem of every file is reported, and then nothing is stored.
    """
    if start and (dry_run or diff):
        msg = "--start goes with neither --dry-run nor --diff: those change nothing"
        raise RefusedError(msg)
    drafts = load(paths, known_here(front.settings, front.sqlfiles))
    _warn(front, drafts)
    store = _store(front)
    if diff:
        _show_difference(front, drafts, days)
        return
    table = Table("campaign", "title", "steps", "version", "state", "")
    for draft in drafts:
        row = _would(store, draft) if dry_run else _apply(store, front, draft, start=start)
        table.add_row(draft.spec.id, draft.spec.title, str(len(draft.spec.steps)), *row)
    say(table)
    if not dry_run and "draft" in {store.states()[draft.spec.id] for draft in drafts}:
        click.echo(
            "drafts send nothing: look with `automation preview --campaign ID`, "
            "let go with `automation campaign start ID`"
        )


def _warn(front: Front, drafts: Sequence[Draft]) -> None:
    audiences = dict.fromkeys(draft.spec.audience for draft in drafts)
    for audience in audiences:
        if (source := missing_source(front.installation, audience)) is not None:
            names = ", ".join(draft.spec.id for draft in drafts if draft.spec.audience == audience)
            what = f"warning: {names}: this CRM has no {source}, so audience {audience} selects nobody"
            click.secho(f"{what}; `automation crm check` says how to name a table", fg="yellow", err=True)
    if any(draft.spec.purpose is Purpose.MARKETING for draft in drafts):
        _warn_of_addresses(front)


def _warn_of_addresses(front: Front) -> None:
    """Name the tenants whose marketing by e-mail will not leave."""
    if front.settings.smtp_url is None or front.settings.brand_postal_address is not None:
        return
    profiles = profiles_of(front.database)
    lacking = [str(tenant) for tenant in sorted(profiles) if not profiles[tenant].row.get("postal_address")]
    if lacking:
        more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        whose = f"tenant {', '.join(lacking[:_SHOWN])}{more}"
        click.secho(f"warning: {whose} {NO_ADDRESS}", fg="yellow", err=True)


def _show_difference(front: Front, drafts: Sequence[Draft], days: int) -> None:
    changes = difference(front.ready, [draft.spec for draft in drafts], since=front.now, days=days)
    states = front.installation.campaigns.states()
    for draft in drafts:
        state = states.get(draft.spec.id, "new")
        if state not in ("running", "paused"):
            click.echo(f"{draft.spec.id} is {state}: it sends nothing until it is started")
    if changes.is_empty():
        click.echo(f"no send of the next {days} days appears, disappears or moves")
        return
    counts = changes.group_by("campaign", "step", "effect").len("sends").sort("campaign", "step", "effect")
    say(table_of(counts, f"Sends of the next {days} days that this edit changes"))
    shown = changes.drop("tenant_id").rename({"subject_text": "subject"}).head(_SHOWN)
    say(table_of(shown, f"The first {shown.height} of {changes.height:,} (UTC)"))


def _would(store: CampaignStore, draft: Draft) -> tuple[str, str, str]:
    state = store.states().get(draft.spec.id)
    if state is None:
        return "1", "draft", "would be new"
    changed = store.differs(draft.spec, draft.text, draft.templates)
    version = store.show(draft.spec.id).entry.version + changed
    return str(version), state, "would change" if changed else "unchanged"


def _apply(store: CampaignStore, front: Front, draft: Draft, *, start: bool) -> tuple[str, str, str]:
    applied = store.apply(draft.spec, draft.text, draft.templates, front.user, front.now)
    word = "applied" if applied.changed else "unchanged"
    if start and applied.state == "draft":
        store.start(applied.campaign, front.user, front.now)
        return str(applied.version), "running", f"{word}, started"
    return str(applied.version), applied.state, word


@campaign.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: standard output.")
@click.pass_obj
def schema(front: Front, *, output: Path | None) -> None:
    """Write the JSON Schema of campaign files, for editors that complete and check them.

    Name it in the first line of a file: # yaml-language-server: $schema=campaign.schema.json
    """
    known = known_here(front.settings, front.sqlfiles)
    text = json.dumps(campaign_schema(known), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"wrote {output}")


def _moving(
    name: str, help_text: str, move: Callable[[CampaignStore, str, str, datetime], None]
) -> click.Command:
    @click.argument("campaigns", nargs=-1, required=True)
    @click.pass_obj
    def command(front: Front, *, campaigns: tuple[str, ...]) -> None:
        store = _store(front)
        for one in campaigns:
            move(store, one, front.user, front.now)
            click.echo(f"{one}: {store.states()[one]}")

    return click.command(name, help=help_text)(command)


for _command in (
    _moving("start", "Let drafts send, from now on.", CampaignStore.start),
    _moving("pause", "Stop sending until resumed.", CampaignStore.pause),
    _moving("resume", "Go on after a pause.", CampaignStore.resume),
    _moving("cancel", "End campaigns for good and cancel what waits.", CampaignStore.cancel),
    _moving("delete", "End campaigns and list them no more.", CampaignStore.delete),
):
    campaign.add_command(_command)
for _order in (*ORDERS, progress):
    campaign.add_command(_order)
campaign.add_command(test)
campaign.add_command(run)
for _answer in (approval.held, approval.approve, approval.reject):
    campaign.add_command(_answer)
for _view in (show, experiment, history.runs, history.counts, history.ticks):
    campaign.add_command(_view)


@campaign.command("list")
@click.option("--since", type=MOMENT, help="Count what was due from this time on.  [default: 30 days ago]")
@click.pass_obj
def list_(front: Front, *, since: datetime | None) -> None:
    """List all campaigns but the deleted ones, and what they did lately."""
    begin = since or front.now - history.LATELY
    did = history.summaries(front, since=begin)
    title = f"campaigns; counts of what was due since {when(begin)}"
    table = Table("campaign", "state", "version", *history.SUMMARY, title=title, title_justify="left")
    for entry in _store(front).list():
        row = (entry.campaign, entry.state, str(entry.version))
        table.add_row(*row, *did.get(entry.campaign, history.NOTHING_YET))
    say(table)


@campaign.command()
@click.argument("name", metavar="CAMPAIGN")
@click.pass_obj
def export(front: Front, *, name: str) -> None:
    """Write the newest version as it was applied, comments and all."""
    click.echo(_store(front).export(name), nl=False)


@campaign.command()
@click.argument("file_or_campaign")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines instead of a table.")
@click.pass_obj
def count(front: Front, *, file_or_campaign: str, as_json: bool) -> None:
    """Count who belongs now: a campaign file that need not be applied, or an applied campaign.

    Nothing is planned: who of them gets a message, and when, is what `automation preview` says.
    """
    spec = _named(front, file_or_campaign)
    counted = count_members(front.ready, spec, now=front.now)
    if as_json:
        say_json(counted)
        return
    say(table_of(counted, f"{spec.id}: who is in audience {spec.audience}, and belongs"))
    click.echo(f"{counted['belonging'].sum():,} of {counted['audience'].sum():,} belong")


def _named(front: Front, file_or_campaign: str) -> Campaign:
    path = Path(file_or_campaign)
    if not path.is_file():
        return front.ready.campaigns.show(file_or_campaign).spec
    (draft,) = load([path], known_here(front.settings, front.sqlfiles))
    return draft.spec


@campaign.command()
def playbooks() -> None:
    """Say where the shipped campaigns are, to apply or to copy from."""
    for path in sorted(FOLDER.glob("*.yaml")):
        click.echo(path)
