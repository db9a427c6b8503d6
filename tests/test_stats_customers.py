"""Statistics of people: who was in scope and in which segment, how they answer, buy and come back."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.statistics import DAILY, STATISTICS
from automation_pipelines.engine import FRAME_TYPES, open_engine
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.sqlfiles import SHIPPED, SqlFiles
from automation_pipelines.stats import compute_day, dataset, filed, restate
from automation_pipelines.stats.tables import run, schema
from tests.past import NOON, plan, settle

SQL = SqlFiles()
DAY = NOON.date()
HOUR = timedelta(hours=1)
CDNOW = Path(__file__).parents[2] / "shared" / "cases" / "data" / "cdnow_purchases.csv"


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def frame(name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Rows of a statistic, null where nothing is said."""
    return pl.DataFrame(rows, schema=schema(STATISTICS[name]))


def derived(name: str, as_of: datetime = NOON, **frames: pl.DataFrame) -> pl.DataFrame:
    with open_engine() as engine:
        engine.add(**frames)
        return run(engine, SQL, STATISTICS[name], as_of=as_of)


def without(rows: pl.DataFrame, *names: str) -> list[tuple[Any, ...]]:
    return rows.drop(names).rows()


# Who was in scope


def look(
    files: FileStore, people: Iterable[tuple[int, int, str]], at: datetime, audience: str = "customers"
) -> None:
    """File the rows of an audience as a tick does: (tenant, subject, segment) of everybody found."""
    columns = {column.name: FRAME_TYPES[column.type] for column in AUDIENCES[audience].columns}
    keys = dict.fromkeys(("row_id", "tenant_id", "subject_id", "customer_id"), pl.Int64())
    rows = [
        {"row_id": place, "tenant_id": tenant, "subject_id": subject, "segment": segment}
        for place, (tenant, subject, segment) in enumerate(people)
    ]
    run_id = f"run-{at:%d-%H%M}"
    stamp = {"run_id": pl.lit(run_id), "mode": pl.lit("live"), "as_of": pl.lit(at)}
    found = pl.DataFrame(rows, schema={**keys, **columns}).with_columns(**stamp)
    files.publish(f"audiences/{audience}", found, day=at.date(), run=run_id)


def everybody(subjects: Iterable[int], segment: str = "gold", tenant: int = 1) -> list[tuple[int, int, str]]:
    return [(tenant, subject, segment) for subject in subjects]


def start(db: Database, name: str, at: datetime, **declared: Any) -> None:
    """Apply and start a broadcast to customers; applying again changes it."""
    step = {"id": "wish", "channel": "email", "template": "t"}
    document = {
        "id": name,
        "title": name,
        "audience": "customers",
        "steps": [step],
        "schedule": {"start": DAY, "every": "week", "at": "09:00"},
        **declared,
    }
    store = CampaignStore(db)
    applied = store.apply(Campaign.model_validate(document), "", {}, "tester", at)
    if applied.state == "draft":
        store.start(name, "tester", at)


def is_in(segment: str) -> dict[str, str]:
    return {"field": "segment", "operator": "equals", "value": segment}


def audience_daily(db: Database, files: FileStore, day: date = DAY) -> list[tuple[Any, ...]]:
    found = compute_day(db, files, SQL, day, as_of=NOON)["audience_daily"]
    return without(found, "day")


def test_subjects_in_scope_are_told_apart_and_those_planned_for_counted(
    database: Database, files: FileStore
) -> None:
    start(database, "birthday", NOON - 9 * HOUR)
    look(files, [*everybody((1, 2, 3)), *everybody((1,), tenant=2)], NOON - HOUR)
    look(files, everybody((3, 4)), NOON)
    work = plan(
        database,
        {"subject_id": 1},
        {"subject_id": 1, "step": "again"},
        {"subject_id": 2, "reason": "holdout"},
        {"subject_id": 3},
        {"subject_id": 4, "campaign": "nobody-knows"},
    )
    settle(database, work[3], "skipped", reason="expired")
    assert audience_daily(database, files) == [(1, "customers", 4, 2, 2), (2, "customers", 1, 0, 1)]


