"""What a campaign file may declare: the spec, refused early where it makes no sense by itself.

Checks that need the catalogue, templates or channels (does this audience exist?) are `validation`'s.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Literal, LiteralString

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from automation_pipelines.campaign.experiment import Experiment, Variant, too_early
from automation_pipelines.campaign.policy import Policy
from automation_pipelines.campaign.steps import Address, Step
from automation_pipelines.campaign.values import Model, Slug, Zone
from automation_pipelines.campaign.windows import Schedule, Window
from automation_pipelines.conditions import Condition
from automation_pipelines.model import Purpose, Scalar, require_utc

Kind = Literal[
    "custom",
    "sla_escalation",
    "follow_up",
    "birthday",
    "anniversary",
    "quote_expiry",
    "booking_reminder",
    "payment_reminder",
    "reminder",
    "review_request",
    "promotional",
    "seasonal",
    "referral",
    "sequence",
    "timeline",
    "workflow",
    "renewal",
    "re_engagement",
]


class Timeline(Model):
    """Days a subject spends in a stage of the pipeline; day 1 is the local day of entry."""

    stage: str = Field(min_length=1)
    duration_days: int = Field(ge=1, le=3660)
    default: bool = Field(default=True, description="False: entered by hand only.")
    leaving: Literal["ends", "continues"] = Field(default="ends", description="What leaving the stage does.")


class SenderAddress(Model):
    """On whose behalf messages are sent instead of the tenant's."""

    name: str | None = None
    email: Address | None = None
    reply_to: Address | None = None


class Utm(Model):
    """Parameters that links in messages carry; what is not said has a default."""

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    content: str | None = None
    term: str | None = None


class Tracking(Model):
    """What is recorded of what readers do. Opens tell little and may need consent: none by default."""

    opens: bool = Field(default=False, description="A pixel tells that it was opened, or fetched.")
    clicks: bool = Field(default=True, description="Links lead over the installation's own pages.")


