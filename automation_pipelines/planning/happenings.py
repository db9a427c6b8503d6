"""How often what conditions ask for has happened: counts joined to rows, set-wise, before gates are asked.

Rows in, counts out. What an event is says the catalogue; what a count means says the condition.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from automation_pipelines.catalogue.happenings import HAPPENINGS, SCORE_READS, Event
from automation_pipelines.catalogue.types import InRange, Read
from automation_pipelines.conditions import Happening, compile_condition
from automation_pipelines.engine import Engine, shape
from automation_pipelines.extraction import Demand, Selection
from automation_pipelines.sqlfiles import SqlFiles

_ASKED = ("tenant_id", "customer_id", "account_id", "judged_at", "anchor_at", "campaign")

_SCORED = timedelta(days=360)  # as far back as the score looks


def count_happenings(
    engine: Engine,
    files: SqlFiles,
    table: str,
    happenings: Iterable[Happening],
    *,
    key: str = "row_id",
    into: str = "happenings",
) -> None:
    """Keep table `into`: for each row of `table` its `key` and one count for each distinct happening.

    `table` has `key`, tenant_id, customer_id, account_id, judged_at, anchor_at (null: count from ever)
    and campaign; the frames of the events' sources are in `engine`. An event counts from after the
    start of its time up to and including judged_at. The columns are called `Happening.column`.
    """
    asked = ", ".join((f'"{key}" AS asked_id', *_ASKED))
    engine.keep("asked", f'SELECT {asked} FROM "{table}"')
    passes: dict[str, dict[str, Happening]] = {}
    for happening in happenings:
        together = repr((happening.event, happening.where))
        passes.setdefault(together, {})[happening.column] = happening
    counted = [
        _count(engine, files, f"counted_{number}", list(group.values()))
        for number, group in enumerate(passes.values())
    ]
    columns = [f', coalesce("{column}", 0) AS "{column}"' for group in passes.values() for column in group]
    joins = [f" LEFT JOIN {name} ON asked.asked_id = {name}.asked_id" for name in counted]
    engine.keep(into, f'SELECT asked.asked_id AS "{key}"{"".join(columns)} FROM asked{"".join(joins)}')
    engine.drop("asked", *counted)


def _count(engine: Engine, files: SqlFiles, name: str, group: Sequence[Happening]) -> str:
    """Keep the counts of one event with one `where`; every window and campaign in the same pass."""
    event, where = HAPPENINGS[group[0].event], group[0].where
    statement, bound = f"SELECT * FROM ({files.find('happenings', event.name).text})", {}
    if where is not None:
        predicate = compile_condition(where, {column.name: column.type for column in event.columns}, "w")
        statement, bound = f"{statement} WHERE {predicate.sql}", dict(predicate.parameters)
    engine.keep("happened", statement, bound)
    values: dict[str, object] = {}
    counts = [
        (f'"{happening.column}"', _counts(happening, f"h{number}", values))
        for number, happening in enumerate(group)
    ]
    text = shape(files.find("planning", "counted").text, ways=_ways(event), counts=counts)
    engine.keep(name, text, values)
    engine.drop("happened")
    return name


def _ways(event: Event) -> list[str]:
    """How an event finds its row: by the first key the row has."""
    return [
        " AND ".join([*(f"t.{before} IS NULL" for before in event.by[:place]), f"t.{key} = e.{key}"])
        for place, key in enumerate(event.by)
    ]


def _counts(happening: Happening, name: str, values: dict[str, object]) -> str:
    """Whether event `e` is one that row `t` counts; binds what that takes."""
    if happening.minutes is None:
        parts = ["(t.anchor_at IS NULL OR e.at > t.anchor_at)"]
    else:
        values[f"{name}_minutes"] = -happening.minutes
        parts = [f"e.at > plus_minutes(t.judged_at, ${name}_minutes)"]
    if happening.campaign == "this":
        parts.append("e.campaign = t.campaign")
    elif happening.campaign != "any":
        values[f"{name}_campaign"] = happening.campaign
        parts.append(f"e.campaign = ${name}_campaign")
    if happening.step is not None:
        values[f"{name}_step"] = happening.step
        parts.append(f"e.step = ${name}_step")
    return " AND ".join(parts)


def score_engagement(
    engine: Engine, files: SqlFiles, as_of: datetime, into: str = "engagement_scores"
) -> None:
    """Keep table `into`: tenant_id, customer_id, engagement_score (0-100) as of then.

    A customer without a row has a score of 0. The formula is in `sql/happenings/engagement_score.sql`.
    """
    engine.keep(into, files.find("happenings", "engagement_score").text, {"as_of": as_of})


def happening_demands(
    happenings: Iterable[Happening], judged: tuple[datetime, datetime], anchored_since: datetime | None
) -> list[Demand]:
    """What must be extracted to count these for rows judged within `judged`.

    `anchored_since` is the earliest anchor of rows that count since theirs; `None`: from ever.
    """
    since: dict[str, list[datetime | None]] = {}
    for happening in happenings:
        reach = anchored_since
        if happening.minutes is not None:
            reach = judged[0] - timedelta(minutes=happening.minutes)
        since.setdefault(happening.event, []).append(reach)
    return [
        _demand(HAPPENINGS[event].read, HAPPENINGS[event].at, _earliest(starts), judged[1])
        for event, starts in since.items()
    ]


def score_demands(as_of: datetime) -> list[Demand]:
    """What must be extracted for the engagement score."""
    since = as_of - _SCORED
    return [_demand(read, "at", since, as_of) for read in SCORE_READS]


def _earliest(starts: Sequence[datetime | None]) -> datetime | None:
    known = [start for start in starts if start is not None]
    return min(known) if len(known) == len(starts) else None


def _demand(read: Read, at: str | None, since: datetime | None, to: datetime) -> Demand:
    where = (*read.where, *([InRange(at)] if at else []))
    return Demand(read.source, frozenset(read.columns), (Selection(where, ((since, to),)),))
