"""Where moments can come from: every step of every campaign, once for each variant. Declarations only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time

from automation_pipelines.campaign import Span, Step
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Anchor
from automation_pipelines.ledger.campaigns import ActiveCampaign


@dataclass(frozen=True, slots=True)
class Place:
    """One step of one campaign as one variant plans it; `number` is what the statements join by."""

    number: int
    active: ActiveCampaign
    step: Step
    variant: str | None

    @property
    def offset(self) -> Span:
        """How long after its anchor, or after the step before it."""
        return self.step.daily[0] if self.step.daily else self.step.offset

    @property
    def exact(self) -> bool:
        """Whether it counts elapsed minutes, from an instant; "at once" does too."""
        from_instant = AUDIENCES[self.active.spec.audience].anchor is Anchor.INSTANT or self.step.after
        return bool(from_instant) and (self.offset.exact or (self.offset == Span() and self.at is None))

    @property
    def at(self) -> time | str | None:
        """The local time of day, if the step says one or names a setting."""
        return self.step.daily[1] if self.step.daily else self.step.at


def places_of(campaigns: Sequence[ActiveCampaign]) -> Iterator[Place]:
    """Every part of every step, once for each variant of its campaign."""
    number = 0
    for active in campaigns:
        for part in active.spec.parts:
            for variant in (v.id for v in active.spec.variants) if active.spec.variants else (None,):
                number += 1
                yield Place(number, active, _as_variant(part, variant), variant)


def _as_variant(step: Step, variant: str | None) -> Step:
    """The step with what this variant does differently."""
    own = step.variants.get(variant) if variant is not None else None
    if own is None:
        return step
    changed = {name: value for name, value in own if value is not None}
    if own.channel is not None:
        changed |= {"channels": ()}
    return step.model_copy(update=changed)
