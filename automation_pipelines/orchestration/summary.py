"""What the demo tells at its end, read from ledger, files and published statistics. Computes nothing new."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import duckdb
import polars as pl
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from automation_pipelines import decisions
from automation_pipelines.cli.tables import table_of
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.model import Reason

_DAY = timedelta(days=1)
_REASONS = [str(reason) for reason in Reason]
_TOTALS = """
    SELECT campaign, sum(planned) AS planned, sum(waiting) AS waiting, sum(sent) AS sent,
        sum(delivered) AS delivered, sum(opened) AS opened, sum(clicked) AS clicked
    FROM campaign_totals GROUP BY campaign ORDER BY campaign
"""


def tell(console: Console, installation: Installation, *, sizes: Mapping[str, int], now: datetime) -> None:
    """The tables: audiences, decisions, jobs, statistics."""
    named = {"audience": list(sizes), "subjects": list(sizes.values())}
    console.print(
        table_of(pl.DataFrame(named).sort("audience"), "Audiences: subjects in scope (largest tick)")
    )
    console.print(_decisions(_newest(installation, now)))
    console.print(table_of(_jobs(installation), "Jobs by channel and state"))
    with duckdb.connect(str(installation.settings.analytics), read_only=True) as analytics:
        console.print(table_of(analytics.sql(_TOTALS).pl(), "Statistics: campaign_totals, all tenants"))


def _newest(installation: Installation, now: datetime) -> pl.DataFrame:
    days = [now.date() - _DAY, now.date()]
    rows = installation.files.read(decisions.DATASET, days)
    return rows.sort("as_of").unique(KEY, keep="last", maintain_order=True) if len(rows) else rows


def _decisions(rows: pl.DataFrame) -> Table:
    title = "Decisions on the moments of yesterday and today, by reason"
    if rows.is_empty():
        return Table(title=title, title_justify="left")
    counted = rows.pivot("reason", index="campaign", values="due_at", aggregate_function="len")
    known = [reason for reason in reversed(_REASONS) if reason in counted.columns]
    ordered = counted.select("campaign", *(pl.col(name).fill_null(0) for name in known))
    return table_of(ordered.sort("campaign"), title)


def _jobs(installation: Installation) -> pl.DataFrame:
    counted = installation.database.read(
        sa.select(jobs.c.channel, jobs.c.state, sa.func.count().label("jobs"))
        .group_by(jobs.c.channel, jobs.c.state)
        .order_by(jobs.c.channel, jobs.c.state)
    )
    return counted.pivot("state", index="channel", values="jobs").with_columns(
        pl.selectors.numeric().fill_null(0)
    )


def conclude(
    console: Console, installation: Installation, *, runs: int, seconds: float, new: int, repeated: int | None
) -> None:
    """The last lines: what was new, where things are, what to try."""
    settings = installation.settings
    console.print(f"\n[bold]{runs} Dagster runs in {seconds:.0f} seconds; {new:,} new jobs.[/bold]")
    if repeated is not None:
        since = new - repeated
        console.print(
            f"The tick that had already run was run again and added {repeated:,} new jobs: doing anything "
            f"twice sends nothing twice. {since:,} fell due since."
        )
    console.print(
        f"E-mails      {settings.outbox}  (a maildir: mutt -f, or less a file in new/)", soft_wrap=True
    )
    console.print(f"Statistics   {settings.analytics}  (duckdb, or any client of it)", soft_wrap=True)
    console.print(
        f"Decisions    {settings.files / decisions.DATASET}  (Parquet by UTC day)\n", soft_wrap=True
    )
    for line in _next(installation):
        console.print(line, soft_wrap=True, highlight=False)


def _next(installation: Installation) -> list[str]:
    rows = installation.files.read(decisions.DATASET)
    lines = ["Try next, with .venv/bin on your PATH:"]
    for reason, why in (("planned", "did get it"), ("suppressed", "did not"), ("no_recipient", "did not")):
        found = rows.filter(pl.col("reason") == reason).head(1)
        for campaign, subject in found.select("campaign", "subject_text").iter_rows():
            lines.append(f"  automation explain {subject} --campaign {campaign}   why somebody {why}")
    return [
        *lines,
        "  automation preview                what the next 24 hours will send, and what not and why",
        "  automation jobs status            where every job is",
        "  automation report --tenant 1      what came of it, as one page to show in a meeting",
        "  make dev                          the same runs in the Dagster UI, and the schedules at work",
    ]
