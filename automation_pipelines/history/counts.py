"""How often a campaign did something, how that ended, and why it did nothing."""

from collections.abc import Collection
from datetime import datetime

import polars as pl

from automation_pipelines.history.held import held
from automation_pipelines.history.views import view
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import ran


def counts(
    installation: Installation,
    campaigns: Collection[str] = (),
    *,
    tenant: int | None = None,
    since: datetime | None = None,
    by_tenant: bool = False,
) -> pl.DataFrame:
    """Sums over the jobs of these campaigns (none given: of all) due since then; tenant_id is null for all.

    (campaign, tenant_id, moments, planned, executions, successes, failures, success_rate, pending,
    skipped, last_execution). `moments` = executions + pending + skipped; an execution is a job that was
    handed over and ended: a success (completed) or a failure (dead, unknown).
    """
    tallies = ran.tallies(installation.database, campaigns, tenant=tenant, since=since)
    return view(installation, "counts", {"tallies": tallies}, by_tenant=by_tenant)


def reasons(
    installation: Installation,
    campaigns: Collection[str] = (),
    *,
    as_of: datetime,
    tenant: int | None = None,
    since: datetime | None = None,
    by_tenant: bool = False,
) -> pl.DataFrame:
    """Why nothing was sent: (campaign, tenant_id, reason, settled, held).

    `settled` adds up to what `counts` calls skipped; `held` moments are open, and not in the ledger.
    """
    frames = {
        "tallies": ran.tallies(installation.database, campaigns, tenant=tenant, since=since),
        "held": held(installation, campaigns, as_of=as_of, tenant=tenant, since=since),
    }
    return view(installation, "reasons", frames, by_tenant=by_tenant)
