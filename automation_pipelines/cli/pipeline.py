"""The stages by hand: init, tick, preview, explain, deliver."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import click
import polars as pl

from automation_pipelines.cli.front import MOMENT, NUMBER, ROWS, Front
from automation_pipelines.cli.proofs import deliver_and_tell
from automation_pipelines.cli.tables import say, say_json, table_of, when
from automation_pipelines.errors import RefusedError
from automation_pipelines.explain import Explanation, Standing, standing
from automation_pipelines.explain import explain as explain_subject
from automation_pipelines.forgetting import forgotten_since
from automation_pipelines.ledger.fallbacks import channels_of
from automation_pipelines.ledger.persons import is_mark
from automation_pipelines.preview import preview as preview_range
from automation_pipelines.tick import run_tick

_FAR = timedelta(days=366)
"""Every tick until then is planned in turn."""


@click.command()
@click.pass_obj
def init(front: Front) -> None:
    """Create the automation database, or bring it to this version."""
    front.installation.initialise(front.now)
    click.echo(f"ready: {front.installation.database}")


@click.command()
@click.option("--test", "testing", is_flag=True, help="Everything happens and nothing leaves or counts.")
@click.option("--as-of", type=MOMENT, help="With --test: speak for this time instead of now.")
@click.option(
    "--to", "proofs_to", multiple=True, metavar="ADDRESS", help="With --test: proofs go here; repeatable."
)
@click.pass_obj
def tick(front: Front, *, testing: bool, as_of: datetime | None, proofs_to: tuple[str, ...]) -> None:
    """Plan everything that is due now, once, as the 30-minute schedule does."""
    if not testing and (as_of or proofs_to):
        msg = "--as-of and --to go with --test: a real tick speaks for now, and to the recipients"
        raise RefusedError(msg)
    if not front.ready.campaigns.running():
        click.echo("no campaign is started: see `automation campaign list` and `automation campaign start`")
        return
    done = run_tick(
        front.ready,
        as_of=as_of or front.now,
        run_id=str(uuid.uuid4()),
        mode="test" if testing else "live",
        now=front.now,
    )
    click.echo(
        f"planned {done.planned}, settled {done.settled} otherwise, {done.decisions} decisions recorded"
    )
    reasons = sorted(done.plan.by_reason().items())
    click.echo(", ".join(f"{reason} {count}" for reason, count in reasons) or "nothing was due")
    for notice in done.notices:
        click.secho(notice, bold=True)
    if testing:
        deliver_and_tell(front, done, proofs_to)


@click.command()
@click.option("--from", "since", type=MOMENT, help="First imagined tick; default: now.")
@click.option("--to", "until", type=MOMENT, help="Last due time shown; default: 24 hours later.")
@click.option("--campaign", help="Only this campaign; a draft as if it were started.")
@click.option("--limit", default=50, type=ROWS, show_default=True, help="Rows shown; the counts are of all.")
@click.option("--json", "as_json", is_flag=True, help="Every row as JSON Lines.")
@click.pass_obj
def preview(
    front: Front,
    *,
    since: datetime | None,
    until: datetime | None,
    campaign: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show what will be sent, and what will not and why. Writes nothing."""
    since = since or front.now
    if since < front.now - front.settings.tick:
        msg = f"a preview starts now or later, not {since.isoformat()}: `automation explain` tells the past"
        raise RefusedError(msg)
    if max(since, until or since) > front.now + _FAR:
        msg = f"a preview reaches {_FAR.days} days ahead: name an earlier end with --to"
        raise RefusedError(msg)
    state = front.ready.campaigns.show(campaign).entry.state if campaign else None
    drafts = [campaign] if campaign and state == "draft" else []
    until = until or since + timedelta(days=1)
    rows = preview_range(front.installation, since=since, until=until, drafts=drafts)
    if campaign is not None:
        rows = rows.filter(pl.col("campaign") == campaign)
    if as_json:
        # Where it goes if it is rejected: the channels, not the addresses there.
        left = pl.col("fallbacks").map_elements(channels_of, pl.String)
        say_json(rows.drop("address", "variables").with_columns(left))
        return
    counts = rows.group_by("campaign", "step", "reason").len("moments").sort("campaign", "step", "reason")
    say(table_of(counts, "By campaign, step and reason"))
    shown = rows.select(
        "due_at", "campaign", "step", "tenant_id", pl.col("subject_text").alias("subject"), "reason"
    )
    say(table_of(shown.head(limit), f"The first {min(limit, len(rows))} of {len(rows)} moments (UTC)"))
    if drafts:
        click.echo(f"{campaign} is a draft: this is what `automation campaign start {campaign}` would begin")


