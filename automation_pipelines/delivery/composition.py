"""From a job to what a channel takes: its version's template filled in, or its action's values.

A template is compiled once per campaign version. What fails here concerns one job and nobody was asked yet.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from automation_pipelines.campaign import Campaign, Step
from automation_pipelines.errors import MessageError
from automation_pipelines.ledger import daily
from automation_pipelines.ledger.campaigns import AppliedVersion, CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.jobs import Job
from automation_pipelines.messages import MessageTemplate
from automation_pipelines.messages.mime import Mailbox, Sender, build_email
from automation_pipelines.model import Handoff, Scalar, WriteBack


@dataclass(frozen=True)
class Profile:
    """A tenant as the latest tick saw it."""

    row: Mapping[str, Any]

    @property
    def active(self) -> bool:
        """False: nothing is sent for this tenant."""
        return bool(self.row["active"])

    @property
    def time_zone(self) -> str:
        """Its IANA zone."""
        return str(self.row["time_zone"])

    @cached_property
    def sender(self) -> Sender:
        """On whose behalf its messages are sent."""
        mailbox = Mailbox(self.row["sender_name"] or "", self.row["sender_email"])
        return Sender(mailbox, self.row.get("reply_to"))


def profiles_of(db: Database) -> dict[int, Profile]:
    """All tenants as the latest tick saw them."""
    return {tenant: Profile(json.loads(row)) for tenant, row in daily.profiles(db).rows()}


def installation_name(salt: str) -> str:
    """Tell this installation from all others that hand over to the same servers; gives no salt away."""
    return hashlib.sha256(f"installation:{salt}".encode()).hexdigest()[:16]


class Composer:
    """Makes hand-offs; keeps what it compiled."""

    def __init__(self, campaigns: CampaignStore, salt: str) -> None:
        """Bind to where versions are kept; reads nothing yet."""
        self._installation = installation_name(salt)
        self._version = cache(campaigns.version)
        self._template = cache(self._compile)

    def spec(self, job: Job) -> Campaign:
        """Read the campaign as it was when the job was planned."""
        return self._applied(job).spec

    def compose(self, job: Job, profile: Profile, at: datetime) -> Handoff:
        """Make what the channel takes; an `AutomationError` when this job cannot be made."""
        step = self._step(job)
        identity = self._identity(job)
        if step.action is not None:
            subject: dict[str, Scalar] = {"subject_id": job.subject_id, "subject_text": job.subject_text}
            values = {**step.values, **subject, "tenant_id": job.tenant_id}
            return WriteBack(job.id, job.tenant_id, identity, step.action, values)
        if job.address is None or step.template is None:
            msg = "the address is gone: it was erased, or its retention time is over"
            raise MessageError(msg)
        variables = self._variables(job, profile)
        content = self._template(job.campaign, job.campaign_version, step.template).render(variables)
        return build_email(
            content,
            profile.sender,
            Mailbox(variables["recipient"].get("name") or "", job.address),
            job_id=job.id,
            tenant_id=job.tenant_id,
            identity=identity,
            at=at,
        )

    def _identity(self, job: Job) -> str:
        """The name of this hand-off for ever: made of the key, so that it outlives a restored ledger."""
        key = (job.occurrence, job.tenant_id, job.campaign, job.step, job.subject_id, job.recipient_id)
        digest = hashlib.sha256(":".join(map(str, key)).encode()).hexdigest()[:32]
        return f"{digest}.{self._installation}"

    def _variables(self, job: Job, profile: Profile) -> dict[str, Any]:
        variables: dict[str, Any] = json.loads(job.variables)
        recipient = {"email": job.address, **variables.get("recipient", {})}
        campaign = {"id": job.campaign, "title": self.spec(job).title}
        return {**variables, "recipient": recipient, "tenant": profile.row, "campaign": campaign}

    def _applied(self, job: Job) -> AppliedVersion:
        return self._version(job.campaign, job.campaign_version)

    def _step(self, job: Job) -> Step:
        for step in self.spec(job).steps:
            if step.id == job.step:
                return step
        msg = f"version {job.campaign_version} of campaign '{job.campaign}' has no step '{job.step}'"
        raise MessageError(msg)

    def _compile(self, campaign: str, version: int, template: str) -> MessageTemplate:
        source = self._version(campaign, version).templates.get(template)
        if source is None:
            msg = f"version {version} of campaign '{campaign}' has no template '{template}'"
            raise MessageError(msg)
        return MessageTemplate(source)
