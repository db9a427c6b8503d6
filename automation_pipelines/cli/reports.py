"""`automation report`: what came of a campaign or for a tenant, as one page to show in a meeting."""

from datetime import datetime
from pathlib import Path

import click

from automation_pipelines.cli.front import DAY, NUMBER, Front
from automation_pipelines.errors import RefusedError
from automation_pipelines.reports import Period, Question
from automation_pipelines.reports import report as answered

MONTH = click.DateTime(formats=["%Y-%m"])


@click.command()
@click.option("--campaign", help="Id of the campaign it is about.")
@click.option(
    "--tenant", type=NUMBER, help="The tenant it is about; with --campaign, the campaign's part there."
)
@click.option("--month", type=MONTH, help="A calendar month: 2026-03.")
@click.option("--from", "first", type=DAY, help="First UTC day.")
@click.option("--to", "last", type=DAY, help="Last UTC day.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; default: report-….html here; - is the terminal.",
)
@click.pass_obj
def report(
    front: Front,
    *,
    campaign: str | None,
    tenant: int | None,
    month: datetime | None,
    first: datetime | None,
    last: datetime | None,
    output: Path | None,
) -> None:
    """Write what came of a campaign, or of all campaigns of a tenant, as one HTML page.

    Without a period: the last 30 days that messages fell due on, and what was earned after them. It reads
    the published statistics alone (`automation stats publish`), and the page needs nothing else: send it,
    print it, keep it.
    """
    if campaign is None and tenant is None:
        msg = "about whom? Give --campaign ID or --tenant ID, or both for a campaign's part at a tenant"
        raise RefusedError(msg)
    html = answered(front.settings.analytics, Question(tenant, campaign, _period(month, first, last)))
    if output == Path("-"):
        click.echo(html, nl=False)
        return
    target = output or Path(_name(campaign, tenant, month))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(html, encoding="utf-8")
    click.echo(f"written: {target}")


def _period(month: datetime | None, first: datetime | None, last: datetime | None) -> Period | None:
    if month and (first or last):
        msg = "--month and --from/--to say different things: give one of them"
        raise RefusedError(msg)
    if month:
        return Period.of_month(month.date())
    if not first and not last:
        return None
    if not first or not last:
        msg = "a period has two ends: give --from and --to, or --month"
        raise RefusedError(msg)
    if first > last:
        msg = f"--from {first:%Y-%m-%d} is after --to {last:%Y-%m-%d}: swap them"
        raise RefusedError(msg)
    return Period(first.date(), last.date())


def _name(campaign: str | None, tenant: int | None, month: datetime | None) -> str:
    """What the file is called by itself; ids of campaigns are fit for names of files."""
    parts = ["report", campaign, None if tenant is None else f"tenant-{tenant}", month and f"{month:%Y-%m}"]
    return "-".join(part for part in parts if part) + ".html"
