"""Moments that decisions know and the ledger does not: judged, and still open."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

import polars as pl

from automation_pipelines import decisions
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import daily
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.model import SETTLED, Reason

_OPEN = [str(reason) for reason in Reason if reason not in SETTLED]
_RECORD = ["live", "manual"]
_BACK = timedelta(days=31)
"""Open moments are settled as stale when their time is over, after 3 days at most unless a campaign says
otherwise; a month is 1,500 files of decisions."""
_AHEAD = timedelta(days=2)
_TYPES = {column.name: FRAME_TYPES[column.type] for column in decisions.COLUMNS}
_COLUMNS = (*KEY, "campaign", "step", "subject_text", "due_at", "reason", "run_id", "mode", "as_of")


def judged_open(
    installation: Installation,
    campaigns: Collection[str] = (),
    *,
    as_of: datetime,
    tenant: int | None = None,
    since: datetime | None = None,
) -> pl.DataFrame:
    """Every decision that left a moment of these campaigns (none given: of all) open, due in the last month.

    A look at a past day and tests are no part of it.
    """
    paths = installation.files.paths(decisions.DATASET, _days(since or as_of - _BACK, as_of + _AHEAD))
    if not paths:
        return pl.DataFrame(schema={name: _TYPES[name] for name in _COLUMNS})
    wanted = [pl.col("reason").is_in(_OPEN), pl.col("mode").is_in(_RECORD)]
    wanted += [pl.col("campaign").is_in(sorted(campaigns))] if campaigns else []
    wanted += [pl.col("tenant_id") == tenant] if tenant is not None else []
    wanted += [pl.col("due_at") >= since] if since is not None else []
    rows = pl.scan_parquet(
        paths, hive_partitioning=False, extra_columns="ignore", schema={n: _TYPES[n] for n in _COLUMNS}
    )
    return rows.filter(*wanted).collect()


def held(
    installation: Installation,
    campaigns: Collection[str] = (),
    *,
    as_of: datetime,
    tenant: int | None = None,
    since: datetime | None = None,
) -> pl.DataFrame:
    """The moments of these campaigns that are open now, each with its latest reason."""
    rows = judged_open(installation, campaigns, as_of=as_of, tenant=tenant, since=since)
    return daily.unsettled(installation.database, rows)


def _days(first: datetime, last: datetime) -> list[date]:
    return [first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days + 1)]
