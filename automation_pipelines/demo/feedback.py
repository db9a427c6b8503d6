"""A simulated mail provider: what becomes of messages, as the files of feedback a real one would leave.

Whether and when something happens to a message follows from its job id alone. As in life, some lines
come twice and none in order.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import polars as pl

from automation_pipelines.demo.draws import Draws
from automation_pipelines.model import EventType, Purpose

_MINUTE, _HOUR = 60, 3_600
_TWICE = 30  # lines per thousand that are delivered twice


@dataclass(frozen=True, slots=True)
class _Fate:
    """`per_mille` of the messages that had every event of `after` get `type` within `seconds` of it."""

    type: EventType
    per_mille: int
    after: EventType | None
    seconds: int
    detail: str = "{}"
    marketing_only: bool = False


_FATES = (
    _Fate(EventType.DELIVERED, 970, None, 40),
    _Fate(EventType.OPENED, 420, EventType.DELIVERED, 9 * _HOUR),
    _Fate(EventType.CLICKED, 300, EventType.OPENED, 20 * _MINUTE, '{"link":"main"}'),
    _Fate(EventType.CONVERTED, 150, EventType.CLICKED, 20 * _HOUR),
    _Fate(EventType.UNSUBSCRIBED, 12, EventType.OPENED, 10 * _MINUTE, marketing_only=True),
    _Fate(EventType.COMPLAINED, 2, EventType.DELIVERED, 12 * _HOUR, marketing_only=True),
)
# Of the messages that are not delivered.
_HARD = 600
_COLUMNS = ("id", "type", "at", "job_id", "detail")


def simulate_feedback(
    jobs: pl.DataFrame, directory: Path, seed: int = 7, *, until: datetime | None = None
) -> Path:
    """Write one file of JSON Lines for messages (`job_id`, `sent_at`, `purpose`) and return its path.

    What would happen after `until` is left out; a later call tells it together with what was told already.
    """
    events = _events(jobs, Draws(seed, "feedback", row="job_id"))
    if until is not None:
        events = events.filter(pl.col("at") <= until)
    content = "".join(f"{line}\n" for line in _lines(_disordered(events, seed)))
    path = directory / f"feedback-{sha256(content.encode()).hexdigest()[:16]}.jsonl"
    return _written(path, content)


def _events(jobs: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    sent = jobs.select("job_id", "purpose", at=pl.col("sent_at").dt.truncate("1s"))
    happened: dict[EventType | None, pl.DataFrame] = {None: sent}
    for fate in _FATES:
        happened[fate.type] = _suffer(happened[fate.after], fate, draws)
    lost = sent.join(happened[EventType.DELIVERED], on="job_id", how="anti")
    bounced = _delayed(lost, EventType.BOUNCED, 5 * _MINUTE, draws).with_columns(
        detail=pl.when(draws.chance("hard", _HARD))
        .then(pl.lit('{"kind":"hard","status":"5.1.1"}'))
        .otherwise(pl.lit('{"kind":"soft","status":"4.2.2"}'))
    )
    del happened[None]
    return pl.concat([frame.select(_COLUMNS) for frame in (*happened.values(), bounced)])


def _suffer(before: pl.DataFrame, fate: _Fate, draws: Draws) -> pl.DataFrame:
    met = draws.chance(fate.type, fate.per_mille)
    if fate.marketing_only:
        met = met & (pl.col("purpose") == Purpose.MARKETING)
    return _delayed(before.filter(met), fate.type, fate.seconds, draws).with_columns(
        detail=pl.lit(fate.detail)
    )


def _delayed(before: pl.DataFrame, kind: EventType, seconds: int, draws: Draws) -> pl.DataFrame:
    wait = pl.duration(seconds=draws.between(f"{kind} after", 1, seconds))
    return before.with_columns(
        id=pl.format("demo-{}-{}", "job_id", pl.lit(str(kind))),
        type=pl.lit(str(kind)),
        at=pl.col("at") + wait,
    )


def _disordered(events: pl.DataFrame, seed: int) -> pl.DataFrame:
    draws = Draws(seed, "disorder", row="line")
    lines = events.sort("id").with_row_index("line")
    again = lines.filter(draws.chance("twice", _TWICE))
    return pl.concat([lines, again]).with_row_index("copy").sort(draws.below("place", 1 << 32), "copy")


def _lines(events: pl.DataFrame) -> pl.Series:
    parts = (
        '{"id":"', pl.col("id"), '","type":"', pl.col("type"),
        '","at":"', pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        '","job_id":', pl.col("job_id").cast(pl.String), ',"detail":', pl.col("detail"), "}",
    )  # fmt: skip
    return events.select(
        pl.concat_str(pl.lit(part) if isinstance(part, str) else part for part in parts)
    ).to_series()


def _written(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of the process's own, which no reader takes for feedback.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(content, encoding="utf-8")
    beside.replace(path)
    return path
