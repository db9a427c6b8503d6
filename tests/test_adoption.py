"""Two foreign schemas, adopted with SQL files alone: real purchases and a real (invented) sales pipeline.

The data is not part of the project; these tests run where it lies beside the checkout.
"""

import importlib.util
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Among, InRange
from automation_pipelines.extraction import Demand, Selection, check, extract, open_crm
from automation_pipelines.sqlfiles import SqlFiles

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "cases" / "data"
ADOPTION = ROOT / "examples" / "adoption"

pytestmark = pytest.mark.skipif(
    not (DATA / "cdnow_purchases.csv").exists(), reason=f"the public data sets are not at {DATA}"
)


def frame(example: str, source: str, *alternatives: Selection) -> pl.DataFrame:
    columns = frozenset(column.name for column in SOURCES[source].columns)
    demand = Demand(source, columns, alternatives)
    return extract(open_crm(str(DATA)), SqlFiles(ADOPTION / example), [demand])[source]


@pytest.mark.parametrize(
    ("example", "rows"),
    [
        ("sales", {"tenants": 1, "users": 41, "customers": 86, "quotes": 8800}),
        ("purchases", {"tenants": 1, "customers": 23570, "payments": 69659, "conversions": 69659}),
    ],
)
def test_the_mapped_sources_keep_every_contract(example: str, rows: dict[str, int]) -> None:
    report = check(open_crm(str(DATA)), SqlFiles(ADOPTION / example))
    assert report.violations == ()
    assert {one.source: one.rows for one in report.sources if one.rows} == rows
    assert all(one.file.path.is_relative_to(ADOPTION) or one.absent for one in report.sources)


# The number that makes a key of purchases with the same contents.
NUMBERED = """row_number() OVER (
            PARTITION BY customer_id, purchased_on
            ORDER BY CAST(cds AS INTEGER), CAST(amount_usd AS DECIMAL(12, 2))
        )"""

# The mapping without one of its repairs → what `automation crm check` says about the data.
DIRT = [
    (
        "sales",
        "quotes",
        "coalesce(deals.account, '(no account)')",
        "deals.account",
        "quotes.customer_id: null in a required column in 1,425 rows",
    ),
    (
        "sales",
        "quotes",
        "CASE deals.product WHEN 'GTXPro' THEN 'GTX Pro' ELSE deals.product END",
        "deals.product",
        "quotes.amount: not an integer of minor units: 'no price for GTXPro' in 333 rows",
    ),
    (
        "sales",
        "quotes",
        "coalesce(deals.engage_date, '2016-10-20')",
        "deals.engage_date",
        "quotes.created_at: null in a required column in 500 rows",
    ),
    (
        "sales",
        "quotes",
        "WHEN 'Engaging' THEN 'sent'",
        "",
        "quotes.status: 'Engaging' is not one of draft, sent, viewed, accepted,",
    ),
    (
        "sales",
        "quotes",
        "-- text ids: id, customer_id, agent_id",
        "-- text ids: customer_id, agent_id",
        "quotes.id: not an integer key",
    ),
    (
        "purchases",
        "customers",
        "-- text ids: id, agent_id",
        "",
        "customers.id: not an integer key: '00001', '00002', '00003'; if keys are text, add the line",
    ),
    (
        "purchases",
        "payments",
        "-- text ids: id, customer_id, booking_id",
        "-- text ids: id, booking_id",
        "payments.customer_id: not an integer key",
    ),
    ("purchases", "payments", NUMBERED, "cds || '/' || amount_usd", "payments.id: duplicate key in 470 rows"),
]


@pytest.mark.parametrize("dirt", DIRT, ids=lambda dirt: dirt[4].partition(":")[0])
def test_the_dirt_in_the_data_is_found_by_name(tmp_path: Path, dirt: tuple[str, str, str, str, str]) -> None:
    example, source, repair, without, said = dirt
    own = tmp_path / example
    shutil.copytree(ADOPTION / example, own)
    file = own / "sources" / f"{source}.sql"
    text = file.read_text()
    assert repair in text
    file.write_text(text.replace(repair, without))
    report = check(open_crm(str(DATA)), SqlFiles(own))
    assert report.broken
    assert any(str(violation).startswith(said) for violation in report.violations), report.violations


def test_all_identical_purchases_are_kept() -> None:
    payments = frame("purchases", "payments")
    assert payments["id"].n_unique() == len(payments)
    contents = payments["id_text"].str.replace(r"/\d+$", "")
    assert contents.n_unique() < len(payments)
    assert payments["amount"].sum() == 250_031_563


def test_a_number_with_leading_zeros_stays_what_it_is() -> None:
    customers = frame("purchases", "customers")
    first = customers.filter(pl.col("id_text") == "00001")
    assert first["created_at"].to_list() == [datetime(1997, 1, 1, 12, tzinfo=UTC)]
    assert first["lifetime_value"].to_list() == [1177]


