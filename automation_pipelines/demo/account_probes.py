"""The hand-made accounts of the demo, as `probes` has the hand-made customers."""

from dataclasses import dataclass
from enum import IntEnum

import polars as pl

from automation_pipelines.demo.places import GOALS, INDUSTRIES, PRODUCTS
from automation_pipelines.demo.world import DAY, HOUR, World


class AccountProbe(IntEnum):
    """The hand-made accounts, in tenants 1 to 19 in turn. What happens to them later is in `plot`."""

    HEALTH_DROPS = 1
    """Health 75; 55 after a day and three hours, 72 after ten days."""
    HEALTH_DIPS = 2
    """Health 75; 62 after a day: a drop, but not below 60."""
    HEALTH_LOW = 3
    """Health 50; 45 after two days: below 60 all the time."""
    CHURN_RISES = 4
    """Churn risk 40; 80 after two days and five hours."""
    CHURN_HIGH = 5
    """Churn risk 75; 85 after three days: above 70 all the time."""
    TRIAL = 6
    """A trial; onboarding after a day, active after 15."""
    ACTIVE = 7
    """Active; at risk after four days, churned after 20."""
    NEW = 8
    """Opened two hours ago, in onboarding."""
    MEETING_MISSED = 9
    """A meeting in a day, which is missed."""
    CALL_NEGATIVE = 10
    """A call in two days, which goes badly."""
    SILENT = 11
    """The last engagement was 40 days ago."""
    NO_RESPONSE = 12
    """A call two hours ago without a response."""
    ENDS_IN_90 = 13
    ENDS_IN_30 = 14
    ENDS_IN_7 = 15
    ENDS_IN_91 = 16
    """Not due today; tomorrow it is."""
    GOAL_ACHIEVED = 17
    """An active goal, achieved after three days."""
    GOAL_MISSED = 18
    """A goal due tomorrow, missed after two days."""
    GOAL_AT_RISK = 19
    """An active goal, at risk after five days."""
    GOAL_NEW = 20
    """A goal agreed an hour ago."""
    EXPANDING = 21
    """Health 92, 800 employees, a large contract."""
    REVIEW_MEETING = 22
    """The next meeting is in 14 days."""


@dataclass(frozen=True, slots=True)
class _Profile:
    """Wherein an account probe differs; instants and days count from now and today."""

    health: int = 80
    risk: int = 20
    status: str = "active"
    ends_in: int = 200
    age_days: int = 300
    size: int = 120
    arr: int = 2_400_000
    meets_in: int | None = None


_PROFILES = {
    AccountProbe.HEALTH_DROPS: _Profile(health=75),
    AccountProbe.HEALTH_DIPS: _Profile(health=75),
    AccountProbe.HEALTH_LOW: _Profile(health=50, risk=45),
    AccountProbe.CHURN_RISES: _Profile(risk=40),
    AccountProbe.CHURN_HIGH: _Profile(health=65, risk=75),
    AccountProbe.TRIAL: _Profile(status="trial", age_days=10, ends_in=355),
    AccountProbe.NEW: _Profile(status="onboarding", age_days=0, ends_in=365),
    AccountProbe.ENDS_IN_90: _Profile(ends_in=90),
    AccountProbe.ENDS_IN_30: _Profile(ends_in=30),
    AccountProbe.ENDS_IN_7: _Profile(ends_in=7),
    AccountProbe.ENDS_IN_91: _Profile(ends_in=91),
    AccountProbe.EXPANDING: _Profile(health=92, risk=5, size=800, arr=18_000_000),
    AccountProbe.REVIEW_MEETING: _Profile(meets_in=14),
}


def probe_tenant(probe: AccountProbe) -> int:
    """The tenant of an account probe."""
    return 1 + probe % 19


