"""Audience rows and campaigns in, decisions out: a pure function of data, campaigns and a clock.

The relational work is in `sql/planning/`; here the small inputs are prepared (steps, calendars) and
the statements run in order. Nothing is written: `tick` commits what comes out, `preview` shows it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from automation_pipelines import calendar
from automation_pipelines.campaign import Campaign, Span, Step, Window
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Anchor, Audience, Type
from automation_pipelines.conditions import Condition, compile_condition
from automation_pipelines.engine import FRAME_TYPES, Engine, shape
from automation_pipelines.ledger.campaigns import ActiveCampaign
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.model import SETTLED, Reason
from automation_pipelines.selection import EARLIEST, Need, Range, merge
from automation_pipelines.sqlfiles import SqlFiles

MARGIN = timedelta(minutes=5)
"""How far beyond the next tick dated moments are planned, so that a late tick still meets 09:00."""

_DAY = timedelta(days=1)
_INSTANT = FRAME_TYPES[Type.INSTANT]

_STATEMENTS = ("recipients", "addressed", "days")

_DECISIONS = pl.Schema(
    {
        "occurrence": pl.Int64(),
        "tenant_id": pl.Int64(),
        "campaign_id": pl.Int64(),
        "campaign": pl.String(),
        "step_id": pl.Int64(),
        "step": pl.String(),
        "subject_id": pl.Int64(),
        "subject_text": pl.String(),
        "recipient_id": pl.Int64(),
        "channel": pl.String(),
        "purpose": pl.String(),
        "campaign_version": pl.Int64(),
        "priority": pl.Int64(),
        "due_at": _INSTANT,
        "expires_at": _INSTANT,
        "customer_id": pl.Int64(),
        "address": pl.String(),
        "address_hash": pl.String(),
        "variables": pl.String(),
        "reason": pl.String(),
        "held_by": pl.String(),
        "values": pl.String(),
    }
)


@dataclass(frozen=True, slots=True)
class Clock:
    """What time a computation speaks for.

    `planned_through` is the as_of of the last completed tick, or `None` before the first one.
    """

    as_of: datetime
    planned_through: datetime | None
    tick: timedelta

    @property
    def ahead(self) -> datetime:
        """Until when dated moments are planned: the next tick and a margin."""
        return self.as_of + self.tick + MARGIN

    @property
    def late_before(self) -> datetime:
        """What fell due until then missed a tick."""
        return self.as_of - self.tick - MARGIN

    def due_from(self, campaign: Campaign) -> datetime:
        """Moments of `campaign` due at or before this are past (settled, or counted as stale)."""
        if campaign.max_lateness is None:
            return EARLIEST
        return (self.planned_through or self.as_of) - campaign.max_lateness

    def due_to(self, anchor: Anchor) -> datetime:
        """Dated moments are planned to the end of the tick, those of instants once they are due."""
        return self.as_of if anchor is Anchor.INSTANT else self.ahead


class Record(Protocol):
    """What has happened so far, as planning asks it. The ledger is one; a preview lays its own over it."""

    def identify(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """Integers of (campaign, step); step '' is the campaign."""

    def settled(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """`KEY` columns of the settled keys among those that `candidates` (occurrence, campaign_id, …) may have."""

    def recently_planned(self, step_ids: Sequence[int], since: datetime) -> pl.DataFrame:
        """`step_id, tenant_id, subject_id, due_at` of what was planned with due_at from `since` on."""

    def suppressions(self, at: datetime) -> pl.DataFrame:
        """`tenant_id, channel, address_hash, topic, reason` in force."""

    def held(self, moments: pl.DataFrame) -> pl.DataFrame:
        """`KEY` columns and `reason` of the newest open decision of those moments that have one."""

    @property
    def salt(self) -> str:
        """Salt of the address hashes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions of one clock. `rows` has the columns of `_DECISIONS`; `fresh` marks those to append.

    `selected` and `excluded` count audience rows per campaign before and after its conditions.
    """

    clock: Clock
    rows: pl.DataFrame
    scope: pl.DataFrame

    @property
    def settled(self) -> pl.DataFrame:
        """The rows that take their key: what goes to the ledger."""
        return self.rows.filter(pl.col("reason").is_in([str(reason) for reason in SETTLED]))

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


def needs(campaigns: Sequence[ActiveCampaign], clock: Clock, tenants: pl.DataFrame) -> list[Need]:
    """Which audiences could have a moment due, and for which anchors. Empty: provably nothing is due."""
    wanted: dict[str, list[Range]] = {}
    for active in campaigns:
        for step in active.spec.steps:
            ranges = list(_anchor_ranges(active, step, clock, tenants))
            if ranges:
                wanted.setdefault(active.spec.audience, []).extend(ranges)
    return [Need(name, merge(ranges)) for name, ranges in sorted(wanted.items())]


def _anchor_ranges(
    active: ActiveCampaign, step: Step, clock: Clock, tenants: pl.DataFrame
) -> Iterable[Range]:
    """The anchors from which `step` could fall due in the window."""
    spec = active.spec
    audience = AUDIENCES[spec.audience]
    wait = spec.window.longest_wait if spec.window else timedelta(0)
    to = clock.due_to(audience.anchor)
    since = _nominal_from(active, step, clock.due_from(spec), wait)
    if since is not None and since > to:
        return
    if spec.schedule is not None and not _slot_matters(spec, step, since, to):
        return
    for offset in _lengths(step.offset, tenants):
        if step.offset.exact:
            yield (since - offset if since else None, to - offset)
        else:  # a local day may lie 14 hours beside its UTC day, and a time of day anywhere in it
            yield (since - offset - 2 * _DAY if since else None, to - offset + 2 * _DAY)


def _nominal_from(active: ActiveCampaign, step: Step, due_from: datetime, wait: timedelta) -> datetime | None:
    """From when on the nominal instants of `step` matter; `None`: from ever."""
    since = max(due_from - wait, EARLIEST)
    starts = active.active_from[step.id]
    if since < starts:
        since = _backlog_from(active.spec, starts) or EARLIEST
    return None if since <= EARLIEST else since


def _backlog_from(spec: Campaign, starts: datetime) -> datetime | None:
    match spec.policy.backlog:
        case "none":
            return starts
        case "7 days":
            return starts - 7 * _DAY
        case _:
            return None


def _slot_matters(spec: Campaign, step: Step, since: datetime | None, to: datetime) -> bool:
    assert spec.schedule is not None  # noqa: S101 - the caller asks only for those that have one
    near = calendar.instant_of("UTC", spec.schedule.on, spec.schedule.at) + step.offset.longest
    return (since is None or near > since - 2 * _DAY) and near < to + 2 * _DAY


def _lengths(offset: Span, tenants: pl.DataFrame) -> list[timedelta]:
    """The lengths an offset has: one, or one for each value the tenants set."""
    if offset.column is None:
        return [offset.longest]
    return [timedelta(days=days) for days in tenants[offset.column].drop_nulls().unique().sort()]


def plan(
    engine: Engine,
    files: SqlFiles,
    campaigns: Sequence[ActiveCampaign],
    record: Record,
    clock: Clock,
) -> Plan:
    """Decide every moment in the window.

    `engine` holds the frames `tenants, users, customers` and, for each needed audience, its table
    `audience_<name>` (see `selection.select`).
    """
    numbers = record.identify(
        (active.spec.id, step) for active in campaigns for step in ("", *(s.id for s in active.spec.steps))
    )
    known = engine.names()
    present = [a for a in campaigns if f"audience_{a.spec.audience}" in known]
    if not present:
        return Plan(clock, pl.DataFrame(schema=_DECISIONS), _scope([]))
    engine.add(**_small_tables(present, numbers, clock))
    scope = _candidates(engine, files, present, numbers)
    for name in _STATEMENTS:
        engine.keep("days_of" if name == "days" else name, files.find("planning", name).text)
    _fall_due(engine, files, present, clock)
    _drop_settled(engine, files, record)
    decided = _decide(engine, files, record, clock)
    return Plan(clock, _with_variables(engine, _with_held(decided, record)), scope)


def _small_tables(
    campaigns: Sequence[ActiveCampaign], numbers: dict[tuple[str, str], int], clock: Clock
) -> dict[str, pl.DataFrame]:
    steps = [_step_row(active, step, numbers, clock) for active in campaigns for step in active.spec.steps]
    roles = [
        (numbers[active.spec.id, step.id], role)
        for active in campaigns
        for step in active.spec.steps
        for role in (step.recipient if step.action is None else ("subject",))
    ]
    return {
        "steps": pl.DataFrame(steps, schema=_STEPS, orient="row"),
        "step_roles": pl.DataFrame(roles, schema={"step_id": pl.Int64, "role": pl.String}, orient="row"),
    }


_STEPS = pl.Schema(
    {
        "campaign_id": pl.Int64(),
        "campaign": pl.String(),
        "step_id": pl.Int64(),
        "step": pl.String(),
        "version": pl.Int64(),
        "purpose": pl.String(),
        "topic": pl.String(),
        "channel": pl.String(),
        "action": pl.Boolean(),
        "lane": pl.String(),
        "days": pl.Int32(),
        "minutes": pl.Int64(),
        "before": pl.Boolean(),
        "clock": pl.String(),
        "zone": pl.String(),
        "window_id": pl.Int64(),
        "window_zone": pl.String(),
        "priority": pl.Int64(),
        "lateness_minutes": pl.Int64(),
        "late_all": pl.Boolean(),
        "active_from": _INSTANT,
        "backlog_from": _INSTANT,
        "paused": pl.Boolean(),
        "valid_from": _INSTANT,
        "valid_until": _INSTANT,
        "due_from": _INSTANT,
        "due_to": _INSTANT,
    }
)


def _step_row(
    active: ActiveCampaign, step: Step, numbers: dict[tuple[str, str], int], clock: Clock
) -> tuple[object, ...]:
    spec, policy = active.spec, active.spec.policy
    anchor = AUDIENCES[spec.audience].anchor
    at = step.at or (spec.schedule.at if spec.schedule else None)
    campaign_id = numbers[spec.id, ""]
    return (
        campaign_id,
        spec.id,
        numbers[spec.id, step.id],
        step.id,
        active.version,
        str(spec.purpose),
        spec.topic,
        step.channel or "crm",
        step.action is not None,
        # Messages replace earlier messages, an action only earlier runs of itself.
        step.action or "",
        step.offset.days,
        step.offset.minutes if _exact(step, anchor) else None,
        step.offset.negative,
        f"{at:%H:%M}" if at else None,
        spec.zone,
        campaign_id if spec.window and step.action is None else None,
        spec.window.zone if spec.window else None,
        policy.priority,
        None if spec.max_lateness is None else spec.max_lateness // timedelta(minutes=1),
        policy.late == "all",
        active.active_from[step.id],
        _backlog_from(spec, active.active_from[step.id]) or EARLIEST,
        active.state == "paused",
        policy.valid_from,
        policy.valid_until,
        clock.due_from(spec),
        clock.due_to(anchor),
    )


def _exact(step: Step, anchor: Anchor) -> bool:
    """Whether the step counts minutes from an instant; "at once" after an instant does."""
    at_once = step.offset == Span() and step.at is None
    return anchor is Anchor.INSTANT and (step.offset.exact or at_once)


def _candidates(
    engine: Engine, files: SqlFiles, campaigns: Sequence[ActiveCampaign], numbers: dict[tuple[str, str], int]
) -> pl.DataFrame:
    """Keep table `candidates` and return, per campaign, how many audience rows there were and belonged."""
    template = files.find("planning", "candidates").text
    parts, scope = [], []
    for number, active in enumerate(campaigns):
        statement, parameters = _candidate_statement(template, active.spec, numbers)
        table = f"candidates_{number}"
        engine.keep(table, statement, parameters)
        parts.append(f"SELECT * FROM {table}")
        selected, steps = engine.count(f"audience_{active.spec.audience}"), len(active.spec.steps)
        scope.append((active.spec.id, active.spec.audience, selected, engine.count(table) // steps))
    union = " UNION ALL ".join(parts)
    engine.keep("candidates", f"SELECT row_number() OVER () AS candidate_id, u.* FROM ({union}) AS u")
    return _scope(scope)


def _scope(rows: list[tuple[str, str, int, int]]) -> pl.DataFrame:
    schema = {"campaign": pl.String, "audience": pl.String, "selected": pl.Int64, "belonging": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _candidate_statement(
    template: str, spec: Campaign, numbers: dict[tuple[str, str], int]
) -> tuple[str, dict[str, object]]:
    audience = AUDIENCES[spec.audience]
    types = _condition_types(audience)
    repeat = spec.policy.repeat_after
    parameters: dict[str, object] = {}

    def predicate(condition: Condition, prefix: str) -> str:
        compiled = compile_condition(condition, types, prefix)
        parameters.update(compiled.parameters)
        return compiled.sql

    statement = shape(
        template,
        audience=audience.name,
        table=f"audience_{audience.name}",
        anchor=str(audience.anchor),
        grain=str(audience.grain),
        campaign=numbers[spec.id, ""],
        columns_of_days=[
            (numbers[spec.id, s.id], s.offset.column) for s in spec.steps if s.offset.column is not None
        ],
        repeat_column=repeat.column if repeat else None,
        whens=[
            (numbers[spec.id, s.id], predicate(s.when, f"w{n}")) for n, s in enumerate(spec.steps) if s.when
        ],
        condition=predicate(spec.conditions, "c") if spec.conditions else "",
    )
    if spec.schedule is not None:
        parameters["slot"] = spec.schedule.on
    if repeat is None or repeat.column is None:
        parameters["repeat_minutes"] = repeat.longest // timedelta(minutes=1) if repeat else None
    return statement, parameters


def _condition_types(audience: Audience) -> dict[str, Type]:
    return {column.name: column.type for column in audience.columns}


def _fall_due(engine: Engine, files: SqlFiles, campaigns: Sequence[ActiveCampaign], clock: Clock) -> None:
    """Keep table `due`: the moments of the window, moved to where their send window is open."""
    days = "SELECT DISTINCT zone, {day} AS day, clock AS at FROM days_of WHERE {day} IS NOT NULL"
    wanted = engine.query(f"{days.format(day='day')} UNION {days.format(day='anchor_day')}")
    engine.add(local_times=calendar.local_times(wanted), slots=_slots(engine, campaigns, clock))
    engine.keep("due", files.find("planning", "due").text)


def _slots(engine: Engine, campaigns: Sequence[ActiveCampaign], clock: Clock) -> pl.DataFrame:
    """The openings of the send windows in the zones that occur; no more than a year back."""
    occurring = engine.query(
        "SELECT DISTINCT s.window_id, d.window_zone FROM days_of AS d "
        "INNER JOIN steps AS s ON d.step_id = s.step_id WHERE s.window_id IS NOT NULL"
    )
    windows: dict[str, Window] = {a.spec.id: a.spec.window for a in campaigns if a.spec.window}
    names = dict(engine.query("SELECT DISTINCT campaign_id, campaign FROM steps").iter_rows())
    triples = [(number, windows[names[number]], zone) for number, zone in occurring.iter_rows()]
    starts = [max(clock.due_from(a.spec), clock.as_of - 366 * _DAY) for a in campaigns if a.spec.window]
    waits = [a.spec.window.longest_wait for a in campaigns if a.spec.window]
    since = min(starts, default=clock.as_of) - max(waits, default=timedelta(0))
    return calendar.window_slots(triples, since, clock.ahead)


def _drop_settled(engine: Engine, files: SqlFiles, record: Record) -> None:
    """Keep table `moments`: what is due and not settled yet."""
    keys = engine.query(
        "SELECT d.occurrence, d.tenant_id, s.campaign_id, d.step_id, d.subject_id, d.recipient_id "
        "FROM due AS d INNER JOIN steps AS s ON d.step_id = s.step_id"
    )
    engine.add(settled=record.settled(keys))
    unsettled = files.find("planning", "unsettled").text
    engine.keep("moments", f"SELECT row_number() OVER () AS moment_id, m.* FROM ({unsettled}) AS m")


def _decide(engine: Engine, files: SqlFiles, record: Record, clock: Clock) -> pl.DataFrame:
    repeats = engine.query(
        "SELECT DISTINCT step_id, min(due_at - to_minutes(repeat_minutes)) OVER () AS since "
        "FROM moments WHERE repeat_minutes IS NOT NULL"
    )
    since: datetime = repeats.item(0, "since") if len(repeats) else clock.as_of
    engine.add(
        suppressions=record.suppressions(clock.as_of),
        recent=record.recently_planned(repeats["step_id"].to_list(), since),
    )
    engine.keep(
        "decided",
        files.find("planning", "decided").text,
        {"as_of": clock.as_of, "late_before": clock.late_before, "salt": record.salt},
    )
    return engine.query("SELECT * FROM decided ORDER BY due_at, step_id, tenant_id, subject_id, recipient_id")


def _with_held(decided: pl.DataFrame, record: Record) -> pl.DataFrame:
    """Add `held_by`: the open reason a moment had before."""
    held = record.held(decided.select(*KEY, "due_at")).rename({"reason": "held_by"})
    return decided.join(held, on=list(KEY), how="left", maintain_order="left")


def _with_variables(engine: Engine, decided: pl.DataFrame) -> pl.DataFrame:
    """Add `variables`, the JSON a planned message is rendered with: the audience's columns and the recipient."""
    planned = decided.filter(pl.col("reason") == Reason.PLANNED)
    engine.add(planned=planned)
    parts = [
        engine.query(_variables_statement(AUDIENCES[name]), {"audience": name})
        for name in planned["audience"].unique().sort()
    ]
    variables = (
        pl.concat(parts) if parts else pl.DataFrame(schema={"moment_id": pl.Int64, "variables": pl.String})
    )
    whole = decided.join(variables, on="moment_id", how="left", maintain_order="left")
    return whole.select([pl.col(name).cast(dtype) for name, dtype in _DECISIONS.items()])


