"""One request through the stages: find, read, select, decide, commit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines import decisions, promotion
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.decisions import LedgerRecord
from automation_pipelines.engine import Engine, open_engine
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import campaign_moves, plans
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.manual.outcomes import Told, outcomes_of
from automation_pipelines.manual.request import Request, campaign_of, steps_of
from automation_pipelines.manual.subjects import Named, Narrow, find
from automation_pipelines.model import Reason, require_utc
from automation_pipelines.planning import ByName, Clock, Plan, asked_demands, named_need, plan
from automation_pipelines.selection import demands
from automation_pipelines.tick import TickResult, Work, commit, known, read_frames, select_audiences


@dataclass(frozen=True, slots=True)
class ManualRun:
    """What became of a request, and the tick that was written, if one was."""

    outcomes: pl.DataFrame
    """subject, tenant_id, step, recipient_id, channel, decision and why: at least a row for each key.

    `decision` is a reason, `UNKNOWN` or `NOT_IN_AUDIENCE`.
    """
    done: TickResult | None = None

    @property
    def planned(self) -> int:
        """How many messages and actions are planned."""
        return int((self.outcomes["decision"] == str(Reason.PLANNED)).sum())


def run(
    installation: Installation,
    request: Request,
    *,
    as_of: datetime,
    run_id: str,
    by: str,
    dry_run: bool = False,
) -> ManualRun:
    """Plan what is asked for, under the planner lock; a dry run only says what would be planned.

    `RefusedError` for a campaign that does not run, a step it does not have or a key of several tenants.
    """
    active = campaign_of(installation, request, require_utc(as_of))
    steps = steps_of(active.spec, request)
    named = find(installation, active.spec, request)
    if named.rows.is_empty():
        return ManualRun(outcomes_of(named))
    job = _Job(installation, request, active, steps, named, as_of)
    with open_engine() as engine:
        work = job.select(engine)
        if dry_run:
            return ManualRun(job.outcomes(engine, job.decide(engine, writes=False)))
        with installation.database.planner_lock():
            decisions.restore(installation.database, installation.files)
            made = job.decide(engine, writes=not request.test)
            told = job.outcomes(engine, made)
            engine.clear()
            done = commit(
                installation,
                made,
                work.tenancy,
                run_id=run_id,
                mode="test" if request.test else "manual",
                also=None if request.test else job.audited(by, run_id),
            )
    return ManualRun(told, done)


@dataclass(frozen=True)
class _NamedRecord(LedgerRecord):
    """The record as it concerns what is asked for by name."""

    request: Request = field(kw_only=True)

    @property
    def _anew(self) -> bool:
        return self.request.again or self.request.test

    def settled(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`. What they had stands against no test."""
        sought = candidates.clear() if self.request.test else candidates
        return plans.taken(self.database, sought).select(KEY)

    def recently_planned(self, step_ids: Sequence[int], since: datetime) -> pl.DataFrame:
        """See `planning.Record`."""
        return super().recently_planned([] if self._anew else step_ids, since)

    def past_sends(self, numbers: Mapping[tuple[str, str], int]) -> pl.DataFrame:
        """See `planning.Record`."""
        return super().past_sends({} if self._anew else numbers)


@dataclass(frozen=True, slots=True)
class _Job:
    """One request on its way through the stages."""

    installation: Installation
    request: Request
    active: ActiveCampaign
    steps: frozenset[str]
    named: Named
    as_of: datetime

    @property
    def clock(self) -> Clock:
        through = plans.planned_through(self.installation.database)
        return Clock(self.as_of, through, self.installation.settings.tick)

    def select(self, engine: Engine) -> Work:
        """Read and select the rows of the audience that are about these subjects."""
        clock, audience = self.clock, self.active.spec.audience
        need = named_need(audience, clock)
        narrow = Narrow(self.installation.sqlfiles, AUDIENCES[audience].subject, self.named.rows)
        wanted = demands([need]) + asked_demands([self.active], [need], clock, clock)
        frames = read_frames(self.installation, [narrow.demand(demand) for demand in wanted])
        tenants = known(self.installation, frames)
        work = Work(clock, (self.active,), (need,), tenants["tenants"], tenants["settings"])
        select_audiences(self.installation, engine, dict(frames), work)
        return work

    def decide(self, engine: Engine, *, writes: bool) -> Plan:
        """Ask every gate."""
        database, files = self.installation.database, self.installation.files
        record = _NamedRecord(database, files, writes, request=self.request)
        again = int(self.as_of.timestamp()) // 60 if self.request.again else None
        subjects = self.named.rows.select("tenant_id", pl.col("id").alias("subject_id"))
        by_name = ByName(subjects, self.steps, again)
        campaigns = [self.active]
        return plan(
            engine,
            self.installation.sqlfiles,
            campaigns,
            record,
            self.clock,
            by_name=by_name,
            verdicts=promotion.known(record, campaigns),
        )

    def outcomes(self, engine: Engine, made: Plan) -> pl.DataFrame:
        """Every key that was named, with what became of it."""
        subjects = self.named.rows.select(
            pl.col("id_text").alias("subject"), "tenant_id", pl.col("id").alias("subject_id")
        )
        told = Told(
            engine,
            self.installation.database,
            subjects,
            self.active.spec,
            made,
            self.as_of,
            self.request.test,
        )
        return outcomes_of(self.named, told.rows())

    def audited(self, by: str, run_id: str) -> Callable[[sa.Connection], None]:
        """Writes down who asked for what."""
        asked = {name: value for name, value in asdict(self.request).items() if value}
        detail = {**asked, "steps": sorted(self.steps), "run_id": run_id}
        return lambda connection: campaign_moves.record(connection, "campaign.run", by, self.as_of, **detail)
