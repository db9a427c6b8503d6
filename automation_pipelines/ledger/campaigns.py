"""Campaigns as the automation database keeps them: versions, states and the moves between states.

A campaign lives from its first `apply` (draft) to its end (completed, cancelled, deleted); applying it
again after the end begins a new life under the same identity, so nothing it sent is sent again. Every
move is audited. What a campaign may declare is `campaign`'s, whether it makes sense `validation`'s.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache

import polars as pl
import sqlalchemy as sa

from automation_pipelines.campaign import Campaign, Variant
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import campaign_moves as moves
from automation_pipelines.ledger.campaign_moves import ENDED, CampaignState, Move
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.interventions import LongestPause, longest_pauses
from automation_pipelines.ledger.tables import campaign_steps, campaign_versions, campaigns
from automation_pipelines.messages import TemplateSource

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
    applied_at: datetime
    """When this version was."""
    active_from: Mapping[str, datetime]
    paused: LongestPause = field(default_factory=LongestPause)
    """How long a subject was paused by hand at most."""
    earlier_variants: tuple[tuple[Variant, ...], ...] = ()
    """What versions before this one declared of its variants, where that changed."""
    experiment_since: int = 0
    """The version that declared variants and experiment as they are: what came before is another trial."""


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


_TESTED = pl.col("spec").str.contains('"experiment":{', literal=True)


@lru_cache(maxsize=1024)
def _parsed(spec: str) -> Campaign:
    """A version's campaign; every tick asks for all that run, and they never change."""
    return Campaign.model_validate_json(spec)


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
            same = content.digest == moves.digest_of(connection, spec.id, row.version)
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
                moves.activate(connection, spec, at)
            started = {"started_at": None} if reborn else {}
            moves.write(connection, spec.id, by, at, state=state, version=version, **started)
            moves.record(connection, "campaign.apply", by, at, campaign=spec.id, version=version, state=state)
        return Applied(spec.id, version, state, changed=True)

    def differs(self, spec: Campaign, source_text: str, templates: Mapping[str, TemplateSource]) -> bool:
        """Whether applying this would add a version."""
        digest = _Content.of(spec, source_text, templates).digest
        newest = sa.select(campaign_versions.c.digest).join(campaigns, _NEWEST)
        return self._database.read(newest.where(campaigns.c.campaign == spec.id)).rows() != [(digest,)]

    def start(self, campaign: str, by: str, at: datetime) -> None:
        """Let a draft send: every step counts from `at`."""
        self._move("start", campaign, by, at)

    def pause(self, campaign: str, by: str, at: datetime, because: str | None = None) -> None:
        """Stop sending until resumed; pending jobs wait."""
        self._move("pause", campaign, by, at, because)

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
                row = moves.locked(connection, campaign)
                if row is not None and row.state in ("running", "paused"):
                    moves.write(connection, campaign, "system", at, state="completed")
                    if row.state == "paused":  # what it held back must not go out because time has passed
                        moves.cancel_pending(connection, campaign, at)
                    moves.record(
                        connection, "campaign.complete", "system", at, campaign=campaign, before=row.state
                    )
        return over

    def running(self, statuses: Collection[str] = ("running", "paused")) -> Sequence[ActiveCampaign]:
        """List the started campaigns in one of these states, in their newest version, by id."""
        wanted = (
            sa.select(campaigns, campaign_versions.c.spec, campaign_versions.c.applied_at)
            .join(campaign_versions, _NEWEST)
            .where(campaigns.c.state.in_(list(statuses)), campaigns.c.started_at.is_not(None))
            .order_by(campaigns.c.campaign)
        )
        steps, paused, earlier = self._steps(), longest_pauses(self._database), self._earlier_variants()
        rows = self._database.read(wanted)
        trials = self._experiments_since(rows.filter(_TESTED)["campaign"].to_list())
        return [
            ActiveCampaign(
                _parsed(row["spec"]),
                row["version"],
                row["state"],
                row["started_at"],
                row["applied_at"],
                steps.get(row["campaign"], {}),
                paused.get(row["campaign"], LongestPause()),
                earlier.get(row["campaign"], ()),
                trials.get(row["campaign"], 0),
            )
            for row in rows.iter_rows(named=True)
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
        return AppliedVersion(_parsed(spec), sources)

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
            raise RefusedError(moves.unknown(campaign))
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
            raise RefusedError(moves.unknown(campaign))
        return str(rows[0][0])

    def _own(self, connection: sa.Connection, campaign: str, by: str, at: datetime) -> moves.Standing:
        """Lock the row of this campaign; where there is none yet, that of a draft without a version."""
        first = {"campaign": campaign, "version": 0, "state": "draft", "changed_at": at, "changed_by": by}
        connection.execute(self._database.insert(campaigns).values(first).on_conflict_do_nothing())
        row = moves.locked(connection, campaign)
        return row or moves.Standing("draft", 0)

    def _move(self, move: Move, campaign: str, by: str, at: datetime, because: str | None = None) -> None:
        sources, target = moves.MOVES[move]
        with self._database.begin() as connection:
            row = moves.locked(connection, campaign)
            if row is None:
                raise RefusedError(moves.unknown(campaign))
            if row.state not in sources:
                raise RefusedError(moves.illegal(move, campaign, row.state))
            started = {}
            if move == "start":
                started = {"started_at": at}
                moves.forget_steps(connection, campaign)
                moves.activate(connection, moves.spec_of(connection, campaign, row.version), at)
            moves.write(connection, campaign, by, at, state=target, **started)
            waiting = moves.cancel_pending(connection, campaign, at) if target in ENDED else 0
            detail = {
                "campaign": campaign,
                "version": row.version,
                "before": row.state,
                "jobs_cancelled": waiting,
                **({"because": because} if because else {}),
            }
            moves.record(connection, f"campaign.{move}", by, at, **detail)

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

    def _earlier_variants(self) -> dict[str, tuple[tuple[Variant, ...], ...]]:
        """What versions before the newest declared of variants, the oldest first; only where that changed."""
        v = campaign_versions.c
        wanted = sa.select(v.campaign, v.spec).where(v.spec.like('%"variants":[{"id"%'))
        declared: dict[str, list[tuple[Variant, ...]]] = {}
        for campaign, spec in self._database.read(wanted.order_by(v.campaign, v.version)).rows():
            found = tuple(Variant.model_validate(one) for one in json.loads(spec)["variants"])
            known = declared.setdefault(campaign, [])
            if known[-1:] != [found]:
                known.append(found)
        return {campaign: tuple(each[:-1]) for campaign, each in declared.items() if len(each) > 1}

    def _experiments_since(self, names: Collection[str]) -> dict[str, int]:
        """Since which version the variants and the experiment of these campaigns are what they are now."""
        if not names:
            return {}
        v = campaign_versions.c
        wanted = sa.select(v.campaign, v.version, v.spec).where(v.campaign.in_(sorted(names)))
        declared: dict[str, object] = {}
        since: dict[str, int] = {}
        for campaign, version, spec in self._database.read(wanted.order_by(v.campaign, v.version)).rows():
            document = json.loads(spec)
            arms = [(step["id"], step.get("variants")) for step in document["steps"]]
            found = (document.get("experiment"), document.get("variants"), arms)
            if declared.get(campaign) != found:
                declared[campaign], since[campaign] = found, version
        return since

    def _steps(self) -> dict[str, dict[str, datetime]]:
        found: dict[str, dict[str, datetime]] = {}
        for campaign, step, active_from in self._database.read(sa.select(campaign_steps)).rows():
            found.setdefault(campaign, {})[step] = active_from
        return found
