"""Which audiences could have something due, and for which anchors: so that cost follows what is due."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import polars as pl

from automation_pipelines import calendar
from automation_pipelines.campaign import Campaign, Span, Step
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.planning.clock import Clock
from automation_pipelines.selection import EARLIEST, Need, Range, merge

_DAY = timedelta(days=1)


def needs(campaigns: Sequence[ActiveCampaign], clock: Clock, settings: pl.DataFrame) -> list[Need]:
    """Which audiences could have a moment due, and for which anchors. Empty: provably nothing is due."""
    wanted: dict[str, list[Range]] = {}
    for active in campaigns:
        for step in active.spec.parts:
            ranges = list(_anchor_ranges(active, step, clock, settings))
            if ranges:
                wanted.setdefault(active.spec.audience, []).extend(ranges)
    return [Need(name, merge(ranges)) for name, ranges in sorted(wanted.items())]


def _anchor_ranges(
    active: ActiveCampaign, step: Step, clock: Clock, settings: pl.DataFrame
) -> Iterable[Range]:
    """The anchors from which `step` could fall due in the window."""
    spec = active.spec
    audience = AUDIENCES[spec.audience]
    wait = spec.window.longest_wait if spec.window else timedelta(0)
    to = clock.due_to(audience.anchor)
    since = _nominal_from(active, step, clock.due_from(spec), wait)
    if since is not None and since > to:
        return
    if spec.schedule is not None and not _slot_matters(spec, step, since, to):
        return
    for offset in _lengths(step.offset, settings):
        if step.offset.exact:
            yield (since - offset if since else None, to - offset)
        else:  # a local day may lie 14 hours beside its UTC day, and a time of day anywhere in it
            yield (since - offset - 2 * _DAY if since else None, to - offset + 2 * _DAY)


def _nominal_from(active: ActiveCampaign, step: Step, due_from: datetime, wait: timedelta) -> datetime | None:
    """From when on the nominal instants of `step` matter; `None`: from ever."""
    since = max(due_from - wait, EARLIEST)
    starts = active.active_from[step.id.partition("/")[0]]
    if since < starts:
        since = backlog_from(active.spec, starts) or EARLIEST
    return None if since <= EARLIEST else since


def backlog_from(spec: Campaign, starts: datetime) -> datetime | None:
    """From when on what passed before the start still counts; `None`: from ever."""
    match spec.policy.backlog:
        case "none":
            return starts
        case "7 days":
            return starts - 7 * _DAY
        case _:
            return None


def _slot_matters(spec: Campaign, step: Step, since: datetime | None, to: datetime) -> bool:
    if spec.schedule is None or spec.schedule.on_date is None or spec.schedule.at is None:
        return True
    near = calendar.instant_of("UTC", spec.schedule.on_date, spec.schedule.at) + step.offset.longest
    return (since is None or near > since - 2 * _DAY) and near < to + 2 * _DAY


def _lengths(offset: Span, settings: pl.DataFrame) -> list[timedelta]:
    """The lengths an offset has: one, or one for each value the tenants set."""
    if offset.setting is None:
        return [offset.longest]
    return [offset.of(count) for count in settings[offset.setting].drop_nulls().unique().sort()]
