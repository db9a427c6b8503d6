"""How far after its anchor a step can begin to count: after other steps, after pauses. Declarations only."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from automation_pipelines.campaign import Campaign, Span, Step
from automation_pipelines.catalogue.audiences import AUDIENCES

_DAY = timedelta(days=1)
_NEAR = 2 * _DAY
"""A local day may lie 14 hours beside its UTC day, and a time of day anywhere in it."""

Lengths = Callable[[Span], list[timedelta]]
"""The lengths an offset has, over all tenants."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Between which lengths after the anchor a step begins to count; `most` is `None` without a bound."""

    least: timedelta = timedelta(0)
    most: timedelta | None = timedelta(0)

    def later(self, least: timedelta, most: timedelta | None) -> "Reach":
        """The reach of what comes so much later."""
        return Reach(self.least + least, None if self.most is None or most is None else self.most + most)


def reach(spec: Campaign, step: Step, lengths: Lengths, paused: timedelta = timedelta(0)) -> Reach:
    """From when to when after its anchor `step` can begin to count, before its own offset is added.

    `paused` is how long a subject was paused by hand at most.
    """
    own = Reach(most=None if started_by_hand(spec) and not tells_starts(spec) else paused)
    if step.after is None:
        return own
    above = next(other for other in spec.steps if other.id == step.after)
    offsets = lengths(above.daily[0] if above.daily else above.offset)
    if not offsets:  # no tenant has the step, so none has what comes after it
        return own
    wait = spec.window.longest_wait if spec.window else timedelta(0)
    wait += wait + spec.rest_waits if spec.rest_waits else timedelta(0)
    # A job ends no later than it expires.
    slowest = None if spec.max_lateness is None else max(offsets) + _NEAR + wait + spec.max_lateness
    return reach(spec, above, lengths, paused).later(min(offsets) - _NEAR, slowest)


def started_by_hand(spec: Campaign) -> bool:
    """Whether only those take part whom somebody started: their day does not follow from the anchor alone."""
    by_hand = spec.entry == "manual" or (spec.timeline is not None and not spec.timeline.default)
    return by_hand or tells_starts(spec)


def tells_starts(spec: Campaign) -> bool:
    """Whether the rows of its audience are starts by hand, those of other campaigns among them."""
    return any(read.source == "interventions" for read in AUDIENCES[spec.audience].reads)
