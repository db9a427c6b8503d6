"""What must hold of filed statistics before they are published; each check looks, and changes nothing.

A figure that does not add up, or says other than the ledger, is not shown to anybody. What is only odd or
old is told and published.
"""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from automation_pipelines.catalogue.statistics import CAMPAIGN_DAILY, DAILY, MESSAGE_FACTS
from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.errors import FiguresError
from automation_pipelines.ledger import daily
from automation_pipelines.ledger.database import Database
from automation_pipelines.model import State
from automation_pipelines.stats.findings import DAY, Check, Finding, Look
from automation_pipelines.stats.inputs import bounds
from automation_pipelines.stats.tables import dataset, schema

_STATES = {
    "waiting": State.PENDING,
    "processing": State.PROCESSING,
    "sent": State.COMPLETED,
    "failed": State.DEAD,
    "unknown": State.UNKNOWN,
    "cancelled": State.CANCELLED,
}
"""The columns of what became of jobs, by the state that they count."""
_FATES = (*_STATES, "expired", "withheld")
_SKIPPED = tuple(column.name for column in CAMPAIGN_DAILY.columns if column.name.startswith("skipped_"))
_HAPPENED = tuple(
    column.name
    for column in MESSAGE_FACTS.columns
    if column.name.endswith("_at") and column.name not in ("due_at", "finished_at")
)
_OF = ("day", "tenant_id", "campaign")
_CALM = timedelta(hours=1)

ADDS_UP = Check(
    "adds_up",
    "campaign_daily",
    "Of each row: moments = planned + all that were skipped; planned = what became of jobs, added up; "
    "nothing is below 0.",
)
AS_IN_LEDGER = Check(
    "as_in_the_ledger",
    "campaign_daily",
    "Of each campaign and day that is over: as many jobs, and of each state, as the ledger has now. Days on "
    "which something still moves, or did within the hour, are left out.",
)
EVENTS = Check(
    "events_have_sends",
    "message_facts",
    "Of each campaign and day: no more messages with feedback than were sent, but for those that feedback "
    "proves to have gone out although their hand-off was never confirmed (unknown, dead, tried before).",
)
FRESH = Check("fresh", "campaign_daily", "Yesterday is filed, or today.")


def declared(statistic: Statistic) -> Check:
    """The check that every daily statistic has."""
    return Check(
        "as_declared",
        statistic.name,
        "Columns and types are the catalogue's, no key occurs twice, nothing required is missing.",
    )


def adds_up(look: Look) -> Finding:
    """Whether the counts of campaigns add up."""
    skipped = pl.sum_horizontal(_SKIPPED)
    counts = ("moments", "planned", *_SKIPPED, *_FATES)
    rows = look.rows(CAMPAIGN_DAILY, look.days).select(*CAMPAIGN_DAILY.key, *counts).collect()
    wrong = rows.filter(
        (pl.col("moments") != pl.col("planned") + skipped)
        | (pl.col("planned") != pl.sum_horizontal(_FATES))
        | pl.any_horizontal(pl.col(counts) < 0)
    )
    shown = wrong.select(
        *CAMPAIGN_DAILY.key,
        "moments",
        "planned",
        skipped=skipped,
        jobs=pl.sum_horizontal(_FATES),
    )
    return Finding(ADDS_UP, _of(wrong, rows, "rows do not add up"), shown)


def as_in_ledger(look: Look) -> Finding:
    """Whether days that are over say what the ledger says."""
    days = [day for day in look.lately if day < look.as_of.date()]
    filed = look.rows(CAMPAIGN_DAILY, days).group_by(_OF).agg(pl.col(_FATES).sum()).collect()
    there = pl.concat([_empty_ledger(), *(_ledger(look.database, day) for day in days)])
    moving = (pl.col("waiting") + pl.col("processing") > 0) | (
        pl.col("finished_at") > look.as_of - _CALM
    ).fill_null(value=False)
    calm = there.filter(~moving).drop("finished_at")
    both = calm.join(filed, on=_OF, how="full", coalesce=True, suffix="_filed").with_columns(
        pl.exclude(_OF).fill_null(0)
    )
    both = both.join(there.filter(moving), on=_OF, how="anti")
    wrong = both.filter(pl.any_horizontal(pl.col(name) != pl.col(f"{name}_filed") for name in _FATES))
    differ = [
        pl.when(pl.col(name) != pl.col(f"{name}_filed"))
        .then(pl.format("{} (ledger: {})", f"{name}_filed", name))
        .alias(name)
        for name in _FATES
    ]
    said = _of(wrong, both, "campaigns and days say other than the ledger: `automation stats restate` them")
    return Finding(AS_IN_LEDGER, said, wrong.select(*_OF, *differ).sort(_OF))


def _empty_ledger() -> pl.DataFrame:
    counts = dict.fromkeys(_FATES, pl.Int64())
    of = {"day": pl.Date(), "tenant_id": pl.Int64(), "campaign": pl.String()}
    return pl.DataFrame(schema={**of, **counts, "finished_at": pl.Datetime("us", "UTC")})


