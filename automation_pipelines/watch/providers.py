"""Which mailbox providers' users complained too much about a tenant's marketing by e-mail."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from automation_pipelines.ledger import reactions
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.reactions import LANE
from automation_pipelines.settings.watching import Watch
from automation_pipelines.watch.rates import Count, percent, too_much

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Lane:
    """Marketing of one tenant from one domain to one provider, of which too many complained."""

    tenant_id: int
    sender_domain: str
    mailbox: str
    complaints: Count
    level: Literal["stop", "warn"]
    limit: float

    @property
    def about(self) -> str:
        """What it is about, the same from look to look."""
        return f"complaints of {self.mailbox} about tenant {self.tenant_id} from {self.sender_domain}"

    @property
    def words(self) -> str:
        """What is wrong, and how much of it."""
        return (
            f"complaints about what {self.sender_domain} sent to {self.mailbox} in the last {WEEK.days} "
            f"days: {self.complaints}; the limit is {percent(self.limit)}"
        )


def lanes(db: Database, now: datetime, limits: Watch) -> Iterator[Lane]:
    """Those at a limit or above, of what was sent in the last 7 days and since a release: two statements."""
    complained = reactions.complaints(db, now - WEEK)
    if complained.is_empty():
        return
    mailed = reactions.mailed(db, now - WEEK, complained["tenant_id"].unique().sort().to_list())
    both = complained.join(mailed, on=LANE).sort(LANE)
    for tenant, domain, mailbox, cases, lost, sent in both.iter_rows():
        count = Count(cases, sent - lost)
        level = too_much(count, limits)
        if level is not None:
            limit = limits.complaint_percent if level == "stop" else limits.complaint_warning_percent
            yield Lane(tenant, domain or "", mailbox, count, level, limit)
