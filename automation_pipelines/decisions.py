"""The record of decisions: what planning made of each moment, as Parquet by UTC day of due_at.

A row is appended when it is a moment's first or its open reason changed; the newest row of a key is
*the* decision. Rows hold ids and the values the gates saw, no personal data. The ledger is the
other half of the record: it holds what was settled, and restores rows that a crash lost here.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from automation_pipelines.catalogue.statistics.returns import CONVERSION_FACTS
from automation_pipelines.catalogue.types import Column, Type
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.files import FileStore
from automation_pipelines.ledger import interventions, plans, promotions, suppressions
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.promotions import Trial
from automation_pipelines.model import SETTLED, Reason
from automation_pipelines.planning import Plan
from automation_pipelines.planning.gates import LedgerPast, Past
from automation_pipelines.planning.rows import SEEN

DATASET = "decisions"
CONVERSIONS = f"stats/{CONVERSION_FACTS.name}"
"""What the CRM says of conversions, as far as statistics have filed it."""
LOOKS = "decisions_reconstructed"
"""Looks at past days; never the record."""

COLUMNS: tuple[Column, ...] = (
    Column("occurrence", Type.INTEGER, "Which time this is: UTC whole minutes since 1970, by grain."),
    Column("tenant_id", Type.ID, "Tenant."),
    Column("campaign_id", Type.INTEGER, "Number of the campaign in the ledger."),
    Column("campaign", Type.TEXT, "Id of the campaign."),
    Column("step_id", Type.INTEGER, "Number of the step in the ledger."),
    Column("step", Type.TEXT, "Id of the step."),
    Column("subject_id", Type.ID, "Subject: the CRM's key, or 63 bits of a hash of its text."),
    Column("subject_text", Type.TEXT, "The CRM's key as people know it."),
    Column("recipient_id", Type.ID, "Member of staff; 0 is the subject's own contact."),
    Column("channel", Type.TEXT, "Channel of the step."),
    Column("purpose", Type.TEXT, "marketing, transactional or internal."),
    Column("topic", Type.TEXT, "Topic of the campaign."),
    Column("campaign_version", Type.INTEGER, "Version that was judged."),
    Column("variant", Type.TEXT, "Arm of the campaign's experiment."),
    Column("assignee_id", Type.ID, "Member of staff the row is given to, where the step gives it to one."),
    Column("due_at", Type.INSTANT, "When it falls due."),
    Column("expires_at", Type.INSTANT, "After this it is not sent; null: never too late."),
    Column("reason", Type.TEXT, "planned, or why not.", values=tuple(str(reason) for reason in Reason)),
    Column("held_by", Type.TEXT, "The open reason before this one; what a stale moment had waited for."),
    *SEEN,
    Column("run_id", Type.TEXT, "The run that decided."),
    Column("mode", Type.TEXT, "live, manual, test, or reconstructed (a look at a past day, not the record)."),
    Column("as_of", Type.INSTANT, "The logical time of that run."),
)

_RECORD = ["live", "manual"]
_OPEN = [str(reason) for reason in Reason if reason not in SETTLED]


@dataclass(frozen=True)
class LedgerRecord:
    """`planning.Record` over the ledger and the decision files."""

    database: Database
    files: FileStore
    writes: bool = True
    """False for a look or a test: campaigns that never ticked get no number of their own."""

    def identify(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """See `planning.Record`."""
        if not self.writes:
            return plans.known_identities(self.database, pairs)
        return plans.identify(self.database, pairs, "live")

    def settled(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        if _by_key(candidates):
            return plans.taken(self.database, candidates).select(KEY)
        return pl.concat([self._settled(part) for part in _once_and_dated(candidates)])

    def _settled(self, candidates: pl.DataFrame) -> pl.DataFrame:
        bounds = candidates.select(lo=pl.col("occurrence").min(), hi=pl.col("occurrence").max()).row(0)
        if None in bounds:
            return pl.DataFrame(schema=dict.fromkeys(KEY, pl.Int64))
        campaigns = candidates["campaign_id"].unique().to_list()
        return plans.settled(self.database, campaigns, *bounds).select(KEY)

    def variants(self, campaign_ids: Sequence[int]) -> pl.DataFrame:
        """See `planning.Record`."""
        return plans.variants(self.database, campaign_ids)

    def begun(self, sought: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        lo, hi = sought.select(lo=pl.col("occurrence").min(), hi=pl.col("occurrence").max()).row(0)
        return promotions.begun(self.database, sought["campaign_id"].unique().to_list(), lo, hi)

    def verdicts(self, campaigns: Sequence[str]) -> pl.DataFrame:
        """See `planning.Record`."""
        return promotions.verdicts(self.database, campaigns)

    def arms(self, trials: Sequence[Trial], as_of: datetime) -> pl.DataFrame:
        """See `planning.Record`."""
        bought = any(trial.metric == "converted" for trial in trials)
        filed = self.files.paths(CONVERSIONS) if bought else []
        known = pl.scan_parquet(filed, hive_partitioning=False) if filed else None
        standing = None if known is None else known.filter(pl.col("cancelled_at").is_null())
        return promotions.arms(self.database, trials, as_of, standing)

    def recently_planned(self, step_ids: Sequence[int], since: datetime) -> pl.DataFrame:
        """See `planning.Record`."""
        return plans.recently_planned(self.database, step_ids, since)

    def past_sends(self, numbers: Mapping[tuple[str, str], int]) -> pl.DataFrame:
        """See `planning.Record`."""
        return plans.past_sends(self.database, numbers)

    def predecessors(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        if _by_key(wanted):
            return plans.taken(self.database, wanted).select(*KEY, "state", "sent", "due_at", "finished_at")
        parts = [part for part in _once_and_dated(wanted) if len(part)]
        return pl.concat([self._predecessors(part) for part in parts or [wanted]])

    def _predecessors(self, wanted: pl.DataFrame) -> pl.DataFrame:
        bounds = wanted.select(lo=pl.col("occurrence").min(), hi=pl.col("occurrence").max()).row(0)
        lo, hi = (0, 0) if None in bounds else bounds
        return plans.predecessors(self.database, wanted["step_id"].unique().to_list(), lo, hi)

    def orders(self, campaigns: Sequence[str], until: datetime) -> pl.DataFrame:
        """See `planning.Record`."""
        return interventions.orders(self.database, campaigns, until)

    def suppressions(self, at: datetime) -> pl.DataFrame:
        """See `planning.Record`."""
        return suppressions.active(self.database, at)

    def held(self, moments: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        days = moments["due_at"].dt.date().unique().to_list()
        paths = self.files.paths(DATASET, days)
        wanted = moments.select(KEY)
        if not paths:
            return wanted.clear().with_columns(pl.lit(None, pl.String).alias("reason"))
        open_rows = (
            scan(paths)
            .filter(pl.col("reason").is_in(_OPEN), pl.col("mode").is_in(_RECORD))
            .select(*KEY, "reason", "as_of")
            .collect()
        )
        newest = open_rows.sort("as_of").unique(KEY, keep="last", maintain_order=True)
        return newest.join(wanted, on=list(KEY), how="semi").select(*KEY, "reason")

    @property
    def past(self) -> Past:
        """See `planning.Record`."""
        return LedgerPast(self.database)

    @property
    def salt(self) -> str:
        """See `planning.Record`."""
        return self.database.salt


def _by_key(rows: pl.DataFrame) -> bool:
    return "subject_id" in rows.columns


def _once_and_dated(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Occurrences of grain `once` are 0, far from all others: two ranges."""
    once = pl.col("occurrence") == 0
    return rows.filter(once), rows.filter(~once)


