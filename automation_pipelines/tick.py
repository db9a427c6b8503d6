"""One tick, in order: extract, select, plan, commit. The same stages whoever calls: CLI, Dagster, preview.

Correctness rests on the ledger alone: doing a tick twice, late or in two processes adds nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import polars as pl
import sqlalchemy as sa

from automation_pipelines import decisions, promotion, witness
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.engine import Engine, open_engine
from automation_pipelines.extraction import Demand, Keys, Selection, collect, track, withdraw
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import coupons, guards, holds, plans, promotions, sightings
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.model import require_utc
from automation_pipelines.planning import (
    Clock,
    Plan,
    Record,
    Tenancy,
    asked_demands,
    needs,
    plan,
    profiles,
    settings_frame,
)
from automation_pipelines.planning.late import late
from automation_pipelines.selection import Need, demands, empty, select, whole

Frames = dict[str, pl.DataFrame]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Work:
    """What a tick has to look at. No `needs`: the declarations prove that nothing can be due."""

    clock: Clock
    campaigns: tuple[ActiveCampaign, ...]
    needs: tuple[Need, ...]
    tenants: pl.DataFrame
    settings: pl.DataFrame
    """One row per tenant, with a column for each setting."""

    @property
    def tenancy(self) -> Tenancy:
        """What is known of the tenants."""
        return Tenancy(self.tenants, self.settings)


@dataclass(frozen=True, slots=True)
class TickResult:
    """What a tick did. `planned` and `settled` count keys that were new."""

    run_id: str
    plan: Plan
    planned: int
    settled: int
    decisions: int
    tick_id: int
    held: holds.Hold | None = None
    """Why nothing of it leaves for now."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What somebody should look at, in words."""
        held = (
            f"{campaign}: {moments} moments on {day}, {allowed} are let go without approval: "
            f"nothing goes out; `automation campaign approve {campaign} --day {day}`, or reject"
            + (f" (it is {answer})" if answer else "")
            for campaign, day, moments, allowed, answer in self.plan.held.iter_rows()
        )
        silent = (
            f"{campaign}: nobody belongs to it today, though by this hour there usually was somebody"
            for campaign in self.plan.silent
        )
        restored = [str(self.held)] if self.held else []
        return (*restored, *held, *silent, *map(str, late(self.plan.rows, self.plan.clock.as_of)))


def find_work(installation: Installation, as_of: datetime, also: Sequence[ActiveCampaign] = ()) -> Work:
    """The started campaigns (and `also` these) and the audiences that could have something due at `as_of`."""
    clock = Clock(
        require_utc(as_of),
        plans.planned_through(installation.database),
        installation.settings.tick,
        # Before `restore` gives what it can to a tick that crashed: what that left open is lost.
        plans.planned_through(installation.database, published=True),
    )
    campaigns = (*installation.campaigns.running(), *also)
    # The tenants are read first, being few: their settings narrow what else must be read.
    few = [whole("tenants"), whole("tenant_settings")]
    frames = known(installation, read_frames(installation, few) if campaigns else {})
    work = Work(clock, campaigns, (), frames["tenants"], frames["settings"])
    return replace(work, needs=tuple(needs(campaigns, clock, work.tenancy)))


def read_sources(installation: Installation, work: Work) -> Frames:
    """The frames of the sources that the work needs."""
    asked = asked_demands(work.campaigns, work.needs, work.clock, work.clock)
    return read_frames(installation, demands(work.needs, work.settings) + asked)


def read_frames(installation: Installation, wanted: Sequence[Demand]) -> Frames:
    """The frames of what is demanded, from the CRM and the ledger alike."""
    frames = collect(installation.crm, installation.sqlfiles, installation.database, wanted)
    while missing := _merged_elsewhere(frames.get("customers")):
        columns = frozenset(frames["customers"].columns) - {"id", "id_text"}
        more = [Demand("customers", columns, (Selection((Keys("id", missing),)),))]
        read = collect(installation.crm, installation.sqlfiles, installation.database, more)["customers"]
        found = read.filter(pl.col("id").is_in(list(missing)))
        if found.is_empty():
            break
        frames["customers"] = pl.concat([frames["customers"], found])
    return frames


def _merged_elsewhere(customers: pl.DataFrame | None) -> frozenset[int]:
    """The customers into whose records others were merged, where those were not read themselves."""
    if customers is None or "merged_into" not in customers.columns:
        return frozenset()
    merged = customers.filter(pl.col("merged_into").is_not_null())
    return frozenset(merged.join(customers, left_on="merged_into", right_on="id", how="anti")["merged_into"])


def known(installation: Installation, frames: Mapping[str, pl.DataFrame]) -> Frames:
    """Every source by name, without rows where it was not read, and the frame `settings`."""
    sources = {name: frames.get(name, empty(name)) for name in SOURCES}
    defaults = installation.settings.tenant_defaults
    settings = settings_frame(sources["tenants"], sources["tenant_settings"], defaults)
    return {**sources, "settings": settings}


def track_changes(installation: Installation, work: Work) -> int:
    """Record how the columns changed that started campaigns watch; end what waits for who has said no since.

    Only what may release does this.
    """
    audiences = [AUDIENCES[campaign.spec.audience] for campaign in work.campaigns]
    crm, files, database = installation.crm, installation.sqlfiles, installation.database
    withdraw(crm, files, database, as_of=work.clock.as_of)
    return track(crm, files, database, audiences, as_of=work.clock.as_of)


