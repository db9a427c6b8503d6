"""Who of the staff gets a row: in rounds, or whoever has the least to do. Decided for a whole batch at once.

Each assignment sees those before it: in the CRM, in the ledger where the CRM does not show them yet, and
in the same batch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from automation_pipelines.campaign import Step
from automation_pipelines.model import Reason
from automation_pipelines.planning.gates.desk import Desk, judge, passing
from automation_pipelines.planning.places import Place

_REMEMBERED = timedelta(days=30)
"""A step that gave nothing to anybody for so long begins its round anew."""
_SEEN_BY_NOW = timedelta(hours=1)
"""So long after it was carried out, an assignment is what the CRM says of it."""
_ASSIGNS = pl.Schema(
    {
        "place": pl.Int64(),
        "strategy": pl.String(),
        "user_key": pl.String(),
        "role": pl.String(),
        "department": pl.String(),
    }
)
_LOADS = pl.Schema(dict.fromkeys(("tenant_id", "user_id", "load"), pl.Int64()))


def assigns(places: Iterable[Place]) -> pl.DataFrame:
    """The steps that give something to somebody of the staff, and to whom they may."""
    rows = [(place.number, *_assign(place.step)) for place in places if place.step.assign is not None]
    return pl.DataFrame(rows, schema=_ASSIGNS, orient="row")


def _assign(step: Step) -> tuple[str | None, ...]:
    how = step.assign
    if how is None:
        return ()
    return how.strategy, None if how.user is None else str(how.user), how.role, how.department


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is to be given (`wanted`), by which rules, to whom it may be, and what was given before."""

    wanted: pl.DataFrame
    declared: pl.DataFrame
    seats: pl.DataFrame
    given: pl.DataFrame


def assign(desk: Desk, rows: pl.DataFrame) -> pl.DataFrame:
    """Say who gets each row that is to be given to somebody; where there is nobody, it stays open."""
    declared = desk.engine.query("SELECT * FROM assigns")
    wanted = passing(rows, ~pl.col("upcoming"), pl.col("place").is_in(declared["place"].to_list()))
    if wanted.is_empty():
        return rows
    given = desk.past.assigned(wanted["step_id"].unique().to_list(), desk.clock.as_of - _REMEMBERED)
    seats = desk.engine.query(desk.files.find("gates", "seats").text)
    batch = _Batch(wanted, declared, seats, given)
    latest = given.unique(["step_id", "tenant_id"], keep="last", maintain_order=True)
    in_turn = desk.ask("rounds", wanted, seats=seats, latest=latest)
    parts = pl.concat([in_turn, *_least_loaded(desk, batch, in_turn)])
    said = wanted.select("moment_id").join(parts, on="moment_id", how="left")
    nobody = pl.when(pl.col("assignee_id").is_null()).then(pl.lit(str(Reason.NO_RECIPIENT)))
    return judge(rows, said.with_columns(reason=nobody))


def _least_loaded(desk: Desk, batch: _Batch, in_turn: pl.DataFrame) -> Iterable[pl.DataFrame]:
    """One part for each kind of staff; later ones see what earlier ones got."""
    rules = batch.declared.filter(pl.col("strategy") == "least_loaded")
    kinds = rules.partition_by("role", "department", maintain_order=True) if len(rules) else []
    loads = _loads(desk, batch, in_turn) if kinds else in_turn
    for kind in kinds:
        own = batch.wanted.filter(pl.col("place").is_in(kind["place"].to_list()))
        # Every step of the kind has the same seats.
        seats = batch.seats.filter(pl.col("place") == kind["place"][0])
        part = desk.ask("least_loaded", own, seats=seats, loads=loads)
        yield part
        loads = _with(loads, batch.wanted, part)


def _loads(desk: Desk, batch: _Batch, in_turn: pl.DataFrame) -> pl.DataFrame:
    since = desk.clock.as_of - _SEEN_BY_NOW
    recent = pl.col("finished_at").is_null() | (pl.col("finished_at") >= since)
    known = desk.ask("loads", batch.wanted, given=batch.given.filter(recent))
    return _with(_counted(known), batch.wanted, in_turn)


def _with(loads: pl.DataFrame, wanted: pl.DataFrame, part: pl.DataFrame) -> pl.DataFrame:
    """The loads with what was given in this batch."""
    more = (
        wanted.select("moment_id", "tenant_id")
        .join(part, on="moment_id")
        .select("tenant_id", user_id="assignee_id", load=pl.lit(1, pl.Int64))
    )
    return pl.concat([loads, _counted(more)]).group_by("tenant_id", "user_id").agg(pl.col("load").sum())


def _counted(loads: pl.DataFrame) -> pl.DataFrame:
    return loads.select(pl.col(name).cast(dtype) for name, dtype in _LOADS.items())