@click.command()
@click.argument("subject")
@click.option("--campaign", help="Only this campaign.")
@click.option("--step", help="Only this step.")
@click.option("--tenant", "tenant_id", type=NUMBER, help="Only this tenant.")
@click.pass_obj
def explain(
    front: Front, *, subject: str, campaign: str | None, step: str | None, tenant_id: int | None
) -> None:
    """Say why SUBJECT (the CRM's own key of a customer, quote, enquiry …) did or didn't get a step."""
    if campaign is not None:
        front.ready.campaigns.show(campaign)  # refuses one that does not exist
    found = explain_subject(front.ready, subject=subject, campaign=campaign, step=step, tenant_id=tenant_id)
    since = forgotten_since(front.ready, subject, tenant_id, front.now)
    if since is not None:
        click.echo(f"customer {subject} was forgotten at {when(since)}: the key stands for nobody known here")
        if not found:
            return
    if not found and campaign is None:
        msg = (
            f"no decision was ever made about '{subject}': no started campaign's audience returned it while "
            "a step was due, or its conditions left it out. Check the key; with --campaign this command says "
            "where it stands with one campaign, and `automation preview` what is to come"
        )
        raise RefusedError(msg)
    if not found and campaign is not None:
        _print_standing(
            campaign, subject, standing(front.ready, subject=subject, campaign=campaign, now=front.now)
        )
    for one in found:
        _print(one)


def _print_standing(campaign: str, subject: str, now: Standing) -> None:
    click.secho(f"{campaign}: no decision was ever made about {subject}", bold=True)
    if not now.saw:
        click.echo(
            f"  its audience {now.audience} does not return it now: the data dictionary says who is in it"
        )
        return
    due = "a step has yet to fall due, or its schedule's slot came before it belonged"
    told = f"hold: {due}" if now.holds else "do not hold, so it does not belong"
    click.echo(f"  its audience {now.audience} returns it now; the campaign's conditions {told}")
    if now.experiment is not None:
        click.echo(f"  experiment: {now.experiment}")
    for name, value in now.saw.items():
        click.echo(f"    {name:<18} {'missing' if value is None else value}")


def _print(one: Explanation) -> None:
    decision = one.decision
    click.secho(f"{decision['campaign']} / {decision['step']}: {decision['reason']}", bold=True, nl=False)
    subject = "forgotten" if is_mark(decision["subject_text"]) else decision["subject_text"]
    click.echo(
        f"  (subject {subject}, recipient {decision['recipient_id']}, "
        f"due {decision['due_at']:%Y-%m-%d %H:%M} UTC, version {decision['campaign_version']}, "
        f"{decision['mode']})"
    )
    for gate in one.gates:
        mark = {True: "passed ", False: "STOPPED", None: "       "}[gate.passed]
        click.echo(f"  {mark}  {gate.reason:<13} {gate.saw}")
    if one.experiment is not None:
        click.echo(f"  experiment            {one.experiment}")
    for line in one.earlier:
        click.echo(f"  earlier  {line}")
    if one.job is not None:
        _print_job(one.job)


def _print_job(job: Mapping[str, Any]) -> None:
    ended = f", finished {job['finished_at']:%Y-%m-%d %H:%M} UTC" if job["finished_at"] else ""
    why = f" ({job['reason']})" if job["reason"] else ""
    click.echo(f"  job {job['id']}: {job['state']}{why}, {job['attempts']} attempts{ended}")
    if job["stopped"]:
        click.echo(f"  {job['stopped']}")
    for line in (job["rejections"] or "").splitlines():
        click.echo(f"  rejected  {line}")
    if job["rejections"]:
        click.echo(f"  fell back on {job['channel']}")
    if job["falls_back_on"] and job["finished_at"] is None:
        click.echo(f"  falls back on {job['falls_back_on']}, if {job['channel']} rejects it")
