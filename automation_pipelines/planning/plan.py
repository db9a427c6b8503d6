"""Audience rows and campaigns in, decisions out: a pure function of data, campaigns and a clock.

The relational work is in `sql/planning/`; here the small inputs are prepared (steps, calendars) and
the statements run in order. Nothing is written: `tick` commits what comes out, `preview` shows it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from automation_pipelines import calendar
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.engine import Engine, shape
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.messages.context import SETTINGS
from automation_pipelines.model import SETTLED, Purpose, Reason
from automation_pipelines.planning.candidates import Planned, keep_everybody, scope_frame
from automation_pipelines.planning.clock import Clock
from automation_pipelines.planning.flow import Flow, keep_flow
from automation_pipelines.planning.gates import HELD, Desk, across, assigns, gate_inputs
from automation_pipelines.planning.gates import silent as silent_among
from automation_pipelines.planning.named import ByName
from automation_pipelines.planning.needs import due_campaigns
from automation_pipelines.planning.people import keep_forgotten, keep_people, keep_recipients
from automation_pipelines.planning.promoted import promoting, promotion_tables
from automation_pipelines.planning.record import FEW, Record
from automation_pipelines.planning.rows import DECISIONS, typed
from automation_pipelines.planning.steps import Numbers, places_of, small_tables
from automation_pipelines.planning.tenancy import Tenancy
from automation_pipelines.planning.variables import CONTACTED, with_variables
from automation_pipelines.planning.whens import keep_judged
from automation_pipelines.planning.windows import bound, gates_of
from automation_pipelines.selection import audience_table
from automation_pipelines.sqlfiles import SqlFiles

_DAY = timedelta(days=1)

_SOUGHT = "SELECT DISTINCT occurrence, campaign_id FROM everybody"
_DUE = f"SELECT DISTINCT {', '.join(KEY[:-1])} FROM due"

SLICE = 200_000
"""How many candidates are decided at once: enough for the engine to be quick, few enough to fit."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions of one clock.

    `rows` has one decision per moment, in the columns of `DECISIONS`. `scope` counts each campaign's
    audience rows, before (`selected`) and after (`belonging`) its conditions.
    """

    clock: Clock
    rows: pl.DataFrame
    scope: pl.DataFrame
    held: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=HELD))
    """The UTC days of campaigns that are too much and wait for approval, with what was said to them."""
    codes: pl.DataFrame = field(default_factory=pl.DataFrame)
    """`KEY`, pool and code of the coupons that are given out."""
    verdicts: pl.DataFrame = field(default_factory=pl.DataFrame)
    """The verdicts on experiments that are new: `promotions.VERDICTS`, and since which version they count."""
    silent: tuple[str, ...] = ()
    """The campaigns to which nobody belongs now, though by this hour there usually was somebody."""

    @property
    def settled(self) -> pl.DataFrame:
        """The rows that take their key: what goes to the ledger."""
        return self.rows.filter(pl.col("reason").is_in([str(reason) for reason in SETTLED]))

    @property
    def said(self) -> pl.DataFrame:
        """The rows that are said to somebody, each in its own message or in another's."""
        return self.rows.filter(pl.col("reason").is_in([str(Reason.PLANNED), str(Reason.MERGED)]))

    @property
    def appended(self) -> pl.DataFrame:
        """The decisions that are new: the moment's first, or its open reason changed."""
        return self.rows.filter(
            pl.col("reason").is_in([str(reason) for reason in SETTLED])
            | pl.col("held_by").is_null()
            | (pl.col("held_by") != pl.col("reason"))
        )

    def by_reason(self) -> dict[str, int]:
        """How many moments got each reason."""
        counted = self.rows.group_by("reason").len().sort("len", descending=True)
        return dict(counted.iter_rows())


