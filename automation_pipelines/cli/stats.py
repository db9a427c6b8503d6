"""Statistics and feedback by hand: restate, check, publish, show, explain, ingest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import click
import duckdb
import polars as pl
from rich.table import Table

from automation_pipelines.catalogue.measures import MEASURES, VIEWS, Unit, View, summed
from automation_pipelines.catalogue.statistics import PUBLISHED, STATISTICS
from automation_pipelines.cli.front import DAY, NUMBER, ROWS, Front
from automation_pipelines.cli.tables import counted, say, say_json
from automation_pipelines.errors import FiguresError, RefusedError
from automation_pipelines.extraction import extract
from automation_pipelines.feedback import REJECTED, inbox_of, open_inbox
from automation_pipelines.feedback import ingest as read_all
from automation_pipelines.ledger.daily import days_touched
from automation_pipelines.stats import Terms, days_changed, demands, measures
from automation_pipelines.stats import publish as publish_all
from automation_pipelines.stats import restate as restate_days
from automation_pipelines.stats.checks import check as look_at
from automation_pipelines.stats.checks import require_sound
from automation_pipelines.stats.findings import Look
from automation_pipelines.stats.postgres import publish_copy

_NIGHT = timedelta(hours=25)
"""Since the night before, and a little more."""


@click.group()
def stats() -> None:
    """Compute, publish and show statistics."""


@stats.command()
@click.option("--from", "first", type=DAY, help="First UTC day; default: yesterday.")
@click.option("--to", "last", type=DAY, help="Last UTC day; default: today.")
@click.pass_obj
def restate(front: Front, *, first: datetime | None, last: datetime | None) -> None:
    """Compute the statistics of these days afresh. Plans and sends nothing.

    Without any days also those that feedback of the last day, or the CRM, changed.
    """
    days = _days(front, first, last)
    if first is None and last is None:
        days = sorted({*days, *_late(front)})
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


def _late(front: Front) -> list[date]:
    """The days that something came late for."""
    told = days_touched(front.database, front.now - _NIGHT)
    written = days_changed(front.installation.crm, front.sqlfiles, front.files)
    return [day for day in (*told, *written) if day <= front.now.date()]


def _days(front: Front, first: datetime | None, last: datetime | None) -> list[date]:
    until = last.date() if last else front.now.date()
    since = first.date() if first else min(until, front.now.date() - timedelta(days=1))
    if since > until:
        msg = f"--from {since} is after --to {until}: swap them"
        raise RefusedError(msg)
    return [since + timedelta(days=number) for number in range((until - since).days + 1)]


@stats.command()
@click.option("--from", "first", type=DAY, help="First UTC day; default: yesterday.")
@click.option("--to", "last", type=DAY, help="Last UTC day; default: today.")
@click.option("--all", "whole", is_flag=True, help="As before publishing: everything that is filed.")
@click.pass_obj
def check(front: Front, *, first: datetime | None, last: datetime | None, whole: bool) -> None:
    """Look whether the figures of these days add up and agree with the ledger. Publishing does it, too."""
    days = None if whole else _days(front, first, last)
    found = look_at(Look(front.database, front.files, front.now, days))
    for each in found:
        click.echo(f"{'ok' if each.passed else 'WRONG' if each.gates else 'odd'}: {each}")
    if any(each.gates and not each.passed for each in found):
        msg = "these figures would not be published: restate the days, or find out what is wrong"
        raise FiguresError(msg)


@stats.command()
@click.pass_obj
def publish(front: Front) -> None:
    """Gather all filed days in the analytics file, replacing it in one move, unless they do not add up.

    With AUTOMATION_STATS_URL, a PostgreSQL server gets the same in one transaction.
    """
    for each in require_sound(Look(front.database, front.files, front.now)):
        if not each.passed:
            click.echo(f"odd: {each}")
    target = front.settings.analytics
    terms = Terms.of(front.settings)
    rows = publish_all(front.database, front.files, front.sqlfiles, target, as_of=front.now, terms=terms)
    counts = ", ".join(f"{name} {count}" for name, count in rows.items())
    click.echo(f"published {target}: {counts}")
    if front.settings.stats_url:
        url, schema = front.settings.stats_url.get_secret_value(), front.settings.stats_schema
        copied = publish_copy(target, url, schema)
        click.echo(f"copied to schema {schema}: {counted(copied.written, 'row')} added or removed")
        for notice in copied.notices:
            click.echo(f"note: {notice}", err=True)


@stats.command("measures")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def explain_measures(*, as_json: bool) -> None:
    """Say what every rate means, how it is computed, and what it does not say."""
    if as_json:
        say_json(measures.definitions())
        return
    table = Table(title="measures", title_justify="left")
    for name in ("measure", "of", "better", "meaning"):
        table.add_column(name, no_wrap=name == "measure")
    for each in MEASURES.values():
        words = " ".join(filter(None, (each.doc, each.caveat)))
        table.add_row(each.name, f"{each.statistic}: {each.formula}", str(each.better), words)
    say(table)


@stats.command()
@click.argument("table", type=click.Choice([*(each.name for each in PUBLISHED), *VIEWS]))
@click.option("--tenant", type=NUMBER, help="Only this tenant.")
@click.option("--campaign", help="Only this campaign.")
@click.option(
    "--measure",
    "names",
    multiple=True,
    type=click.Choice(list(MEASURES)),
    help="Only this measure, over all days where a table is shown; several are possible.",
)
@click.option("--limit", default=50, type=ROWS, show_default=True, help="Rows shown, the newest days first.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
@click.pass_obj
def show(
    front: Front,
    *,
    table: str,
    tenant: int | None,
    campaign: str | None,
    names: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """Show a published table or view; counts of zero are left out."""
    path = front.settings.analytics
    if not path.exists():
        msg = f"nothing is published at {path}: run `automation stats publish`"
        raise RefusedError(msg)
    shown = _shown(table, names)
    wanted = {"tenant_id": tenant, "campaign": campaign}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if unknown := wanted.keys() - set(shown.columns):
        msg = f"{table} has no column {', '.join(sorted(unknown))}: it has {', '.join(shown.columns)}"
        raise RefusedError(msg)
    where = " AND ".join(f"{name} = ${name}" for name in wanted) or "true"
    order = "day DESC, " if "day" in shown.key else ""
    picked, keys = ", ".join(shown.columns), ", ".join(shown.key)
    statement = f"SELECT {picked} FROM {shown.source} WHERE {where} ORDER BY {order}{keys} LIMIT $limit"
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.sql(statement, params={**wanted, "limit": limit}).pl()
    except (duckdb.IOException, duckdb.CatalogException, duckdb.BinderException) as error:
        said = str(error).splitlines()[0]
        msg = f"{path} is damaged or of another version ({said}): run `automation stats publish`"
        raise RefusedError(msg) from None
    if as_json:
        say_json(rows)
        return
    say(_compact(rows, table, shown.key))


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is read: a table, a view, or measures of either."""

    source: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