@pytest.mark.planner
def test_what_was_planned_without_a_look_on_file_was_in_scope(database: Database, files: FileStore) -> None:
    start(database, "birthday", NOON - 9 * HOUR)
    plan(database, {}, {})
    assert audience_daily(database, files) == [(1, "customers", 2, 2, 0)]


@pytest.mark.planner
def test_a_day_whose_audiences_are_gone_keeps_what_was_filed(database: Database, files: FileStore) -> None:
    start(database, "birthday", NOON - 9 * HOUR)
    look(files, everybody((1, 2)), NOON)
    look(files, everybody((7,)), NOON, audience="accounts")
    mine = [each for each in DAILY if each.name in {"audience_daily", "segment_changes", "segment_daily"}]
    before: dict[str, pl.DataFrame] = {}
    for gone in ((), ("audiences/customers",), ("audiences/accounts",)):
        for name in gone:
            files.remove(name, [DAY])
        restate(database, files, SQL, [DAY], as_of=NOON)
        for each in mine:
            rows = filed(files, each)
            assert rows.height > 0
            assert rows.equals(before.setdefault(each.name, rows))
    plan(database, {"subject_id": 1})  # known late: it still counts
    assert audience_daily(database, files) == [(1, "accounts", 1, 0, 1), (1, "customers", 2, 1, 1)]


# Segments

WHOLE, GOLD = "*", "to-gold"


def stays(db: Database, files: FileStore, *days: datetime) -> list[tuple[Any, ...]]:
    """Restate days; (campaign, subject, entered, last seen, left), days counted from the first."""
    restate(db, files, SQL, [each.date() for each in days], as_of=NOON)
    changes, sizes = (filed(files, STATISTICS[name]) for name in ("segment_changes", "segment_daily"))
    rows = derived("segment_membership", segment_changes=changes, segment_daily=sizes)
    told = ("entered_on", "last_seen_on", "left_on")
    since = rows.with_columns((pl.col(name) - DAY).dt.total_days() for name in told)
    return without(since.filter(pl.col("tenant_id") == 1), "tenant_id", "audience")


@pytest.mark.planner
def test_who_enters_leaves_and_comes_back(database: Database, files: FileStore) -> None:
    start(database, GOLD, NOON - HOUR, conditions=is_in("gold"))
    days = [NOON + timedelta(days=n) for n in range(5)]
    look(files, [*everybody((1, 2)), *everybody((3,), "tin")], days[0])
    look(files, [*everybody((1,)), *everybody((2, 3), "tin")], days[1])
    # Nobody looked on the third day: nobody left.
    look(files, [*everybody((2, 3)), *everybody((9,), tenant=2)], days[3])
    look(files, everybody((1,)), days[4] - HOUR)
    look(files, everybody((1, 3)), days[4])
    told = [
        (WHOLE, 1, 0, 1, 3),
        (WHOLE, 1, 4, 4, None),
        (WHOLE, 2, 0, 3, 4),
        (WHOLE, 3, 0, 4, None),
        (GOLD, 1, 0, 1, 3),
        (GOLD, 1, 4, 4, None),
        (GOLD, 2, 0, 0, 1),
        (GOLD, 2, 3, 3, 4),
        (GOLD, 3, 3, 4, None),
    ]
    assert stays(database, files, *days) == told
    sizes = filed(files, STATISTICS["segment_daily"]).filter(campaign=GOLD)
    assert without(sizes, "audience", "campaign") == [
        (DAY, 1, 2, 2, 0),
        (DAY + timedelta(days=1), 1, 1, 0, 1),
        (DAY + timedelta(days=3), 1, 2, 2, 1),
        (DAY + timedelta(days=3), 2, 1, 1, 0),
        (DAY + timedelta(days=4), 1, 2, 1, 1),
        (DAY + timedelta(days=4), 2, 0, 0, 1),
    ]
    assert stays(database, files, days[1]) == told
    files.remove("audiences/customers", [each.date() for each in days])
    assert stays(database, files, *days) == told


@pytest.mark.planner
def test_a_look_that_found_nobody_is_no_mass_exit(database: Database, files: FileStore) -> None:
    later = NOON + timedelta(days=1)
    look(files, everybody((1,)), NOON)
    look(files, [], later)
    assert stays(database, files, NOON, later) == [(WHOLE, 1, 0, 0, None)]


