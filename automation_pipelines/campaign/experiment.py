"""What an experiment is to show, and how its winner goes to the rest of the audience.

Who gets which variant is `planning`'s, what the numbers say `experiments`'s.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Literal

from pydantic import Field

from automation_pipelines.campaign.values import Duration, Model, Slug, Span

Metric = Literal["clicked", "replied", "converted", "delivered", "opened"]

_DEFAULT_HORIZON = timedelta(days=7)


class Variant(Model):
    """One arm of an experiment. A subject's arm is drawn once, by hash; steps say what it changes."""

    id: Slug
    weight: float = Field(default=1, ge=0, description="Relative to the others; 0 draws no new subjects.")


class Promotion(Model):
    """A share goes first; the rest falls due later, with the variant that won by then."""

    share: float = Field(
        gt=0, lt=100, description="Per cent of the audience that goes first, split among the variants."
    )
    after: Duration = Field(description="So much later the rest falls due, in elapsed time.")


class Experiment(Model):
    """What is measured of the variants: declared before anything is sent, not chosen by its result."""

    metric: Metric = Field(
        default="clicked", description="What a subject is to do; clicks and opens by people."
    )
    control: Slug | None = Field(default=None, description="Variant to compare with. Default: the first.")
    effect: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="Smallest change of the rate worth finding: 0.02 is from 5 % to 7 %.",
    )
    minimum: int = Field(default=0, ge=0, description="Subjects each variant must have had at least.")
    horizon: Duration | None = Field(
        default=None,
        description="Time to act, from when a message is due. Default: promote.after, else 7 days.",
    )
    promote: Promotion | None = Field(
        default=None, description="The winner goes to the rest of the audience."
    )

    @property
    def time_to_act(self) -> timedelta:
        """How long a subject has to act, from when its first message is due."""
        if self.horizon is not None:
            return self.horizon.longest
        return self.rest_waits or _DEFAULT_HORIZON

    @property
    def rest_waits(self) -> timedelta:
        """How much later the rest of the audience falls due."""
        return self.promote.after.longest if self.promote else timedelta(0)

    def ordered(self, variants: Sequence[Variant]) -> tuple[Variant, ...]:
        """The variants that subjects are drawn into, the control first."""
        drawn = [variant for variant in variants if variant.weight > 0]
        return tuple(sorted(drawn, key=lambda variant: variant.id != (self.control or drawn[0].id)))

    def faults(self, variants: Sequence[Variant]) -> Iterator[tuple[str, str]]:
        """What makes no sense, each with the key that says it."""
        ids = [variant.id for variant in variants if variant.weight > 0]
        if len(ids) < 2:  # noqa: PLR2004
            yield "metric", "an experiment needs two variants with a weight: declare them under variants"
        if self.control is not None and self.control not in ids:
            yield (
                "control",
                f"control '{self.control}' is none of the variants with a weight: {', '.join(ids)}",
            )
        lengths = {"horizon": self.horizon, "promote": self.promote.after if self.promote else None}
        for key, span in lengths.items():
            if span is not None and (span.setting is not None or span == Span()):
                yield key, f"'{span}': write a length of time such as '24 hours', the same for every tenant"


def too_early(experiment: Experiment, apart: timedelta) -> str | None:
    """Why the rest falls due before the test share had its time to act; `apart`: between its messages."""
    if experiment.promote is None or experiment.time_to_act + apart <= experiment.rest_waits:
        return None
    lie = f" and its messages lie up to {in_hours(apart)} apart" if apart else ""
    return (
        f"the rest falls due after {in_hours(experiment.rest_waits)}, but the test share has "
        f"{in_hours(experiment.time_to_act)} to act{lie}: make promote.after longer, or horizon shorter"
    )


def in_hours(length: timedelta) -> str:
    """A length of time, in words."""
    return f"{length / timedelta(hours=1):g} hours"
