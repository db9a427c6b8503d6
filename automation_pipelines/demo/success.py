"""The demo's accounts and what belongs to them: engagements, goals and contacts.

What a row is at a time follows from its id and that time alone, so that `advance` finds the same.
"""

from dataclasses import dataclass
from enum import IntEnum

import polars as pl

from automation_pipelines.demo.draws import Draws
from automation_pipelines.demo.places import GOALS, INDUSTRIES, PRODUCTS
from automation_pipelines.demo.world import DAY, HOUR, World

_WEEK, _QUARTER = 7 * DAY, 90 * DAY
# Engagements are entered this long before they take place, and reported on that long after.
_NOTICE, _REPORTED = 3 * DAY, HOUR


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


def accounts(world: World, customers: pl.DataFrame, offset: int) -> pl.DataFrame:
    """Make the accounts whose main contact is one of these customers: every fifth with a company."""
    draws = Draws(world.seed, "accounts", row="customer_id")
    known = customers.filter(pl.col("company_name").is_not_null() & (pl.col("probe") == 0)).select(
        "tenant_id", "agents", "today", customer_id="id", name="company_name", currency="home_currency",
        created_at="created_at",
    )  # fmt: skip
    rows = known.filter(draws.chance("account", 200)).with_columns(
        industry=draws.pick("industry", INDUSTRIES),
        size=draws.between("size", 1, 60) * draws.between("size of it", 1, 40),
        arr=draws.between("arr", 10, 2_000) * 10_000,
        product_name=draws.pick("product", PRODUCTS),
        owner_id=_of_staff(draws, "owner"),
        csm_id=_of_staff(draws, "csm"),
    )
    first = offset + len(AccountProbe) + 1
    rows = rows.with_columns(id=pl.int_range(first, first + rows.height, dtype=pl.Int64))
    return standing(world.seed, rows, world.now)


def _of_staff(draws: Draws, column: str) -> pl.Expr:
    place = draws.below(column, 1_000_000) % pl.col("agents").list.len().cast(pl.Int64)
    return pl.col("agents").list.get(place)


