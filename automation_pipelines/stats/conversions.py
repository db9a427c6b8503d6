"""Conversions in the CRM: which days of them changed there since they were last read.

A day is read afresh by predicate (`CONVERSION_FACTS.reads`); nothing here writes.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import polars as pl

from automation_pipelines.catalogue.statistics.returns import CONVERSION_FACTS
from automation_pipelines.catalogue.types import InRange
from automation_pipelines.extraction import Crm, Demand, Selection, extract
from automation_pipelines.files import FileStore
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats.tables import dataset

_OVERLAP = timedelta(days=31)
"""Today's rows are filed many times a day, and with them later times than those of changes to other days
that nobody looked for yet. A month is read again, so that nights without a look heal by themselves."""
_FACT = ("converted_at", "amount", "currency", "cancelled_at", "tenant_id", "customer_id")


def days_changed(crm: Crm, sqlfiles: SqlFiles, files: FileStore) -> list[date]:
    """List the days with conversions that the CRM wrote since, and the days those were filed under before.

    Since a month before the latest `updated_at` that is filed: a value of the CRM's, so no clock has a say;
    what is filed as it is now names no day. Days before the first one filed are left alone. What was
    deleted in the CRM shows when its day is next restated.
    """
    days = files.days(dataset(CONVERSION_FACTS))
    since = _read_to(files)
    if since is None:
        return []
    written = Selection((InRange("updated_at"),), ((since - _OVERLAP, None),))
    columns = frozenset({*_FACT, "updated_at"})
    rows = extract(crm, sqlfiles, [Demand("conversions", columns, (written,))])["conversions"]
    filed = _filed(files, rows["id"])
    same = rows.join(
        filed, left_on=("id", *_FACT), right_on=("conversion_id", *_FACT), how="semi", nulls_equal=True
    )
    changed = rows.join(same, on="id", how="anti")
    before = filed.filter(pl.col("conversion_id").is_in(changed["id"].implode()))
    touched = {*changed["converted_at"].dt.date(), *before["converted_at"].dt.date()}
    return sorted(day for day in touched if day >= days[0])


def _read_to(files: FileStore) -> datetime | None:
    """The latest `updated_at` among what is filed."""
    paths = files.paths(dataset(CONVERSION_FACTS))
    if not paths:
        return None
    newest = pl.scan_parquet(paths, hive_partitioning=False).select(pl.col("updated_at").max()).collect()
    latest: datetime | None = newest.item()
    return latest


def _filed(files: FileStore, ids: Iterable[int]) -> pl.DataFrame:
    """What is filed of these conversions."""
    paths = files.paths(dataset(CONVERSION_FACTS))
    return (
        pl.scan_parquet(paths, hive_partitioning=False)
        .select("conversion_id", *_FACT)
        .filter(pl.col("conversion_id").is_in(list(ids)))
        .collect()
    )
