"""The columns of every export, in their order. What is personal is exported only where it is asked for."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from automation_pipelines import decisions
from automation_pipelines.catalogue.types import Column, Type
from automation_pipelines.model import EventType, Purpose, State


class Kind(StrEnum):
    """What can be exported."""

    JOBS = "jobs"
    DECISIONS = "decisions"
    EVENTS = "events"
    SUPPRESSIONS = "suppressions"


_JOBS = (
    Column("job_id", Type.INTEGER, "Number of the job."),
    Column("tenant_id", Type.ID, "Tenant."),
    Column("campaign", Type.TEXT, "Id of the campaign."),
    Column("step", Type.TEXT, "Id of the step."),
    Column("occurrence", Type.INTEGER, "Which time this is: UTC whole minutes since 1970, by grain."),
    Column("subject_id", Type.ID, "Subject: the CRM's key, or 63 bits of a hash of its text."),
    Column("recipient_id", Type.ID, "Member of staff or contact; 0 is the subject's own customer."),
    Column("customer_id", Type.ID, "Customer it is about, where there is one."),
    Column("state", Type.TEXT, "Where it stands.", values=tuple(str(state) for state in State)),
    Column("reason", Type.TEXT, "Why it was skipped."),
    Column("held_by", Type.TEXT, "What a stale moment had waited for."),
    Column("purpose", Type.TEXT, "What for.", values=tuple(str(purpose) for purpose in Purpose)),
    Column("channel", Type.TEXT, "Channel it takes."),
    Column("variant", Type.TEXT, "Arm of the campaign's experiment."),
    Column("campaign_version", Type.INTEGER, "Version it was planned with."),
    Column("priority", Type.INTEGER, "Smaller goes first."),
    Column("due_at", Type.INSTANT, "When it fell due."),
    Column("expires_at", Type.INSTANT, "After this it is not sent; null: never too late."),
    Column("available_at", Type.INSTANT, "When it may go, or might have gone."),
    Column("attempts", Type.INTEGER, "How often it was tried."),
    Column("handed_off_at", Type.INSTANT, "When the provider was asked."),
    Column("finished_at", Type.INSTANT, "When it ended."),
    Column("provider_id", Type.TEXT, "The provider's own name for it."),
    Column("subject_text", Type.TEXT, "The CRM's key as people know it.", personal=True),
    Column("address", Type.TEXT, "Where it went.", personal=True),
    Column("variables", Type.TEXT, "What its template was filled in with, as JSON.", personal=True),
    Column("error", Type.TEXT, "The last error.", personal=True),
)
_EVENTS = (
    Column("event_id", Type.INTEGER, "Number of the event."),
    Column("identity", Type.TEXT, "What made a repeat of it count once."),
    Column("type", Type.TEXT, "What happened.", values=tuple(str(word) for word in EventType)),
    Column("kind", Type.TEXT, "Of a bounce: hard, soft, block; of others: how."),
    Column("machine", Type.BOOLEAN, "A scanner opened or clicked it, not a person."),
    Column("link", Type.TEXT, "What was clicked, as the template has it."),
    Column("provider", Type.TEXT, "Who told it."),
    Column("at", Type.INSTANT, "When it happened."),
    Column("received_at", Type.INSTANT, "When it was told."),
    Column("job_id", Type.INTEGER, "The job it is about; null: none of ours is known for it."),
    Column("tenant_id", Type.ID, "Tenant."),
    Column("campaign", Type.TEXT, "Id of the campaign."),
    Column("step", Type.TEXT, "Id of the step."),
    Column("channel", Type.TEXT, "Channel."),
    Column("address_hash", Type.TEXT, "Salted hash of the address it is about.", personal=True),
    Column("detail", Type.TEXT, "What else was told, as JSON.", personal=True),
)
_SUPPRESSIONS = (
    Column("tenant_id", Type.ID, "Tenant."),
    Column("channel", Type.TEXT, "Channel; * is a customer who was forgotten."),
    Column("address_hash", Type.TEXT, "Salted hash of the address, or of the customer."),
    Column("topic", Type.TEXT, "Topic; empty: every one."),
    Column("reason", Type.TEXT, "Why."),
    Column("at", Type.INSTANT, "Since when."),
    Column("expires_at", Type.INSTANT, "Until when; null: for good."),
)
_DECISIONS = tuple(
    replace(column, personal=True) if column.name == "subject_text" else column
    for column in decisions.COLUMNS
)
EXPORTS: Mapping[Kind, tuple[Column, ...]] = {
    Kind.JOBS: _JOBS,
    Kind.DECISIONS: _DECISIONS,
    Kind.EVENTS: _EVENTS,
    Kind.SUPPRESSIONS: _SUPPRESSIONS,
}
