"""Job `run_campaign`: a manual run from the launchpad. What it means is `manual`'s; no cadence."""

import dagster as dg
from pydantic import Field

from automation_pipelines.errors import LockedError
from automation_pipelines.manual import ManualRun, Request, deliver_test
from automation_pipelines.manual import run as run_request
from automation_pipelines.orchestration.metadata import counts, markdown, table
from automation_pipelines.orchestration.resources import Automation


class CampaignRun(dg.Config):
    """Who gets which steps of a campaign now."""

    campaign: str = Field(description="The campaign's id.")
    subjects: list[str] = Field(
        default=[],
        description="The CRM's own keys of what the campaign is about: quotes, bookings, customers …",
    )
    customers: list[str] = Field(
        default=[], description="Keys of customers: all that is theirs and the campaign is about."
    )
    tenant: int | None = Field(default=None, description="The tenant, where several have such a key.")
    steps: list[str] = Field(default=[], description="Ids of steps. None: the first one.")
    all_steps: bool = Field(default=False, description="Every step, instead of `steps`.")
    again: bool = Field(
        default=False, description="Also who had it already; each minute counts as another time. Audited."
    )
    test: bool = Field(
        default=False,
        description="Everything happens and nothing leaves: messages become files in the test outbox, and "
        "nothing counts. Drafts can be tested, too.",
    )

    def request(self) -> Request:
        """The same for the stage."""
        if not self.subjects and not self.customers:
            msg = "who? name subjects or customers in the configuration"
            raise dg.Failure(msg, allow_retries=False)
        return Request(
            campaign=self.campaign,
            subjects=tuple(self.subjects),
            customers=tuple(self.customers),
            tenant_id=self.tenant,
            steps=tuple(self.steps),
            all_steps=self.all_steps,
            again=self.again,
            test=self.test,
        )


@dg.op
def run_named(
    context: dg.OpExecutionContext, config: CampaignRun, automation: dg.ResourceParam[Automation]
) -> None:
    """Plan the steps for those named; a test is delivered at once, into files."""
    installation = automation.installation
    installation.database.require_current()
    by = context.run.tags.get("user", "dagster")
    run_id = context.run.run_id
    try:
        made = run_request(installation, config.request(), as_of=automation.clock(), run_id=run_id, by=by)
    except LockedError as error:  # a tick is at work, and soon done
        raise dg.RetryRequested(max_retries=10, seconds_to_wait=15) from error
    context.add_output_metadata(_told(made))
    if config.test and made.done is not None:
        done = deliver_test(installation, made.done, clock=automation.clock, owner=run_id)
        context.log.info("test: %s", done)


def _told(made: ManualRun) -> dict[str, dg.MetadataValue]:
    decided = dict(made.outcomes.group_by("decision").len().iter_rows())
    return {
        "outcomes": table(made.outcomes.rename({"tenant_id": "tenant", "recipient_id": "recipient"})),
        "by_decision": markdown(counts(decided, "decision")),
        "planned": dg.MetadataValue.int(made.planned),
    }


@dg.job(
    description="Send steps of a campaign to those named in the configuration, now, whenever they would come "
    "by themselves. Conditions, consent, suppressions, caps and limits are asked as always; who gets it now "
    "does not get it again by itself. The ticks go on as if nothing had happened.",
)
def run_campaign() -> None:
    """A manual run."""
    run_named()
