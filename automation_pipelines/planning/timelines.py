"""What a timeline implies: whom it begins for, and when leaving its stage ends it. Declarations only."""

from collections.abc import Collection, Iterator

from automation_pipelines.campaign import Campaign
from automation_pipelines.conditions import Condition

ENTERED = "stage"
"""The column of an audience of entries that says which stage was entered."""
STILL_THERE = "still_there"
PRESENT = "pipeline_stage"
"""The stage a customer is in now."""


def belongs_if(spec: Campaign, columns: Collection[str]) -> Condition | None:
    """The campaign's conditions; of entries into stages, those into the stage of its timeline."""
    if spec.timeline is None or ENTERED not in columns:
        return spec.conditions
    entered = Condition(field=ENTERED, operator="equals", value=spec.timeline.stage)
    return Condition(all_of=(entered, *([spec.conditions] if spec.conditions else [])))


def ends_if(spec: Campaign, columns: Collection[str]) -> Iterator[Condition]:
    """The conditions any of which ends the campaign for a subject."""
    if spec.exit is not None:
        yield spec.exit
    if spec.timeline is None or spec.timeline.leaving == "continues":
        return
    if STILL_THERE in columns:
        yield Condition(field=STILL_THERE, operator="equals", value=False)
    elif PRESENT in columns:
        yield Condition(field=PRESENT, operator="not_equals", value=spec.timeline.stage)
