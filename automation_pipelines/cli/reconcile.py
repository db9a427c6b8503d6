"""After a backup was restored: what was sent since, by the providers' logs, and then delivery again."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import polars as pl

from automation_pipelines.channels import build_channels, closing
from automation_pipelines.cli.front import MOMENT, Front
from automation_pipelines.cli.tables import counted, say, table_of, when
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import holds
from automation_pipelines.ledger.holds import Hold
from automation_pipelines.reconciliation import asking, logs, matching
from automation_pipelines.reconciliation import release as ending
from automation_pipelines.reconciliation.matching import Match

_RESTORED = "a backup was restored"


@click.command()
@click.argument("files", metavar="[LOGS]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--start", is_flag=True, help="Hold delivery: the ledger was restored from a backup.")
@click.option("--because", default=_RESTORED, show_default=True, help="With --start: why, for the record.")
@click.option("--since", type=MOMENT, help="With --start: the backup knows nothing later than this.")
@click.option(
    "--channel", "channels", multiple=True, help="Whose logs these are; may be repeated.  [default: email]"
)
@click.option("--zone", default="UTC", show_default=True, help="Of times in the logs that name none.")
@click.option("--ask", is_flag=True, help="Ask the providers that can be asked, and the CRM.")
@click.option("--apply", "applied", is_flag=True, help="Record it; without this nothing is changed.")
@click.option("--release", is_flag=True, help="End the hold, where nothing is missing.")
@click.option(
    "--marketing-unknown",
    is_flag=True,
    help="With --release: marketing in doubt on channels without a log does not leave, it becomes unknown.",
)
@click.option(
    "--accept-unknown",
    is_flag=True,
    help="With --release: what is in doubt leaves, also where it may have been sent already.",
)
@click.pass_obj
def reconcile(
    front: Front,
    *,
    files: tuple[Path, ...],
    start: bool,
    because: str,
    since: datetime | None,
    channels: tuple[str, ...],
    zone: str,
    ask: bool,
    applied: bool,
    release: bool,
    marketing_unknown: bool,
    accept_unknown: bool,
) -> None:
    """Compare a restored ledger with the logs of providers; until then nothing leaves.

    LOGS are files or directories: a mail server's log, Message-IDs one a line, CSV with a header or JSON
    Lines (with time and status, if there are any), a maildir, an outbox. Without any: how things stand.
    """
    if start + bool(files or ask or applied) + release > 1:
        raise click.UsageError("one thing at a time: --start, then logs and --ask, then --release")  # noqa: EM101, TRY003
    if applied and not (files or ask):
        raise click.UsageError("--apply what? name logs, or --ask")  # noqa: EM101, TRY003
    if start:
        click.echo(str(holds.start(front.database, because, by=front.user, now=front.now, since=since)))
    elif files:
        _read(front, files, channels or ("email",), _zone(zone), applied=applied)
    if ask:
        _ask(front, applied=applied)
    elif release:
        _release(front, accept_unknown=accept_unknown, marketing_unknown=marketing_unknown)
    if not (start or release):
        _stand(front)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        msg = f"'{name}' is no time zone: write one such as Europe/Berlin"
        raise RefusedError(msg) from None


def _held(front: Front) -> Hold:
    hold = holds.current(front.database)
    if hold is None:
        msg = "delivery is not held: `automation reconcile --start` holds it, after a backup was restored"
        raise RefusedError(msg)
    return hold


def _read(
    front: Front, files: Sequence[Path], channels: Sequence[str], zone: ZoneInfo, *, applied: bool
) -> None:
    """Compare logs, tell what they prove, and record it."""
    known = build_channels(front.settings)
    strange = [name for name in channels if name not in known]
    if strange:
        msg = f"there is no channel {', '.join(strange)}: there are {', '.join(sorted(known))}"
        raise RefusedError(msg)
    hold, lines = holds.current(front.database), logs.read(files, zone, front.now)
    found = matching.match(front.database, lines, hold, front.now)
    earliest, latest = lines.select(pl.col("at").min(), pl.col("at").max().alias("last")).row(0)
    span = f", from {when(earliest)} to {when(latest)}" if earliest else ", none with a time"
    click.echo(f"{counted(lines.height, 'line')} of hand-offs{span}")
    _tell(found, held=hold is not None)
    if applied:
        names = [path.name for path in files]
        done = matching.settle(front.database, found, channels, names, by=front.user, now=front.now)
        click.echo(f"{counted(done, 'job')} completed")


def _tell(found: Match, *, held: bool) -> None:
    if not found.proved.is_empty():
        rows = found.proved.group_by("channel", "state").len("jobs").sort("channel", "state")
        say(table_of(rows, "sent, by the log, and to be completed"))
    strays = counted(found.strays.height, "hand-off")
    told = [
        (found.known, "known to be sent"),
        (found.left, "of jobs that are not in doubt"),
        (found.older, "of no job, and from before what is lost" if held else "of no job"),
        (found.refused, "not taken, by the log"),
        (found.foreign, "of another installation"),
    ]
    for count, what in told:
        if count:
            click.echo(f"{count:,} {what}")
    if not found.strays.is_empty():
        click.echo(
            f"{strays} of no job yet: kept when applied, and settled by the tick that plans them again"
        )


def _ask(front: Front, *, applied: bool) -> None:
    hold, channels, campaigns = _held(front), build_channels(front.settings), front.installation.campaigns
    with closing(channels):
        marks = asking.marks(channels, hold)
        if marks is not None:
            found = matching.match(front.database, marks, hold, front.now)
            click.echo(f"the CRM has marked {counted(marks.height, 'write-back')}")
            _tell(found, held=True)
            if applied:
                matching.settle(front.database, found, ["crm"], ["marks"], by=front.user, now=front.now)
        told = asking.ask(front.database, channels, campaigns, front.settings, hold, now=front.now)
    for name in told.channels:
        have = told.proved.filter(pl.col("channel") == name).height
        click.echo(
            f"{name}: its provider has {have:,}, does not have {told.not_taken.get(name, 0):,}, "
            f"and cannot tell of {told.untold.get(name, 0):,}"
        )
    if applied:
        done = asking.settle(front.database, told, by=front.user, now=front.now)
        click.echo(f"{counted(done, 'job')} completed")


def _stand(front: Front) -> None:
    """Say whether delivery is held, and what is in doubt."""
    hold = holds.current(front.database)
    if hold is None:
        click.echo("delivery is not held")
        return
    click.echo(str(hold))
    rows = [
        (one.channel, one.jobs, one.marketing, one.why_not or "may go")
        for one in ending.doubtful(front.database, hold, _repeatable(front), front.now)
    ]
    schema = {"channel": pl.String, "jobs": pl.Int64, "of marketing": pl.Int64, "": pl.String}
    say(
        table_of(
            pl.DataFrame(rows, schema=schema, orient="row"), "in doubt: due before the hold, and waiting"
        )
    )


def _release(front: Front, *, accept_unknown: bool, marketing_unknown: bool) -> None:
    repeated = ending.release(
        front.database,
        _held(front),
        _repeatable(front),
        by=front.user,
        now=front.now,
        accept_unknown=accept_unknown,
        marketing_unknown=marketing_unknown,
    )
    for one in repeated:
        click.echo(f"{one.channel}: {counted(one.jobs, 'job')} may be sent again")
    click.echo("delivery is no longer held")


def _repeatable(front: Front) -> list[str]:
    return [name for name, channel in build_channels(front.settings).items() if channel.repeatable]