def _ledger(db: Database, day: date) -> pl.DataFrame:
    """What the ledger has of a day, counted there, in the shape of `_empty_ledger`."""
    found = daily.counts_due(db, *bounds(day))
    state, reason, jobs = pl.col("state"), pl.col("reason"), pl.col("jobs")
    skipped = state == str(State.SKIPPED)
    empty = _empty_ledger()
    return (
        found.group_by("tenant_id", "campaign")
        .agg(
            **{name: jobs.filter(state == str(of)).sum() for name, of in _STATES.items()},
            expired=jobs.filter(skipped & (reason == "expired")).sum(),
            withheld=jobs.filter(skipped & (reason == "suppressed")).sum(),
            finished_at=pl.col("finished_at").max(),
        )
        .with_columns(day=pl.lit(day))
        .select(empty.columns)
        .cast(empty.schema)
    )


def events_have_sends(look: Look) -> Finding:
    """Whether feedback is of messages that went out."""
    told = pl.any_horizontal(pl.col(_HAPPENED).is_not_null())
    sent = pl.col("state") == str(State.COMPLETED)
    # Put back by hand it is pending again, and was tried before.
    tried = ~sent & ((pl.col("attempts") > 0) | ~pl.col("state").is_in([State.SKIPPED, State.CANCELLED]))
    by_campaign = (
        look.rows(MESSAGE_FACTS, look.lately)
        .select(*_OF, sent=sent, told=told, proved=told & tried, stray=told & ~sent & ~tried)
        .group_by(_OF)
        .agg(pl.exclude(_OF).sum().cast(pl.Int64))
        .sort(_OF)
        .collect()
    )
    exceeding = by_campaign.filter(pl.col("told") > pl.col("sent") + pl.col("proved"))
    proved, stray = by_campaign["proved"].sum(), by_campaign["stray"].sum()
    words = f"{proved:,} messages with feedback were never confirmed as sent (unknown, dead, tried before)"
    words += f"; {stray:,} were never handed to anybody" if stray else ""
    if not exceeding.is_empty():
        return Finding(EVENTS, f"more messages with feedback than were sent; {words}", exceeding)
    odd = by_campaign.filter(pl.col("stray") > 0)
    return Finding(EVENTS, words, odd, gates=False)


def as_declared(look: Look, statistic: Statistic) -> Finding:
    """Whether the filed days of a statistic are of the catalogue's shape."""
    check, types = declared(statistic), dict(schema(statistic))
    whole = look.asked is not None or statistic is CAMPAIGN_DAILY
    paths = look.files.paths(dataset(statistic), look.days if whole else look.lately)
    odd = [path for path in paths if _types(path) != types]
    if odd:
        days = pl.DataFrame({"file": [f"{path.parent.name}/{path.name}" for path in odd]})
        said = "damaged, or not of this version's columns: `automation stats restate` these days"
        return Finding(check, said, days)
    rows = look.rows(statistic, look.days if look.asked is not None else look.lately)
    required = [column.name for column in statistic.columns if column.required]
    missing = rows.filter(pl.any_horizontal(pl.col(required).is_null())).select(statistic.key).collect()
    if not missing.is_empty():
        return Finding(check, "something required is missing", missing)
    twice = rows.group_by(statistic.key).len("times").filter(pl.col("times") > 1).sort(statistic.key)
    return Finding(check, f"{len(paths):,} files, each key once", twice.collect())


def _types(path: Path) -> dict[str, pl.DataType] | None:
    try:
        return dict(pl.read_parquet_schema(path))
    except pl.exceptions.ComputeError:  # it was cut off
        return None


def fresh(look: Look) -> Finding:
    """Whether somebody restates at all."""
    filed = look.files.days(dataset(CAMPAIGN_DAILY))
    newest = max(filed, default=None)
    said = (
        f"the newest filed day is {newest}" if newest else "no day is filed: run `automation stats restate`"
    )
    old = newest is None or newest < look.as_of.date() - DAY
    wrong = pl.DataFrame({"newest": [str(newest)], "today": [str(look.as_of.date())]})
    return Finding(FRESH, said, wrong if old else wrong.clear(), gates=False)


_LOOKS: tuple[tuple[Check, Callable[[Look], Finding]], ...] = (
    (ADDS_UP, adds_up),
    (AS_IN_LEDGER, as_in_ledger),
    (EVENTS, events_have_sends),
    (FRESH, fresh),
)
CHECKS: tuple[Check, ...] = (*(declared(each) for each in DAILY), *(check for check, _ in _LOOKS))


def check(look: Look) -> list[Finding]:
    """Everything that is to be said of these days, the shape of the files first."""
    shapes = [as_declared(look, statistic) for statistic in DAILY]
    if not all(finding.passed for finding in shapes):
        return shapes
    return [*shapes, *(run(look) for _, run in _LOOKS)]


def require_sound(look: Look) -> list[Finding]:
    """The same; `FiguresError` naming the rows where some of it keeps the figures from being published."""
    found = check(look)
    broken = [str(finding) for finding in found if finding.gates and not finding.passed]
    if broken:
        raise FiguresError("\n".join(broken))
    return found


def _of(wrong: pl.DataFrame, rows: pl.DataFrame, what: str) -> str:
    return f"{len(wrong):,} of {len(rows):,} {what}" if len(wrong) else f"{len(rows):,} looked at"
