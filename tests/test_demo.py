"""The demo's CRM and mail provider: repeatable, coherent, keeping the contract, with always something due."""

import json
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from automation_pipelines.catalogue.sources import CRM_SOURCES, CRM_TABLES
from automation_pipelines.demo.crm import build_crm
from automation_pipelines.demo.draws import Draws
from automation_pipelines.demo.feedback import simulate_feedback
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.extraction import Demand, check, extract, open_crm
from automation_pipelines.model import EventType
from automation_pipelines.sqlfiles import SqlFiles

AS_OF = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOMENTS = [
    pytest.param(datetime(2027, 2, 28, 12, tzinfo=UTC), id="28 February of a common year"),
    pytest.param(datetime(2028, 2, 29, 12, tzinfo=UTC), id="29 February"),
    pytest.param(datetime(2028, 3, 1, 0, 10, tzinfo=UTC), id="1 March of a leap year"),
    pytest.param(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), id="Europe goes forward"),
    pytest.param(datetime(2026, 11, 1, 6, 30, tzinfo=UTC), id="America goes back"),
    pytest.param(datetime(2026, 12, 31, 23, 59, tzinfo=UTC), id="the year ends"),
]


def read(url: str) -> dict[str, pl.DataFrame]:
    """Every source, whole, through the shipped SQL; refused when it breaks a contract."""
    demands = [
        Demand(name, frozenset(c.name for c in source.columns)) for name, source in CRM_SOURCES.items()
    ]
    with open_crm(url) as crm:
        return extract(crm, SqlFiles(), demands)


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., dict[str, pl.DataFrame]]:
    """Builds a CRM in SQLite and reads it."""

    def built(as_of: datetime = AS_OF, customers: int = 400, seed: int = 7) -> dict[str, pl.DataFrame]:
        url = f"sqlite:///{tmp_path / 'new' / 'crm.db'}"
        build_crm(url, as_of=as_of, customers=customers, seed=seed)
        return read(url)

    return built


def test_the_same_arguments_give_the_same_rows_and_another_seed_gives_others(
    build: Callable[..., dict[str, pl.DataFrame]],
) -> None:
    first, again, other = build(), build(), build(seed=8)
    assert all(first[name].equals(again[name]) for name in CRM_SOURCES)
    assert not first["customers"].equals(other["customers"])


def test_what_is_drawn_does_not_depend_on_the_version_of_any_library() -> None:
    rows, draws = pl.DataFrame({"id": [1, 2, 3, 1_000_000]}), Draws(7, "customers")
    drawn = rows.select(draws.below("age", 65_536)).to_series().to_list()
    assert drawn == [19495, 37123, 26455, 41357]
    assert drawn == [draws.number("age", row, 65_536) for row in rows["id"]]


def test_a_customer_is_the_same_whatever_the_number_of_customers(
    build: Callable[..., dict[str, pl.DataFrame]],
) -> None:
    columns = ["id", "name", "email", "birthday", "created_at", "segment"]
    few, many = build(customers=100)["customers"], build(customers=400)["customers"]
    assert few.select(columns).equals(many.head(100).select(columns))


def test_both_databases_hold_the_same_rows(
    build: Callable[..., dict[str, pl.DataFrame]], postgres_url: str
) -> None:
    rows = build_crm(postgres_url, as_of=AS_OF, customers=400)
    sqlite, postgres = build(), read(postgres_url)
    assert rows == {name: postgres[name].height for name in CRM_TABLES}
    for name in CRM_SOURCES:
        assert postgres[name].sort("id").equals(sqlite[name].sort("id")), name


