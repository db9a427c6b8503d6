"""Campaigns as the automation database keeps them: versions, states and the moves between states.

A campaign lives from its first `apply` (draft) to its end (completed, cancelled, deleted); applying it
again after the end begins a new life under the same identity, so nothing it sent is sent again. Every
move is audited. What a campaign may declare is `campaign`'s, whether it makes sense `validation`'s.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal, get_args

import sqlalchemy as sa

from automation_pipelines.campaign import Campaign
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import (
    audit,
    campaign_steps,
    campaign_versions,
    campaigns,
    identities,
    jobs,
)
from automation_pipelines.messages import TemplateSource

CampaignState = Literal["draft", "running", "paused", "completed", "cancelled", "deleted"]
Move = Literal["start", "pause", "resume", "cancel", "delete"]

ENDED = frozenset({"completed", "cancelled", "deleted"})
_MOVES: dict[Move, tuple[frozenset[str], CampaignState]] = {
    "start": (frozenset({"draft"}), "running"),
    "pause": (frozenset({"running"}), "paused"),
    "resume": (frozenset({"paused"}), "running"),
    "cancel": (frozenset({"draft", "running", "paused"}), "cancelled"),
    "delete": (frozenset(get_args(CampaignState)) - {"deleted"}, "deleted"),
}

_NEWEST = sa.and_(
    campaign_versions.c.campaign == campaigns.c.campaign,
    campaign_versions.c.version == campaigns.c.version,
)


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did: the version now in force, and whether anything changed."""

    campaign: str
    version: int
    state: CampaignState
    changed: bool


@dataclass(frozen=True, slots=True)
class ActiveCampaign:
    """A started campaign as planning sees it; moments before a step's `active_from` do not exist."""

    spec: Campaign
    version: int
    state: CampaignState
    started_at: datetime
    active_from: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class AppliedVersion:
    """What one version says: jobs render the version they were planned with."""

    spec: Campaign
    templates: Mapping[str, TemplateSource]


@dataclass(frozen=True, slots=True)
class Entry:
    """One campaign in a list."""

    campaign: str
    title: str
    state: CampaignState
    version: int
    started_at: datetime | None
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class Change:
    """One version in the history of a campaign."""

    version: int
    applied_at: datetime
    applied_by: str


@dataclass(frozen=True, slots=True)
class Details:
    """Everything about one campaign."""

    entry: Entry
    spec: Campaign
    active_from: Mapping[str, datetime]
    history: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class _Content:
    """What makes a version, as it is stored."""

    source: str
    spec: str
    templates: str
    digest: str

    @classmethod
    def of(cls, spec: Campaign, source: str, templates: Mapping[str, TemplateSource]) -> "_Content":
        kept = json.dumps({name: asdict(template) for name, template in sorted(templates.items())})
        document = spec.model_dump_json(by_alias=True)
        digest = hashlib.sha256(f"{document}\0{kept}\0{source}".encode()).hexdigest()
        return cls(source, document, kept, digest)


@dataclass(frozen=True, slots=True)
class _Row:
    state: CampaignState
    version: int


