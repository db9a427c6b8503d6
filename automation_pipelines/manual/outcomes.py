"""What became of everybody who was named: nobody is left out silently. Reads only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from automation_pipelines.campaign import Campaign
from automation_pipelines.engine import Engine
from automation_pipelines.explain import seen_by
from automation_pipelines.ledger import plans
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.manual.subjects import Named
from automation_pipelines.model import Reason
from automation_pipelines.planning import Plan
from automation_pipelines.selection import audience_table

UNKNOWN = "unknown"
"""The CRM has no such row."""
NOT_IN_AUDIENCE = "not_in_audience"
"""The CRM has it, and the campaign's audience does not return it now."""

_OUTCOMES = pl.Schema(
    {
        "subject": pl.String(),
        "tenant_id": pl.Int64(),
        "step": pl.String(),
        "recipient_id": pl.Int64(),
        "channel": pl.String(),
        "decision": pl.String(),
        "why": pl.String(),
    }
)
_WHOM = ["tenant_id", "subject_id"]
_NOT_FOR = (
    "the campaign is not for it: its conditions, its tenants or a tenant's settings leave it out; "
    "`automation explain {subject} --campaign {campaign}` says what it has"
)
_CANDIDATES = (
    f"SELECT DISTINCT {', '.join(f'e.{name}' for name in KEY[:-1])}, s.step "
    "FROM everybody AS e INNER JOIN steps AS s ON e.place = s.place"
)


def outcomes_of(named: Named, told: pl.DataFrame | None = None) -> pl.DataFrame:
    """What was told of the subjects, and the keys that the CRM does not know."""
    unknown = [(key, None, None, None, None, UNKNOWN, why) for key, why in named.missing]
    return pl.concat([*([] if told is None else [told]), _frame(unknown)])


def _frame(rows: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=_OUTCOMES, orient="row")


@dataclass(frozen=True, slots=True)
class Told:
    """What can be told of some subjects once it is decided; `engine` holds what was decided over."""

    engine: Engine
    database: Database
    subjects: pl.DataFrame
    """`subject, tenant_id, subject_id`."""
    spec: Campaign
    made: Plan
    as_of: datetime
    test: bool

    def rows(self) -> pl.DataFrame:
        """One row per subject, wanted step and recipient."""
        told = pl.concat([_frame(self._decided()), _frame(self._had())])
        left = self.subjects.join(told, on=["subject", "tenant_id"], how="anti", maintain_order="left")
        told = pl.concat([told, _frame(self._left_out(left))])
        steps = pl.DataFrame({"step": self.parts}, schema={"step": pl.String}).with_row_index("turn")
        named = self.subjects.select("subject", "tenant_id").with_row_index("line")
        ordered = told.join(steps, on="step", how="left").join(named, on=["subject", "tenant_id"])
        return ordered.sort("line", "turn", "recipient_id").drop("line", "turn")

    @property
    def parts(self) -> list[str]:
        """The steps as they are planned, in order."""
        return [part.id for part in self.spec.parts]

    def _decided(self) -> Iterator[tuple[Any, ...]]:
        rows = self.subjects.join(self.made.rows, on=_WHOM, maintain_order="left")
        for row in rows.iter_rows(named=True):
            yield *_head(row), row["channel"], *self._verdict(row)

    def _verdict(self, row: dict[str, Any]) -> tuple[str, str]:
        reason = Reason(row["reason"])
        if reason is not Reason.PLANNED:
            return reason, dict(seen_by(row))[reason]
        waits = row["due_at"] > self.as_of and not self.test
        return reason, f"when its window opens, {row['due_at']:%Y-%m-%d %H:%M} UTC" if waits else ""

    def _had(self) -> Iterator[tuple[Any, ...]]:
        """What the ledger has of those candidates of which nothing was decided."""
        if self.test or "everybody" not in self.engine.names():
            return
        left = self.engine.query(_CANDIDATES).join(self.made.rows, on=[*_WHOM, "step"], how="anti")
        taken = left.join(plans.taken(self.database, left), on=list(KEY[:-1]))
        for row in self.subjects.join(taken, on=_WHOM, maintain_order="left").iter_rows(named=True):
            became = row["state"] if row["reason"] is None else f"{row['state']} ({row['reason']})"
            when = row["finished_at"] or row["due_at"]
            why = f"{became} before, {when:%Y-%m-%d %H:%M} UTC: --again makes it another time"
            yield *_head(row), None, str(Reason.DUPLICATE), why

    def _left_out(self, left: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
        seen = self.engine.query(
            f"SELECT DISTINCT tenant_id, subject_id FROM {audience_table(self.spec.audience)}"
        ).rows()
        there = frozenset(seen)
        gone = f"audience {self.spec.audience} does not return it now: the data dictionary says who is in it"
        for subject, tenant, number in left.select("subject", *_WHOM).iter_rows():
            inside = (tenant, number) in there
            not_for = _NOT_FOR.format(subject=subject, campaign=self.spec.id)
            verdict = (str(Reason.CONDITION), not_for) if inside else (NOT_IN_AUDIENCE, gone)
            yield subject, tenant, None, None, None, *verdict


def _head(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["subject"], row["tenant_id"], row["step"], row["recipient_id"]
