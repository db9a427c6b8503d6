"""Jobs and the dead-letter queue: look, requeue, cancel. Orders say first how many jobs they mean."""

import json
from dataclasses import asdict, replace
from datetime import datetime

import click
import polars as pl

from automation_pipelines.channels import build_channels, closing
from automation_pipelines.cli.front import MOMENT, NUMBER, ROWS, Front
from automation_pipelines.cli.orders import ALL, CANCEL, CLEAR, REQUEUE, RETRY, YES, filtered, give
from automation_pipelines.cli.tables import counted, say, say_json, table_of, when
from automation_pipelines.delivery.tracing import ask, traceable
from automation_pipelines.history import listing
from automation_pipelines.ledger import holds, operations, stops
from automation_pipelines.ledger.database import dump_json
from automation_pipelines.ledger.figures import DAY, Figures, figures
from automation_pipelines.ledger.lateness import in_hours
from automation_pipelines.ledger.operations import DEAD_LETTERS, JobFilter
from automation_pipelines.model import State

_JSON = click.option("--json", "as_json", is_flag=True, help="JSON Lines instead of a table.")
_COUNTED = 10_000
"""More are not counted for a list: that would read the whole record."""
_LIMIT = click.option("--limit", default=50, type=ROWS, show_default=True, help="Rows shown, the newest.")
_ADDRESSES = click.option("--show-addresses", "addresses", is_flag=True, help="Whole, not masked.")
_STATE = click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([str(state) for state in State]),
    help="Only jobs in this state; may be repeated.",
)


@click.group()
def jobs() -> None:
    """Jobs: what was planned and what became of it."""


@click.group()
def dlq() -> None:
    """The dead-letter queue: jobs that were rejected, or failed as often as they may."""


@jobs.command("status")
@click.option("--since", type=MOMENT, help="Count what ended from this time on.  [default: a day ago]")
@_JSON
@click.pass_obj
def show_status(front: Front, *, since: datetime | None, as_json: bool) -> None:
    """Count jobs per channel and tenant: how they stand, what came of those that ended, and how fast."""
    begin = since or front.now - DAY
    found = figures(front.database, begin, front.now)
    hold = holds.current(front.database)
    if hold is not None:
        click.secho(str(hold), bold=True, err=as_json)
    for stop in stops.in_force(front.database):
        click.secho(str(stop), bold=True, err=as_json)
    if as_json:
        say_json(found.rows)
    else:
        say(table_of(found.brief, f"jobs per channel and tenant; what ended, since {when(begin)}"))
        click.echo(_in_all(found, front.now))


def _in_all(found: Figures, now: datetime) -> str:
    """What an operator looks for first."""
    sums = found.rows.select(pl.selectors.integer().exclude("tenant_id").sum()).row(0, named=True)
    told = [f"{count:,} {name.replace('_', ' ')}" for name, count in sums.items() if count]
    behind = found.total.behind(now)
    told += [f"the oldest waiting for {in_hours(behind)}"] if behind else []
    return f"in all: {', '.join(told) or 'no jobs'}"


@jobs.command("list")
@filtered
@_STATE
@_LIMIT
@_ADDRESSES
@_JSON
@click.pass_obj
def list_jobs(
    front: Front,
    *,
    wanted: JobFilter,
    states: tuple[str, ...],
    limit: int,
    addresses: bool,
    as_json: bool,
) -> None:
    """List the newest jobs, by number or by filter: whom, by which step, when, and what went wrong."""
    meant = replace(wanted, states=tuple(State(state) for state in states))
    _list(front, meant, limit, addresses=addresses, as_json=as_json)


@jobs.command("show")
@click.argument("job_id", type=NUMBER)
@_JSON
@click.pass_obj
def show_job(front: Front, *, job_id: int, as_json: bool) -> None:
    """Show everything the record holds about one job."""
    story = asdict(operations.show(front.database, job_id))
    if as_json:
        click.echo(dump_json(story))
        return
    events = story.pop("events")
    variables = json.loads(story.pop("variables") or "{}")
    rows = [(name.replace("_", " "), value) for name, value in story.items() if value is not None]
    rows += [(f"variable {name}", value) for name, value in variables.items()]
    rows += [(f"event {event['type']}", f"{_told(event['at'])} {event['detail'] or ''}") for event in events]
    wide = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:{wide}}  {_told(value)}".rstrip())


