"""What each planning run made of a campaign, and the same by the calendar days of its tenants."""

from datetime import datetime

import polars as pl

from automation_pipelines.history.held import held, judged_open
from automation_pipelines.history.views import view
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import daily, ran


def ticks(
    installation: Installation, campaign: str, *, as_of: datetime, tenant: int | None = None
) -> pl.DataFrame:
    """The runs that judged moments of a campaign, newest first; `page` looks up the error of the failed.

    (as_of, run_id, mode, state, processed, notified, failed, pending, skipped, held, failed_job).
    `processed` = notified + failed + pending + skipped + held. A moment that was held and settled later
    is in both runs: each judged it.
    """
    installation.campaigns.show(campaign)
    frames = {
        "tallies": ran.tick_tallies(installation.database, campaign, tenant=tenant),
        "judged_open": judged_open(installation, [campaign], as_of=as_of, tenant=tenant),
    }
    return view(installation, "ticks", frames)


def days(
    installation: Installation, campaign: str, *, as_of: datetime, tenant: int | None = None
) -> pl.DataFrame:
    """The moments of a campaign by tenant and day on the tenant's calendar, newest first.

    (day, tenant_id, processed, notified, failed, pending, skipped, held); each moment counts once.
    """
    installation.campaigns.show(campaign)
    frames = {
        "moments": ran.moments(installation.database, campaign, tenant=tenant),
        "held": held(installation, [campaign], as_of=as_of, tenant=tenant),
        "profiles": daily.profiles(installation.database),
    }
    return view(installation, "days", frames)
