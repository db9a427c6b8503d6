"""The moves between states of a campaign: which are legal, and what each writes in one transaction.

Statements on an open connection; when to make them is `campaigns`' business.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import sqlalchemy as sa

from automation_pipelines.campaign import Campaign
from automation_pipelines.ledger.tables import (
    audit,
    campaign_steps,
    campaign_versions,
    campaigns,
    identities,
    jobs,
)

CampaignState = Literal["draft", "running", "paused", "completed", "cancelled", "deleted"]
Move = Literal["start", "pause", "resume", "cancel", "delete"]

ENDED = frozenset({"completed", "cancelled", "deleted"})
MOVES: dict[Move, tuple[frozenset[str], CampaignState]] = {
    "start": (frozenset({"draft"}), "running"),
    "pause": (frozenset({"running"}), "paused"),
    "resume": (frozenset({"paused"}), "running"),
    "cancel": (frozenset({"draft", "running", "paused"}), "cancelled"),
    "delete": (frozenset(get_args(CampaignState)) - {"deleted"}, "deleted"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a campaign is."""

    state: CampaignState
    version: int


def locked(connection: sa.Connection, campaign: str) -> Standing | None:
    """Read the standing of a campaign and keep others from moving it; `None` when it was never applied."""
    wanted = sa.select(campaigns.c.state, campaigns.c.version).where(campaigns.c.campaign == campaign)
    found = connection.execute(wanted.with_for_update()).one_or_none()
    return Standing(found.state, found.version) if found else None


def digest_of(connection: sa.Connection, campaign: str, version: int) -> str | None:
    """Return the digest of one version."""
    wanted = sa.select(campaign_versions.c.digest).where(
        campaign_versions.c.campaign == campaign, campaign_versions.c.version == version
    )
    return connection.execute(wanted).scalar_one_or_none()


def spec_of(connection: sa.Connection, campaign: str, version: int) -> Campaign:
    """Return the spec of one version."""
    wanted = sa.select(campaign_versions.c.spec).where(
        campaign_versions.c.campaign == campaign, campaign_versions.c.version == version
    )
    return Campaign.model_validate_json(connection.execute(wanted).scalar_one())


def write(connection: sa.Connection, campaign: str, by: str, at: datetime, **values: object) -> None:
    """Set columns of a campaign, and who did it when."""
    changed = {**values, "changed_at": at, "changed_by": by}
    connection.execute(sa.update(campaigns).where(campaigns.c.campaign == campaign).values(changed))


def record(connection: sa.Connection, action: str, by: str, at: datetime, **detail: object) -> None:
    """Add an audit entry."""
    values = {"at": at, "by": by, "action": action, "detail": json.dumps(detail)}
    connection.execute(sa.insert(audit).values(values))


def activate(connection: sa.Connection, spec: Campaign, at: datetime) -> None:
    """Let steps not yet known in this life count from `at`; the others keep what they have."""
    wanted = sa.select(campaign_steps.c.step).where(campaign_steps.c.campaign == spec.id)
    known = set(connection.execute(wanted).scalars())
    rows = [
        {"campaign": spec.id, "step": step.id, "active_from": at}
        for step in spec.steps
        if step.id not in known
    ]
    if rows:
        connection.execute(sa.insert(campaign_steps), rows)


def forget_steps(connection: sa.Connection, campaign: str) -> None:
    """Let no step be known: a new life begins."""
    connection.execute(sa.delete(campaign_steps).where(campaign_steps.c.campaign == campaign))


def cancel_pending(connection: sa.Connection, campaign: str, at: datetime) -> int:
    """Cancel what waits, in the transaction of the move: no job of an ended campaign is left over."""
    own = sa.select(identities.c.id).where(identities.c.campaign == campaign)
    cancelled = (
        sa.update(jobs)
        .where(jobs.c.state == "pending", jobs.c.campaign_id.in_(own))
        .values(state="cancelled", finished_at=at)
    )
    return connection.execute(cancelled).rowcount


def unknown(campaign: str) -> str:
    """Say that there is no such campaign."""
    return f"no campaign '{campaign}' was ever applied: see 'automation campaign list'"


def illegal(move: Move, campaign: str, state: CampaignState) -> str:
    """Say why a move is refused, and which ones are not."""
    allowed = [word for word, (sources, _) in MOVES.items() if state in sources]
    again = ["apply it again"] if state in ENDED else []
    return f"cannot {move} campaign '{campaign}': it is {state}; allowed: {', '.join([*allowed, *again])}"