def plan(
    engine: Engine,
    files: SqlFiles,
    campaigns: Sequence[ActiveCampaign],
    record: Record,
    clock: Clock,
    *,
    by_name: ByName | None = None,
    verdicts: pl.DataFrame | None = None,
) -> Plan:
    """Decide every moment in the window; `by_name`: what is asked for now instead.

    `verdicts` are those on experiments whose winner goes to the rest of the audience.
    `engine` holds the frames `tenants, users, customers` and, for each needed audience, its table
    `audience_<name>` (see `selection.select`).
    """
    known = engine.names()
    selected = [a for a in campaigns if audience_table(a.spec.audience) in known]
    tenancy = Tenancy(engine.frame("tenants"), engine.frame("settings"))
    present = selected if by_name else due_campaigns(selected, clock, tenancy)
    if not present:
        return Plan(clock, pl.DataFrame(schema=DECISIONS), scope_frame([]))
    numbers = record.identify(
        (active.spec.id, step) for active in present for step in ("", *(s.id for s in active.spec.parts))
    )
    engine.add(**small_tables(present, numbers, clock, tenancy.settings))
    if promoting(present):
        engine.add(**promotion_tables(present, numbers, verdicts))
    planned = Planned(engine, files, numbers, clock, tenancy, by_name)
    scope = keep_everybody(planned, present, record)
    desk = Desk(engine, files, record.past, clock, by_name=by_name is not None)
    silent = () if by_name else _silent(desk, scope, numbers)
    rows = _judged_alone(planned, present, record)
    if rows is None:
        return Plan(clock, pl.DataFrame(schema=DECISIONS), scope, silent=silent)
    gated = across(desk, rows if by_name is None else _let_in(rows))
    made = typed(with_variables(engine, files, present, gated.rows))
    return Plan(clock, made, scope, gated.held, gated.codes, silent=silent)