class Campaign(Model):
    """One declared programme: who, when, what, and how it behaves."""

    id: Slug
    title: str = Field(min_length=1)
    kind: Kind = "custom"
    audience: str
    purpose: Purpose = Purpose.MARKETING
    topic: Slug = "general"
    tenants: tuple[int | str, ...] = Field(default=(), description="Keys of the only tenants it runs for.")
    entry: Literal["audience", "manual"] = Field(
        default="audience", description="manual: only subjects started by hand."
    )
    conditions: Condition | None = None
    exit: Condition | None = Field(default=None, description="From when it holds, no further step goes out.")
    schedule: Schedule | None = None
    timeline: Timeline | None = None
    zone: Zone = "tenant"
    window: Window | None = None
    variants: tuple[Variant, ...] = ()
    experiment: Experiment | None = Field(
        default=None, description="What is measured of the variants, and whether the rest gets the winner."
    )
    sender: SenderAddress | Literal["tenant", "owner"] = "tenant"
    utm: Utm | None = None
    tracking: Tracking | None = Field(
        default=None, description="Default: the clicks of marketing; nothing of other messages."
    )
    coupons: Slug | None = Field(default=None, description="Pool of codes; each message gets one of its own.")
    digest: bool = Field(default=False, description="Moments of one person due together are one message.")
    variables: dict[str, Scalar] = Field(default={}, description="Templates find them as custom.name.")
    policy: Policy = Policy()
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> "Campaign":
        for number, step, key, what in self._faults():
            message: LiteralString = "{what}"
            kind: LiteralString = "step"
            raise PydanticCustomError(
                kind, message, {"what": what, "place": ("steps", number, key), "id": step.id}
            )
        for key, what in self._experiment_faults(self.experiment) if self.experiment else ():
            message = "{what}"
            kind = "experiment"
            raise PydanticCustomError(kind, message, {"what": what, "place": ("experiment", key)})
        return self

    def _faults(self) -> Iterator[tuple[int, Step, str, str]]:
        seen: set[str] = set()
        arms = {variant.id for variant in self.variants}
        one_time = self.zone != "recipient" and (self.window is None or self.window.zone != "recipient")
        for number, step in enumerate(self.steps):
            if step.id in seen:
                what = f"two steps have the id '{step.id}': an id is the identity of one step"
                yield number, step, "id", what
            # Counted from a step above, so that steps cannot wait for each other in a circle.
            if step.after is not None and step.after not in seen:
                yield number, step, "after", f"after '{step.after}': there is no such step above this one"
            if step.day is not None and self.timeline is None:
                yield number, step, "day", "day needs a timeline: write offset, or declare the timeline"
            if step.day is not None and self.timeline and step.day > self.timeline.duration_days:
                yield number, step, "day", f"day {step.day} is after the last of the timeline"
            for arm in step.variants.keys() - arms:
                yield number, step, "variants", f"there is no variant '{arm}' among the campaign's variants"
            # Recipients are fixed when a step is first settled: who fell due later would be left out.
            if not one_time and "customer" in step.recipient and len(set(step.recipient)) > 1:
                what = (
                    f"in the zone of the recipient, step '{step.id}' has one time for the customer and "
                    "another for staff: make it two steps"
                )
                yield number, step, "recipient", what
            seen.add(step.id)

    def _experiment_faults(self, experiment: Experiment) -> Iterator[tuple[str, str]]:
        yield from experiment.faults(self.variants)
        if experiment.metric == "clicked" and not self.tracked.clicks:
            yield "metric", "clicks are not recorded: write tracking: {clicks: true}, or another metric"
        if experiment.metric == "opened" and not self.tracked.opens:
            yield "metric", "opens are not recorded: write tracking: {opens: true}, or better another metric"
        early = too_early(experiment, self._apart) if self.has_slots else None
        if early is not None:
            yield "promote", early
        waits = experiment.rest_waits
        for step in self.steps if waits else ():
            if step.offset.setting is None and step.offset.negative and -step.offset.longest <= waits:
                what = (
                    f"step '{step.id}' goes {step.offset} from its anchor, and the rest would come after it"
                )
                yield "promote", f"{what}: make promote.after shorter"

    @property
    def has_slots(self) -> bool:
        """Whether each time of a schedule is an experiment of its own; else all of the campaign is one."""
        return self.schedule is not None and self.policy.reentry != "never"

    @property
    def _apart(self) -> timedelta:
        """How far apart the first messages of one slot can be due, for a tenant."""
        day = timedelta(days=1)
        zones = timedelta(hours=26) if "recipient" in {self.zone, self.window and self.window.zone} else None
        spread = self.schedule.spread.longest if self.schedule else timedelta(0)
        first = min(self.steps, key=lambda step: (step.after is not None, step.offset.longest))
        usual = first.at or (self.schedule.at if self.schedule else None)
        clocks = {arm.at for arm in first.variants.values() if arm.at is not None} | {usual}
        known = [timedelta(hours=at.hour, minutes=at.minute) for at in clocks if isinstance(at, time)]
        between = (max(known) - min(known) if len(known) == len(clocks) else day) if len(clocks) > 1 else None
        return spread + (zones or timedelta(0)) + (between or timedelta(0))

    @cached_property
    def parts(self) -> tuple[Step, ...]:
        """The steps as they are planned: one for each channel of `send: all`, one more for each undoing."""
        return tuple(part for step in self.steps for part in _parts(step))

    @cached_property
    def tracked(self) -> Tracking:
        """What is recorded of what readers do; of other messages than marketing only what is declared."""
        return self.tracking or Tracking(opens=False, clicks=self.purpose is Purpose.MARKETING)

    @property
    def max_lateness(self) -> timedelta | None:
        """How late a message may leave; `None`: as long as the audience still returns the subject."""
        if self.policy.max_lateness is not None:
            return self.policy.max_lateness.longest
        match self.purpose:
            case Purpose.MARKETING:
                return timedelta(hours=24)
            case Purpose.TRANSACTIONAL:
                return timedelta(hours=72)
            case Purpose.INTERNAL:
                # A broadcast has no row that could stop being in its audience.
                return timedelta(hours=72) if self.schedule is not None else None

    @property
    def rest_waits(self) -> timedelta:
        """How much later than the test share of an experiment the rest of the audience falls due."""
        return self.experiment.rest_waits if self.experiment else timedelta(0)

    def over_at(self, moment: datetime) -> bool:
        """Say whether `valid_until` lies so far back that no moment within it can still be planned."""
        end = self.policy.valid_until
        return end is not None and require_utc(moment) > require_utc(end) + (
            self.max_lateness or timedelta(days=3)
        )


def _parts(step: Step) -> Iterator[Step]:
    """Parts have ids of their own, with a slash: no file can name them, and identity keeps them apart."""
    if step.send == "all" and step.channel is None and step.carries == "message":
        for channel in step.ways:
            one = {"id": f"{step.id}/{channel}", "channel": channel, "title": f"{step.title} ({channel})"}
            # The setting stays: a tenant that does not use the channel has no such step.
            yield step.model_copy(update=one)
        return
    yield step
    if step.undo_after is not None:
        undo = {"id": f"{step.id}/undo", "after": step.id, "requires": "sent", "offset": step.undo_after}
        yield step.model_copy(update={**undo, "undo_after": None, "when": None, "day": None, "at": None})
