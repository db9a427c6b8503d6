"""What happens to the probes after the demo's CRM was built: their story, told in advance."""

from dataclasses import dataclass

import polars as pl

from automation_pipelines.demo.account_probes import AccountProbe
from automation_pipelines.demo.probes import BASE, Probe
from automation_pipelines.demo.storage import Storage
from automation_pipelines.demo.world import DAY, HOUR, World

NOW = object()
"""Stands for the instant at which it happens."""


@dataclass(frozen=True, slots=True)
class Turn:
    """After so many seconds the row gets these values; a row that is not there is added."""

    after: int
    table: str
    id: int
    values: dict[str, object]


def _account(probe: AccountProbe, after: int, **values: object) -> Turn:
    return Turn(after, "accounts", probe, {**values, "updated_at": NOW})


def _goal(probe: AccountProbe, after: int, status: str) -> Turn:
    return Turn(after, "goals", probe, {"status": status, "updated_at": NOW})


def _engagement(probe: AccountProbe, after: int, status: str, outcome: str | None = None) -> Turn:
    return Turn(after, "engagements", probe, {"status": status, "outcome": outcome, "updated_at": NOW})


TURNS = (
    _account(AccountProbe.HEALTH_DROPS, DAY + 3 * HOUR, health_score=55),
    _account(AccountProbe.HEALTH_DROPS, 10 * DAY, health_score=72),
    _account(AccountProbe.HEALTH_DIPS, DAY, health_score=62),
    _account(AccountProbe.HEALTH_LOW, 2 * DAY, health_score=45),
    _account(AccountProbe.CHURN_RISES, 2 * DAY + 5 * HOUR, churn_risk=80),
    _account(AccountProbe.CHURN_HIGH, 3 * DAY, churn_risk=85),
    _account(AccountProbe.TRIAL, DAY, status="onboarding"),
    _account(AccountProbe.TRIAL, 15 * DAY, status="active"),
    _account(AccountProbe.ACTIVE, 4 * DAY, status="at_risk"),
    _account(AccountProbe.ACTIVE, 20 * DAY, status="churned"),
    _engagement(AccountProbe.MEETING_MISSED, DAY + HOUR, "missed"),
    _engagement(AccountProbe.CALL_NEGATIVE, 2 * DAY + HOUR, "completed", "negative"),
    _goal(AccountProbe.GOAL_ACHIEVED, 3 * DAY, "achieved"),
    _goal(AccountProbe.GOAL_MISSED, 2 * DAY, "missed"),
    _goal(AccountProbe.GOAL_AT_RISK, 5 * DAY, "at_risk"),
    Turn(
        2 * DAY,
        "quotes",
        BASE + 100 * Probe.QUOTE_SOON_ACCEPTED + 1,
        {"status": "accepted", "viewed_at": NOW, "decided_at": NOW, "updated_at": NOW},
    ),
    Turn(
        5 * DAY,
        "customers",
        Probe.STAGE_LEFT,
        {"pipeline_stage": "contacted", "stage_entered_at": NOW, "updated_at": NOW},
    ),
    Turn(
        3 * DAY,
        "consents",
        BASE + 100 * Probe.SOON_OPTED_OUT + 1,
        {
            "tenant_id": 1 + Probe.SOON_OPTED_OUT % 19,
            "customer_id": Probe.SOON_OPTED_OUT,
            "channel": "email",
            "topic": "",
            "state": "opted_out",
            "at": NOW,
        },
    ),
)


def play(storage: Storage, world: World, start: int, end: int) -> None:
    """Let happen what happens after `start` and until `end`."""
    for turn in sorted(TURNS, key=lambda turn: turn.after):
        moment = world.now + turn.after
        if start < moment <= end:
            values = {name: moment if value is NOW else value for name, value in turn.values.items()}
            row = pl.DataFrame({"id": int(turn.id), **values})
            (storage.insert if turn.table == "consents" else storage.update)(turn.table, row)
