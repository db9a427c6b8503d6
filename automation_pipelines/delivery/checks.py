"""What may have changed since a job was planned: asked in bulk just before it is handed off.

The answer says what becomes of the job instead; no answer lets it go.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from automation_pipelines.calendar import Hours, campaign_hours, next_opening, tenant_hours
from automation_pipelines.campaign import Campaign
from automation_pipelines.delivery.composition import Profile, profiles_of
from automation_pipelines.ledger import breakers
from automation_pipelines.ledger.agreements import refused_among
from automation_pipelines.ledger.breakers import Breaker, Key
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.conversations import Party, open_among
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.interventions import paused_among
from automation_pipelines.ledger.jobs import Answer, Cancelled, Dead, Job, Moved, Released, Skipped
from automation_pipelines.ledger.suppressions import FORGOTTEN, Contact, among, customer_hash, forgotten_in
from automation_pipelines.model import Purpose

# A tenant switched off is usually switched on again or its jobs expire; so they are not lost at once.
_INACTIVE_PAUSE = timedelta(hours=1)
# So soon after a subject is released its message goes.
_HELD_PAUSE = timedelta(minutes=5)
# A customer who left the newsletter still gets the confirmation of a booking.
_ALWAYS_RESPECTED = frozenset({"bounced", "manual", FORGOTTEN})


@dataclass(frozen=True, slots=True)
class Present:
    """How things are now."""

    at: datetime
    states: Mapping[str, str]
    profiles: Mapping[int, Profile]
    suppressed: Mapping[Contact, frozenset[str]]
    held: AbstractSet[tuple[str, int, int]]
    """(campaign, tenant_id, subject_id) of subjects that are paused by hand."""
    forgotten: AbstractSet[tuple[int, int]] = frozenset()
    """(tenant_id, customer_id) of those who were."""
    conversing: AbstractSet[Party] = frozenset()
    """Who has written to us within the last day."""
    troubled: Mapping[Key, Breaker] = field(default_factory=dict)
    """The providers that have failed lately."""


def look(
    db: Database, campaigns: CampaignStore, jobs: Sequence[tuple[Job, Campaign]], at: datetime
) -> Present:
    """How things are now for these jobs; a handful of statements, however many they are."""
    return Present(
        at,
        campaigns.states(),
        profiles_of(db),
        suppressed_among(db, jobs, at),
        paused_among(db, [whose(job) for job, _ in jobs], at),
        forgotten_among(
            db, {(job.tenant_id, job.customer_id) for job, _ in jobs if job.customer_id is not None}, at
        ),
        open_among(db, {party_of(job) for job, _ in jobs}, at),
        breakers.known(db),
    )


def contact_of(job: Job, spec: Campaign) -> Contact | None:
    """Who is contacted about what; nobody by an action."""
    if job.address_hash is None:
        return None
    return Contact(job.tenant_id, job.channel, job.address_hash, spec.topic)


def party_of(job: Job) -> Party:
    """Who may be in conversation with us."""
    return Party(job.tenant_id, job.channel, job.address_hash or "")


def whose(job: Job) -> tuple[str, int, int]:
    """The subject of a campaign, as orders by hand are about it."""
    return job.campaign, job.tenant_id, job.subject_id


def suppressed_among(
    db: Database, jobs: Sequence[tuple[Job, Campaign]], at: datetime
) -> dict[Contact, frozenset[str]]:
    """Which contacts of these jobs are suppressed or refuse marketing, and why; two statements."""
    contacts = {contact for job, spec in jobs if (contact := contact_of(job, spec))}
    if not contacts:
        return {}
    listed, refused = among(db, contacts, at), refused_among(db, contacts, at)
    nothing: frozenset[str] = frozenset()
    both = listed.keys() | refused.keys()
    return {contact: listed.get(contact, nothing) | refused.get(contact, nothing) for contact in both}


def forgotten_among(
    db: Database, customers: AbstractSet[tuple[int, int]], at: datetime
) -> frozenset[tuple[int, int]]:
    """Which of these (tenant_id, customer_id) were forgotten; one statement, and hashes where anybody was."""
    known = forgotten_in(db, {tenant for tenant, _ in customers}, at)
    return frozenset(
        (tenant, number)
        for tenant, number in customers
        if tenant in known and customer_hash(db.salt, number) in known[tenant]
    )


def objection(job: Job, spec: Campaign, present: Present) -> Answer | None:
    """Say what stands against handing off, most final first; `None` when nothing does."""
    return next((answer for answer in _objections(job, spec, present) if answer), None)


def _objections(job: Job, spec: Campaign, present: Present) -> Iterator[Answer | None]:
    if job.mode != "test":  # a draft is tested, too
        yield _by_campaign(present.states.get(job.campaign, "deleted"))
    profile = present.profiles.get(job.tenant_id)
    if profile is None:
        yield Dead(f"nothing is known of tenant {job.tenant_id}: no tick has seen it")
        return
    if job.mode == "test":  # it goes to nobody: now is as good as any time
        return
    if job.expires_at is not None and present.at >= job.expires_at:
        yield Skipped("expired")
    if not profile.active:
        yield Moved(present.at + _INACTIVE_PAUSE)
    if whose(job) in present.held:
        yield Moved(present.at + _HELD_PAUSE)
    yield _by_suppression(job, spec, present)
    yield _by_window(job, spec, profile, present.at)


def _by_campaign(state: str) -> Answer | None:
    match state:
        case "running" | "completed":
            return None
        case "paused":
            return Released()
        case _:
            # A draft, too: the life in which the job was planned is over.
            return Cancelled()


def _by_suppression(job: Job, spec: Campaign, present: Present) -> Answer | None:
    if (job.tenant_id, job.customer_id) in present.forgotten:
        return Skipped("suppressed")
    contact = contact_of(job, spec)
    reasons = present.suppressed.get(contact, frozenset()) if contact else frozenset()
    if job.purpose != Purpose.MARKETING:
        reasons &= _ALWAYS_RESPECTED
    return Skipped("suppressed") if reasons else None


def _by_window(job: Job, spec: Campaign, profile: Profile, at: datetime) -> Answer | None:
    hours = _hours(job, spec, profile)
    if not hours:
        return None
    opens = _next_opening(hours, at)
    if opens is not None and opens <= at:
        return None
    if opens is None or (job.expires_at is not None and opens >= job.expires_at):
        return Skipped("expired")
    return Moved(opens)


def _hours(job: Job, spec: Campaign, profile: Profile) -> tuple[Hours, ...]:
    """What must be open for this message, as planning has it, but by the channel it really takes."""
    own = profile.send_windows if job.purpose == Purpose.MARKETING else None
    if job.address is None or (spec.window is None and own is None):
        return ()
    recipient = json.loads(job.variables).get("recipient", {})
    zone = recipient.get("time_zone") or profile.time_zone
    of_tenant = tenant_hours(own, job.channel, recipient.get("country"), zone) if own else ()
    if spec.window is None:
        return of_tenant
    return (
        campaign_hours(spec.window, zone if spec.window.zone == "recipient" else profile.time_zone),
        *of_tenant,
    )


@lru_cache(maxsize=1024)
def _next_opening(hours: tuple[Hours, ...], at: datetime) -> datetime | None:
    return next_opening(hours, at)
