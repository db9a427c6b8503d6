"""Who belongs to a campaign now, whatever its steps and their time. Plans nothing and writes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.engine import Engine, open_engine
from automation_pipelines.errors import AutomationError
from automation_pipelines.extraction import is_absent
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.planning import Clock, Planned, Tenancy, asked_demands, keep_members
from automation_pipelines.selection import Need, demands, select
from automation_pipelines.tick import known, read_frames

_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Members:
    """The rows of an audience, open in an engine: `table`, and who of them belongs, in table `belonging`."""

    engine: Engine
    table: str
    need: Need


@contextmanager
def members(installation: Installation, spec: Campaign, *, version: int, now: datetime) -> Iterator[Members]:
    """Read a campaign's audience with every anchor up to a year from now, and ask who belongs."""
    clock = Clock(now, None, installation.settings.tick)
    need = Need(spec.audience, ((None, now + _YEAR),))
    active = ActiveCampaign(spec, version, "running", now, now, {})
    asked = asked_demands([active], [need], clock, clock)
    frames = known(installation, read_frames(installation, demands([need]) + asked))
    with open_engine() as engine:
        engine.add(**frames)
        leap_day = installation.settings.leap_day
        table, _ = select(engine, installation.sqlfiles, need, as_of=now, leap_day=leap_day)
        tenancy = Tenancy(frames["tenants"], frames["settings"])
        keep_members(Planned(engine, installation.sqlfiles, {(spec.id, ""): 1}, clock, tenancy), spec)
        yield Members(engine, table, need)


def count_members(installation: Installation, spec: Campaign, *, now: datetime) -> pl.DataFrame:
    """One row per tenant: how many subjects the audience has there, and how many of them belong."""
    with members(installation, spec, version=1, now=now) as found:
        return found.engine.query(
            "SELECT a.tenant_id AS tenant, count(DISTINCT a.subject_id) AS audience, "
            "count(DISTINCT CASE WHEN b.row_id IS NOT NULL THEN a.subject_id END) AS belonging "
            f"FROM {found.table} AS a LEFT JOIN belonging AS b ON a.row_id = b.row_id "
            "GROUP BY a.tenant_id ORDER BY a.tenant_id"
        )


def missing_source(installation: Installation, audience: str) -> str | None:
    """The source an audience is about where this CRM has no such thing: the audience selects nobody then.

    `None`, too, while the CRM cannot be asked.
    """
    entry = AUDIENCES[audience]
    about = [entry.subject, *(["accounts"] if entry.facts else [])]
    try:
        with installation.crm:
            return next((name for name in about if _absent(installation, name)), None)
    except (AutomationError, OSError):
        return None


def _absent(installation: Installation, name: str) -> bool:
    if name not in CRM_SOURCES:
        return False
    return is_absent(installation.crm, CRM_SOURCES[name], installation.sqlfiles.find("sources", name))