@pytest.mark.planner
def test_a_day_looked_at_again_after_the_next_was_filed_repeats_nothing(
    database: Database, files: FileStore
) -> None:
    later = NOON + timedelta(days=1)
    look(files, everybody((1,)), NOON - HOUR)
    look(files, everybody((1, 2)), later)
    stays(database, files, NOON, later)
    look(files, everybody((1, 2)), NOON)
    assert stays(database, files, NOON) == [(WHOLE, 1, 0, 1, None), (WHOLE, 2, 0, 1, None)]


def test_a_segment_is_what_the_campaign_said_at_the_time(database: Database, files: FileStore) -> None:
    later = NOON + timedelta(days=1)
    start(database, GOLD, NOON - HOUR, conditions=is_in("gold"))
    opened = {"event": "email_opened", "within": "48 hours"}
    start(database, "to-readers", NOON - HOUR, conditions=opened)
    start(database, "elsewhere", NOON - HOUR, tenants=[2])
    start(database, "not-yet", later + HOUR)
    start(database, GOLD, NOON + HOUR, conditions=is_in("tin"))
    for at in (NOON, later):
        look(files, [*everybody((1,)), *everybody((2,), "tin"), *everybody((5,), tenant=2)], at)
    told = [
        (WHOLE, 1, 0, 1, None),
        (WHOLE, 2, 0, 1, None),
        (GOLD, 1, 0, 0, 1),
        (GOLD, 2, 1, 1, None),
    ]
    assert stays(database, files, NOON, later) == told
    kept = filed(files, STATISTICS["segment_daily"])
    assert kept.filter(campaign="elsewhere")["tenant_id"].to_list() == [2, 2]
    # Of one that ended since, and of one that begins anew, the day before stays as it was.
    CampaignStore(database).cancel(GOLD, "tester", later + HOUR)
    start(database, GOLD, later + 2 * HOUR)
    assert stays(database, files, NOON, later) == told


# Engagement


def message(customer: int, age_days: float = 1, **told: Any) -> dict[str, Any]:
    """A message handed off so many days before noon; what is told happened at once, unless told when."""
    due = NOON - timedelta(days=age_days)
    at = {name: due if when is True else when for name, when in told.items() if name.endswith("_at")}
    rest = {name: value for name, value in told.items() if name not in at}
    sensible = {"state": "completed", "recipient_id": 0, "tenant_id": 1, "due_at": due, "day": due.date()}
    return {**sensible, "customer_id": customer, **at, **rest}


def engagement(*messages: dict[str, Any]) -> pl.DataFrame:
    return derived("engagement_score", message_facts=frame("message_facts", *messages))


def test_what_customers_did_with_messages() -> None:
    did = engagement(
        message(1, 0, clicked_at=True, opened_at=True),
        message(1, 30, clicked_at=True),
        message(2, 0, replied_at=True, told_converted_at=True),
        message(3, 60, clicked_at=True),
        message(4, 2, opened_at=True, complained_at=True),
        message(5, 3, machine_opened=True, machine_clicked=True),
        *(message(6, 0, told_converted_at=True) for _ in range(4)),
        message(7, 0, opened_at=NOON + HOUR),
        message(8, 179, clicked_at=NOON),
        message(9, 180, clicked_at=NOON),
        message(10, clicked_at=True, recipient_id=4),
        message(11, state="dead"),
        message(12, state="skipped", reason="holdout"),
        message(None, clicked_at=True),  # type: ignore[arg-type]
        message(1, 0, tenant_id=2),
    )
    told = ("customer_id", "score", "standing", "days_since", "sent", "opened", "clicked")
    assert did.filter(tenant_id=1).select(told).rows() == [
        (1, 20.0, "active", 0, 2, 1, 2),
        (2, 50.0, "champion", 0, 1, 0, 0),
        (3, 2.5, "cooling", 60, 1, 0, 1),
        (4, 0.0, "silent", 2, 1, 1, 0),
        (5, 0.0, "silent", None, 1, 0, 0),
        (6, 100.0, "champion", 0, 4, 0, 0),
        (7, 0.0, "silent", None, 1, 0, 0),
        (8, 10.0, "active", 0, 1, 0, 1),
    ]
    assert did.filter(tenant_id=2)["score"].to_list() == [0.0]


