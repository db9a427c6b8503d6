"""The demo's accounts and what belongs to them: engagements, goals and contacts.

What a row is at a time follows from its id and that time alone, so that `advance` finds the same.
"""

import polars as pl

from automation_pipelines.demo.account_probes import AccountProbe
from automation_pipelines.demo.draws import Draws
from automation_pipelines.demo.places import COMPANIES, GOALS, INDUSTRIES, PRODUCTS
from automation_pipelines.demo.world import DAY, HOUR, World

_WEEK, _QUARTER = 7 * DAY, 90 * DAY
# Engagements are entered this long before they take place, and reported on that long after.
_NOTICE, _REPORTED = 3 * DAY, HOUR
# Of a thousand engagements, how many are missed, and how many missed or cancelled.
_MISSED, _NOT_HELD = 100, 160
_OUTCOMES = ("positive", "positive", "neutral", "neutral", "negative", "no_response")
# Days an account is tried, introduced, and before it may be lost; the health below which it is at risk.
_TRIED, _INTRODUCED, _LOSABLE, _AT_RISK = 14, 60, 120, 40
# Numbers of accounts opened later, a day each: beyond those of the largest demo, small enough to draw from.
_OPENED = 300_000 - 18_000
_PEOPLE = ("Ines Ferro", "Ravi Shah", "Mia Olsen", "Leo Brandt", "Yuna Ito")


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


def opened(world: World, day: int) -> pl.DataFrame:
    """Make the account that is opened on a day (a number since 1970), in a company new to us."""
    draws, first, second = world.draws("opened"), *COMPANIES
    rows = pl.DataFrame({"id": [_OPENED + day]}, schema={"id": pl.Int64}).with_columns(
        tenant_id=draws.between("tenant", 1, 19),
        name=pl.format("{} {}", draws.pick("company", first), draws.pick("branch", second)),
        industry=draws.pick("industry", INDUSTRIES),
        size=draws.between("size", 1, 900),
        arr=draws.between("arr", 10, 2_000) * 10_000,
        product_name=draws.pick("product", PRODUCTS),
        created_at=day * DAY + draws.below("second", DAY),
    )
    rows = rows.join(world.tenants(), on="tenant_id").with_columns(
        owner_id=_of_staff(draws, "owner"), csm_id=_of_staff(draws, "csm"), currency="home_currency"
    )
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
        status=pl.when(draws.chance("lost", 40) & (pl.col("age") > _LOSABLE))
        .then(pl.lit("churned"))
        .when(pl.col("age") < _TRIED)
        .then(pl.lit("trial"))
        .when(pl.col("age") < _INTRODUCED)
        .then(pl.lit("onboarding"))
        .when(pl.col("health_score") < _AT_RISK)
        .then(pl.lit("at_risk"))
        .otherwise(pl.lit("active")),
        contract_ends_on=pl.col("created_at") // DAY + (pl.col("age") // 365 + 1) * 365,
        next_meeting_at=pl.when(draws.chance("meets", 500)).then(
            scored + draws.between("until", 8, 30) * DAY
        ),
    )


def surroundings(world: World, companies: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Make what belongs to accounts: 15 weeks of engagements, the goals of a quarter, contacts."""
    return {
        "engagements": engagements(world.seed, companies, world.now - 15 * _WEEK, world.now),
        "goals": goals(world.seed, companies, world.now - _QUARTER, world.now),
        "contacts": _contacts(world, companies),
    }


def engagements(seed: int, companies: pl.DataFrame, since: int, now: int) -> pl.DataFrame:
    """Engagements entered or reported on after `since`, as they are now."""
    draws = Draws(seed, "engagements")
    rows = _cells(companies, (since - _REPORTED) // _WEEK, (now + _NOTICE) // _WEEK, 10_000).with_columns(
        at=pl.col("cell") * _WEEK + draws.below("at", _WEEK // 900) * 900
    )
    entered, reported = pl.col("at") - _NOTICE, pl.col("at") + _REPORTED
    changed = pl.when(reported <= now).then(reported).otherwise(entered)
    luck = draws.below("luck", 1000)
    over = reported <= now
    known = entered > pl.col("created_at")
    return (
        rows.filter(draws.chance("agreed", 450), entered <= now, changed > since, known)
        .with_columns(
            type=draws.pick("type", ("meeting", "meeting", "call", "call", "email", "support", "training")),
            status=pl.when(~over).then(pl.lit("scheduled")).when(luck < _MISSED).then(pl.lit("missed"))
            .when(luck < _NOT_HELD).then(pl.lit("cancelled")).otherwise(pl.lit("completed")),
            outcome=pl.when(over & (luck >= _NOT_HELD)).then(
                draws.pick("outcome", _OUTCOMES)
            ),
            user_id=pl.col("csm_id"),
            updated_at=changed,
        )
        .drop("created_at")
    )  # fmt: skip


def goals(seed: int, companies: pl.DataFrame, since: int, now: int) -> pl.DataFrame:
    """Goals agreed or settled after `since`, as they are now."""
    draws = Draws(seed, "goals")
    rows = _cells(companies, since // _QUARTER - 2, now // _QUARTER, 1_000).with_columns(
        agreed=pl.col("cell") * _QUARTER + draws.below("agreed", _QUARTER)
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
    numbers = pl.DataFrame({"number": [1, 2, 3]}, schema={"number": pl.Int64})
    rows = companies.select("tenant_id", account_id="id").join(numbers, how="cross")
    rows = rows.with_columns(id=pl.col("account_id") * 10 + pl.col("number")).filter(
        (pl.col("number") == 1) | draws.chance("another", 500)
    )
    return rows.with_columns(
        name=draws.pick("who", _PEOPLE),
        first_name=draws.pick("who", [name.split()[0] for name in _PEOPLE]),
        email=pl.when(~draws.chance("no_email", 30)).then(pl.format("contact.{}@accounts.example.com", "id")),
        role=draws.pick("role", ("admin", "sponsor", "user", "user", "billing")),
        email_opt_out=draws.chance("opt_out", 60),
        active=~draws.chance("left", 80),
    )
