"""Why did, or didn't, somebody get a step: each gate in order, with the value it saw.

Reads the record of decisions and the ledger. Whom a campaign's conditions leave out has no decision;
for them `standing` looks at the CRM as it is now.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines import decisions
from automation_pipelines.conditions import Condition, compile_condition
from automation_pipelines.engine import open_engine
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.model import SETTLED, Reason
from automation_pipelines.selection import Need, demands, select
from automation_pipelines.tick import known, read_frames


@dataclass(frozen=True, slots=True)
class Gate:
    """One question asked of a moment: its reason word, whether it let the moment pass, what it saw."""

    reason: str
    passed: bool | None
    """`None`: not asked, since an earlier gate had already decided."""
    saw: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One moment: what it was, what was decided, and what became of the job."""

    decision: dict[str, Any]
    gates: tuple[Gate, ...]
    earlier: tuple[str, ...]
    job: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a subject is in a campaign's audience now, and whether the campaign's conditions hold for it.

    `saw` has the audience's columns of the subject, without personal data; empty when it is not in it.
    """

    audience: str
    holds: bool
    saw: dict[str, Any]


def standing(installation: Installation, *, subject: str, campaign: str, now: datetime) -> Standing:
    """Where a subject (the CRM's own key) stands with a campaign, whatever its steps and their time."""
    spec = installation.campaigns.show(campaign).spec
    need = Need(spec.audience, ((None, now + timedelta(days=366)),))
    columns = need.entry.columns
    condition = spec.conditions or Condition(all_of=())
    holds = compile_condition(condition, {column.name: column.type for column in columns})
    shown = ", ".join(f'"{column.name}"' for column in columns if not column.personal)
    frames = read_frames(installation, demands([need]))
    with open_engine() as engine:
        engine.add(**known(installation, frames))
        leap_day = installation.settings.leap_day
        table, _ = select(engine, installation.sqlfiles, need, as_of=now, leap_day=leap_day)
        rows = engine.query(
            f"SELECT {holds.sql} AS holds, {shown} FROM {table} WHERE subject_text = $subject",
            {**holds.parameters, "subject": subject},
        )
    row = rows.row(-1, named=True) if len(rows) else {"holds": False}
    return Standing(spec.audience, row.pop("holds"), row)


def explain(
    installation: Installation,
    *,
    subject: str,
    campaign: str | None = None,
    step: str | None = None,
    tenant_id: int | None = None,
) -> list[Explanation]:
    """The moments of one subject (the CRM's own key), oldest first; empty when none was ever judged."""
    rows = decisions.of_subject(installation.files, subject=subject, campaign=campaign, tenant_id=tenant_id)
    rows = rows.filter(pl.col("mode") != "reconstructed") if len(rows) else rows
    if step is not None:
        rows = rows.filter(pl.col("step") == step)
    groups = rows.partition_by(KEY, maintain_order=True) if len(rows) else []
    return [_explanation(installation, group) for group in groups]


def _explanation(installation: Installation, history: pl.DataFrame) -> Explanation:
    # Not by due_at, which a moved tenant changes; and what took the key is the end, whatever the clocks.
    history = history.sort(pl.col("reason").is_in([str(reason) for reason in SETTLED]), "as_of")
    newest = history.row(-1, named=True)
    earlier = tuple(
        f"{as_of:%Y-%m-%d %H:%M} {reason}"
        for as_of, reason in history[:-1].select("as_of", "reason").iter_rows()
    )
    return Explanation(newest, tuple(_gates(newest)), earlier, _job(installation, newest))


def _job(installation: Installation, decision: dict[str, Any]) -> dict[str, Any] | None:
    wanted = sa.select(
        jobs.c.id,
        jobs.c.state,
        jobs.c.reason,
        jobs.c.attempts,
        jobs.c.available_at,
        jobs.c.finished_at,
        jobs.c.provider_id,
    ).where(*(jobs.c[name] == decision[name] for name in KEY))
    found = installation.database.read(wanted)
    return found.row(0, named=True) if len(found) else None


def _gates(decision: dict[str, Any]) -> Iterator[Gate]:
    if decision["judged_at"] is None:
        yield Gate(
            decision["reason"], None, "restored from the ledger after a crash; the gates' values were lost"
        )
        return
    decided = decision["reason"]
    open_ = True
    for reason, saw in _seen(decision):
        stopped = open_ and reason == decided
        yield Gate(reason, None if not open_ else not stopped, saw)
        open_ = open_ and not stopped


def _seen(decision: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The gates this version asks, in their order, with what each saw."""
    judged, expires = _when(decision["judged_at"]), _when(decision["expires_at"])
    yield Reason.STALE, f"judged at {judged}, expires {expires or 'never'}"
    state = "paused" if decision["paused"] else "running"
    validity = "within" if decision["valid"] else "outside"
    tenant = "active" if decision["tenant_active"] else "switched off"
    yield Reason.INACTIVE, f"campaign {state} and {validity} its validity, tenant {tenant}"
    yield Reason.CONDITION, f"the step's condition {'holds' if decision['when_holds'] else 'does not hold'}"
    yield Reason.NO_RECIPIENT, f"address {decision['reach']}"
    yield Reason.SUPPRESSED, f"suppressed by: {decision['suppressed_by'] or 'nothing'}"
    yield Reason.DUPLICATE, f"planned before within repeat_after: {_when(decision['planned_before']) or 'no'}"
    yield Reason.SUPERSEDED, f"latest step passed by then: {_when(decision['last_passed']) or 'none'}"


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""
