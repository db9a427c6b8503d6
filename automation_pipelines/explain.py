"""Why did, or didn't, somebody get a step: each gate in order, with the value it saw.

Reads the record of decisions and the ledger. Whom a campaign's conditions leave out has no decision;
for them `standing` looks at the CRM as it is now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines import decisions
from automation_pipelines.campaign.experiment import in_hours
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import stops
from automation_pipelines.ledger.fallbacks import channels_of
from automation_pipelines.ledger.persons import mark
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.tables import job_payloads, jobs
from automation_pipelines.membership import members
from automation_pipelines.model import SETTLED, Purpose, Reason, State
from automation_pipelines.planning import promotion_seed


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
    experiment: str | None = None
    """Which part of an experiment's audience it is in, and what was known of the variants then."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a subject is in a campaign's audience now, and whether the campaign's conditions hold for it.

    `saw` has the audience's columns of the subject, without personal data; empty when it is not in it.
    """

    audience: str
    holds: bool
    saw: dict[str, Any]
    experiment: str | None = None
    """Whether it goes first, or waits for a verdict, where an experiment's winner goes to the rest."""


def standing(installation: Installation, *, subject: str, campaign: str, now: datetime) -> Standing:
    """Where a subject (the CRM's own key) stands with a campaign, whatever its steps and their time."""
    applied = installation.campaigns.show(campaign)
    spec = applied.spec
    with members(installation, spec, version=applied.entry.version, now=now) as found:
        shown = ", ".join(f'a."{column.name}"' for column in found.need.entry.columns if not column.personal)
        rows = found.engine.query(
            "SELECT b.row_id IS NOT NULL AS holds, "
            "100 * draw01($seed, a.tenant_id || ':' || a.subject_id) AS draw, "
            f"{shown} FROM {found.table} AS a "
            "LEFT JOIN belonging AS b ON a.row_id = b.row_id WHERE a.subject_text = $subject",
            {"subject": subject, "seed": promotion_seed(spec.id)},
        )
    row: dict[str, Any] = rows.row(-1, named=True) if len(rows) else {"holds": False, "draw": None}
    holds, draw = row.pop("holds"), row.pop("draw")
    promote = spec.experiment.promote if spec.experiment else None
    waits = f"waits {in_hours(spec.rest_waits)} for what the others show"
    told = None if promote is None or draw is None else _part(draw, promote.share, waits)
    return Standing(spec.audience, holds, row, told)


def _part(draw: float, share: float, waits: str) -> str:
    return f"drew {draw:.2f}, below {share:g} goes first: it {'goes first' if draw < share else waits}"


def explain(
    installation: Installation,
    *,
    subject: str,
    campaign: str | None = None,
    step: str | None = None,
    tenant_id: int | None = None,
) -> list[Explanation]:
    """The moments of one subject (the CRM's own key), oldest first; empty when none was ever judged.

    Where somebody was forgotten since, a mark stands for the key.
    """
    names = (subject, mark(installation.database.salt, subject))
    rows = decisions.of_subject(installation.files, subjects=names, campaign=campaign, tenant_id=tenant_id)
    rows = rows.filter(pl.col("mode") != "reconstructed") if len(rows) else rows
    if step is not None:
        rows = rows.filter(pl.col("step") == step)
    groups = rows.partition_by(KEY, maintain_order=True) if len(rows) else []
    became = _jobs(installation, rows) if groups else {}
    return [_explanation(group, became) for group in groups]


def _explanation(history: pl.DataFrame, became: Mapping[tuple[int, ...], dict[str, Any]]) -> Explanation:
    # Not by due_at, which a moved tenant changes; and what took the key is the end, whatever the clocks.
    history = history.sort(pl.col("reason").is_in([str(reason) for reason in SETTLED]), "as_of")
    newest = history.row(-1, named=True)
    earlier = tuple(
        f"{as_of:%Y-%m-%d %H:%M} {reason}"
        for as_of, reason in history[:-1].select("as_of", "reason").iter_rows()
    )
    job = became.get(tuple(newest[name] for name in KEY))
    return Explanation(newest, tuple(_gates(newest)), earlier, job, _experiment(newest))


def _experiment(decision: dict[str, Any]) -> str | None:
    if decision["test_draw"] is None:
        return None
    part = _part(decision["test_draw"], decision["test_share"], "waits for what the others show")
    return f"{part}; known then: {decision['verdict']}; it got variant {decision['variant']}"


