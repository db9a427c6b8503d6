"""What the coming ticks will do, on the data as it is: the same function with a later clock.

Each tick of the range is planned in turn over what the ticks before it would have settled, so a
preview on frozen data equals what is then sent, row by row, reasons included. Nothing is written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from automation_pipelines.decisions import LedgerRecord
from automation_pipelines.engine import open_engine
from automation_pipelines.errors import RefusedError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.promotions import ARMS, BEGUN, VERDICTS, Trial
from automation_pipelines.model import Reason, State
from automation_pipelines.planning import Clock, Plan, Record, asked_demands, needs
from automation_pipelines.planning.gates import Imagined, Past
from automation_pipelines.planning.rows import DECISIONS
from automation_pipelines.selection import Need, Range, demands, merge
from automation_pipelines.tick import Frames, Work, decide, find_work, read_frames, select_audiences


@dataclass
class Simulated:
    """A record with imagined ticks on top."""

    real: Record
    plans: list[Plan] = field(default_factory=list)

    def identify(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """See `planning.Record`."""
        return self.real.identify(pairs)

    def settled(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        return pl.concat([self.real.settled(candidates), *(plan.settled.select(KEY) for plan in self.plans)])

    def variants(self, campaign_ids: Sequence[int]) -> pl.DataFrame:
        """See `planning.Record`."""
        whom = ["campaign_id", "tenant_id", "subject_id"]
        planned = pl.col("reason") == str(Reason.PLANNED)
        ours = pl.col("campaign_id").is_in(list(campaign_ids)) & pl.col("variant").is_not_null() & planned
        imagined = [plan.rows.filter(ours).select(*whom, "variant") for plan in self.plans]
        return pl.concat([self.real.variants(campaign_ids), *imagined]).unique(whom, keep="first")

    def begun(self, sought: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        imagined = [
            plan.said.join(sought, on=["campaign_id", "occurrence"], how="semi")
            .filter(pl.col("variant").is_not_null())
            .select(BEGUN.names())
            for plan in self.plans
        ]
        begun = pl.concat([self.real.begun(sought), *imagined])
        return begun.unique(list(BEGUN)[:-1], keep="first", maintain_order=True)

    def verdicts(self, campaigns: Sequence[str]) -> pl.DataFrame:
        """See `planning.Record`."""
        named = pl.col("campaign").is_in(list(campaigns))
        new = [
            plan.verdicts.filter(named).select(VERDICTS.names()) for plan in self.plans if len(plan.verdicts)
        ]
        return pl.concat([self.real.verdicts(campaigns), *new])

    def arms(self, trials: Sequence[Trial], as_of: datetime) -> pl.DataFrame:
        """See `planning.Record`. Nobody acts on what is imagined."""
        real = self.real.arms(trials, as_of)
        return pl.concat([real, *(self._imagined(trial, as_of) for trial in trials)])

    def _imagined(self, trial: Trial, as_of: datetime) -> pl.DataFrame:
        """`ARMS` of those whose first message is imagined."""
        ours = (pl.col("campaign_id") == trial.campaign_id) & pl.col("variant").is_not_null()
        if trial.slot is not None:
            ours &= pl.col("occurrence") == trial.slot
        rows = pl.concat([plan.said.filter(ours) for plan in self.plans] or [pl.DataFrame(schema=DECISIONS)])
        if rows.is_empty():
            return pl.DataFrame(schema=ARMS)
        sought = rows.select("campaign_id", "occurrence").unique()
        slot = pl.lit(trial.slot or 0, pl.Int64)
        whom = ["campaign_id", "tenant_id", "occurrence", "variant"]
        begun = self.real.begun(sought).with_columns(occurrence=slot)
        firsts = rows.with_columns(occurrence=slot).group_by(*whom, "subject_id").agg(pl.col("due_at").min())
        new = firsts.join(begun, on=[*whom[:-1], "subject_id"], how="anti")
        ready = pl.col("due_at") <= as_of - trial.time_to_act
        nobody = pl.lit(0, pl.Int64)
        counted = new.group_by(whom).agg(
            first_due=pl.col("due_at").min(), subjects=ready.sum(), successes=nobody, others=nobody
        )
        return counted.select(pl.col(name).cast(kind) for name, kind in ARMS.items())

    def past_sends(self, numbers: Mapping[tuple[str, str], int]) -> pl.DataFrame:
        """See `planning.Record`."""
        return self.real.past_sends(numbers)

    def recently_planned(self, step_ids: Sequence[int], since: datetime) -> pl.DataFrame:
        """See `planning.Record`."""
        columns = ["step_id", "tenant_id", "subject_id", "due_at"]
        planned = pl.col("reason") == str(Reason.PLANNED)
        recent = pl.col("step_id").is_in(list(step_ids)) & (pl.col("due_at") >= since)
        imagined = [plan.rows.filter(planned & recent).select(columns) for plan in self.plans]
        return pl.concat([self.real.recently_planned(step_ids, since).select(columns), *imagined])

    def predecessors(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`. What is on its way, imagined or not, arrives when it is due."""
        real = self.real.predecessors(wanted)
        steps = wanted["step_id"].unique().to_list()
        imagined = [
            plan.settled.filter(pl.col("step_id").is_in(steps)).select(
                *KEY,
                pl.when(pl.col("reason") == str(Reason.PLANNED))
                .then(pl.lit(str(State.COMPLETED)))
                .otherwise(pl.lit(str(State.SKIPPED)))
                .alias("state"),
                pl.col("reason").is_in([str(Reason.PLANNED), str(Reason.MERGED)]).alias("sent"),
                "due_at",
                pl.col("due_at").alias("finished_at"),
            )
            for plan in self.plans
        ]
        on_its_way = pl.col("state").is_in([str(State.PENDING), str(State.PROCESSING)])
        arrived = real.with_columns(
            pl.when(on_its_way).then(pl.lit(str(State.COMPLETED))).otherwise("state").alias("state"),
            (on_its_way | pl.col("sent")).alias("sent"),
            pl.when(on_its_way).then("due_at").otherwise("finished_at").alias("finished_at"),
        )
        return pl.concat([arrived, *imagined])

    def orders(self, campaigns: Sequence[str], until: datetime) -> pl.DataFrame:
        """See `planning.Record`."""
        return self.real.orders(campaigns, until)

    def suppressions(self, at: datetime) -> pl.DataFrame:
        """See `planning.Record`."""
        return self.real.suppressions(at)

    def held(self, moments: pl.DataFrame) -> pl.DataFrame:
        """See `planning.Record`."""
        imagined = [plan.rows.select(*KEY, "reason") for plan in self.plans]
        newest = pl.concat([self.real.held(moments), *imagined]).unique(KEY, keep="last", maintain_order=True)
        return newest.join(moments.select(KEY), on=list(KEY), how="semi")

    @property
    def past(self) -> Past:
        """See `planning.Record`."""
        return Imagined(
            self.real.past, [plan.rows for plan in self.plans], [plan.codes for plan in self.plans]
        )

    @property
    def salt(self) -> str:
        """See `planning.Record`."""
        return self.real.salt


