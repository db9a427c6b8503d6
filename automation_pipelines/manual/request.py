"""What somebody asks for, and which campaign and steps that means."""

from dataclasses import dataclass, replace
from datetime import datetime

from automation_pipelines.campaign import Campaign
from automation_pipelines.errors import RefusedError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.preview import as_started


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A campaign for subjects or customers, named by the CRM's own keys."""

    campaign: str
    subjects: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    """Everything of the audience that is theirs."""
    tenant_id: int | None = None
    steps: tuple[str, ...] = ()
    """None: the first one."""
    all_steps: bool = False
    again: bool = False
    """Also who had it already: it is another time, named by the minute of the request."""
    test: bool = False
    """Of any campaign, a draft too; nothing leaves and nothing counts."""


def campaign_of(installation: Installation, request: Request, as_of: datetime) -> ActiveCampaign:
    """The campaign as planning sees it; `RefusedError` if there is none, or it does not run."""
    started = {active.spec.id: active for active in installation.campaigns.running()}
    active = started.get(request.campaign)
    if request.test:
        if active is None:
            return as_started(installation, request.campaign, as_of)
        return replace(active, state="running")
    if active is None:
        state = installation.campaigns.show(request.campaign).entry.state
        msg = (
            f"campaign '{request.campaign}' is {state} and sends nothing: start it with "
            f"`automation campaign start {request.campaign}`, or try it out with --test"
        )
        raise RefusedError(msg)
    return active


def steps_of(spec: Campaign, request: Request) -> frozenset[str]:
    """The steps that are meant; `RefusedError` names those the campaign does not have."""
    known = [step.id for step in spec.steps]
    if request.all_steps:
        return frozenset(known)
    wanted = request.steps or (known[0],)
    strange = [step for step in wanted if step not in known]
    if strange:
        msg = f"campaign '{spec.id}' has no step {', '.join(strange)}: its steps are {', '.join(known)}"
        raise RefusedError(msg)
    return frozenset(wanted)