def select_audiences(
    installation: Installation, engine: Engine, frames: Frames, work: Work
) -> dict[str, int]:
    """Run the needed audiences over the frames in `engine`; returns rows per audience."""
    engine.add(**known(installation, frames))
    return {
        need.audience: select(
            engine,
            installation.sqlfiles,
            need,
            as_of=work.clock.as_of,
            leap_day=installation.settings.leap_day,
        )[1]
        for need in work.needs
    }


def decide(
    installation: Installation,
    engine: Engine,
    campaigns: Sequence[ActiveCampaign],
    clock: Clock,
    record: Record,
) -> Plan:
    """Judge the experiments that are due, then decide over the audiences in `engine`; writes nothing."""
    told = promotion.known(record, campaigns)
    if told is None:
        return plan(engine, installation.sqlfiles, campaigns, record, clock)
    new = promotion.new(record, campaigns, told, clock)
    verdicts = pl.concat([told, new.select(told.columns)])
    made = plan(engine, installation.sqlfiles, campaigns, record, clock, verdicts=verdicts)
    return replace(made, verdicts=new)


Also = Callable[[sa.Connection], None]
"""What else is written in the transaction of a plan."""


def commit(
    installation: Installation,
    made: Plan,
    tenancy: Tenancy,
    *,
    run_id: str,
    mode: str,
    now: datetime | None = None,
    also: Also | None = None,
) -> TickResult:
    """Write a plan: the ledger first, in one transaction with the cursor, then the decision files.

    `now` is when, where that is not the time it speaks for. Only a live tick settles what is not sent.
    """
    clock = made.clock
    if mode == "test":
        made = as_test(installation, made, now or clock.as_of)
    tick = plans.Tick(
        run_id=run_id,
        mode=mode,
        as_of=clock.as_of,
        planned_from=clock.planned_through,
        planned_to=clock.ahead,
        moments=len(made.rows),
    )
    database = installation.database

    def beside(connection: sa.Connection, tick_id: int) -> None:
        if also is not None:
            also(connection)
        if mode != "test":  # a test holds no day and gives no code away
            guards.hold(database, connection, made.held.drop("answer"), clock.as_of)
            promotions.record(database, connection, made.verdicts)
            coupons.give(database, connection, made.codes, tick_id, clock.as_of)
            sightings.settle_planned(database, connection, tick_id, len(rows), now=now or clock.as_of)

    rows = made.settled if mode == "live" else made.said
    if mode != "test":  # before anything is written that hides what the files saw
        witness.look(database, installation.files.root, by=f"tick {run_id}", now=now or clock.as_of)
    written = plans.write_plan(database, tick, rows, profiles(tenancy), now=now, also=beside)
    appended = decisions.append(installation.files, made, run_id=run_id, mode=mode)
    plans.mark_published(database, written.tick_id)
    if mode != "test":
        witness.saw_tick(database, installation.files.root, run_id)
    held = holds.current(database)
    return TickResult(run_id, made, written.planned, written.settled, appended, written.tick_id, held)


def as_test(installation: Installation, made: Plan, now: datetime) -> Plan:
    """The same decisions under keys of their own, which no other run has and nothing real ever takes."""
    pairs = [(campaign, step) for campaign, step in made.rows.select("campaign", "step").unique().iter_rows()]
    asked = [*pairs, *((campaign, "") for campaign, _ in pairs)]
    numbers = plans.identify(installation.database, asked, "test")
    own = pl.DataFrame(
        [(campaign, step, numbers[campaign, ""], numbers[campaign, step]) for campaign, step in pairs],
        schema=dict.fromkeys(("campaign", "step"), pl.String) | dict.fromkeys(KEY[2:4], pl.Int64),
        orient="row",
    )
    run_key = (now - _EPOCH) // timedelta(microseconds=1)
    rows = (
        made.rows.drop(KEY[2:4])
        .join(own, on=["campaign", "step"], maintain_order="left")
        .with_columns(pl.col("occurrence").rank("dense").cast(pl.Int64) + run_key)
        .select(made.rows.columns)
    )
    return replace(made, rows=rows)


def run_tick(
    installation: Installation,
    *,
    as_of: datetime,
    run_id: str,
    mode: str = "live",
    now: datetime | None = None,
) -> TickResult:
    """Plan everything that is due, under the planner lock. `LockedError` if another planner is at work.

    With mode `test` it decides as the real one would, and what it plans are jobs of a test; `now` is
    when, where `as_of` is some other time.

    The CRM is read before the lock is taken; what is settled is read under it, so two ticks at once
    are as one after the other.
    """
    with installation.crm.held():
        work = find_work(installation, as_of)
        if mode == "live":
            track_changes(installation, work)
        frames = read_sources(installation, work) if work.needs else {}
    with open_engine() as engine:
        select_audiences(installation, engine, frames, work)
        frames.clear()
        return plan_and_commit(installation, engine, work, run_id=run_id, mode=mode, now=now)


def plan_and_commit(
    installation: Installation,
    engine: Engine,
    work: Work,
    *,
    run_id: str,
    mode: str = "live",
    now: datetime | None = None,
) -> TickResult:
    """The part of a tick that must be alone: decide over the audiences in `engine`, and write."""
    database, files = installation.database, installation.files
    with database.planner_lock():
        decisions.restore(database, files)
        record = decisions.LedgerRecord(database, files, writes=mode != "test")
        made = decide(installation, engine, work.campaigns, work.clock, record)
        engine.clear()
        return commit(installation, made, work.tenancy, run_id=run_id, mode=mode, now=now)