def append(files: FileStore, plan: Plan, *, run_id: str, mode: str) -> int:
    """Publish the new decisions of a plan, one file per UTC day of due_at; returns their number."""
    return _append(files, plan.appended, run_id=run_id, mode=mode, as_of=plan.clock.as_of)


def append_look(files: FileStore, rows: pl.DataFrame, *, run_id: str, as_of: datetime) -> int:
    """Publish the decisions of a look at past days, apart from the record."""
    stamped = _stamped(rows, run_id=run_id, mode="reconstructed", as_of=as_of)
    for day, part in _by_day(stamped):
        files.publish(LOOKS, part, day=day, run=run_id)
    return len(stamped)


def _append(files: FileStore, rows: pl.DataFrame, *, run_id: str, mode: str, as_of: datetime) -> int:
    stamped = _stamped(rows, run_id=run_id, mode=mode, as_of=as_of)
    for day, part in _by_day(stamped):
        # A run that is repeated has said something already: before a crash, or restored after it.
        said = [pl.read_parquet(path) for path in files.paths(DATASET, [day]) if path.stem == run_id]
        whole = pl.concat([*said, part], how="diagonal_relaxed").select(part.columns)
        whole = whole.unique((*KEY, "reason"), keep="first", maintain_order=True)
        files.publish(DATASET, whole, day=day, run=run_id)
    return len(stamped)


