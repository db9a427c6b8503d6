"""Statistics and feedback by hand: restate, publish, show, ingest."""

from datetime import datetime, timedelta
from pathlib import Path

import click
import duckdb
import polars as pl
from rich.table import Table

from automation_pipelines.catalogue.statistics import PUBLISHED, STATISTICS
from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.cli.front import NUMBER, ROWS, Front
from automation_pipelines.cli.tables import counted, say, say_json
from automation_pipelines.errors import RefusedError
from automation_pipelines.extraction import extract
from automation_pipelines.feedback import REJECTED, inbox_of, open_inbox
from automation_pipelines.feedback import ingest as read_all
from automation_pipelines.stats import Terms, demands
from automation_pipelines.stats import publish as publish_all
from automation_pipelines.stats import restate as restate_days

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def stats() -> None:
    """Compute, publish and show statistics."""


@stats.command()
@click.option("--from", "first", type=DAY, help="First UTC day; default: yesterday.")
@click.option("--to", "last", type=DAY, help="Last UTC day; default: today.")
@click.pass_obj
def restate(front: Front, *, first: datetime | None, last: datetime | None) -> None:
    """Compute the statistics of these days afresh. Plans and sends nothing."""
    until = last.date() if last else front.now.date()
    since = first.date() if first else min(until, front.now.date() - timedelta(days=1))
    if since > until:
        msg = f"--from {since} is after --to {until}: swap them"
        raise RefusedError(msg)
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    sources = extract(front.installation.crm, front.sqlfiles, demands(days))
    done = restate_days(
        front.database,
        front.files,
        front.sqlfiles,
        days,
        as_of=front.now,
        sources=sources,
        terms=Terms.of(front.settings),
    )
    counts = ", ".join(f"{name} {rows}" for name, rows in done.rows.items())
    told = f"restated {counted(len(done.days), 'day')}: {counts}"
    click.echo(f"{told}; `automation stats publish` shows them to readers")


@stats.command()
@click.pass_obj
def publish(front: Front) -> None:
    """Gather all filed days in the analytics file, replacing it in one move."""
    target = front.settings.analytics
    terms = Terms.of(front.settings)
    rows = publish_all(front.database, front.files, front.sqlfiles, target, as_of=front.now, terms=terms)
    counts = ", ".join(f"{name} {count}" for name, count in rows.items())
    click.echo(f"published {target}: {counts}")


@stats.command()
@click.argument("table", type=click.Choice([each.name for each in PUBLISHED]))
@click.option("--tenant", type=NUMBER, help="Only this tenant.")
@click.option("--campaign", help="Only this campaign.")
@click.option("--limit", default=50, type=ROWS, show_default=True, help="Rows shown, the newest days first.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
@click.pass_obj
def show(
    front: Front, *, table: str, tenant: int | None, campaign: str | None, limit: int, as_json: bool
) -> None:
    """Show a published table; zeros are left out."""
    path = front.settings.analytics
    if not path.exists():
        msg = f"nothing is published at {path}: run `automation stats publish`"
        raise RefusedError(msg)
    wanted = {"tenant_id": tenant, "campaign": campaign}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    columns = [column.name for column in STATISTICS[table].columns]
    if unknown := wanted.keys() - set(columns):
        msg = f"{table} has no column {', '.join(sorted(unknown))}: it has {', '.join(columns)}"
        raise RefusedError(msg)
    where = " AND ".join(f"{name} = ${name}" for name in wanted) or "true"
    order = "day DESC, " if "day" in columns else ""
    keys = ", ".join(STATISTICS[table].key)
    statement = f"SELECT * FROM {table} WHERE {where} ORDER BY {order}{keys} LIMIT $limit"
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.sql(statement, params={**wanted, "limit": limit}).pl()
    if as_json:
        say_json(rows)
        return
    say(_compact(rows, STATISTICS[table]))


def _compact(rows: pl.DataFrame, statistic: Statistic) -> Table:
    """Lay out the key in columns and what is not zero in words: it fits any terminal."""
    table = Table(title=statistic.name, title_justify="left")
    for name in statistic.key:
        table.add_column(name, no_wrap=True)
    table.add_column("numbers")
    for row in rows.iter_rows(named=True):
        said = (
            f"{name} {_short(value)}" for name, value in row.items() if name not in statistic.key and value
        )
        table.add_row(*(str(row[name]) for name in statistic.key), ", ".join(said))
    return table


def _short(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


@click.group()
def feedback() -> None:
    """Take in what providers tell."""


@feedback.command()
@click.argument("directory", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--mailbox", metavar="URL", help="imaps://user:password@host/INBOX, or a directory with mails.")
@click.pass_obj
def ingest(front: Front, directory: Path | None, mailbox: str | None) -> None:
    """Read the files of feedback in DIRECTORY (default: the installation's inbox), then the mailbox.

    Files are JSON Lines in our own words, posts of a provider in the folder of its name, mails in mail/.
    """
    inbox = open_inbox(str(directory)) if directory else inbox_of(front.settings)
    done = read_all(front.database, front.sqlfiles, front.settings, inbox, mailbox=mailbox, now=front.now)
    click.echo(
        f"{counted(done.files, 'file')}: {counted(done.events, 'event')}, {done.duplicates} known already, "
        f"{counted(done.rejected, 'line')} rejected, {counted(done.proved, 'doubtful job')} proved sent"
    )
    if done.rejected:
        click.echo(f"the rejected lines and what is wrong with them: {inbox}/{REJECTED}")