def _told(value: object) -> str:
    match value:
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S} UTC"
        case str() | int():
            return str(value)
        case _:
            return dump_json(value)


@jobs.command("retry")
@filtered
@ALL
@YES
@click.pass_obj
def retry_jobs(front: Front, *, wanted: JobFilter, everything: bool, yes: bool) -> None:
    """Put dead and unknown jobs back in the queue, with all their attempts."""
    give(front, RETRY, wanted, everything=everything, yes=yes)


@jobs.command("resolve")
@filtered
@click.pass_obj
def resolve_jobs(front: Front, *, wanted: JobFilter) -> None:
    """Ask the providers of unknown jobs now: what they have is completed, what they never took waits again.

    Delivery does so by itself for jobs unknown for less than a day; this asks about older ones, too.
    """
    unknown = operations.numbers(front.database, replace(wanted, states=(State.UNKNOWN,)))
    channels = build_channels(front.settings)
    with closing(channels):
        able = traceable(channels)
        ids = unknown.filter(pl.col("channel").is_in(able))["id"].to_list()
        found = ask(
            front.database,
            channels,
            front.installation.campaigns,
            front.settings,
            ids,
            by=front.user,
            now=front.now,
        )
    if unknown.is_empty():
        click.echo("nothing to do: none of these jobs is unknown")
    if ids:
        click.echo(f"asked about {counted(len(ids), 'job')}: {found}")
    if silent := sorted(set(unknown["channel"]).difference(able)):
        number = counted(len(unknown) - len(ids), "unknown job")
        click.echo(f"{number} cannot be asked about ({', '.join(silent)}): look in the provider's log")


@jobs.command("cancel")
@filtered
@ALL
@YES
@click.pass_obj
def cancel_jobs(front: Front, *, wanted: JobFilter, everything: bool, yes: bool) -> None:
    """Cancel pending jobs, by number or by filter."""
    give(front, CANCEL, wanted, everything=everything, yes=yes)


@dlq.command("list")
@filtered
@_LIMIT
@_ADDRESSES
@_JSON
@click.pass_obj
def list_dead(front: Front, *, wanted: JobFilter, limit: int, addresses: bool, as_json: bool) -> None:
    """List the newest dead jobs with their last error."""
    _list(front, replace(wanted, states=DEAD_LETTERS), limit, addresses=addresses, as_json=as_json)


@dlq.command("retry")
@filtered
@ALL
@YES
@click.pass_obj
def retry_dead(front: Front, *, wanted: JobFilter, everything: bool, yes: bool) -> None:
    """Put dead jobs back in the queue, with all their attempts."""
    give(front, REQUEUE, wanted, everything=everything, yes=yes)


@dlq.command("clear")
@filtered
@ALL
@YES
@click.pass_obj
def clear_dead(front: Front, *, wanted: JobFilter, everything: bool, yes: bool) -> None:
    """Take dead jobs off the queue; they stay in the record as cancelled."""
    give(front, CLEAR, wanted, everything=everything, yes=yes)


def _list(front: Front, meant: JobFilter, limit: int, *, addresses: bool, as_json: bool) -> None:
    found = listing(front.database, meant, limit, addresses=addresses)
    if as_json:
        say_json(found)
        return
    if found.is_empty():
        click.echo("there are no such jobs")
        return
    total = operations.count(front.database, meant, _COUNTED)
    of = f"{total:,}" if total <= _COUNTED else f"more than {_COUNTED:,}"
    say(table_of(_brief(found), f"{found.height} of {of} jobs"))


def _brief(found: pl.DataFrame) -> pl.DataFrame:
    """The columns that fit a terminal, without those that are empty; `--json` has all."""
    state = (
        pl.when(pl.col("reason").is_null()).then("state").otherwise(pl.format("{}: {}", "state", "reason"))
    )
    tests = pl.when(pl.col("mode") == "test").then(pl.lit(" (test)")).otherwise(pl.lit(""))
    rows = found.select(
        "id",
        state.alias("state"),
        pl.col("tenant_id").alias("tenant"),
        pl.format("{} / {}{}", "campaign", "step", tests).alias("campaign / step"),
        "type",
        pl.col("subject_text").alias("subject"),
        "contact",
        "due_at",
        "error",
    )
    empty = [name for name in ("subject", "contact", "error") if rows[name].is_null().all()]
    return rows.drop(empty)