def test_only_the_customers_silent_for_a_threshold_travel() -> None:
    lo, hi = datetime(1998, 3, 1, tzinfo=UTC), datetime(1998, 3, 2, tzinfo=UTC)
    silent = frame("purchases", "customers", Selection((InRange("last_activity_at"),), ((lo, hi),)))
    assert 0 < len(silent) < 500
    assert (
        silent["last_activity_at"]
        .is_between(datetime(1998, 2, 27, tzinfo=UTC), datetime(1998, 3, 5, tzinfo=UTC))
        .all()
    )


def test_opportunities_become_quotes_that_can_be_followed_up() -> None:
    engaged = Selection((Among("status", ("sent", "viewed")), InRange("sent_at")), ((None, None),))
    quotes = frame("sales", "quotes", engaged)
    assert len(quotes) == 1589
    assert quotes["amount"].null_count() == 0
    assert ((quotes["expires_at"] - quotes["sent_at"]).dt.total_days() == 60).all()
    assert quotes.filter(pl.col("destination") == "GTX Pro").height > 0


@pytest.fixture(scope="module")
def replaying() -> ModuleType:
    spec = importlib.util.spec_from_file_location("replay", ADOPTION / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["replay"] = module
    spec.loader.exec_module(module)
    return module


def table(name: str) -> pl.DataFrame:
    return pl.read_csv(DATA / f"{name}.csv", infer_schema=False)


def purchases_due(days: list[date]) -> dict[tuple[str, str], int]:
    """Counted in the file itself: first purchases a year before, and regulars' last ones 90 days before."""
    customers = (
        table("cdnow_purchases")
        .group_by("customer_id")
        .agg(
            first=pl.col("purchased_on").min().str.to_date(),
            last=pl.col("purchased_on").max().str.to_date(),
            visits=pl.col("purchased_on").n_unique(),
        )
    )
    year_ago = [day.replace(year=day.year - 1) for day in days]
    # A last purchase at noon is due at noon, which the tick of the last midnight does not see.
    silent = [day - timedelta(days=90) for day in days[:-1]]
    return {
        ("first-purchase-anniversary", "thank-you"): customers.filter(pl.col("first").is_in(year_ago)).height,
        ("re-engagement", "we-miss-you"): customers.filter(
            pl.col("last").is_in(silent), pl.col("visits") > 1
        ).height,
    }


def sales_due(days: list[date]) -> dict[tuple[str, str], int]:
    """Counted in the file itself: open deals of a known account, so many days after they began."""
    deals = table("crm_sales_pipeline").filter(
        pl.col("deal_stage") == "Engaging", pl.col("account").is_not_null()
    )
    steps = {("quote-follow-up", f"day-{n}"): n for n in (3, 7, 14)}
    steps["quote-expiry-warning", "warn-customer"] = 59
    return {
        step: deals.filter(
            pl.col("engage_date").str.to_date().is_in([day - timedelta(days=n) for day in days[:-1]])
        ).height
        for step, n in steps.items()
    }


REPLAYS: dict[str, tuple[date, Callable[[list[date]], dict[tuple[str, str], int]]]] = {
    "purchases": (date(1998, 3, 1), purchases_due),
    "sales": (date(2017, 11, 6), sales_due),
}


@pytest.mark.parametrize("example", REPLAYS)
def test_the_main_job_sends_what_the_file_says_is_due_and_nothing_twice(
    tmp_path: Path, replaying: ModuleType, example: str
) -> None:
    day, due = REPLAYS[example]
    first = datetime.combine(day, time(0), UTC)
    opened = replaying.installation(example, DATA, tmp_path / "home")
    campaigns = [ADOPTION / example / "campaigns"]
    once = replaying.replay(opened, campaigns, first, 3)
    planned = once.counts().filter(pl.col("decision") == "planned")
    assert {(campaign, step): n for campaign, step, _, n in planned.rows()} == {
        step: n for step, n in due([day + timedelta(days=n) for n in range(4)]).items() if n
    }
    messages = len(list((tmp_path / "home" / "outbox" / "new").iterdir()))
    assert messages == once.delivered > 0
    again = replaying.replay(opened, campaigns, first, 3)
    assert again.delivered == 0


def test_offers_to_nobody_are_counted_instead_of_left_out(tmp_path: Path, replaying: ModuleType) -> None:
    opened = replaying.installation("sales", DATA, tmp_path / "home")
    campaigns = [ADOPTION / "sales" / "campaigns" / "quote-follow-up.yaml"]
    outcome = replaying.replay(opened, campaigns, datetime(2017, 11, 6, tzinfo=UTC), 2)
    nobody = outcome.moments.filter(pl.col("reason") != "planned")
    assert nobody.height > 0
    assert set(nobody["reason"]) <= {"no_recipient", "stale"}
    assert set(nobody["held_by"].drop_nulls()) <= {"no_recipient"}