def probes(world: World) -> dict[str, pl.DataFrame]:
    """The account probes, the contacts to write to, and what they have done and mean to."""
    return {
        "accounts": pl.DataFrame([_probe(world, probe) for probe in AccountProbe], infer_schema_length=None),
        "contacts": pl.DataFrame([row for probe in AccountProbe for row in _probe_contacts(probe)]),
        "engagements": pl.DataFrame([_probe_engagement(world, probe) for probe in AccountProbe]),
        "goals": pl.DataFrame(
            [_probe_goal(world, probe) for probe in AccountProbe], infer_schema_length=None
        ),
    }


def _probe(world: World, probe: AccountProbe) -> dict[str, object]:
    mine, tenant = _PROFILES.get(probe, _Profile()), probe_tenant(probe)
    staff = world.users.filter(tenant_id=tenant, role="agent", active=True)["id"].sort()
    born = world.now - mine.age_days * DAY - 2 * HOUR
    return {
        "id": int(probe),
        "tenant_id": tenant,
        "name": probe.name.replace("_", " ").capitalize() + " Ltd",
        "industry": INDUSTRIES[probe % len(INDUSTRIES)],
        "size": mine.size,
        "arr": mine.arr,
        "currency": world.currency(tenant),
        "health_score": mine.health,
        "churn_risk": mine.risk,
        "status": mine.status,
        "owner_id": staff[0],
        "csm_id": staff[1],
        "product_name": PRODUCTS[probe % len(PRODUCTS)],
        "contract_ends_on": world.today(tenant) + mine.ends_in,
        "next_meeting_at": None if mine.meets_in is None else world.now + mine.meets_in * DAY,
        "created_at": born,
        "updated_at": born if probe is AccountProbe.NEW else world.now - 5 * DAY,
    }


def _probe_contacts(probe: AccountProbe) -> list[dict[str, object]]:
    """An administrator, a sponsor, and one who has left."""
    domain = f"{probe.name.lower().replace('_', '-')}.example.com"
    people = (("Robin Vale", "admin", True), ("Sasha Lund", "sponsor", True), ("Toni Left", "user", False))
    return [
        {
            "id": probe * 10 + number,
            "tenant_id": probe_tenant(probe),
            "account_id": int(probe),
            "name": name,
            "first_name": name.split()[0],
            "email": f"{name.split()[0].lower()}@{domain}",
            "role": role,
            "email_opt_out": False,
            "active": active,
        }
        for number, (name, role, active) in enumerate(people, 1)
    ]


def _probe_engagement(world: World, probe: AccountProbe) -> dict[str, object]:
    now = world.now
    at, kind, status, outcome = {
        AccountProbe.NEW: (now - HOUR, "training", "completed", "positive"),
        AccountProbe.MEETING_MISSED: (now + DAY, "meeting", "scheduled", None),
        AccountProbe.CALL_NEGATIVE: (now + 2 * DAY, "call", "scheduled", None),
        AccountProbe.SILENT: (now - 40 * DAY, "meeting", "completed", "neutral"),
        AccountProbe.NO_RESPONSE: (now - 2 * HOUR, "call", "completed", "no_response"),
    }.get(probe, (now - 6 * DAY, "meeting", "completed", "positive"))
    return {
        "id": int(probe),
        "tenant_id": probe_tenant(probe),
        "account_id": int(probe),
        "user_id": world.first_agent(probe_tenant(probe)),
        "type": kind,
        "status": status,
        "outcome": outcome,
        "at": at,
        "updated_at": min(at + HOUR, now - HOUR),
    }


def _probe_goal(world: World, probe: AccountProbe) -> dict[str, object]:
    agreed = world.now - (HOUR if probe in {AccountProbe.GOAL_NEW, AccountProbe.NEW} else 50 * DAY)
    today = world.today(probe_tenant(probe))
    return {
        "id": int(probe),
        "tenant_id": probe_tenant(probe),
        "account_id": int(probe),
        "title": GOALS[probe % len(GOALS)],
        "status": "active",
        "due_on": today + (1 if probe is AccountProbe.GOAL_MISSED else 60),
        "created_at": agreed,
        "updated_at": agreed,
    }
