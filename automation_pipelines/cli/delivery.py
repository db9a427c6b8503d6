"""Delivery by hand: once, until the queue is empty, or as a worker that stays."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import click

from automation_pipelines import metrics
from automation_pipelines.channels import Channel, build_channels, build_test_channels, closing
from automation_pipelines.cli.bars import shown
from automation_pipelines.cli.front import ROWS, Front, worker
from automation_pipelines.delivery import Delivered
from automation_pipelines.delivery import deliver as deliver_due
from automation_pipelines.errors import LedgerError
from automation_pipelines.ledger import holds, operations
from automation_pipelines.ledger.jobs import next_due
from automation_pipelines.ledger.lateness import lateness

_LONGEST_NAP = 30.0
"""Seconds after which a worker looks for what others have planned, at the latest."""


def _clock() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Worker:
    """One delivering process with its channels, and whether somebody asked it to stop."""

    front: Front
    channels: dict[str, Channel]
    testing: bool
    stop: threading.Event = field(default_factory=threading.Event)
    owner: str = field(default_factory=worker)
    held: holds.Hold | None = None
    """What was said of a hold already."""

    def deliver(self, limit: int | None = None) -> Delivered:
        """Deliver what is due; what is in flight when it is told to stop is finished."""
        database = self.front.database
        return deliver_due(
            database,
            self.channels,
            self.front.installation.campaigns,
            self.front.settings,
            clock=database.clock(_clock),
            owner=self.owner,
            limit=limit,
            stop=self.stop.is_set,
            mode="test" if self.testing else "live",
            nap=self.stop.wait,
        )

    def announce(self, done: Delivered, since: datetime, nothing: str = "") -> None:
        """Tell what was done, and of which campaigns something was dropped or went late since then."""
        _tell(done, "" if self.is_held() else nothing)
        if done.expired or done.late:
            for one in lateness(self.front.database, since, _clock()):
                click.secho(str(one), bold=True)

    def is_held(self) -> bool:
        """Whether nothing may leave; says so once."""
        hold = None if self.testing else holds.current(self.front.installation.database)
        if hold is not None and hold != self.held:
            click.secho(str(hold), bold=True)
        self.held = hold
        return hold is not None

    def loop(self) -> None:
        """Deliver whatever falls due until told to stop; while the database is away, wait for it."""
        failures = 0
        while not self.stop.is_set():
            try:
                nap = self._round()
            except LedgerError as error:
                if not failures:
                    click.secho(f"{error}; trying again until it is back", fg="red", err=True)
                nap, failures = min(2.0**failures, _LONGEST_NAP), failures + 1
            else:
                if failures:
                    click.secho("the automation database is back", err=True)
                failures = 0
            self.stop.wait(nap)

    def _round(self) -> float:
        """Deliver what is due; how many seconds there is nothing to do then."""
        since = _clock()
        self.announce(self.deliver(), since)
        if self.held:
            return _LONGEST_NAP
        due = next_due(self.front.installation.database)
        ahead = (due - _clock()).total_seconds() if due else _LONGEST_NAP
        return min(max(ahead, 1.0), _LONGEST_NAP)

    def drain(self) -> None:
        """Deliver until nothing is due, and show how far it is."""
        since = _clock()
        with shown(lambda: operations.unfinished(self.front.database, _clock(), tests=self.testing)):
            done = self.deliver()
        self.announce(done, since)


@click.command()
@click.option("--limit", type=ROWS, help="Stop after claiming this many jobs.")
@click.option(
    "--test", "testing", is_flag=True, help="Deliver the jobs of tests instead, as files: nothing leaves."
)
@click.option("--drain", is_flag=True, help="Show how far it is until the queue is empty.")
@click.option("--loop", is_flag=True, help="Stay, and deliver whatever falls due; SIGTERM ends it.")
@click.option("--metrics", "port", type=click.IntRange(1, 65535), help="With --loop: a port for Prometheus.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="The address it listens on.")
@click.pass_obj
def deliver(
    front: Front,
    *,
    limit: int | None,
    testing: bool,
    drain: bool,
    loop: bool,
    port: int | None,
    metrics_host: str,
) -> None:
    """Send everything that is due now. Any number of these may run at once."""
    if loop and (drain or limit is not None):
        raise click.UsageError("--loop goes on for ever: leave out --drain and --limit")  # noqa: EM101, TRY003
    if drain and limit is not None:
        raise click.UsageError("--drain goes on to the end: leave out --limit")  # noqa: EM101, TRY003
    if port is not None and not loop:
        raise click.UsageError("--metrics is for --loop")  # noqa: EM101, TRY003
    with _working(front, testing=testing) as made:
        if loop:
            with _measured(front, metrics_host, port):
                made.loop()
        elif drain:
            made.drain()
        else:
            since = _clock()
            made.announce(made.deliver(limit), since, nothing="nothing was due")


@contextmanager
def _working(front: Front, *, testing: bool) -> Iterator[_Worker]:
    channels = build_test_channels(front.settings) if testing else build_channels(front.settings)
    made = _Worker(front, channels, testing)
    with _ended_by_signals(made.stop.set), closing(channels):
        yield made


@contextmanager
def _ended_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGTERM or SIGINT finishes what is in flight; a second one has its usual effect."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def told(_number: int, _frame: object) -> None:
        stop()
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _measured(front: Front, host: str, port: int | None) -> Iterator[None]:
    if port is None:
        yield
        return
    end = metrics.serve(front.database, host, port, _clock)
    try:
        yield
    finally:
        end()


def _tell(done: Delivered, nothing: str = "") -> None:
    told = str(done) or nothing
    if told:
        click.echo(told)