def standing(seed: int, rows: pl.DataFrame, now: int) -> pl.DataFrame:
    """How accounts (`id`, `created_at`) stand: their scores are worked out anew once a week."""
    draws = Draws(seed, "accounts")
    second = draws.below("weekday", _WEEK)
    week = (now - second) // _WEEK
    scored = pl.max_horizontal(week * _WEEK + second, "created_at")
    phase = (week * 7 + draws.below("phase", 120)) % 120
    swing = draws.between("swing", 5, 80)
    health = (draws.between("base", 25, 90) + swing * (phase - 60).abs() // 60 - swing // 2).clip(0, 100)
    rows = rows.with_columns(
        health_score=health, updated_at=scored, age=(scored - pl.col("created_at")) // DAY
    )
    return rows.with_columns(
        churn_risk=(95 - pl.col("health_score") + draws.between("worry", -15, 15)).clip(0, 100),
        status=pl.when(draws.chance("lost", 40) & (pl.col("age") > 120))
        .then(pl.lit("churned"))
        .when(pl.col("age") < 14)
        .then(pl.lit("trial"))
        .when(pl.col("age") < 60)
        .then(pl.lit("onboarding"))
        .when(pl.col("health_score") < 40)
        .then(pl.lit("at_risk"))
        .otherwise(pl.lit("active")),
        contract_ends_on=pl.col("created_at") // DAY + (pl.col("age") // 365 + 1) * 365,
        next_meeting_at=pl.when(draws.chance("meets", 500)).then(
            scored + draws.between("until", 8, 30) * DAY
        ),
    )


def surroundings(world: World, companies: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Make what belongs to accounts: the engagements of 15 weeks, this and the last quarter's goal, contacts."""
    return {
        "engagements": engagements(world.seed, companies, world.now - 15 * _WEEK, world.now),
        "goals": goals(world.seed, companies, world.now - _QUARTER, world.now),
        "contacts": _contacts(world, companies),
    }


def engagements(seed: int, companies: pl.DataFrame, since: int, now: int) -> pl.DataFrame:
    """Engagements entered or reported on after `since`, as they are now; an account has one every other week."""
    draws = Draws(seed, "engagements")
    rows = _cells(companies, (since - _REPORTED) // _WEEK, (now + _NOTICE) // _WEEK, 10_000).with_columns(
        at=pl.col("cell") * _WEEK + draws.below("at", _WEEK // 900) * 900
    )
    entered, reported = pl.col("at") - _NOTICE, pl.col("at") + _REPORTED
    changed = pl.when(reported <= now).then(reported).otherwise(entered)
    luck = draws.below("luck", 1000)
    over = reported <= now
    return (
        rows.filter(draws.chance("held", 450) & (entered <= now) & (changed > since) & (entered > pl.col("created_at")))
        .with_columns(
            type=draws.pick("type", ("meeting", "meeting", "call", "call", "email", "support", "training")),
            status=pl.when(~over).then(pl.lit("scheduled")).when(luck < 100).then(pl.lit("missed"))
            .when(luck < 160).then(pl.lit("cancelled")).otherwise(pl.lit("completed")),
            outcome=pl.when(over & (luck >= 160)).then(
                draws.pick("outcome", ("positive", "positive", "neutral", "neutral", "negative", "no_response"))
            ),
            user_id=pl.col("csm_id"),
            updated_at=changed,
        )
        .drop("created_at")
    )  # fmt: skip


def goals(seed: int, companies: pl.DataFrame, since: int, now: int) -> pl.DataFrame:
    """Goals agreed or settled after `since`, as they are now; most accounts have one a quarter."""
    draws = Draws(seed, "goals")
    rows = _cells(companies, (since - _QUARTER) // _QUARTER, now // _QUARTER, 1_000).with_columns(
        agreed=pl.col("cell") * _QUARTER + draws.below("agreed", 20 * DAY)
    )
    settled = pl.col("agreed") + draws.between("settled", 30, 68) * DAY
    over = settled <= now
    changed = pl.when(over).then(settled).otherwise("agreed")
    return rows.filter(
        draws.chance("wanted", 700) & (pl.col("agreed") <= now) & (changed > since)
        & (pl.col("agreed") > pl.col("created_at"))
    ).with_columns(
        title=draws.pick("title", GOALS),
        status=pl.when(~over).then(pl.lit("active")).otherwise(
            draws.pick("end", ("achieved", "achieved", "missed", "at_risk"))
        ),
        due_on=pl.col("agreed") // DAY + 60,
        created_at="agreed",
        updated_at=changed,
    )  # fmt: skip


def _cells(companies: pl.DataFrame, first: int | pl.Expr, last: int | pl.Expr, step: int) -> pl.DataFrame:
    """One row per account and cell of time; its id says which."""
    kept = companies.select("tenant_id", "customer_id", "csm_id", "created_at", account_id="id")
    cells = pl.DataFrame({"cell": pl.int_range(first, last + 1, eager=True, dtype=pl.Int64)})
    return kept.join(cells, how="cross").with_columns(id=pl.col("account_id") * step + pl.col("cell"))


def _contacts(world: World, companies: pl.DataFrame) -> pl.DataFrame:
    draws = Draws(world.seed, "contacts")
    names = [
        ("Ines Ferro", "Ines"),
        ("Ravi Shah", "Ravi"),
        ("Mia Olsen", "Mia"),
        ("Leo Brandt", "Leo"),
        ("Yuna Ito", "Yuna"),
    ]
    numbers = pl.DataFrame({"number": [1, 2, 3]}, schema={"number": pl.Int64})
    rows = companies.select("tenant_id", account_id="id").join(numbers, how="cross")
    rows = rows.with_columns(id=pl.col("account_id") * 10 + pl.col("number")).filter(
        (pl.col("number") == 1) | draws.chance("another", 500)
    )
    who = draws.below("who", len(names))
    return rows.with_columns(
        name=pl.lit(pl.Series([name for name, _ in names])).gather(who),
        first_name=pl.lit(pl.Series([first for _, first in names])).gather(who),
        email=pl.when(~draws.chance("no_email", 30)).then(pl.format("contact.{}@accounts.example.com", "id")),
        role=draws.pick("role", ("admin", "sponsor", "user", "user", "billing")),
        email_opt_out=draws.chance("opt_out", 60),
        active=~draws.chance("left", 80),
    )