def _variables_statement(audience: Audience) -> str:
    columns = "".join(
        f', "{column.name}" := {_json_value(column.name, column.type)}' for column in audience.columns
    )
    recipient = (
        "recipient := struct_pack(name := p.recipient_name, first_name := p.recipient_first_name, "
        "email := p.address)"
    )
    return (
        f"SELECT p.moment_id, CAST(to_json(struct_pack({recipient}{columns})) AS VARCHAR) AS variables "
        f"FROM planned AS p INNER JOIN audience_{audience.name} AS a ON p.row_id = a.row_id "
        "WHERE p.audience = $audience"
    )


def _json_value(name: str, type_: Type) -> str:
    if type_ is Type.INSTANT:
        return f"strftime(timezone('UTC', a.\"{name}\"), '%Y-%m-%dT%H:%M:%SZ')"
    return f'a."{name}"'


def profiles(tenants: pl.DataFrame) -> pl.DataFrame:
    """The tenants as the ledger keeps them: `tenant_id` and `profile`, a JSON object of the source's row."""
    names = [column.name for column in SOURCES["tenants"].columns]
    rows = [(row["id"], json.dumps(row)) for row in tenants.select(names).iter_rows(named=True)]
    return pl.DataFrame(rows, schema={"tenant_id": pl.Int64, "profile": pl.String}, orient="row")