def test_it_keeps_the_contract_of_every_source(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    build_crm(url, as_of=AS_OF, customers=2_000)
    with open_crm(url) as crm:
        assert [str(violation) for violation in check(crm, SqlFiles()).violations] == []


def test_every_reference_leads_to_a_row_of_the_same_tenant(
    build: Callable[..., dict[str, pl.DataFrame]],
) -> None:
    frames = build()
    for name, source in CRM_SOURCES.items():
        for column in source.columns:
            if column.references in (None, "tenants"):
                continue
            targets = frames[column.references].select("id", target_tenant="tenant_id")
            held = frames[name].filter(pl.col(column.name).is_not_null())
            joined = held.join(targets, left_on=column.name, right_on="id", how="left")
            assert joined.filter(pl.col("tenant_id").ne_missing(pl.col("target_tenant"))).is_empty(), (
                name,
                column.name,
            )


@pytest.mark.parametrize(
    ("source", "earlier", "later"),
    [
        ("queries", "created_at", "sla_due_at"),
        ("queries", "created_at", "resolved_at"),
        ("quotes", "created_at", "sent_at"),
        ("quotes", "sent_at", "expires_at"),
        ("quotes", "sent_at", "decided_at"),
        ("quotes", "decided_at", "expires_at"),
        ("bookings", "departure_on", "return_on"),
        ("customers", "created_at", "last_activity_at"),
        ("customers", "created_at", "updated_at"),
    ],
)
def test_dates_are_in_order(
    build: Callable[..., dict[str, pl.DataFrame]], source: str, earlier: str, later: str
) -> None:
    assert build()[source].filter(pl.col(earlier) > pl.col(later)).is_empty()


def test_nothing_happened_before_its_customer_joined_or_in_the_future(
    build: Callable[..., dict[str, pl.DataFrame]],
) -> None:
    frames = build()
    joined = frames["customers"].select(customer_id="id", joined="created_at", last="last_activity_at")
    for source, column in (
        ("queries", "created_at"),
        ("quotes", "created_at"),
        ("bookings", "booked_at"),
        ("payments", "paid_at"),
        ("events", "at"),
    ):
        rows = frames[source].join(joined, on="customer_id")
        assert rows.filter((pl.col(column) < pl.col("joined")) | (pl.col(column) > AS_OF)).is_empty(), source
        if source != "quotes":
            assert rows.filter(pl.col(column) > pl.col("last")).is_empty(), source


def test_money_adds_up(build: Callable[..., dict[str, pl.DataFrame]]) -> None:
    frames = build()
    paid = frames["payments"].filter(status="paid").group_by("customer_id").agg(paid=pl.col("amount").sum())
    customers = frames["customers"].join(paid, left_on="id", right_on="customer_id", how="left")
    assert customers.filter(pl.col("lifetime_value") != pl.col("paid").fill_null(0)).is_empty()
    prices = frames["payments"].group_by("booking_id").agg(total=pl.col("amount").sum())
    trips = (
        frames["bookings"]
        .filter(pl.col("status") != "cancelled")
        .join(prices, left_on="id", right_on="booking_id")
    )
    assert trips.filter(pl.col("amount") != pl.col("total")).is_empty()


def test_zones_have_every_kind_of_offset_and_one_tenant_is_inactive(
    build: Callable[..., dict[str, pl.DataFrame]],
) -> None:
    tenants = build()["tenants"]
    zones = [ZoneInfo(zone) for zone in tenants["time_zone"]]
    july, january = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    pairs = [(january.astimezone(zone).utcoffset(), july.astimezone(zone).utcoffset()) for zone in zones]
    assert len(set(tenants["time_zone"])) >= 15
    assert {15, 30, 45} <= {int(winter.total_seconds() // 60 % 60) for winter, _ in pairs if winter} | {15}
    assert any(winter < summer for winter, summer in pairs if winter and summer)  # DST in the north
    assert any(winter > summer for winter, summer in pairs if winter and summer)  # DST in the south
    assert tenants["active"].to_list().count(False) == 1
    assert all(".example." in address for address in tenants["sender_email"])


def test_staff_is_a_hierarchy_with_its_usual_gaps(build: Callable[..., dict[str, pl.DataFrame]]) -> None:
    users = build()["users"]
    joined = users.join(users.select(manager_id="id", boss="role"), on="manager_id", how="left")
    pairs = set(joined.select("role", "boss").iter_rows())
    assert {
        ("agent", "manager"),
        ("agent", "department_manager"),
        ("agent", None),
        ("manager", "executive"),
    } <= pairs
    assert joined.filter(role="executive").group_by("tenant_id").len()["len"].min() >= 2
    assert not users.filter(~pl.col("active")).is_empty()
    assert not users.filter(pl.col("email").is_null()).is_empty()


def test_addresses_are_sometimes_missing_or_useless_and_some_opted_out(
    build: Callable[..., dict[str, pl.DataFrame]],
) -> None:
    customers = build(customers=5_000)["customers"]
    email = customers["email"]
    share = {
        "missing": (email.is_null() | (email == "")).mean(),
        "broken": (~email.str.contains(r"^[^@ ]+@[a-z0-9-]+(\.[a-z0-9-]+)+$") & (email != "")).mean(),
        "opted out": customers["email_opt_out"].mean(),
    }
    assert 0.02 < share["missing"] < 0.04
    assert 0.005 < share["broken"] < 0.02
    assert 0.06 < share["opted out"] < 0.10
    names = "".join(customers["name"])
    assert all(letter in names for letter in "'é佐ع김Ш")


@pytest.mark.parametrize("as_of", MOMENTS)
def test_there_is_always_something_due(
    build: Callable[..., dict[str, pl.DataFrame]], as_of: datetime
) -> None:
    frames = build(as_of=as_of, customers=60)
    assert birthdays_near(frames, as_of) >= {-1, 0, 1}
    assert levels_breached(frames["queries"], as_of) >= {0, 1, 2, 3, 4}
    open_queries = frames["queries"].filter(pl.col("status").is_in(["open", "in_progress"]))
    assert not open_queries.filter(pl.col("sla_due_at") > as_of).is_empty()
    quotes = frames["quotes"].filter(pl.col("status").is_in(["sent", "viewed"]))
    ages = set(((as_of - quotes["sent_at"]).dt.total_days()).to_list())
    assert ages >= set(range(1, 21))
    assert not quotes.filter(pl.col("expires_at").is_between(as_of, as_of + 48 * HOUR)).is_empty()
    assert not quotes.filter(pl.col("expires_at").is_between(as_of - DAY, as_of)).is_empty()
    assert not frames["payments"].filter(pl.col("paid_at") > as_of - DAY).is_empty()
    assert not frames["customers"].filter(pl.col("created_at") > as_of - DAY).is_empty()
    assert not frames["events"].filter(pl.col("at") > as_of - DAY).is_empty()
    assert silences_ending(frames, as_of) >= {-1, 0, 1}


def birthdays_near(frames: dict[str, pl.DataFrame], as_of: datetime) -> set[int]:
    """Days from today, in the tenant's zone, of the birthdays there are."""
    found = set()
    for tenant, zone in frames["tenants"].select("id", "time_zone").iter_rows():
        today = as_of.astimezone(ZoneInfo(zone)).date()
        for shift in (-1, 0, 1):
            day = today + shift * DAY
            born = frames["customers"].filter(tenant_id=tenant)["birthday"].drop_nulls()
            if any((b.month, b.day) == (day.month, day.day) for b in born):
                found.add(shift)
    return found


def levels_breached(queries: pl.DataFrame, as_of: datetime) -> set[int]:
    late = as_of - queries.filter(pl.col("status").is_in(["open", "in_progress"]))["sla_due_at"]
    minutes = [value for value in late.dt.total_minutes() if value >= 0]
    return {sum(value >= limit for limit in (60, 120, 240, 480)) for value in minutes}


def silences_ending(frames: dict[str, pl.DataFrame], as_of: datetime) -> set[int]:
    thresholds = frames["tenants"].select(tenant_id="id", days="inactivity_days")
    rows = frames["customers"].join(thresholds, on="tenant_id").drop_nulls("days")
    ends = (
        rows["last_activity_at"].dt.offset_by(rows["days"].cast(pl.String) + "d") - as_of
    ).dt.total_hours()
    return {round(hours / 24) for hours in ends if abs(hours) <= 25}


def test_only_a_realistic_part_of_customers_has_something_due(
    build: Callable[..., dict[str, pl.DataFrame]],
) -> None:
    frames = build(customers=5_000)
    born = frames["customers"]["birthday"].dt.strftime("%m-%d")
    assert 5 <= (born == "11-21").sum() <= 40
    assert 30 <= frames["queries"].filter(pl.col("status").is_in(["open", "in_progress"])).height <= 150
    assert 2 <= (born == "02-29").sum() <= 30
    twice = (
        frames["payments"].drop_nulls("paid_at").group_by("customer_id", pl.col("paid_at").dt.date()).len()
    )
    assert not twice.filter(pl.col("len") > 1).is_empty()
    densities = {
        name: frames[name].height / 5_000 for name in ("queries", "quotes", "bookings", "payments", "events")
    }
    for name, expected in {
        "queries": 0.3,
        "quotes": 0.5,
        "bookings": 0.6,
        "payments": 1.1,
        "events": 0.5,
    }.items():
        assert expected * 0.8 < densities[name] < expected * 1.2, name


def test_a_rebuilt_crm_replaces_the_old_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    build_crm(url, as_of=AS_OF, customers=300)
    rows = build_crm(url, as_of=AS_OF + DAY, customers=200)
    assert read(url)["customers"].height == rows["customers"] == 200


def _build_for_ever(url: str) -> None:
    while True:
        build_crm(url, as_of=AS_OF, customers=20_000, seed=8)


def test_a_build_that_is_killed_leaves_a_whole_crm(tmp_path: Path) -> None:
    file = tmp_path / "crm.db"
    url = f"sqlite:///{file}"
    build_crm(url, as_of=AS_OF, customers=300)
    builder = multiprocessing.get_context("spawn").Process(target=_build_for_ever, args=(url,))
    builder.start()
    size = file.stat().st_size
    while builder.is_alive() and sum(path.stat().st_size for path in tmp_path.iterdir()) < 2 * size:
        time.sleep(0.01)
    os.kill(builder.pid or 0, signal.SIGKILL)
    builder.join()
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM customers").fetchone()[0] in (300, 20_000)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_database_it_cannot_fill_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"mysql.*sqlite:///file or postgresql"):
        build_crm("mysql://root@localhost/crm", as_of=AS_OF)


def messages(number: int, purpose: str = "marketing") -> pl.DataFrame:
    return pl.DataFrame(
        {"job_id": range(1, number + 1), "purpose": purpose, "tenant_id": 1},
    ).with_columns(sent_at=pl.lit(AS_OF).cast(pl.Datetime("us", "UTC")))


def told(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_provider_says_the_same_of_the_same_messages(tmp_path: Path) -> None:
    one = simulate_feedback(messages(200), tmp_path / "a")
    other = simulate_feedback(messages(200).reverse(), tmp_path / "b")
    assert (one.name, one.read_bytes()) == (other.name, other.read_bytes())
    assert [path.name for path in (tmp_path / "a").iterdir()] == [one.name]


def test_the_provider_speaks_our_vocabulary_out_of_order_and_sometimes_twice(tmp_path: Path) -> None:
    lines = told(simulate_feedback(messages(3_000), tmp_path))
    words = {line["type"] for line in lines}
    assert words == {"delivered", "bounced", "opened", "clicked", "unsubscribed", "complained", "converted"}
    assert words <= set(EventType)
    assert all(set(line) == {"id", "type", "at", "job_id", "detail"} for line in lines)
    assert {line["detail"]["kind"] for line in lines if line["type"] == "bounced"} == {"hard", "soft"}  # type: ignore[index]
    times = [str(line["at"]) for line in lines]
    assert times != sorted(times)
    assert all(datetime.fromisoformat(at) > AS_OF for at in times)
    identities = [line["id"] for line in lines]
    assert 0 < len(identities) - len(set(identities)) < 0.1 * len(identities)


def test_what_became_of_a_message_makes_sense(tmp_path: Path) -> None:
    lines = told(simulate_feedback(messages(3_000), tmp_path))
    jobs = {word: {line["job_id"] for line in lines if line["type"] == word} for word in EventType}
    assert jobs["delivered"] | jobs["bounced"] == set(range(1, 3_001))
    assert not jobs["delivered"] & jobs["bounced"]
    assert jobs["converted"] < jobs["clicked"] < jobs["opened"] < jobs["delivered"]


def test_nobody_unsubscribes_from_messages_to_staff(tmp_path: Path) -> None:
    words = {line["type"] for line in told(simulate_feedback(messages(3_000, "internal"), tmp_path))}
    assert not words & {"unsubscribed", "complained"}


def test_the_provider_does_not_tell_the_future(tmp_path: Path) -> None:
    until = AS_OF + HOUR
    early = told(simulate_feedback(messages(1_000), tmp_path / "early", until=until))
    late = told(simulate_feedback(messages(1_000), tmp_path / "late"))
    assert all(datetime.fromisoformat(str(line["at"])) <= until for line in early)
    assert {line["id"] for line in early} < {line["id"] for line in late}