def _jobs(installation: Installation, rows: pl.DataFrame) -> dict[tuple[int, ...], dict[str, Any]]:
    """What became of the keys that were taken; one question for all of them."""
    database = installation.database
    keys = rows.select(KEY).unique().iter_rows()
    asked = database.listed("asked", dict.fromkeys(KEY, sa.BigInteger()), keys)
    shown = ("id", "state", "reason", "channel", "attempts", "available_at", "finished_at", "provider_id")
    payload = job_payloads.c
    wanted = (
        sa.select(
            *(jobs.c[name] for name in (*KEY, *shown, "purpose")), payload.rejections, payload.fallbacks
        )
        .join_from(asked, jobs, sa.and_(*(jobs.c[name] == asked.c[name] for name in KEY)))
        .outerjoin(job_payloads, payload.job_id == jobs.c.id)
    )
    lasting = {(one.tenant_id, one.channel): str(one) for one in stops.in_force(database)}
    return {
        tuple(job[name] for name in KEY): {name: job[name] for name in (*shown, "rejections")}
        | {"falls_back_on": channels_of(job["fallbacks"]), "stopped": _stopped(job, lasting)}
        for job in database.read(wanted).iter_rows(named=True)
    }


def _stopped(job: Mapping[str, Any], lasting: Mapping[tuple[int, str], str]) -> str | None:
    """Why it waits, if its tenant's marketing is stopped."""
    waits = job["state"] == State.PENDING and job["purpose"] == Purpose.MARKETING
    return lasting.get((job["tenant_id"], job["channel"])) if waits else None


def _gates(decision: dict[str, Any]) -> Iterator[Gate]:
    if decision["judged_at"] is None:
        yield Gate(
            decision["reason"], None, "restored from the ledger after a crash; the gates' values were lost"
        )
        return
    decided = decision["reason"]
    open_ = True
    for reason, saw in seen_by(decision):
        stopped = open_ and reason == decided
        yield Gate(reason, None if not open_ else not stopped, saw)
        open_ = open_ and not stopped


def seen_by(decision: dict[str, Any]) -> Iterator[tuple[Reason, str]]:
    """The gates this version asks, in their order, with what each saw."""
    judged, expires = _when(decision["judged_at"]), _when(decision["expires_at"])
    yield Reason.STALE, f"judged at {judged}, expires {expires or 'never'}"
    yield Reason.INACTIVE, _activity(decision)
    yield Reason.WAITING, f"for step {decision['waiting_for']}" if decision["waiting_for"] else "for nothing"
    yield Reason.CONDITION, _conditions(decision)
    yield Reason.NO_RECIPIENT, f"address {decision['reach']}, channel {decision['channel']}"
    yield Reason.SUPPRESSED, f"suppressed by: {decision['suppressed_by'] or 'nothing'}"
    yield Reason.DUPLICATE, f"planned before within repeat_after: {_when(decision['planned_before']) or 'no'}"
    yield Reason.SUPERSEDED, f"latest step passed by then: {_when(decision['last_passed']) or 'none'}"
    yield Reason.HOLDOUT, _holdout(decision)
    merged = decision["merged_with"]
    yield Reason.MERGED, "no other message says it" if merged is None else f"said in that of subject {merged}"
    yield Reason.GUARDED, _guard(decision)
    yield Reason.CAPPED, f"cap reached: {decision['capped_by'] or 'none'}"
    yield Reason.LIMITED, f"limit reached: {decision['limited_by'] or 'none'}"


def _activity(decision: dict[str, Any]) -> str:
    state = "paused" if decision["paused"] else "running"
    validity = "within" if decision["valid"] else "outside"
    tenant = "active" if decision["tenant_active"] else "switched off"
    by_hand = [word for word in ("stopped", "hand_paused") if decision[word]]
    hands = f", for the subject {by_hand[0].removeprefix('hand_')} by hand" if by_hand else ""
    return f"campaign {state} and {validity} its validity, tenant {tenant}{hands}"


def _conditions(decision: dict[str, Any]) -> str:
    step = f"the step's condition {'holds' if decision['when_holds'] else 'does not hold'}"
    leaves = ", the exit condition holds" if decision["exit_holds"] else ""
    ended = ", the step before it was not sent" if decision["ended"] else ""
    return f"{step}{leaves}{ended}"


def _holdout(decision: dict[str, Any]) -> str:
    if decision["holdout_draw"] is None:
        return "nobody is held out"
    return f"drew {decision['holdout_draw']:.2f}, below {decision['holdout']:g} is held out"


def _guard(decision: dict[str, Any]) -> str:
    if decision["day_moments"] is None:
        return "a day as usual"
    allowed = "any number" if decision["day_allowed"] is None else decision["day_allowed"]
    return f"{decision['day_moments']} moments on the campaign's day, {allowed} are let go without approval"


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""