def test_the_score_is_the_one_that_conditions_ask_for() -> None:
    kinds = {"opened": "opened_at", "clicked": "clicked_at", "replied": "replied_at",
             "converted": "told_converted_at", "unsubscribed": "unsubscribed_at"}  # fmt: skip
    told = [
        (customer, kind, NOON - timedelta(days=3 * n + customer))
        for customer in range(5)
        for n, kind in enumerate(kinds)
        if (customer + n) % 4
    ]
    events = pl.DataFrame(told, schema=["customer_id", "type", "at"], orient="row").with_columns(
        tenant_id=pl.lit(1, pl.Int64), machine=pl.lit(value=False)
    )
    keys = {"tenant_id": pl.Int64(), "customer_id": pl.Int64(), "at": pl.Datetime("us", "UTC")}
    none = pl.Schema({**keys, **dict.fromkeys(("status", "outcome", "type"), pl.String())})
    with open_engine() as engine:
        engine.add(message_events=events, engagements=pl.DataFrame(schema=none))
        asked = engine.query(SQL.find("happenings", "engagement_score").text, {"as_of": NOON})
    ours = engagement(*(message(customer, 1, **{kinds[kind]: at}) for customer, kind, at in told))
    expected = dict(asked.select("customer_id", "engagement_score").iter_rows())
    assert dict(ours.select("customer_id", "score").iter_rows()) == expected


# Buying


def bought(customer: int | None, at: datetime, amount: int | None = 1000, **said: Any) -> dict[str, Any]:
    sensible = {"tenant_id": 1, "currency": "EUR", "converted_at": at, "day": at.date()}
    return {**sensible, "customer_id": customer, "amount": amount, **said}


def rfm(*conversions: dict[str, Any]) -> pl.DataFrame:
    return derived("rfm", conversion_facts=frame("conversion_facts", *conversions))


def test_how_lately_often_and_for_how_much_customers_bought() -> None:
    rows = rfm(
        *(bought(1, NOON - timedelta(days=n)) for n in (0, 1, 2, 3)),
        *(bought(2, NOON - timedelta(days=1, minutes=1), 200) for _ in range(3)),
        *(bought(3, NOON - timedelta(days=40), 70_000) for _ in range(5)),
        bought(4, NOON - timedelta(days=9), None),
        bought(4, NOON - timedelta(days=9), 50, currency="CHF"),
        bought(4, NOON - timedelta(days=10), 60, currency="CHF"),
        bought(5, NOON - timedelta(days=1, minutes=1), 200),
        bought(5, NOON, 900_000, cancelled_at=NOON),
        bought(5, NOON + HOUR),
        bought(6, NOON, cancelled_at=NOON),
        bought(None, NOON),
        *(bought(n, NOON - n * HOUR, tenant_id=2) for n in range(1, 5)),
    )
    assert without(rows.filter(tenant_id=1), "tenant_id", "last_converted_at") == [
        (1, 0, 4, 4000, "EUR", 0, 5, 4, None, "champions"),
        (2, 1, 3, 600, "EUR", 0, 4, 3, None, "potential_loyal"),
        (3, 40, 5, 350_000, "EUR", 0, 1, 5, None, "not_to_lose"),
        (4, 9, 3, 110, "CHF", 1, 2, 2, None, "hibernating"),
        (5, 1, 1, 200, "EUR", 0, 3, 1, None, "about_to_sleep"),
    ]
    few = rows.filter(tenant_id=2)
    assert few.select("r", "f", "m", "segment").unique().rows() == [(None, None, None, None)]


def test_equals_are_put_in_fifths_by_the_stated_rule() -> None:
    same = [bought(n, NOON) for n in range(1, 11)]
    rows = rfm(*reversed(same))
    assert rows["r"].to_list() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert rows.select("r", "f", "m").rows() == [(n, n, n) for n in rows["r"]]
    assert rows.equals(rfm(*same))


