"""What every gate across subjects works with: the engine, the past, and how verdicts reach the rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from automation_pipelines.engine import Engine
from automation_pipelines.model import Reason
from automation_pipelines.planning.clock import Clock
from automation_pipelines.planning.gates.past import Past
from automation_pipelines.sqlfiles import SqlFiles

LIGHT = (
    "moment_id",
    "occurrence",
    "tenant_id",
    "campaign_id",
    "campaign",
    "step_id",
    "place",
    "subject_id",
    "recipient_id",
    "recipient_kind",
    "person_id",
    "person_zone",
    "customer_id",
    "channel",
    "purpose",
    "topic",
    "priority",
    "due_at",
    "address_hash",
    "upcoming",
)
"""What the gates look at: the rows may be a million, and names and addresses are heavy."""
PASSING = pl.col("reason") == str(Reason.PLANNED)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the gates work. `policies` and the people's frames are in the engine."""

    engine: Engine
    files: SqlFiles
    past: Past
    clock: Clock
    by_name: bool = False
    """Somebody asked for these moments, one by one."""

    def ask(
        self,
        gate: str,
        passing: pl.DataFrame,
        parameters: Mapping[str, Any] | None = None,
        **tables: pl.DataFrame,
    ) -> pl.DataFrame:
        """Run `sql/gates/<gate>.sql` over the moments that passed so far and other tables."""
        self.engine.add(passing=passing, **tables)
        return self.engine.query(self.files.find("gates", gate).text, parameters)


def passing(rows: pl.DataFrame, *also: pl.Expr) -> pl.DataFrame:
    """The light columns of the moments that passed so far; `also` narrows them further."""
    return rows.lazy().filter(PASSING, *also).select(LIGHT).collect()


def judge(rows: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """The rows with what a gate said: `moment_id` and columns, of which null ones say nothing."""
    if verdicts.is_empty():
        return rows
    said = [name for name in verdicts.columns if name != "moment_id"]
    joined = rows.join(verdicts, on="moment_id", how="left", suffix="_said", maintain_order="left")
    return joined.with_columns(
        pl.coalesce(f"{name}_said", name).alias(name) for name in said if name in rows.columns
    ).drop(f"{name}_said" for name in said if name in rows.columns)