def _stamped(rows: pl.DataFrame, *, run_id: str, mode: str, as_of: datetime) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(run_id).alias("run_id"),
        pl.lit(mode).alias("mode"),
        pl.lit(as_of, dtype=pl.Datetime("us", "UTC")).alias("as_of"),
    ).select(column.name for column in COLUMNS)


def _by_day(rows: pl.DataFrame) -> Iterator[tuple[date, pl.DataFrame]]:
    for (day,), part in rows.group_by(pl.col("due_at").dt.date().alias("day")):
        assert isinstance(day, date)  # noqa: S101 - the grouping column is a date
        yield day, part


def restore(database: Database, files: FileStore) -> int:
    """Write again the decision rows of ticks whose files a crash lost; returns how many ticks."""
    lost = plans.unpublished(database)
    for tick in lost:
        rows = plans.jobs_of_tick(database, tick.tick_id)
        settled = rows.with_columns(
            pl.coalesce("reason", pl.lit(str(Reason.PLANNED))).alias("reason"),
        )
        # What the gates saw went with the files.
        known = settled.columns
        unknown = [column for column in COLUMNS if column.name not in known]
        settled = settled.with_columns(
            pl.lit(None, FRAME_TYPES[column.type]).alias(column.name) for column in unknown
        )
        _append(files, settled, run_id=tick.run_id, mode=tick.mode, as_of=tick.as_of)
        plans.mark_published(database, tick.tick_id)
    return len(lost)


def of_subject(
    files: FileStore, *, subjects: Collection[str], campaign: str | None = None, tenant_id: int | None = None
) -> pl.DataFrame:
    """All decisions ever made on one subject, oldest first. `subjects` are the names it goes by."""
    paths = files.paths(DATASET)
    if not paths:
        return pl.DataFrame(schema={column.name: pl.String for column in COLUMNS})
    rows = scan(paths).filter(pl.col("subject_text").is_in(list(subjects)))
    if campaign is not None:
        rows = rows.filter(pl.col("campaign") == campaign)
    if tenant_id is not None:
        rows = rows.filter(pl.col("tenant_id") == tenant_id)
    return rows.sort("due_at", "as_of").collect()


def scan(paths: list[Path]) -> pl.LazyFrame:
    """Rows of any version of this system: what older ones did not record is null."""
    schema = {column.name: FRAME_TYPES[column.type] for column in COLUMNS}
    return pl.scan_parquet(
        paths, schema=schema, hive_partitioning=False, missing_columns="insert", extra_columns="ignore"
    )


def of_campaign(files: FileStore, campaign: str) -> pl.DataFrame:
    """All live decisions ever made on one campaign, oldest first."""
    paths = files.paths(DATASET)
    if not paths:
        return pl.DataFrame(schema={column.name: FRAME_TYPES[column.type] for column in COLUMNS})
    rows = scan(paths).filter(pl.col("campaign") == campaign, pl.col("mode") != "test")
    return rows.sort("as_of").collect()
