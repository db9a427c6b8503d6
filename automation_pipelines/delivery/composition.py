"""From a job to what a channel takes: its version's template or call filled in, or its action's values.

A template is compiled once per campaign version. What fails here concerns one job and nobody was asked yet.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from automation_pipelines.campaign import Campaign, Step
from automation_pipelines.catalogue.actions import action
from automation_pipelines.channels.providers import PROVIDERS
from automation_pipelines.delivery.calls import Head, call_of, command_of
from automation_pipelines.delivery.writebacks import Instance, bound_values, keys
from automation_pipelines.errors import MessageError
from automation_pipelines.ledger import daily
from automation_pipelines.ledger.campaigns import AppliedVersion, CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.identity import identity_of, installation_name
from automation_pipelines.ledger.jobs import Job
from automation_pipelines.messages import MessageTemplate, compiled
from automation_pipelines.messages.context import SETTINGS, Branding, Occasion, context
from automation_pipelines.messages.echo import echo_headers
from automation_pipelines.messages.mime import Mailbox, build_email
from automation_pipelines.messages.optout import NO_LINKS, Links, Site, list_headers
from automation_pipelines.messages.senders import sender_for
from automation_pipelines.messages.tokens import Claim
from automation_pipelines.messages.tracking import NOBODY, SWITCH, Trace, Tracker, tracker_of
from automation_pipelines.model import Call, Command, Email, Handoff, Note, Purpose, Wait, WriteBack
from automation_pipelines.sqlfiles import SqlFiles


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

    @property
    def send_windows(self) -> str | None:
        """When its marketing may arrive, as the setting writes it."""
        text: str | None = (self.row.get(SETTINGS) or {}).get("send_windows")
        return text


def profiles_of(db: Database) -> dict[int, Profile]:
    """All tenants as the latest tick saw them."""
    return {tenant: Profile(json.loads(row)) for tenant, row in daily.profiles(db).rows()}


@dataclass(frozen=True, slots=True)
class _Order:
    """One job with everything its hand-off is made of."""

    job: Job
    spec: Campaign
    step: Step
    identity: str
    profile: Profile
    variables: Mapping[str, Any]
    links: Links
    at: datetime

    @property
    def head(self) -> Head:
        return self.job.id, self.job.tenant_id, self.identity

    @property
    def today(self) -> date:
        # Days such as +3d are the tenant's, and count from the day the step was due, not from a retry's.
        return self.job.due_at.astimezone(ZoneInfo(self.profile.time_zone)).date()

    @property
    def instance(self) -> Instance:
        return Instance(self.identity, self.at, self.today)

    @property
    def address(self) -> str:
        if self.job.address is None:
            msg = "the address is gone: it was erased, or its retention time is over"
            raise MessageError(msg)
        return self.job.address


class Composer:
    """Makes hand-offs; keeps what it compiled."""

    def __init__(
        self,
        campaigns: CampaignStore,
        salt: str,
        sqlfiles: SqlFiles,
        branding: Branding | None = None,
        site: Site | None = None,
        *,
        echoes: Collection[str] = (),
    ) -> None:
        """Bind to where versions and actions are kept; reads nothing yet."""
        self._branding = branding
        self._site = site or Site()
        self._echoes = echoes
        self._installation = installation_name(salt)
        self._version = cache(campaigns.version)
        self._variant = cache(self._find)
        self._template = cache(self._compile)
        self._action = cache(lambda name: action(sqlfiles, name))

    def spec(self, job: Job) -> Campaign:
        """Read the campaign as it was when the job was planned."""
        return self._applied(job).spec

    def retries(self, job: Job) -> int | None:
        """How often the job's own request is tried again; `None`: as often as all jobs."""
        request = self._step(job).request
        return request.retries if request else None

    def compose(self, job: Job, profile: Profile, at: datetime, *, conversing: bool = False) -> Handoff:
        """Make what the channel takes; an `AutomationError` when this job cannot be made.

        `conversing`: the recipient has written to us on this channel within the last day.
        """
        order = self._order(job, profile, at)
        match order.step.carries:
            case "message" if job.channel == "email":
                return self._email(order)
            case "message":
                return self._note(order, conversing=conversing)
            case "action":
                return self._write_back(order)
            case "call":
                return _call(order)
            case "nothing":
                return Wait(*order.head)
            case never:
                assert_never(never)

    def _order(self, job: Job, profile: Profile, at: datetime) -> _Order:
        spec, step = self.spec(job), self._step(job)
        occasion = Occasion(spec, step, job.channel, job.variant)
        links = self._links(job, spec, profile)
        variables = context(
            json.loads(job.variables),
            occasion,
            profile.row,
            address=job.address,
            branding=self._branding,
            links=links,
        )
        return _Order(job, spec, step, self._identity(job), profile, variables, links, at)

    def _links(self, job: Job, spec: Campaign, profile: Profile) -> Links:
        if job.purpose != Purpose.MARKETING or job.address_hash is None:
            return NO_LINKS
        claim = Claim(job.tenant_id, job.channel, job.address_hash, spec.topic, spec.id, job.id)
        # What is clicked in a proof must not act for the customer it was made of.
        return self._site.links(claim, profile.row, test=job.mode == "test")

    def _email(self, order: _Order) -> Email:
        job, address, variables = order.job, order.address, order.variables
        content = self._template_of(order).render(variables, order.step.subject, self._tracker(order))
        return build_email(
            content,
            sender_for(order.profile.row, order.spec.sender, variables.get("owner")),
            Mailbox(variables["recipient"].get("name") or "", address),
            job_id=job.id,
            tenant_id=job.tenant_id,
            identity=order.identity,
            at=order.at,
            cc=variables.get("cc") or (),
            bcc=variables.get("bcc") or (),
            more=self._list_headers(order) + echo_headers(self._echoes, job.id, order.identity),
        )

    def _tracker(self, order: _Order) -> Tracker | None:
        job = order.job
        if not order.variables["setting"][SWITCH]:
            return None
        trace = Trace(job.tenant_id, NOBODY if job.mode == "test" else job.id)
        return tracker_of(self._site, order.spec.tracked, trace)

    def _list_headers(self, order: _Order) -> str:
        """What marketing must carry; `MessageError` where it cannot."""
        if order.links == NO_LINKS:
            return ""
        tenant = order.variables["tenant"]
        objection = self._site.objection(tenant)
        if objection is not None:
            raise MessageError(objection)
        return list_headers(order.links, order.spec, tenant, self._installation)

    def _note(self, order: _Order, *, conversing: bool) -> Note:
        address = order.address
        content = self._template_of(order).render_note(order.job.channel, order.variables, order.step.subject)
        written = PROVIDERS[order.job.channel].action is not None
        whose = keys(order.job, order.variables, order.instance) if written else {}
        return Note(*order.head, address, content.title, content.text, content.approved, conversing, whose)

    def _write_back(self, order: _Order) -> WriteBack:
        step = order.step
        known = self._action(step.action or "")
        values = bound_values(known, step, order.job, order.variables, order.instance)
        return WriteBack(*order.head, known.name, values)

    def _identity(self, job: Job) -> str:
        key = (job.occurrence, job.tenant_id, job.campaign, job.step, job.subject_id, job.recipient_id)
        return identity_of(key, job.mode, self._installation)

    def _applied(self, job: Job) -> AppliedVersion:
        return self._version(job.campaign, job.campaign_version)

    def _step(self, job: Job) -> Step:
        return self._variant(job.campaign, job.campaign_version, job.step, job.variant)

    def _find(self, campaign: str, version: int, name: str, variant: str | None) -> Step:
        """The step as a variant has it."""
        for step in self._version(campaign, version).spec.parts:
            if step.id == name:
                own = step.variants.get(variant) if variant else None
                changes = own.model_dump(include={"template", "subject"}, exclude_none=True) if own else {}
                return step.model_copy(update=changes)
        msg = f"version {version} of campaign '{campaign}' has no step '{name}'"
        raise MessageError(msg)

    def _template_of(self, order: _Order) -> MessageTemplate:
        name = order.step.template or ""
        return self._template(order.job.campaign, order.job.campaign_version, name)

    def _compile(self, campaign: str, version: int, template: str) -> MessageTemplate:
        source = self._version(campaign, version).templates.get(template)
        if source is None:
            msg = f"version {version} of campaign '{campaign}' has no template '{template}'"
            raise MessageError(msg)
        return compiled(source)


def _call(order: _Order) -> Call | Command:
    if order.step.request is not None:
        return call_of(order.head, order.step.request, order.variables)
    if order.step.integration is not None:
        return command_of(order.head, order.step.integration, order.variables, order.at, order.today)
    msg = f"step '{order.step.id}' calls nothing"
    raise MessageError(msg)
