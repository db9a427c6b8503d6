"""What time a computation speaks for, and which moments are its business."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.types import Anchor
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.selection import EARLIEST

MARGIN = timedelta(minutes=5)
"""How far beyond the next tick dated moments are planned, so that a late tick still meets 09:00."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What time a computation speaks for.

    `planned_through` is the as_of of the last completed tick, or `None` before the first one.
    `seen_through` is the same of the last one whose open decisions are on record too.
    """

    as_of: datetime
    planned_through: datetime | None
    tick: timedelta
    seen_through: datetime | None = None

    @property
    def ahead(self) -> datetime:
        """Until when dated moments are planned: the next tick and a margin."""
        return self.as_of + self.tick + MARGIN

    @property
    def late_before(self) -> datetime:
        """What fell due until then missed a tick."""
        return self.as_of - self.tick - MARGIN

    def due_from(self, campaign: Campaign) -> datetime:
        """Moments of `campaign` due before this are past (settled, or counted as stale)."""
        if campaign.max_lateness is None:
            return EARLIEST
        # Not the cursor alone: a clock that was ahead for one tick must not hide what came since.
        return min(self.planned_through or self.as_of, self.as_of) - campaign.max_lateness

    def seen(self, active: ActiveCampaign) -> datetime | None:
        """Until when an earlier tick has found everybody of a schedule's slots; `None`: that is not known.

        Who comes to belong after a slot was not meant by it. What is edited counts as not seen yet.
        """
        through = self.seen_through
        if active.spec.schedule is None or through is None or not active.applied_at <= through <= self.as_of:
            return None
        return through

    def due_to(self, anchor: Anchor) -> datetime:
        """Dated moments are planned to the end of the tick, those of instants once they are due."""
        return self.as_of if anchor is Anchor.INSTANT else self.ahead