def test_every_place_of_the_grid_has_its_word() -> None:
    """25 customers, one for each pair of fifths."""
    rows = rfm(
        *(
            bought(10 * r + f, NOON - timedelta(days=100 * (5 - r), hours=n * 6 + f))
            for r in range(1, 6)
            for f in range(1, 6)
            for n in range(f)
        )
    )
    assert rows.filter(pl.col("customer_id") != 10 * pl.col("r") + pl.col("f")).is_empty()
    words = dict(rows.select("customer_id", "segment").iter_rows())
    grid = {r: [words[10 * r + f] for f in range(1, 6)] for r in range(1, 6)}
    asleep = ["hibernating", "hibernating", "at_risk", "at_risk", "not_to_lose"]
    assert grid == {
        5: ["new", "potential_loyal", "potential_loyal", "champions", "champions"],
        4: ["promising", "potential_loyal", "potential_loyal", "loyal", "loyal"],
        3: ["about_to_sleep", "about_to_sleep", "needs_attention", "loyal", "loyal"],
        2: asleep,
        1: asleep,
    }


# Coming back


def tenants(**zones: str | None) -> pl.DataFrame:
    rows = [{"tenant_id": int(name[1:]), "time_zone": zone} for name, zone in zones.items()]
    return frame("tenants", *rows)


def retention(*conversions: dict[str, Any], zones: pl.DataFrame, as_of: datetime = NOON) -> pl.DataFrame:
    facts = frame("conversion_facts", *conversions)
    return derived("cohort_retention", as_of, conversion_facts=facts, tenants=zones)


def test_cohorts_come_back_by_the_tenants_own_months() -> None:
    almost_march = datetime(2026, 2, 28, 20, tzinfo=UTC)  # in Kathmandu it is 1 March
    rows = retention(
        bought(1, datetime(2026, 2, 3, tzinfo=UTC), 100),
        bought(1, datetime(2026, 2, 4, tzinfo=UTC), 10),
        bought(1, datetime(2026, 4, 4, tzinfo=UTC), None),
        bought(2, datetime(2026, 2, 5, tzinfo=UTC), 5, currency="CHF"),
        bought(3, almost_march, 7),
        bought(3, datetime(2025, 1, 1, tzinfo=UTC), cancelled_at=NOON),
        bought(4, NOON + HOUR),
        bought(8, almost_march, tenant_id=2),
        zones=tenants(t1="Asia/Kathmandu"),
    )
    february, march = date(2026, 2, 1), date(2026, 3, 1)
    assert without(rows, "in_other_currencies") == [
        (1, february, 0, 2, 2, 3, 110, "EUR", True),
        (1, february, 1, 2, 0, 0, 0, "EUR", True),
        (1, february, 2, 2, 1, 1, 0, "EUR", True),
        (1, february, 3, 2, 0, 0, 0, "EUR", False),
        (1, march, 0, 1, 1, 1, 7, "EUR", True),
        (1, march, 1, 1, 0, 0, 0, "EUR", True),
        (1, march, 2, 1, 0, 0, 0, "EUR", False),
        (2, february, 0, 1, 1, 1, 1000, "EUR", True),
        (2, february, 1, 1, 0, 0, 0, "EUR", True),
        (2, february, 2, 1, 0, 0, 0, "EUR", True),
        (2, february, 3, 1, 0, 0, 0, "EUR", False),
    ]
    assert rows["in_other_currencies"].to_list() == [1, *[0] * 10]


def cdnow() -> pl.DataFrame:
    """Real purchases: (customer_id, purchased_on, amount in cents)."""
    read = pl.read_csv(CDNOW, schema_overrides={"amount_usd": pl.Float64, "purchased_on": pl.Date})
    cents = (pl.col("amount_usd") * 100).round().cast(pl.Int64).alias("amount")
    return read.select(pl.col("customer_id").cast(pl.Int64), "purchased_on", cents)