def _shown(table: str, names: tuple[str, ...]) -> _Shown:
    view = VIEWS.get(table)
    if not names:
        key = view.by if view else STATISTICS[table].key
        columns = view.columns if view else STATISTICS[table].columns
        return _Shown(table, key, tuple(column.name for column in columns))
    statistic = view.statistic if view else table
    wanted = [MEASURES[name] for name in names]
    if other := [each for each in wanted if each.statistic != statistic]:
        msg = f"{other[0].name} is a measure of {other[0].statistic}: show that, or a view of it"
        raise RefusedError(msg)
    by = view.by if view else tuple(name for name in STATISTICS[table].key if name != "day")
    source = f"({measures.query(View(table, '', statistic, by))})"
    return _Shown(source, by, (*by, *summed(wanted), *names))


def _compact(rows: pl.DataFrame, title: str, key: Sequence[str]) -> Table:
    """Lay out the key in columns and what is there in words: it fits any terminal."""
    table = Table(title=title, title_justify="left")
    for name in key:
        table.add_column(name, no_wrap=True)
    table.add_column("numbers")
    for row in rows.iter_rows(named=True):
        told = {name: value for name, value in row.items() if name not in key and _says(value)}
        said = (f"{name} {_short(name, value)}" for name, value in told.items())
        table.add_row(*(str(row[name]) for name in key), ", ".join(said))
    return table


def _says(value: object) -> bool:
    """An estimate of 0 says something, a count of 0 does not."""
    return isinstance(value, float) or bool(value)


def _short(name: str, value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    share = name in MEASURES and MEASURES[name].unit is Unit.SHARE
    return f"{value:.2%}" if share else _three_digits(value)


def _three_digits(value: float) -> str:
    """Three digits that say something: a rate of 0.00884 is not 0.0."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004


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
