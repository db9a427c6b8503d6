# ruff: noqa: INP001 - a script
"""Runs the main job over a stretch of the past, with the clock moved by hand.

For data sets that end years ago. An installation never does this: its clock is the real one.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import polars as pl
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from automation_pipelines.channels import build_channels
from automation_pipelines.cli.campaigns import known_here
from automation_pipelines.delivery import deliver
from automation_pipelines.installation import Installation
from automation_pipelines.settings import Settings
from automation_pipelines.tick import run_tick
from automation_pipelines.validation import load

HERE = Path(__file__).parent
BY = "replay"


KEY = ("occurrence", "tenant_id", "campaign", "step", "subject_id", "recipient_id")


@dataclass(frozen=True)
class Outcome:
    """What came of every moment, and how many messages were delivered."""

    moments: pl.DataFrame
    delivered: int

    def counts(self) -> pl.DataFrame:
        """Count moments by campaign, step and final reason; what held a stale one back is named."""
        stale = (pl.col("reason") == "stale") & pl.col("held_by").is_not_null()
        why = pl.when(stale).then(pl.format("stale after {}", "held_by")).otherwise("reason")
        decision = why.alias("decision")
        return self.moments.group_by("campaign", "step", decision).len("moments").sort(pl.all())


def installation(example: str, data: Path, home: Path) -> Installation:
    """Open an installation that reads `data` through the mapping files of one example, a tick a day."""
    settings = Settings(
        home=home, crm_url=SecretStr(str(data.absolute())), sql_dir=HERE / example, tick_minutes=1440
    )
    return Installation.open(settings)


def replay(opened: Installation, campaigns: Sequence[Path], first: datetime, days: int) -> Outcome:
    """Start the campaigns at `first`, then tick and deliver once a day."""
    opened.initialise(first)
    for draft in load(campaigns, known_here(opened.settings, opened.sqlfiles)):
        opened.campaigns.apply(draft.spec, draft.text, draft.templates, BY, first)
        if opened.campaigns.states()[draft.spec.id] == "draft":
            opened.campaigns.start(draft.spec.id, BY, first)
    results = [one_day(opened, first + timedelta(days=day)) for day in range(days + 1)]
    rows = pl.concat(decided for decided, _ in results)
    # A moment is judged again each day until it is settled: its latest decision counts.
    return Outcome(rows.unique(KEY, keep="last"), sum(sent for _, sent in results))


def one_day(opened: Installation, as_of: datetime) -> tuple[pl.DataFrame, int]:
    """Plan what is due at `as_of` and a tick ahead; deliver what is due."""
    done = run_tick(opened, as_of=as_of, run_id=f"{BY}-{as_of.isoformat()}")
    channels = build_channels(opened.settings)
    with closing(channels["email"]):
        sent = deliver(
            opened.database, channels, opened.campaigns, opened.settings, clock=lambda: as_of, owner=BY
        )
    return done.plan.rows.select(*KEY, "reason", "held_by"), sent.completed


@click.command()
@click.argument("example", type=click.Choice(["sales", "purchases"]))
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), required=True, help="First day, UTC.")
@click.option("--days", default=7, show_default=True, help="How many days.")
@click.option("--home", type=click.Path(path_type=Path), required=True, help="Where to write; new or empty.")
def main(example: str, data: Path, first: datetime, days: int, home: Path) -> None:
    """Replay EXAMPLE over the directory DATA."""
    opened = installation(example, data, home)
    outcome = replay(opened, [HERE / example / "campaigns"], first.replace(tzinfo=UTC), days)
    table = Table("campaign", "step", "decision", "moments")
    for *names, count in outcome.counts().rows():
        table.add_row(*names, f"{count:,}")
    Console().print(table)
    click.echo(f"{outcome.delivered:,} messages delivered into {opened.settings.outbox}")


if __name__ == "__main__":
    main()