@pytest.mark.skipif(not CDNOW.exists(), reason="the purchases of CDNOW are not here")
def test_real_customers_come_back_as_published() -> None:
    purchases = cdnow()
    converted = pl.col("purchased_on").dt.combine(NOON.time()).dt.replace_time_zone("UTC")
    facts = purchases.with_row_index("conversion_id").select(
        "conversion_id", "customer_id", "amount", tenant_id=1, converted_at=converted, currency=pl.lit("USD"),
        day="purchased_on", cancelled_at=None, updated_at=None,
    )  # fmt: skip
    facts = facts.cast(pl.Schema(schema(STATISTICS["conversion_facts"])))
    end = datetime(1998, 7, 1, 12, tzinfo=UTC)
    zone = tenants(t1="America/New_York")
    ours = derived("cohort_retention", end, conversion_facts=facts, tenants=zone).filter("complete")
    month = pl.col("purchased_on").dt.truncate("1mo")
    apart = (pl.col("month").dt.year() - pl.col("cohort").dt.year()) * 12 + (
        pl.col("month").dt.month().cast(pl.Int64) - pl.col("cohort").dt.month()
    )
    independent = (
        purchases.with_columns(month=month)
        .with_columns(cohort=pl.col("month").min().over("customer_id"))
        .with_columns(customers=pl.col("customer_id").n_unique().over("cohort"))
        .group_by("cohort", months_since=apart)
        .agg(
            pl.col("customers").first(),
            active=pl.col("customer_id").n_unique(),
            conversions=pl.len(),
            revenue=pl.col("amount").sum(),
        )
        .sort("cohort", "months_since")
    )
    same = ours.select(independent.columns)
    assert same.rows() == independent.rows()
    first = ours.filter(pl.col("months_since") == 0)
    assert dict(first.select("cohort", "customers").iter_rows()) == {
        date(1997, 1, 1): 7846,
        date(1997, 2, 1): 8476,
        date(1997, 3, 1): 7248,
    }
    assert (ours["conversions"].sum(), ours["revenue"].sum()) == (69_659, purchases["amount"].sum())


# Enquiries


def enquiry(due: int, resolved: int | None, status: str = "resolved") -> dict[str, Any]:
    """An enquiry an hour before noon, due and resolved so many minutes after noon."""
    at = NOON + timedelta(minutes=resolved) if resolved is not None else None
    return {"tenant_id": 1, "status": status, "escalation_level": 0, "created_at": NOON - HOUR,
            "sla_due_at": NOON + timedelta(minutes=due), "resolved_at": at}  # fmt: skip


@pytest.mark.planner
def test_how_long_enquiries_took_and_lay_over(database: Database, files: FileStore) -> None:
    given = [
        *(enquiry(-30, -60 + n) for n in range(1, 11)),
        enquiry(-30, -20),
        enquiry(-45, None, "open"),
        enquiry(-45, None, "closed"),
        enquiry(5, None, "open"),
    ]
    types: dict[str, pl.DataType] = {"resolved_at": pl.Datetime("us", "UTC"), "escalation_level": pl.Int64()}
    queries = pl.DataFrame(given, schema_overrides=types).with_row_index("id")
    sources: dict[str, pl.DataFrame] = {"queries": queries}
    row = compute_day(database, files, SQL, DAY, as_of=NOON, sources=sources)["sla_daily"].row(0, named=True)
    assert (row["median_minutes_to_resolve"], row["p90_minutes_to_resolve"]) == (6.0, 10.0)
    assert (row["breaches"], row["minutes_over"]) == (2, 10 + 45)


@pytest.mark.parametrize("name", ["engagement_score", "rfm", "cohort_retention", "segment_membership"])
def test_nothing_comes_of_nothing(name: str) -> None:
    inputs = {each: frame(each) for each in STATISTICS[name].inputs}
    assert derived(name, NOON, **inputs).is_empty()


@pytest.mark.planner
def test_keys_are_unique_and_statements_there(database: Database, files: FileStore) -> None:
    look(files, [*everybody((1, 2)), *everybody((1, 2), "tin", tenant=2)], NOON)
    restate(database, files, SQL, [DAY], as_of=NOON)
    for name in ("audience_daily", "segment_changes", "segment_daily"):
        key: Sequence[str] = STATISTICS[name].key
        rows = files.read(dataset(STATISTICS[name]))
        assert rows.select(key).is_unique().all()
        assert (SHIPPED / "stats" / f"{name}.sql").is_file()