class CampaignStore:
    """The campaigns of one automation database."""

    def __init__(self, database: Database) -> None:
        """Bind to a database; nothing is read yet."""
        self._database = database

    def apply(
        self,
        spec: Campaign,
        source_text: str,
        templates: Mapping[str, TemplateSource],
        by: str,
        at: datetime,
    ) -> Applied:
        """Make `spec` the newest version; the same as the newest one adds none.

        A new campaign is a draft. A started one goes on with the new version, its new steps counting
        from `at`. A cancelled or deleted one, or a completed one that changed, begins a new life as draft.
        """
        content = _Content.of(spec, source_text, templates)
        with self._database.begin() as connection:
            row = self._own(connection, spec.id, by, at)
            same = content.digest == _digest(connection, spec.id, row.version)
            version = row.version if same else row.version + 1
            reborn = row.state in ENDED and not (same and row.state == "completed")
            state: CampaignState = "draft" if reborn else row.state
            if same and not reborn:
                return Applied(spec.id, version, state, changed=False)
            if not same:
                row_of_version = {
                    "campaign": spec.id,
                    "version": version,
                    **asdict(content),
                    "applied_at": at,
                    "applied_by": by,
                }
                connection.execute(sa.insert(campaign_versions).values(row_of_version))
            if state in ("running", "paused"):
                _activate(connection, spec, at)
            started = {"started_at": None} if reborn else {}
            _write(connection, spec.id, by, at, state=state, version=version, **started)
            _record(connection, "campaign.apply", by, at, campaign=spec.id, version=version, state=state)
        return Applied(spec.id, version, state, changed=True)

    def differs(self, spec: Campaign, source_text: str, templates: Mapping[str, TemplateSource]) -> bool:
        """Whether applying this would add a version."""
        digest = _Content.of(spec, source_text, templates).digest
        newest = sa.select(campaign_versions.c.digest).join(campaigns, _NEWEST)
        return self._database.read(newest.where(campaigns.c.campaign == spec.id)).rows() != [(digest,)]

    def start(self, campaign: str, by: str, at: datetime) -> None:
        """Let a draft send: every step counts from `at`."""
        self._move("start", campaign, by, at)

    def pause(self, campaign: str, by: str, at: datetime) -> None:
        """Stop sending until resumed; pending jobs wait."""
        self._move("pause", campaign, by, at)

    def resume(self, campaign: str, by: str, at: datetime) -> None:
        """Go on after a pause; what became too late meanwhile is not sent."""
        self._move("resume", campaign, by, at)

    def cancel(self, campaign: str, by: str, at: datetime) -> None:
        """End it and cancel its pending jobs."""
        self._move("cancel", campaign, by, at)

    def delete(self, campaign: str, by: str, at: datetime) -> None:
        """End it, cancel its pending jobs and list it no more; its record stays."""
        self._move("delete", campaign, by, at)

    def complete(self, at: datetime) -> tuple[str, ...]:
        """End the started campaigns whose validity is over and whose last moments can be planned no more."""
        over = tuple(active.spec.id for active in self.running() if active.spec.over_at(at))
        with self._database.begin() as connection:
            for campaign in over:
                row = _locked(connection, campaign)
                if row is not None and row.state in ("running", "paused"):
                    _write(connection, campaign, "system", at, state="completed")
                    _record(
                        connection, "campaign.complete", "system", at, campaign=campaign, before=row.state
                    )
        return over

    def running(self, statuses: Collection[str] = ("running", "paused")) -> Sequence[ActiveCampaign]:
        """List the started campaigns in one of these states, in their newest version, by id."""
        wanted = (
            sa.select(campaigns, campaign_versions.c.spec)
            .join(campaign_versions, _NEWEST)
            .where(campaigns.c.state.in_(list(statuses)), campaigns.c.started_at.is_not(None))
            .order_by(campaigns.c.campaign)
        )
        steps = self._steps()
        return [
            ActiveCampaign(
                Campaign.model_validate_json(row["spec"]),
                row["version"],
                row["state"],
                row["started_at"],
                steps.get(row["campaign"], {}),
            )
            for row in self._database.read(wanted).iter_rows(named=True)
        ]

    def version(self, campaign: str, version: int) -> AppliedVersion:
        """One version with its templates; `RefusedError` when it was never applied."""
        wanted = sa.select(campaign_versions.c.spec, campaign_versions.c.templates).where(
            campaign_versions.c.campaign == campaign, campaign_versions.c.version == version
        )
        rows = self._database.read(wanted).rows()
        if not rows:
            msg = f"campaign '{campaign}' has no version {version}: see 'automation campaign show {campaign}'"
            raise RefusedError(msg)
        spec, templates = rows[0]
        sources = {name: TemplateSource(**parts) for name, parts in json.loads(templates).items()}
        return AppliedVersion(Campaign.model_validate_json(spec), sources)

    def states(self) -> dict[str, CampaignState]:
        """Tell the state of every campaign ever applied."""
        return dict(self._database.read(sa.select(campaigns.c.campaign, campaigns.c.state)).rows())

    def list(self) -> Sequence[Entry]:
        """All campaigns but the deleted ones, by id."""
        return [entry for entry in self._entries() if entry.state != "deleted"]

    def show(self, campaign: str) -> Details:
        """Everything about one campaign, deleted or not."""
        entry = next((entry for entry in self._entries() if entry.campaign == campaign), None)
        if entry is None:
            raise RefusedError(_unknown(campaign))
        wanted = (
            sa.select(
                campaign_versions.c.version, campaign_versions.c.applied_at, campaign_versions.c.applied_by
            )
            .where(campaign_versions.c.campaign == campaign)
            .order_by(campaign_versions.c.version)
        )
        history = tuple(Change(*row) for row in self._database.read(wanted).rows())
        spec = self.version(campaign, entry.version).spec
        return Details(entry, spec, self._steps().get(campaign, {}), history)

    def export(self, campaign: str) -> str:
        """Return the YAML of the newest version as it was applied, comments and all."""
        newest = (
            sa.select(campaign_versions.c.source)
            .where(campaign_versions.c.campaign == campaign)
            .order_by(campaign_versions.c.version.desc())
            .limit(1)
        )
        rows = self._database.read(newest).rows()
        if not rows:
            raise RefusedError(_unknown(campaign))
        return str(rows[0][0])

    def _own(self, connection: sa.Connection, campaign: str, by: str, at: datetime) -> _Row:
        """Lock the row of this campaign; where there is none yet, that of a draft without a version."""
        first = {"campaign": campaign, "version": 0, "state": "draft", "changed_at": at, "changed_by": by}
        connection.execute(self._database.insert(campaigns).values(first).on_conflict_do_nothing())
        row = _locked(connection, campaign)
        return row or _Row("draft", 0)

    def _move(self, move: Move, campaign: str, by: str, at: datetime) -> None:
        sources, target = _MOVES[move]
        with self._database.begin() as connection:
            row = _locked(connection, campaign)
            if row is None:
                raise RefusedError(_unknown(campaign))
            if row.state not in sources:
                raise RefusedError(_illegal(move, campaign, row.state))
            started = {}
            if move == "start":
                started = {"started_at": at}
                _forget_steps(connection, campaign)
                _activate(connection, _spec(connection, campaign, row.version), at)
            _write(connection, campaign, by, at, state=target, **started)
            waiting = _cancel_pending(connection, campaign, at) if target in ENDED else 0
            detail = {
                "campaign": campaign,
                "version": row.version,
                "before": row.state,
                "jobs_cancelled": waiting,
            }
            _record(connection, f"campaign.{move}", by, at, **detail)

    def _entries(self) -> Sequence[Entry]:
        titled = sa.select(campaigns, campaign_versions.c.spec).join(campaign_versions, _NEWEST)
        return [
            Entry(
                row["campaign"],
                json.loads(row["spec"])["title"],
                row["state"],
                row["version"],
                row["started_at"],
                row["changed_at"],
                row["changed_by"],
            )
            for row in self._database.read(titled.order_by(campaigns.c.campaign)).iter_rows(named=True)
        ]

    def _steps(self) -> dict[str, dict[str, datetime]]:
        found: dict[str, dict[str, datetime]] = {}
        for campaign, step, active_from in self._database.read(sa.select(campaign_steps)).rows():
            found.setdefault(campaign, {})[step] = active_from
        return found


