"""The gates that look across subjects, in their order, over the moments that passed those before.

What looks at one subject at a time is `sql/planning/decided.sql`. Nothing is written here: days that are
held and codes that are given out go with the plan.
"""

from dataclasses import dataclass

import polars as pl

from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.planning.gates.assignment import assign, assigns
from automation_pipelines.planning.gates.caps import cap
from automation_pipelines.planning.gates.desk import Desk
from automation_pipelines.planning.gates.guard import HELD, hold, silent
from automation_pipelines.planning.gates.inputs import gate_inputs
from automation_pipelines.planning.gates.limits import codes, executions, given
from automation_pipelines.planning.gates.past import Imagined, LedgerPast, NoPast, Past
from automation_pipelines.planning.gates.together import digests, follow_leaders, one_message
from automation_pipelines.planning.rows import SEEN

__all__ = [
    "HELD",
    "Desk",
    "Gated",
    "Imagined",
    "LedgerPast",
    "NoPast",
    "Past",
    "across",
    "assigns",
    "gate_inputs",
    "silent",
]

_OWN = {
    "leader": pl.Int64(),
    "an_item": pl.Boolean(),
    "assignee_id": pl.Int64(),
    "pool": pl.String(),
    "coupon": pl.String(),
}
"""What these gates add to the rows beside what they saw."""


@dataclass(frozen=True, slots=True)
class Gated:
    """The rows as the last gate left them, the days that are held (`HELD`), the codes given out."""

    rows: pl.DataFrame
    held: pl.DataFrame
    codes: pl.DataFrame


def across(desk: Desk, rows: pl.DataFrame) -> Gated:
    """Ask every gate that looks across subjects; moments of later today are asked, and then left out."""
    rows = _with_columns(rows)
    rows = one_message(desk, rows)
    rows = digests(desk, rows)
    rows, held = hold(desk, rows)
    rows = cap(desk, rows)
    rows = executions(desk, rows)
    rows = assign(desk, rows)
    rows = codes(desk, rows)
    rows = follow_leaders(rows).filter(~pl.col("upcoming"))
    return Gated(rows, held, given(rows))


def _with_columns(rows: pl.DataFrame) -> pl.DataFrame:
    wanted = {column.name: FRAME_TYPES[column.type] for column in SEEN} | _OWN
    return rows.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in wanted.items() if name not in rows.columns
    )
