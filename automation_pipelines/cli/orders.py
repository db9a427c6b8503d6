"""Which jobs a command means, and orders about them: counted first, asked for, carried out, audited.

The commands themselves are `jobs`'.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any

import click

from automation_pipelines.campaign import CALL_CHANNELS, MESSAGE_CHANNELS
from automation_pipelines.cli.front import MOMENT, NUMBER, Front
from automation_pipelines.cli.tables import counted
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import operations
from automation_pipelines.ledger.operations import DEAD_LETTERS, RETRYABLE, JobFilter
from automation_pipelines.model import State

Command = Callable[..., None]
CarryOut = Callable[..., int]


@dataclass(frozen=True)
class Order:
    """How an order asks for consent, and what it does."""

    verb: str
    done: str
    states: tuple[State, ...]
    carry_out: CarryOut
    sends: bool = False
    """It needs what retention takes away."""


RETRY = Order("put back in the queue", "put back in the queue", RETRYABLE, operations.retry, sends=True)
CANCEL = Order("cancel", "cancelled", (State.PENDING,), operations.cancel)
REQUEUE = Order("put back in the queue", "put back in the queue", DEAD_LETTERS, operations.retry, sends=True)
CLEAR = Order("take off the queue", "taken off the queue", DEAD_LETTERS, operations.clear)

_SPENT = (
    "address and variables are gone, by retention or because somebody was forgotten; "
    "`automation campaign run CAMPAIGN --subject KEY --again` plans a message anew"
)
CHANNELS = (*MESSAGE_CHANNELS, *CALL_CHANNELS, "crm", "wait")
ALL = click.option("--all", "everything", is_flag=True, help="Mean every job, where no filter is given.")
YES = click.option("--yes", is_flag=True, help="Do not ask.")


def filtered(command: Command) -> Command:
    """The options that say which jobs are meant, handed on as one `wanted`."""

    @click.argument("ids", nargs=-1, type=NUMBER)
    @click.option("--campaign", help="Only jobs of this campaign.")
    @click.option("--tenant", type=NUMBER, help="Only jobs of this tenant.")
    @click.option("--channel", type=click.Choice(CHANNELS), help="Only jobs of this channel.")
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
        if campaign is not None:
            operations.require_campaign(click.get_current_context().obj.database, campaign)
        command(*args, wanted=wanted, **kwargs)

    return with_filter


def give(front: Front, order: Order, wanted: JobFilter, *, everything: bool, yes: bool) -> None:
    """Count, ask, carry out: only the states the order is for."""
    if replace(wanted, tests=False) == JobFilter() and not everything:
        msg = "which jobs? give their numbers or a filter such as --campaign, or --all"
        raise RefusedError(msg)
    meant = replace(wanted, states=order.states)
    counts = operations.count_by_state(front.database, meant)
    if not counts:
        click.echo(f"nothing to do: {_instead(front, order, wanted)}")
        return
    spent = operations.spent(front.database, meant) if order.sends else 0
    if spent:
        click.echo(f"{counted(spent, 'job')} cannot go again: {_SPENT}")
    if spent == sum(counts.values()):
        sys.exit(1)
    click.echo(f"will {order.verb}: " + ", ".join(f"{count:,} {state}" for state, count in counts.items()))
    if not yes and not click.confirm("go on?"):
        sys.exit(1)
    changed = order.carry_out(front.database, meant, by=front.user, now=front.now)
    click.echo(f"{counted(changed, 'job')} {order.done}")


def _instead(front: Front, order: Order, wanted: JobFilter) -> str:
    """Why an order means no job; of jobs given by number, what they are."""
    none = f"none of these jobs is {' or '.join(order.states)}"
    if not wanted.ids:
        return none
    there = operations.count_by_state(front.database, wanted)
    told = [f"{count:,} {state}" for state, count in there.items()]
    missing = len(set(wanted.ids)) - sum(there.values())
    told += [f"{missing:,} not meant by the other filters, or not there"] if missing else []
    return f"{none} ({', '.join(told)})"
