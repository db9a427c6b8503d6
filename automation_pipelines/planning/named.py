"""Subjects asked for by name: what somebody ordered for them now, beside what falls due by itself.

It narrows the audience rows to theirs and lets the wanted steps fall due at once; who belongs and what
the gates say is asked as always. Declarations only; the statements are `sql/planning/asked.sql` and
`requested.sql`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Anchor, Audience, Grain
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.planning.clock import Clock
from automation_pipelines.planning.needs import Aim
from automation_pipelines.planning.places import Place, places_of
from automation_pipelines.planning.schedule import Slot, slots
from automation_pipelines.selection import Need, Range

_YEAR = timedelta(days=366)
_FAR = 10 * _YEAR
"""No quote, trip or contract that is known now ends later."""


@dataclass(frozen=True, slots=True)
class ByName:
    """These steps for these subjects, now. Anchors, lateness and schedule do not matter.

    Without `occurrence` it is the time the subject's own row names, so that what comes by itself does
    not repeat it; with one it is another time.
    """

    subjects: pl.DataFrame
    """`tenant_id, subject_id`."""
    steps: frozenset[str]
    occurrence: int | None = None


def named_need(spec_audience: str, clock: Clock) -> Need:
    """The audience with every anchor there is."""
    return Need(spec_audience, (_anchors(AUDIENCES[spec_audience], clock.as_of),))


def named_aims(campaigns: Sequence[ActiveCampaign], by_name: ByName, clock: Clock) -> Iterator[Aim]:
    """The places of the wanted steps, for every anchor; of a schedule, for the slot nearest to now."""
    for place in places_of(campaigns):
        step, _, part = place.step.id.partition("/")
        if step in by_name.steps and part != "undo":
            audience = AUDIENCES[place.active.spec.audience]
            yield Aim(place, (_anchors(audience, clock.as_of),), tuple(_nearest_slot(place, clock)))


def _anchors(audience: Audience, as_of: datetime) -> Range:
    if audience.grain is Grain.YEAR:  # the one before and the one to come
        return as_of - _YEAR, as_of + _YEAR
    return None, as_of + (_YEAR if audience.anchor is Anchor.SCHEDULE else _FAR)


def _nearest_slot(place: Place, clock: Clock) -> Iterator[Slot]:
    schedule = place.active.spec.schedule
    if schedule is None:
        return
    as_of = clock.as_of
    first = schedule.on_date or (as_of - _YEAR).date()
    last = schedule.on_date or (as_of + _YEAR).date()
    found = list(slots(schedule, first, last))
    if found:
        yield min(found, key=lambda slot: abs(datetime.combine(slot.day, slot.at, UTC) - as_of))
