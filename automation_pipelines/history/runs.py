"""Runs of a campaign: one for each (tenant, subject, occurrence) that entered it, and how far each got."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import polars as pl

from automation_pipelines.campaign import Campaign, Span, Step
from automation_pipelines.catalogue.tenant_settings import TENANT_SETTINGS
from automation_pipelines.engine import open_engine
from automation_pipelines.history.held import held
from automation_pipelines.history.views import view
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import ran

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_LOCAL = 2 * _DAY
"""Local days lie up to 14 hours beside UTC days, and a time of day anywhere in them."""
_LATE = timedelta(hours=1)
"""What counts minutes is found by the next tick."""


class RunState(StrEnum):
    """Where a run stands; the first that applies."""

    FAILED = "failed"
    """A job of it is dead or unknown."""
    RUNNING = "running"
    """Something was done or is being done, and there is more: waiting, held, or steps yet to fall due."""
    QUEUED = "queued"
    """Its jobs all wait."""
    SUCCESS = "success"
    """Something was done, nothing failed, and there is no more."""
    SKIPPED = "skipped"
    """Nothing was done: decided against, withdrawn, or held before its first step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs are meant; what is not given does not restrict. Times are of a run's first moment."""

    states: tuple[RunState, ...] = ()
    tenant: int | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_EVERY = RunFilter()


def runs(
    installation: Installation, campaign: str, wanted: RunFilter = _EVERY, *, as_of: datetime
) -> pl.DataFrame:
    """The runs of a campaign, newest first; `page` looks up the words for people.

    (tenant_id, subject_id, subject_text, occurrence, state, first_at, last_at, done, failed, skipped,
    pending, held, reason, job_id, failed_job); the five numbers count moments.
    """
    details = installation.campaigns.show(campaign)
    subjects = [] if wanted.subject is None else _numbers(wanted.subject)
    waiting = held(installation, [campaign], as_of=as_of, tenant=wanted.tenant)
    frames = {
        "moments": ran.moments(installation.database, campaign, tenant=wanted.tenant, subjects=subjects),
        "held": waiting.filter(pl.col("subject_id").is_in(subjects)) if subjects else waiting,
        "tails": tails(details.spec),
    }
    active = details.entry.state in ("running", "paused")
    found = view(installation, "runs", frames, as_of=as_of, active=active)
    return found.filter(_among(wanted))


def _among(wanted: RunFilter) -> pl.Expr:
    conditions = [pl.lit(value=True)]
    if wanted.states:
        conditions.append(pl.col("state").is_in([str(state) for state in wanted.states]))
    if wanted.since is not None:
        conditions.append(pl.col("first_at") >= wanted.since)
    if wanted.until is not None:
        conditions.append(pl.col("first_at") < wanted.until)
    return pl.all_horizontal(conditions)


def _numbers(subject: str) -> list[int]:
    """The numbers a CRM's key may have in the ledger: its own, or the hash of a text."""
    with open_engine() as engine:
        hashed = engine.query("SELECT hash63($key) AS number", {"key": subject})["number"][0]
    own = [int(subject)] if subject.isdecimal() else []
    return [*own, hashed]


def tails(spec: Campaign) -> pl.DataFrame:
    """(step, minutes): how long after a step falls due a later step of the campaign may still fall due.

    0 for the last ones. An estimate to the day: a tenant's own lengths count with their default.
    """
    places: dict[str, timedelta] = {}
    for part in spec.parts:
        places[part.id] = _place(part, places)
    end = max(places.values())
    left = {step: end - place for step, place in places.items()}
    minutes = {
        step: (more + (_LATE if more < _DAY else _LOCAL)) // _MINUTE if more else 0
        for step, more in left.items()
    }
    return pl.DataFrame(
        {"step": list(minutes), "minutes": list(minutes.values())},
        schema={"step": pl.String, "minutes": pl.Int64},
    )


def _place(part: Step, places: Mapping[str, timedelta]) -> timedelta:
    """How far after the anchor; of a step after one that goes by several channels, after the last of them."""
    own = _length(part.daily[0] if part.daily else part.offset)
    if part.after is None:
        return own
    return own + max(place for step, place in places.items() if step.partition("/")[0] == part.after)


def _length(span: Span) -> timedelta:
    if span.setting is None:
        return span.longest
    setting = TENANT_SETTINGS[span.setting]
    count = setting.value(setting.default)
    return span.of(count) if isinstance(count, int) else timedelta(0)
