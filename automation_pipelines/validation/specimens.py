"""What the messages of a campaign would look like: each step and variant, with sample values.

The rows are those of the rehearsal, the variables are made where delivery makes them. Writes no files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from automation_pipelines.campaign import Campaign, Step
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.messages import TemplateSource
from automation_pipelines.messages.context import Branding, Occasion, context
from automation_pipelines.messages.optout import Site
from automation_pipelines.messages.tracking import NOBODY, SWITCH, Trace, Tracker, tracker_of
from automation_pipelines.messages.trial import Rehearsed, Trial
from automation_pipelines.validation.rehearsal import channels_of, links, row, tenant


@dataclass(frozen=True, slots=True)
class Wording:
    """A step as one variant says it; the variant is empty for the step itself."""

    campaign: Campaign
    step: Step
    variant: str
    source: TemplateSource


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is to look at it: `given` replaces sample values, `locale` the language."""

    tenant: Mapping[str, Any] | None = None
    locale: str | None = None
    given: Mapping[str, Any] | None = None
    branding: Branding | None = None
    site: Site | None = None

    def tracker(self, wording: Wording, variables: Mapping[str, Any]) -> Tracker | None:
        """Return what makes links look like those that are sent; theirs are nobody's."""
        if self.site is None or not variables["setting"][SWITCH]:
            return None
        return tracker_of(self.site, wording.campaign.tracked, Trace(0, NOBODY))

    def context(self, wording: Wording, channel: str, *, missing: bool) -> dict[str, Any]:
        """Return the variables of one message, as delivery would make them."""
        given = dict(self.given or {})
        audience = AUDIENCES[wording.campaign.audience]
        sample = row(audience, wording.campaign, missing=missing)
        whose = {**(self.tenant or tenant(missing=missing)), **given.pop("tenant", {})}
        recipient = {**sample["recipient"], **given.pop("recipient", {})}
        if self.locale is not None:
            recipient["locale"] = self.locale
        occasion = Occasion(wording.campaign, wording.step, channel, wording.variant or None)
        ways_out = links(wording.campaign, missing=missing)
        return context(
            {**sample, **given, "recipient": recipient},
            occasion,
            whose,
            branding=self.branding,
            links=ways_out,
        )


@dataclass(frozen=True, slots=True)
class Specimen:
    """One message on one channel; `missing`: all optional values were."""

    wording: Wording
    channel: str
    missing: bool
    trial: Trial


def wordings(campaign: Campaign, templates: Mapping[str, TemplateSource]) -> Iterator[Wording]:
    """Yield what the steps of a campaign say, and what their variants say instead."""
    for step in campaign.steps:
        for variant, said in spoken(step):
            if said.template is not None:
                yield Wording(campaign, said, variant, templates[said.template])


def spoken(step: Step) -> Iterator[tuple[str, Step]]:
    """Yield the step under no name, and as each variant that says it otherwise does under its name."""
    yield "", step
    for variant, arm in step.variants.items():
        said = arm.model_dump(include={"template", "subject", "channel"}, exclude_none=True)
        if said:
            yield variant, step.model_copy(update=said)


def specimens(wording: Wording, reader: Reader) -> Iterator[Specimen]:
    """Render one wording for each of its channels, with all values and without the optional ones."""
    rehearsed = Rehearsed(wording.source)
    for channel in channels_of(wording.step):
        for missing in (False, True):
            variables = reader.context(wording, channel, missing=missing)
            tracker = reader.tracker(wording, variables)
            trial = rehearsed.try_out(variables, [channel], wording.step.subject, tracker)
            yield Specimen(wording, channel, missing, trial)
