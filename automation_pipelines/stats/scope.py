"""Who was in scope on a day: the audiences as ticks filed them, and what was filed of them before.

Ticks file the rows of each audience they select by the UTC day of the tick. Those files hold personal data
and go after some days; what statistics made of them stays. Reads only.
"""

from collections.abc import Collection
from datetime import date
from pathlib import Path

import polars as pl

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.statistics.segments import KEPT, SEGMENT_CHANGES
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.stats.segments import FILED, Segment, campaign_audiences, looked_at
from automation_pipelines.stats.tables import dataset, filed

_SEEN = pl.Schema(
    {"tenant_id": pl.Int64(), "subjects": pl.Int64(), "looks": pl.Int64(), "audience": pl.String()}
)
_SEGMENT = pl.Schema({"audience": pl.String(), "campaign": pl.String()})
_MEMBER = pl.Schema({"tenant_id": pl.Int64(), "subject_id": pl.Int64(), **_SEGMENT})


def scope_of_day(
    db: Database, files: FileStore, day: date, campaigns: Collection[str]
) -> dict[str, pl.DataFrame]:
    """What statistics of a UTC day ask of audiences; `campaigns` are those with messages due that day."""
    segments = [*looked_at(db, files, day)]
    names = [(each.audience, each.campaign) for each in segments]
    seen = [_seen(name, found) for name in AUDIENCES if (found := files.paths(f"{FILED}/{name}", [day]))]
    return {
        "audiences_seen": pl.concat([pl.DataFrame(schema=_SEEN), *seen]),
        "campaign_audiences": campaign_audiences(db, campaigns),
        "segments_looked_at": pl.DataFrame(names, schema=_SEGMENT, orient="row"),
        "segments_seen": pl.concat([pl.DataFrame(schema=_MEMBER), *map(_named, segments)]),
        "segments_before": _before(files, day) if segments else pl.DataFrame(schema=_MEMBER),
        **{f"{each.name}_filed": filed(files, each, [day]) for each in KEPT},
    }


def _seen(name: str, paths: list[Path]) -> pl.DataFrame:
    """The different subjects of an audience, and how many ticks found some, by tenant."""
    rows = pl.scan_parquet(paths, hive_partitioning=False, extra_columns="ignore")
    counts = [
        pl.col("subject_id").n_unique().cast(pl.Int64).alias("subjects"),
        pl.col("run_id").n_unique().cast(pl.Int64).alias("looks"),
    ]
    return rows.group_by("tenant_id").agg(counts).with_columns(audience=pl.lit(name)).collect()


def _named(segment: Segment) -> pl.DataFrame:
    return segment.members.with_columns(audience=pl.lit(segment.audience), campaign=pl.lit(segment.campaign))


def _before(files: FileStore, day: date) -> pl.DataFrame:
    """Who was in which segment by the days filed before: those whose latest change was to enter."""
    kept = dataset(SEGMENT_CHANGES)
    paths = files.paths(kept, [each for each in files.days(kept) if each < day])
    if not paths:
        return pl.DataFrame(schema=_MEMBER)
    changes = pl.scan_parquet(paths, hive_partitioning=False, extra_columns="ignore")
    # The day and, as its lowest bit, what happened: the greatest is the latest, without sorting millions.
    told = pl.col("day").to_physical() * 2 + (pl.col("change") == "entered")
    return (
        changes.group_by(*_MEMBER)
        .agg(told.max().alias("told"))
        .filter(pl.col("told") % 2 == 1)
        .drop("told")
        .collect()
    )
