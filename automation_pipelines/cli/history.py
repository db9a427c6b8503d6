"""What ran, and what came of it: runs, counts and ticks of campaigns, and escalated enquiries."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

import click
import polars as pl

from automation_pipelines import history
from automation_pipelines.cli.front import MOMENT, NUMBER, Front
from automation_pipelines.cli.tables import say, say_json, table_of, when
from automation_pipelines.history import Page, RunFilter, RunState

Command = Callable[..., None]
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON Lines instead of a table.")
_TENANT = click.option("--tenant", type=NUMBER, help="Only this tenant.")
_NAME = click.argument("name", metavar="CAMPAIGN")


def _paged(command: Command) -> Command:
    """`--page` and `--size`, handed on as `number` and `size`."""

    @click.option("--page", "number", default=1, show_default=True, type=click.IntRange(min=1))
    @click.option("--size", default=50, show_default=True, type=click.IntRange(1, 1000), help="Rows a page.")
    @wraps(command)
    def with_pages(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the command's own options
        command(*args, **kwargs)

    return with_pages


@click.command("runs")
@_NAME
@click.option(
    "--state", "states", multiple=True, type=click.Choice([str(s) for s in RunState]), help="May be repeated."
)
@_TENANT
@click.option("--subject", metavar="KEY", help="Only this subject, by the CRM's own key.")
@click.option("--since", type=MOMENT, help="Only runs that began at or after this time.")
@click.option("--until", type=MOMENT, help="Only runs that began before this time.")
@_paged
@_JSON
@click.pass_obj
def runs(
    front: Front,
    *,
    name: str,
    states: tuple[str, ...],
    tenant: int | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
    number: int,
    size: int,
    as_json: bool,
) -> None:
    """List the runs of a campaign, newest first: each subject that entered it, and how far it got.

    A run is failed, running, queued, success or skipped; the numbers count its messages and actions.
    """
    chosen = tuple(RunState(state) for state in states)
    wanted = RunFilter(states=chosen, tenant=tenant, subject=subject, since=since, until=until)
    found = history.runs(front.ready, name, wanted, as_of=front.now)
    shown = history.page(front.installation, found, number, size)
    if not as_json:
        say(_by_state(found))
    columns = ("state", "tenant_id", "subject", "first_at", "last_at", "done", "failed", "skipped", "pending")
    _show(shown, f"runs of {name}", columns, ("held", "reason", "error"), as_json=as_json)


def _by_state(found: pl.DataFrame) -> str:
    counted = dict(found["state"].value_counts().iter_rows())
    return ", ".join(f"{counted[state]:,} {state}" for state in RunState if state in counted) or "no runs"


@click.command("counts")
@click.argument("names", nargs=-1, metavar="[CAMPAIGN]...")
@_TENANT
@click.option("--since", type=MOMENT, help="Only what was due at or after this time.")
@click.option("--by-tenant", is_flag=True, help="One row for each tenant.")
@_JSON
@click.pass_obj
def counts(
    front: Front,
    *,
    names: tuple[str, ...],
    tenant: int | None,
    since: datetime | None,
    by_tenant: bool,
    as_json: bool,
) -> None:
    """Count what campaigns did: executions, successes, failures, what waits, and why nothing was sent.

    An execution is a message or action that was handed over and ended; tests count nowhere.
    """
    for name in names:
        front.ready.campaigns.show(name)
    chosen: dict[str, Any] = {"tenant": tenant, "since": since, "by_tenant": by_tenant}
    found = history.counts(front.ready, names, **chosen)
    why = history.reasons(front.installation, names, as_of=front.now, **chosen)
    told = _with_reasons(found, why)
    if as_json:
        say_json(told)
        return
    shown = told.with_columns(rate_of(), pl.col("not_sent").map_elements(_words, pl.String))
    _print(shown.drop("moments", "planned", "skipped"), "Counts", ("tenant_id",))


def _with_reasons(found: pl.DataFrame, why: pl.DataFrame) -> pl.DataFrame:
    """The counts with a column `not_sent`: moments by reason, those held included."""
    key = ["campaign", "tenant_id"]
    reasons = why.select(
        *key, pl.struct("reason", moments=pl.col("settled") + pl.col("held")).alias("not_sent")
    )
    gathered = reasons.group_by(key, maintain_order=True).agg("not_sent")
    # Campaigns whose moments are all held have no row in the ledger.
    both = found.join(gathered, on=key, how="full", coalesce=True, nulls_equal=True)
    sums = pl.col("moments", "planned", "executions", "successes", "failures", "pending", "skipped")
    return both.with_columns(sums.fill_null(0)).sort(key)


def _words(reasons: pl.Series) -> str:
    return ", ".join(f"{row['reason']} {row['moments']}" for row in reasons)


def rate_of() -> pl.Expr:
    """The success rate in per cent, for a table."""
    rate = (pl.col("success_rate") * 100).round(1).cast(pl.String) + "%"
    return rate.alias("success_rate")


SUMMARY = ("executions", "sent", "failed", "last")
"""What a list of campaigns says of each."""
NOTHING_YET = ("0", "0", "0", "")


LATELY = timedelta(days=30)
"""What a list of campaigns counts: more would read the whole record."""


def summaries(
    front: Front, names: Sequence[str] = (), since: datetime | None = None
) -> dict[str, tuple[str, ...]]:
    """`SUMMARY` of these campaigns (none given: of all) that did something due since then, or lately."""
    found = history.counts(front.ready, names, since=since or front.now - LATELY)
    columns = found.select("campaign", "executions", "successes", "failures", "last_execution")
    return {name: (*(f"{count:,}" for count in did), when(last)) for name, *did, last in columns.iter_rows()}


@click.command("ticks")
@_NAME
@_TENANT
@click.option("--by-day", is_flag=True, help="By the tenants' calendar days instead of by run.")
@_paged
@_JSON
@click.pass_obj
def ticks(
    front: Front, *, name: str, tenant: int | None, by_day: bool, number: int, size: int, as_json: bool
) -> None:
    """List the planning runs that judged moments of a campaign, newest first, and what became of those.

    Processed: judged; notified: planned and sent; failed: refused for good, or doubtful.
    """
    made = history.days if by_day else history.ticks
    found = made(front.ready, name, as_of=front.now, tenant=tenant)
    shown = history.page(front.installation, found, number, size)
    first = ("day", "tenant_id") if by_day else ("as_of", "state")
    numbers = ("processed", "notified", "failed", "pending", "skipped", "held")
    what = "days" if by_day else "ticks"
    _show(shown, f"{what} of {name}", (*first, *numbers), ("error",), as_json=as_json)


@click.group()
def escalations() -> None:
    """Enquiries that went past their deadline and were escalated."""


@escalations.command("list")
@click.option("--level", type=click.IntRange(min=1), help="Only those whose highest level is this.")
@click.option(
    "--status",
    type=click.Choice(["open", "in_progress", "resolved", "closed", "gone"]),
    help="Only those with this status in the CRM now.",
)
@_TENANT
@_paged
@_JSON
@click.pass_obj
def list_escalations(
    front: Front,
    *,
    level: int | None,
    status: str | None,
    tenant: int | None,
    number: int,
    size: int,
    as_json: bool,
) -> None:
    """List escalated enquiries: their highest level, since when, how many were told, the CRM's status."""
    found = history.escalations(front.ready, level=level, status=status, tenant=tenant)
    shown = history.page(front.installation, found, number, size)
    columns = ("subject", "tenant_id", "level", "escalated_at", "told", "status")
    _show(shown, "escalated enquiries", columns, (), as_json=as_json)


def _show(
    shown: Page, what: str, columns: tuple[str, ...], sparse: tuple[str, ...], *, as_json: bool
) -> None:
    """One page; `sparse` columns only where a row has something in them."""
    if as_json:
        say_json(shown.rows)
        return
    some = [name for name in (*columns, *sparse) if name in shown.rows.columns]
    title = f"{what}: page {shown.number} of {shown.last}, {shown.total:,} in all (UTC)"
    _print(shown.rows.select(some), title, sparse)


def _print(rows: pl.DataFrame, title: str, sparse: tuple[str, ...]) -> None:
    empty = [name for name in sparse if name in rows.columns and rows[name].is_null().all()]
    headings: Mapping[str, str] = {"tenant_id": "tenant"}
    say(table_of(rows.drop(empty).rename(headings, strict=False), title))