def preview(
    installation: Installation, *, since: datetime, until: datetime, drafts: Sequence[str] = ()
) -> pl.DataFrame:
    """The newest decision on every moment due after `since` and by `until` (`planning` row columns).

    `since` is when the first imagined tick runs; what is due and unsettled by then is part of it. The
    campaigns in `drafts` are looked at as if they were started then.
    """
    if until <= since:
        msg = f"the preview ends at {until.isoformat()}, not after its start {since.isoformat()}: swap them"
        raise RefusedError(msg)
    started = [as_started(installation, name, since) for name in drafts]
    return look(installation, find_work(installation, since, started), until)


def look(installation: Installation, first: Work, until: datetime) -> pl.DataFrame:
    """The newest decision on every moment due by `until`, beginning with the tick of `first`."""
    record = Simulated(LedgerRecord(installation.database, installation.files, writes=False))
    clocks = list(ticks_from(first.clock, until))
    wanted = all_needs(first, clocks)
    asked = asked_demands(first.campaigns, wanted, clocks[0], clocks[-1])
    frames = read_frames(installation, demands(wanted, first.settings) + asked)
    record.plans.extend(imagine(installation, first, clocks, frames, record))
    rows = pl.concat([plan.rows for plan in record.plans])
    newest = rows.unique(KEY, keep="last", maintain_order=True)
    return newest.filter(pl.col("due_at") <= until).sort(
        "due_at", "campaign", "step", "subject_id", "recipient_id"
    )


def as_started(installation: Installation, campaign: str, at: datetime) -> ActiveCampaign:
    """A campaign, a draft perhaps, as if it were started then."""
    found = installation.campaigns.show(campaign)
    active_from = {step.id: at for step in found.spec.steps}
    return ActiveCampaign(found.spec, found.entry.version, "running", at, at, active_from)


def ticks_from(first: Clock, until: datetime) -> Iterator[Clock]:
    """The clocks of the ticks from `first` to `until`, both included."""
    clock = first
    while clock.as_of <= until:
        yield clock
        clock = replace(
            clock,
            as_of=clock.as_of + clock.tick,
            planned_through=clock.as_of,
            seen_through=clock.as_of,
        )


def all_needs(work: Work, clocks: Sequence[Clock]) -> list[Need]:
    """What all these ticks together have to look at."""
    ranges: dict[str, list[Range]] = {}
    for clock in clocks:
        for need in needs(work.campaigns, clock, work.tenancy):
            ranges.setdefault(need.audience, []).extend(need.ranges)
    return [Need(name, merge(found)) for name, found in sorted(ranges.items())]


def imagine(
    installation: Installation, first: Work, clocks: Sequence[Clock], frames: Frames, record: Simulated
) -> Iterator[Plan]:
    """The plans of these ticks, each over what those before it (in `record.plans`) would have settled."""
    for clock in clocks:
        work = replace(first, clock=clock, needs=tuple(needs(first.campaigns, clock, first.tenancy)))
        with open_engine() as engine:
            select_audiences(installation, engine, frames, work)
            yield decide(installation, engine, work.campaigns, clock, record)