def _locked(connection: sa.Connection, campaign: str) -> _Row | None:
    wanted = sa.select(campaigns.c.state, campaigns.c.version).where(campaigns.c.campaign == campaign)
    found = connection.execute(wanted.with_for_update()).one_or_none()
    return _Row(found.state, found.version) if found else None


def _digest(connection: sa.Connection, campaign: str, version: int) -> str | None:
    wanted = sa.select(campaign_versions.c.digest).where(
        campaign_versions.c.campaign == campaign, campaign_versions.c.version == version
    )
    return connection.execute(wanted).scalar_one_or_none()


def _spec(connection: sa.Connection, campaign: str, version: int) -> Campaign:
    wanted = sa.select(campaign_versions.c.spec).where(
        campaign_versions.c.campaign == campaign, campaign_versions.c.version == version
    )
    return Campaign.model_validate_json(connection.execute(wanted).scalar_one())


def _write(connection: sa.Connection, campaign: str, by: str, at: datetime, **values: object) -> None:
    changed = {**values, "changed_at": at, "changed_by": by}
    connection.execute(sa.update(campaigns).where(campaigns.c.campaign == campaign).values(changed))


def _record(connection: sa.Connection, action: str, by: str, at: datetime, **detail: object) -> None:
    values = {"at": at, "by": by, "action": action, "detail": json.dumps(detail)}
    connection.execute(sa.insert(audit).values(values))


def _activate(connection: sa.Connection, spec: Campaign, at: datetime) -> None:
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


def _forget_steps(connection: sa.Connection, campaign: str) -> None:
    connection.execute(sa.delete(campaign_steps).where(campaign_steps.c.campaign == campaign))


def _cancel_pending(connection: sa.Connection, campaign: str, at: datetime) -> int:
    """Cancel what waits, in the transaction of the move: no job of an ended campaign is left over."""
    own = sa.select(identities.c.id).where(identities.c.campaign == campaign)
    cancelled = (
        sa.update(jobs)
        .where(jobs.c.state == "pending", jobs.c.campaign_id.in_(own))
        .values(state="cancelled", finished_at=at)
    )
    return connection.execute(cancelled).rowcount


def _unknown(campaign: str) -> str:
    return f"no campaign '{campaign}' was ever applied: see 'automation campaign list'"


def _illegal(move: Move, campaign: str, state: CampaignState) -> str:
    allowed = [word for word, (sources, _) in _MOVES.items() if state in sources]
    again = ["apply it again"] if state in ENDED else []
    return f"cannot {move} campaign '{campaign}': it is {state}; allowed: {', '.join([*allowed, *again])}"
