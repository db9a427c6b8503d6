"""Jobs and the dead-letter queue: look, requeue, cancel. Orders say first how many jobs they mean."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any

import click
import polars as pl
from rich.table import Table

from automation_pipelines.cli.front import MOMENT, NUMBER, ROWS, Front
from automation_pipelines.cli.tables import counted, say, say_json, table_of
from automation_pipelines.errors import RefusedError
from automation_pipelines.history import listing
from automation_pipelines.ledger import operations
from automation_pipelines.ledger.database import dump_json
from automation_pipelines.ledger.figures import figures
from automation_pipelines.ledger.operations import DEAD_LETTERS, RETRYABLE, JobFilter
from automation_pipelines.model import State

Command = Callable[..., None]
Order = Callable[..., int]


@dataclass(frozen=True)
class _Orders:
    """How an order asks for consent, and what it does."""

    verb: str
    states: tuple[State, ...]
    carry_out: Order


_RETRY = _Orders("put back in the queue", RETRYABLE, operations.retry)
_CANCEL = _Orders("cancel", (State.PENDING,), operations.cancel)
_REQUEUE = _Orders("put back in the queue", DEAD_LETTERS, operations.retry)
_CLEAR = _Orders("take off the queue", DEAD_LETTERS, operations.clear)


def _filtered(command: Command) -> Command:
    """The options that say which jobs are meant, handed on as one `wanted`."""

    @click.argument("ids", nargs=-1, type=NUMBER)
    @click.option("--campaign", help="Only jobs of this campaign.")
    @click.option("--tenant", type=NUMBER, help="Only jobs of this tenant.")
    @click.option("--channel", help="Only jobs of this channel.")
    @click.option("--reason", help="Only jobs skipped for this reason.")
    @click.option("--since", type=MOMENT, help="Only jobs due at or after this time.")
    @click.option("--until", type=MOMENT, help="Only jobs due before this time.")
    @click.option("--test", "tests", is_flag=True, help="The jobs of tests instead of the real ones.")
    @wraps(command)
    def with_filter(
        *args: Any,  # noqa: ANN401 - the command's own options
        ids: tuple[int, ...],
        campaign: str | None,
        tenant: int | None,
        channel: str | None,
        reason: str | None,
        since: datetime | None,
        until: datetime | None,
        tests: bool,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        wanted = JobFilter(
            ids=ids,
            campaign=campaign,
            tenant=tenant,
            channel=channel,
            reason=reason,
            since=since,
            until=until,
            tests=tests,
        )
        command(*args, wanted=wanted, **kwargs)

    return with_filter


_JSON = click.option("--json", "as_json", is_flag=True, help="JSON Lines instead of a table.")
_LIMIT = click.option("--limit", default=50, type=ROWS, show_default=True, help="Rows shown, the newest.")
_ADDRESSES = click.option("--show-addresses", "addresses", is_flag=True, help="Whole, not masked.")
_STATE = click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([str(state) for state in State]),
    help="Only jobs in this state; may be repeated.",
)
_YES = click.option("--yes", is_flag=True, help="Do not ask.")
_ALL = click.option("--all", "everything", is_flag=True, help="Mean every job, where no filter is given.")


@click.group()
def jobs() -> None:
    """Jobs: what was planned and what became of it."""


@click.group()
def dlq() -> None:
    """The dead-letter queue: jobs that were rejected, or failed as often as they may."""


@jobs.command("status")
@_JSON
@click.pass_obj
def show_status(front: Front, *, as_json: bool) -> None:
    """Count jobs per channel and tenant; say how fast they went in the last hour, and what is left alone."""
    found = figures(front.database, front.now)
    if not as_json:  # columns without any job would only push the others off the screen
        numbers = found.select(pl.selectors.numeric().exclude("tenant_id"))
        found = found.drop(name for name in numbers.columns if not numbers[name].sum())
    _print(found, "jobs per channel and tenant", as_json=as_json)


@jobs.command("list")
@_filtered
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
    table = Table("", f"job {job_id}")
    for name, value in story.items():
        table.add_row(name.replace("_", " "), "" if value is None else str(value))
    for event in events:
        table.add_row(event["type"], f"{event['at']} {event['detail'] or ''}")
    say(table)


@jobs.command("retry")
@_filtered
@_ALL
@_YES
@click.pass_obj
def retry_jobs(front: Front, *, wanted: JobFilter, everything: bool, yes: bool) -> None:
    """Put dead and unknown jobs back in the queue, with all their attempts."""
    _order(front, _RETRY, wanted, everything=everything, yes=yes)


@jobs.command("cancel")
@_filtered
@_ALL
@_YES
@click.pass_obj
def cancel_jobs(front: Front, *, wanted: JobFilter, everything: bool, yes: bool) -> None:
    """Cancel pending jobs, by number or by filter."""
    _order(front, _CANCEL, wanted, everything=everything, yes=yes)


@dlq.command("list")
@_filtered
@_LIMIT
@_ADDRESSES
@_JSON
@click.pass_obj
def list_dead(front: Front, *, wanted: JobFilter, limit: int, addresses: bool, as_json: bool) -> None:
    """List the newest dead jobs with their last error."""
    _list(front, replace(wanted, states=DEAD_LETTERS), limit, addresses=addresses, as_json=as_json)


@dlq.command("retry")
@_filtered
@_ALL
@_YES
@click.pass_obj
def retry_dead(front: Front, *, wanted: JobFilter, everything: bool, yes: bool) -> None:
    """Put dead jobs back in the queue, with all their attempts."""
    _order(front, _REQUEUE, wanted, everything=everything, yes=yes)


@dlq.command("clear")
@_filtered
@_ALL
@_YES
@click.pass_obj
def clear_dead(front: Front, *, wanted: JobFilter, everything: bool, yes: bool) -> None:
    """Take dead jobs off the queue; they stay in the record as cancelled."""
    _order(front, _CLEAR, wanted, everything=everything, yes=yes)


def _list(front: Front, meant: JobFilter, limit: int, *, addresses: bool, as_json: bool) -> None:
    found = listing(front.database, meant, limit, addresses=addresses)
    total = sum(operations.count_by_state(front.database, meant).values())
    _print(found if as_json else _brief(found), f"{found.height} of {total} jobs", as_json=as_json)


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


def _order(front: Front, order: _Orders, wanted: JobFilter, *, everything: bool, yes: bool) -> None:
    """Count, ask, carry out: only the states the order is for."""
    if replace(wanted, tests=False) == JobFilter() and not everything:
        msg = "which jobs? give their numbers or a filter such as --campaign, or --all"
        raise RefusedError(msg)
    meant = replace(wanted, states=order.states)
    counts = operations.count_by_state(front.database, meant)
    if not counts:
        click.echo(f"nothing to do: none of these jobs is {' or '.join(order.states)}")
        return
    click.echo(f"will {order.verb}: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    if not yes and not click.confirm("go on?"):
        sys.exit(1)
    changed = order.carry_out(front.database, meant, by=front.user, now=front.now)
    click.echo(f"{counted(changed, 'job')} changed")


def _print(frame: pl.DataFrame, title: str, *, as_json: bool) -> None:
    if as_json:
        say_json(frame)
    else:
        say(table_of(frame, title))
