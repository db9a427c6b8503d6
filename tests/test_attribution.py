"""Attribution: each model credits every conversion exactly once, and late news moves the right days."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from automation_pipelines.catalogue.statistics import ATTRIBUTION_DAILY, CONVERSION_FACTS
from automation_pipelines.catalogue.tenant_settings import TENANT_SETTINGS
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.extraction import extract, open_crm
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.settings import Settings
from automation_pipelines.settings.returns import Attribution, read_costs
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats import compute_day, dataset, demands, publish, restate
from automation_pipelines.stats.attribution import Terms
from automation_pipelines.stats.conversions import days_changed
from tests.bought import conversions
from tests.past import NOON, plan, settle, tell
from tests.world import World, at

pytestmark = pytest.mark.planner

SQL = SqlFiles()
DAY = NOON.date()
_DAY = timedelta(days=1)


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def send(db: Database, *messages: dict[str, Any], hours: float = 0) -> list[int]:
    """Messages to customer 1, handed off so many hours after noon."""
    work = plan(
        db,
        *({"subject_id": 1, "customer_id": 1, **each} for each in messages),
        run_id=f"r{hours}{messages}"[:60],
    )
    for job in work:
        settle(db, job, "completed", minutes=hours * 60)
    return work


def credited(
    db: Database,
    files: FileStore,
    sources: dict[str, pl.DataFrame],
    *,
    terms: Terms | None = None,
    days: int = 2,
) -> pl.DataFrame:
    """`attribution_daily` of the day of the messages and those after it."""
    listed = [DAY + _DAY * number for number in range(days)]
    restate(db, files, SQL, listed, as_of=NOON + 9 * _DAY, sources=sources, terms=terms)
    return files.read(dataset(ATTRIBUTION_DAILY))


def told(rows: pl.DataFrame, model: str, *columns: str) -> list[tuple[Any, ...]]:
    """Campaign (or columns), conversions and revenue of one model, by campaign."""
    wanted = (*(columns or ("campaign",)), "conversions", "revenue")
    return rows.filter(pl.col("model") == model).sort("campaign", nulls_last=True).select(wanted).rows()


def test_of_three_messages_each_model_credits_its_own(database: Database, files: FileStore) -> None:
    for hours, campaign in enumerate(("first", "second", "third")):
        send(database, {"campaign": campaign, "step": "only"}, hours=hours)
    rows = credited(database, files, conversions({"amount": 100}))
    assert told(rows, "last") == [("third", 1.0, 100)]
    assert told(rows, "first") == [("first", 1.0, 100)]
    even = told(rows, "even")
    assert [revenue for _, _, revenue in even] == [33, 33, 34]  # the odd cent goes to the nearest message
    assert sum(share for _, share, _ in even) == 1
    assert all(share == pytest.approx(1 / 3, abs=1e-6) for _, share, _ in even)


@pytest.mark.parametrize("messages", [1, 3, 7])
def test_shares_of_many_conversions_add_up_exactly(
    database: Database, files: FileStore, messages: int
) -> None:
    for number in range(messages):
        send(database, {"campaign": f"c{number}", "step": "only"}, hours=number)
    amounts = [None, 0, 1, 10, 99_999, -250]
    rows = credited(database, files, conversions(*({"amount": amount} for amount in amounts)))
    for model in ("last", "first", "even"):
        of_model = rows.filter(pl.col("model") == model)
        assert (of_model["conversions"].sum(), of_model["revenue"].sum()) == (len(amounts), 99_760)


def test_what_no_message_led_to_is_nobodys_and_counts(database: Database, files: FileStore) -> None:
    send(database, {})
    # Somebody else, another tenant's customer of the same number, before the message, and after its week.
    other = [{"customer_id": 2}, {"tenant_id": 2}, {"converted_at": NOON - timedelta(hours=1)}]
    late = {"converted_at": NOON + 7 * _DAY + timedelta(microseconds=1)}
    in_time = {"converted_at": NOON + 7 * _DAY, "amount": 1}
    rows = credited(database, files, conversions(*other, late, in_time, {"currency": "USD"}), days=8)
    found = (
        rows.filter(pl.col("model") == "last")
        .group_by("campaign", "currency")
        .agg(pl.col("conversions").sum())
    )
    assert sorted(found.rows(), key=str) == [
        ("birthday", "NPR", 1.0),
        ("birthday", "USD", 1.0),
        (None, "NPR", 4.0),
    ]


def test_only_marketing_that_reached_the_customer_is_credited(database: Database, files: FileStore) -> None:
    send(
        database,
        {"purpose": "transactional", "campaign": "receipt"},
        {"recipient_id": 7, "campaign": "to-staff"},
        {"channel": "crm", "campaign": "action"},
    )
    (failed,) = plan(database, {"subject_id": 1, "customer_id": 1, "campaign": "failed"}, run_id="failed")
    settle(database, failed, "dead")
    bought = conversions({})
    assert told(credited(database, files, bought), "last") == [(None, 1.0, 10_000)]
    both = Terms(Attribution(purposes="marketing,transactional"))
    assert told(credited(database, files, bought, terms=both), "last") == [("receipt", 1.0, 10_000)]


def test_a_click_may_be_asked_for(database: Database, files: FileStore) -> None:
    clicked, _ = (
        send(database, {"campaign": name}, hours=hours)[0] for hours, name in ((0, "read"), (1, "unread"))
    )
    tell(database, ("click", "clicked", clicked))
    rows = credited(database, files, conversions({}), terms=Terms(Attribution(touch="clicked")))
    assert told(rows, "last") == [("read", 1.0, 10_000)]


def test_a_click_counts_from_when_it_was_clicked(database: Database, files: FileStore) -> None:
    sent_at = NOON - 12 * _DAY
    (old,) = plan(
        database, {"subject_id": 1, "customer_id": 1, "campaign": "old", "due_at": sent_at}, run_id="old"
    )
    settle(database, old, "completed", minutes=-12 * 24 * 60)
    tell(database, ("click", "clicked", old))
    restate(database, files, SQL, [sent_at.date()], as_of=NOON)
    assert told(credited(database, files, conversions({})), "last") == [(None, 1.0, 10_000)]
    rows = credited(database, files, conversions({}), terms=Terms(Attribution(touch="clicked")))
    assert told(rows, "last") == [("old", 1.0, 10_000)]


def test_what_was_cancelled_is_told_apart(database: Database, files: FileStore) -> None:
    send(database, {"variant": "b"})
    rows = credited(database, files, conversions({}, {"cancelled_at": NOON + 3 * _DAY, "amount": 7}))
    (row,) = rows.filter(pl.col("model") == "last").iter_rows(named=True)
    assert (row["conversions"], row["revenue"], row["cancelled"], row["cancelled_revenue"]) == (
        1,
        10_000,
        1,
        7,
    )
    assert (row["step"], row["variant"], row["channel"], row["day"]) == ("wish", "b", "email", DAY + _DAY)


def test_what_proves_sent_late_moves_the_days_it_may_be_credited_with(
    database: Database, files: FileStore
) -> None:
    (job,) = send(database, {})
    with database.begin() as connection:
        connection.execute(sa.update(jobs).values(state="unknown"))
    bought = conversions(*({"converted_at": NOON + number * _DAY} for number in (1, 7, 8)))
    assert told(credited(database, files, bought, days=9), "last") == [(None, 1.0, 10_000)] * 3
    stamps = {path: path.stat().st_mtime_ns for path in files.paths(dataset(ATTRIBUTION_DAILY))}
    settle(database, job, "completed")
    restate(database, files, SQL, [DAY], as_of=NOON + 9 * _DAY, sources=bought)
    rows = files.read(dataset(ATTRIBUTION_DAILY))
    assert told(rows, "last", "day", "campaign") == [
        (DAY + _DAY, "birthday", 1.0, 10_000),
        (DAY + 7 * _DAY, "birthday", 1.0, 10_000),
        (DAY + 8 * _DAY, None, 1.0, 10_000),
    ]
    days = {path.parent.name for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp}
    assert days == {f"day={DAY + _DAY * number}" for number in range(8)}


def test_an_open_moves_nobodys_credit(database: Database, files: FileStore) -> None:
    (job,) = send(database, {})
    before = compute_day(database, files, SQL, DAY, as_of=NOON)["message_facts"]
    tell(database, ("open", "opened", job))
    after = compute_day(database, files, SQL, DAY, as_of=NOON)["message_facts"]
    assert not before.equals(after)
    assert Terms().moved(before, after) == frozenset()
    assert Terms().moved(before, before.head(0)) == {DAY + _DAY * number for number in range(8)}


def test_what_changed_in_the_crm_names_its_days(tmp_path: Path, files: FileStore) -> None:
    world = World.create(
        tmp_path / "home", f"sqlite:///{tmp_path / 'l.db'}", f"sqlite:///{tmp_path / 'crm.db'}"
    )
    world.add("tenants", id=1)
    world.add("customers", id=1)
    crm = world.installation.crm
    booked = {"customer_id": 1, "amount": 500, "currency": "EUR", "status": "confirmed"}
    for number, day in enumerate(("2026-03-01", "2026-03-02", "2026-03-03"), start=1):
        stamps = {"booked_at": f"{day}T10:00", "updated_at": f"{day}T10:00"}
        world.add("bookings", id=number, reference=f"B{number}", **booked, **stamps)
    days = [date(2026, 3, number) for number in (2, 3)]
    ledger, sources = world.installation.database, extract(crm, SQL, demands(days))
    restate(ledger, files, SQL, days, as_of=at("2026-03-03T12:00"), sources=sources)
    assert days_changed(crm, SQL, files) == []
    late = {"updated_at": "2026-03-03T11:00"}
    world.change("bookings", 2, status="cancelled", **late)
    world.change("bookings", 1, amount=1, **late)  # of a day that nobody filed
    world.change("bookings", 3, booked_at="2026-03-04T09:00", **late)
    world.add(
        "bookings",
        id=4,
        reference="B4",
        **booked,
        booked_at="2026-03-05T10:00",
        updated_at="2026-03-05T10:00",
    )
    assert days_changed(crm, SQL, files) == [date(2026, 3, number) for number in (2, 3, 4, 5)]
    for day in days_changed(crm, SQL, files):
        sources = extract(crm, SQL, demands([day]))
        assert sources["conversions"].height <= 3  # a day around it at most: the CRM is read by predicate
        restate(ledger, files, SQL, [day], as_of=at("2026-03-05T12:00"), sources=sources)
    filed = files.read(dataset(CONVERSION_FACTS)).sort("day")
    assert filed.select("day", "conversion_id", pl.col("cancelled_at").is_not_null()).rows() == [
        (date(2026, 3, 2), 2, True),
        (date(2026, 3, 4), 3, False),
        (date(2026, 3, 5), 4, False),
    ]
    assert days_changed(crm, SQL, files) == []
    # Written before what is filed of a later day, and seen after it.
    world.change("bookings", 2, status="confirmed", updated_at="2026-03-04T08:00")
    assert days_changed(crm, SQL, files) == [date(2026, 3, 2)]
    world.close()


def returns(
    db: Database, files: FileStore, sources: dict[str, pl.DataFrame], target: Path, terms: Terms
) -> list[dict[str, Any]]:
    credited(db, files, sources, terms=terms)
    publish(db, files, SQL, target, as_of=NOON + 9 * _DAY, terms=terms)
    with duckdb.connect(str(target), read_only=True) as connection:
        return connection.sql("FROM campaign_returns").pl().to_dicts()


def test_a_campaign_returns_what_it_earned_in_each_currency_and_cost_in_one(
    database: Database, files: FileStore, tmp_path: Path
) -> None:
    send(
        database,
        {},
        {"channel": "sms", "step": "text"},
        {"campaign": "silent", "subject_id": 9, "customer_id": 9},
    )
    sources = conversions({}, {"amount": 70, "currency": "USD"})
    prices = pl.DataFrame({"tenant_id": [1], "name": ["message_costs"], "value": ["sms=3"]})
    terms = Terms(costs="email=0.5, sms=4.5")
    rows = returns(database, files, sources | {"tenant_settings": prices}, tmp_path / "a.duckdb", terms)
    told = [
        (row["campaign"], row["currency"], row["sent"], row["cost"], row["conversions"], row["revenue"])
        for row in rows
    ]
    assert told == [
        ("birthday", "NPR", 2, 3.5, 1.0, 10_000),
        ("birthday", "USD", 0, 0.0, 1.0, 70),
        ("silent", "NPR", 1, 0.5, 0.0, 0),
    ]
    assert {row["incremental_conversions"] for row in rows} == {None}  # nobody is held out


def test_what_a_message_costs_is_written_by_channel() -> None:
    assert read_costs("email=0.08, sms = 4.5") == {"email": 0.08, "sms": 4.5}
    with pytest.raises(ValidationError, match=r"'email 1' is no cost of a channel: write parts such as"):
        Settings(costs="email 1")
    with pytest.raises(ValueError):
        TENANT_SETTINGS["message_costs"].value("pigeon=1")
    wrong = pl.DataFrame({"tenant_id": [1], "name": ["message_costs"], "value": ["email"]})
    with pytest.raises(ConfigurationError, match="tenant 1: message_costs: 'email' is none of parts such as"):
        Terms().prices({"tenant_settings": wrong})


DATA = Path(__file__).parent.parent.parent / "shared" / "cases" / "data"
PURCHASES = SqlFiles(Path(__file__).parent.parent / "examples" / "adoption" / "purchases")


@pytest.mark.skipif(not (DATA / "cdnow_purchases.csv").exists(), reason="the public data sets are not there")
def test_real_purchases_add_up_to_what_was_sold(database: Database, files: FileStore) -> None:
    days = [date(1998, 3, number) for number in range(1, 8)]
    sources = extract(open_crm(str(DATA)), PURCHASES, demands(days))
    sold = sources["conversions"].filter(pl.col("converted_at").dt.date().is_in(days))
    # Two mails to every third customer of that week, a week before the second and the fourth of March.
    written = sold["customer_id"].unique().sort().gather_every(3).to_list()
    mails = {"early": datetime(1998, 2, 23, tzinfo=UTC), "late": datetime(1998, 2, 25, tzinfo=UTC)}
    for campaign, sent_at in mails.items():
        mail = {"campaign": campaign, "due_at": sent_at}
        plan(database, *({"subject_id": one, "customer_id": one, **mail} for one in written), run_id=campaign)
        with database.begin() as connection:
            sent = {"state": "completed", "finished_at": sent_at}
            connection.execute(sa.update(jobs).where(jobs.c.state == "pending").values(**sent))
    listed = [*(sent_at.date() for sent_at in mails.values()), *days]
    restate(database, files, SQL, listed, as_of=datetime(1998, 3, 8, tzinfo=UTC), sources=sources)
    rows = files.read(dataset(ATTRIBUTION_DAILY))
    for model in ("last", "first", "even"):
        of_model = rows.filter(pl.col("model") == model)
        of_days = of_model.filter(pl.col("day").is_in(days))
        assert (of_days["conversions"].sum(), of_days["revenue"].sum()) == (len(sold), sold["amount"].sum())
    theirs = sold.filter(pl.col("customer_id").is_in(written))
    in_time = theirs.filter(pl.col("converted_at") < datetime(1998, 3, 4, tzinfo=UTC))
    last = rows.filter(pl.col("model") == "last", pl.col("campaign") == "late", pl.col("day") >= days[0])
    assert last["conversions"].sum() == len(in_time) > 50
    early = theirs.filter(pl.col("converted_at") < datetime(1998, 3, 2, tzinfo=UTC))
    first = rows.filter(pl.col("model") == "first", pl.col("campaign") == "early", pl.col("day") >= days[0])
    assert first["revenue"].sum() == early["amount"].sum()
