"""Providers that can be asked what they took: those of `Traceable` channels, and the CRM's own marks.

One that cannot tell about each of its jobs is not settled by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from automation_pipelines.channels import Channel
from automation_pipelines.channels.crm import CrmChannel
from automation_pipelines.delivery.composition import Composer
from automation_pipelines.delivery.tracing import findings, traceable
from automation_pipelines.ledger import sightings
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.doubts import Unheard
from automation_pipelines.ledger.holds import Hold
from automation_pipelines.ledger.jobs import Completed, Job, details
from automation_pipelines.ledger.sightings import PROVED
from automation_pipelines.messages.context import Branding
from automation_pipelines.messages.optout import Site
from automation_pipelines.reconciliation.logs import LINES
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """What the providers of some channels told."""

    proved: pl.DataFrame
    """`PROVED`, with the channel: they have it."""
    channels: tuple[str, ...]
    not_taken: Mapping[str, int] = field(default_factory=dict)
    """By channel: they do not have it."""
    untold: Mapping[str, int] = field(default_factory=dict)
    """By channel: they did not tell, or have something that may be it."""

    @property
    def settled_channels(self) -> list[str]:
        """Those that told of each job."""
        return [name for name in self.channels if not self.untold.get(name)]


def ask(
    db: Database,
    channels: Mapping[str, Channel],
    campaigns: CampaignStore,
    settings: Settings,
    hold: Hold,
    *,
    now: datetime,
) -> Asked:
    """Ask about each job that may have left in the time that is lost."""
    able = traceable(channels)
    branding, site = Branding.of(settings), Site.of(settings)
    composer = Composer(campaigns, db.salt, SqlFiles(settings.sql_dir), branding, site)
    ids = sightings.doubtful_ids(db, list(able), hold.at, now) if able else []
    rows: list[tuple[object, ...]] = []
    counts: dict[str, dict[str, int]] = {"not taken": {}, "untold": {}}
    for start in range(0, len(ids), _AT_ONCE):
        jobs = _jobs(db, ids[start : start + _AT_ONCE])
        # If it went, then in the lost time, at least once.
        tried = [replace(job, attempts=max(job.attempts, 1)) for job in jobs]
        asked = [Unheard(job, hold.lost_since, hold.at) for job in tried]
        found = {
            one.unheard.job.id: one.answer for one in findings(db, able, asked, composer, settings, now=now)
        }
        for job in jobs:
            match found.get(job.id):
                case Completed(provider_id):
                    at = min(max(job.available_at, hold.lost_since), now)
                    rows.append((job.id, f"{job.channel}:{provider_id}", at, provider_id, job.channel))
                case None:
                    _add(counts["untold"], job.channel)
                case _:
                    _add(counts["not taken"], job.channel)
    proved = pl.DataFrame(rows, schema={**PROVED, "channel": pl.String()}, orient="row")
    return Asked(proved, tuple(sorted(able)), counts["not taken"], counts["untold"])


def settle(db: Database, told: Asked, *, by: str, now: datetime) -> int:
    """Complete what they have, and remember which of them told of each job."""
    detail: dict[str, object] = {"channels": told.settled_channels, "asked": True}
    strays = pl.DataFrame(schema=sightings.SIGHTED)
    return sightings.settle(db, told.proved, strays, detail, by=by, now=now)


def marks(channels: Mapping[str, Channel], hold: Hold) -> pl.DataFrame | None:
    """What the CRM has marked as done in the time that is lost, as the lines of a log; `None` without one."""
    crm = channels.get("crm")
    if not isinstance(crm, CrmChannel):
        return None
    rows = [(identity, at, True) for identity, at in crm.marked(hold.lost_since)]
    return pl.DataFrame(rows, schema=dict(LINES), orient="row")


def _jobs(db: Database, ids: Sequence[int]) -> list[Job]:
    with db.reading() as connection:
        return [Job(**row) for row in connection.execute(details(db, ids)).mappings()]


def _add(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1