def _judged_alone(made: Planned, campaigns: Sequence[ActiveCampaign], record: Record) -> pl.DataFrame | None:
    """The decisions of all gates that look at one subject at a time; `None`: there is no moment."""
    engine, numbers, clock, tenancy = made.engine, made.numbers, made.clock, made.tenancy
    if not engine.count("everybody"):
        return None
    keep_people(engine, places_of(campaigns))
    flow = keep_flow(engine, campaigns, numbers, record, clock, by_name=made.by_name is not None)
    engine.add(offsets=_offsets(engine, tenancy, clock), bound=bound(tenancy.settings))
    planner = _Planner(made, campaigns, record, flow)
    slices = -(-engine.count("everybody") // SLICE)
    found = [planner.decide_slice(place, slices) for place in range(slices)]
    decided = [rows for rows in found if rows is not None]
    if not decided:
        return None
    # Each slice numbers its own; from here on they are one.
    return pl.concat(decided).with_columns(moment_id=pl.int_range(pl.len(), dtype=pl.Int64))


def _let_in(rows: pl.DataFrame) -> pl.DataFrame:
    """Who is asked for by name is held out of nothing."""
    held_out = pl.col("reason") == str(Reason.HOLDOUT)
    return rows.with_columns(
        pl.when(held_out).then(pl.lit(str(Reason.PLANNED))).otherwise("reason").alias("reason")
    )


def _silent(desk: Desk, scope: pl.DataFrame, numbers: Numbers) -> tuple[str, ...]:
    """The campaigns to which nobody belongs now, though usually somebody does."""
    alone = scope.filter(pl.col("belonging") == 0)["campaign"]
    nobody = {numbers[campaign, ""]: campaign for campaign in alone}
    return tuple(nobody[number] for number in silent_among(desk, sorted(nobody)))


def _offsets(engine: Engine, tenancy: Tenancy, clock: Clock) -> pl.DataFrame:
    """The offsets of every zone that could be asked for, over the instants from which moments count."""
    rules = engine.query(
        "SELECT zone_rule, min(anchor_at) AS lo, max(anchor_at) AS hi FROM everybody GROUP BY zone_rule"
    )
    before = engine.frame("predecessors")
    starts = engine.frame("starts")
    counted = [rules["lo"], rules["hi"], starts["at"], before["due_at"], before["finished_at"]]
    moments: list[datetime] = pl.concat([one.rename("at") for one in counted]).drop_nulls().to_list()
    if not moments:
        return calendar.offsets((), clock.as_of, clock.as_of)
    zones = {*rules["zone_rule"], *tenancy.tenants["time_zone"]}
    if "recipient" in zones:
        own = engine.query("SELECT time_zone FROM customers UNION SELECT time_zone FROM contacts")
        zones |= {*own["time_zone"].drop_nulls()}
    return calendar.offsets(sorted(zones - {"tenant", "recipient"}), min(moments), max(moments))


@dataclass(slots=True)
class _Planner:
    """The line of statements from candidates to decisions. Each drops what only it has used."""

    made: Planned
    campaigns: Sequence[ActiveCampaign]
    record: Record
    flow: Flow
    looked_back: bool = False
    recalled: bool = False

    @property
    def engine(self) -> Engine:
        """Where the statements run."""
        return self.made.engine

    @property
    def clock(self) -> Clock:
        """When it is."""
        return self.made.clock

    @property
    def by_name(self) -> bool:
        """Whether somebody asked for these moments, one by one."""
        return self.made.by_name is not None

    def decide_slice(self, place: int, slices: int) -> pl.DataFrame | None:
        """Decide for one of so many slices of the subjects: every gate looks at one subject at a time."""
        self.engine.keep(
            "candidates",
            "SELECT * FROM everybody WHERE hash63(tenant_id || ':' || subject_id) % $slices = $place",
            {"slices": slices, "place": place},
        )
        entered = shape(self._text("entered"), follows=self.flow.follows, by_hand=self.flow.by_hand)
        self.engine.keep("entered", entered)
        self.engine.drop("candidates")
        keep_recipients(self.engine, self.made.files)
        self._address()
        self.engine.drop("entered", "recipients")
        self._fall_due()
        due = self.engine.count("due")
        if due:
            self._recall(due)
            self._keep("unsettled")
        self.engine.drop("due")
        return self._decide_unsettled() if due else None

    def _address(self) -> None:
        """Keep table `addressed`: the local days and times at which moments count."""
        paused = bool(self.engine.count("pauses"))
        times = {"as_of": self.clock.as_of} if paused else {}
        self.engine.keep("addressed", shape(self._text("addressed"), pauses=paused), times)

    def _decide_unsettled(self) -> pl.DataFrame | None:
        rows = None
        if self.engine.count("unsettled"):
            self._look_back()
            rows = self._decide()
        self.engine.drop("unsettled")
        return rows

    def _recall(self, due: int) -> None:
        """Keep table `settled`: the taken keys of this slice, or, where many are due, of all slices."""
        if self.recalled:
            return
        self.recalled = due > FEW and not self.by_name
        sought = self.engine.query(_SOUGHT if self.recalled else _DUE)
        self.engine.add(settled=self.record.settled(sought))

    def _look_back(self) -> None:
        """Ask the past, once for all slices, what is asked of those only about whom is to be decided."""
        if self.looked_back:
            return
        numbers, settings = self.made.numbers, self.made.tenancy.settings
        self.engine.add(
            suppressions=self.record.suppressions(self.clock.as_of),
            past_sends=self.record.past_sends(numbers),
            assigns=assigns(places_of(self.campaigns)),
            **gate_inputs(self.campaigns, numbers, settings, self.record.past, self.clock),
        )
        keep_forgotten(self.engine, self.made.files, self.record.salt)
        self.looked_back = True

    def _keep(self, name: str, **values: object) -> None:
        self.engine.keep(name, self._text(name), values)

    def _text(self, name: str) -> str:
        return self.made.files.find("planning", name).text

    def _fall_due(self) -> None:
        """Keep table `due`: the moments of the window, moved to where their send window is open."""
        days = "SELECT DISTINCT zone, {day} AS day, clock AS at FROM addressed WHERE {day} IS NOT NULL"
        wanted = self.engine.query(f"{days.format(day='day')} UNION {days.format(day='anchor_day')}")
        slots = self._slots()
        self.engine.add(local_times=calendar.local_times(wanted), slots=slots)
        statement = "due" if not self.by_name else "requested"
        times = {"as_of": self.clock.as_of} if self.by_name else {}
        promotes = bool(promoting(self.campaigns))
        times |= {"as_of": self.clock.as_of} if promotes else {}
        schedules = [active.spec.schedule for active in self.campaigns]
        spread = any(schedule.spread.longest for schedule in schedules if schedule)
        falling_due = shape(
            self._text(statement),
            spread=spread,
            gated=len(slots) > 0,
            looks_ahead=self.flow.looks_ahead,
            promoting=promotes,
        )
        self.engine.keep("due", falling_due, times)
        self.engine.drop("addressed")

    def _slots(self) -> pl.DataFrame:
        """The openings of the send windows that occur; no more than a year back."""
        windows = {a.spec.id: a.spec.window for a in self.campaigns if a.spec.window}
        gates = list(gates_of(self.engine, windows))
        earliest = self.clock.as_of - 366 * _DAY
        bound = [a for a in self.campaigns if a.spec.window or a.spec.purpose is Purpose.MARKETING]
        starts = [max(self.clock.due_from(a.spec), earliest) for a in bound]
        waits = [window.longest_wait for window in windows.values()]
        # The rest of an experiment's audience waits from when a window was open.
        waits += [max(waits, default=8 * _DAY) + a.spec.rest_waits + 8 * _DAY for a in promoting(bound)]
        since = min(starts, default=self.clock.as_of) - max(waits, default=timedelta(0)) - 8 * _DAY
        return calendar.window_slots(gates, since, self.clock.ahead + 2 * _DAY)

    def _decide(self) -> pl.DataFrame:
        keep_judged(self.engine, self.made.files, self.campaigns, self.clock)
        self._keep("moments")
        self.engine.drop("judged")
        repeats = self.engine.query(
            "SELECT DISTINCT step_id, min(due_at - to_minutes(repeat_minutes + 1440)) OVER () AS since "
            "FROM moments WHERE repeat_minutes IS NOT NULL"
        )
        since: datetime = repeats.item(0, "since") if len(repeats) else self.clock.as_of
        keys = ", ".join(KEY)
        self.engine.add(
            held=self.record.held(self.engine.query(f"SELECT {keys}, due_at FROM moments")),
            recent=self.record.recently_planned(repeats["step_id"].to_list(), since),
        )
        self.engine.keep("contacted", CONTACTED.format("moments"))
        self._keep("people")
        reached = shape(self._text("reached"), several=self._several_ways())
        self.engine.keep("reached", reached, {"as_of": self.clock.as_of, "salt": self.record.salt})
        times = {"as_of": self.clock.as_of, "late_before": self.clock.late_before}
        decided = shape(
            self._text("decided"), held_out=self._held_out(), promoting=bool(promoting(self.campaigns))
        )
        rows = self.engine.query(decided, times)
        self.engine.drop("moments", "contacted", "people", "reached")
        return rows

    def _several_ways(self) -> bool:
        """Whether any message could take another channel where its first one rejects it."""
        return bool(self.engine.query("SELECT count(*) AS n FROM ways WHERE rank > 0").item())

    def _held_out(self) -> bool:
        """Whether anybody could be held out of anything."""
        own = any(active.spec.policy.holdout for active in self.campaigns)
        return own or bool(self.made.tenancy.values("holdout"))


def profiles(tenancy: Tenancy) -> pl.DataFrame:
    """The tenants as the ledger keeps them: `tenant_id` and `profile`, a JSON object of the source's row.

    Beside the row it has the tenant's settings: messages may name them.
    """
    names = [column.name for column in SOURCES["tenants"].columns]
    settings = {row.pop("tenant_id"): row for row in tenancy.settings.iter_rows(named=True)}
    rows = [
        (row["id"], json.dumps({**row, SETTINGS: settings.get(row["id"], {})}))
        for row in tenancy.tenants.select(names).iter_rows(named=True)
    ]
    return pl.DataFrame(rows, schema={"tenant_id": pl.Int64, "profile": pl.String}, orient="row")
