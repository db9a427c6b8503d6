"""The demo's hand-made customers are what their names say, and time passes alike for everybody."""

import shutil
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
import sqlalchemy as sa

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.catalogue.tenant_settings import TENANT_SETTINGS
from automation_pipelines.catalogue.types import Anchor
from automation_pipelines.demo.account_probes import AccountProbe
from automation_pipelines.demo.advance import advance
from automation_pipelines.demo.crm import build_crm
from automation_pipelines.demo.places import PHONES
from automation_pipelines.demo.probes import Probe
from automation_pipelines.engine import open_engine
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.extraction import check, open_crm
from automation_pipelines.installation import Installation
from automation_pipelines.selection import Need, demands, select
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.tick import known, read_frames
from tests.test_demo import AS_OF, DAY, HOUR, MOMENTS, read
from tests.world import World

CUSTOMERS = 600
Frames = dict[str, pl.DataFrame]


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CRM nobody may change."""
    path = tmp_path_factory.mktemp("demo") / "crm.db"
    build_crm(url_of(path), as_of=AS_OF, customers=CUSTOMERS)
    return path


@pytest.fixture
def crm(built: Path, tmp_path: Path) -> Path:
    """A copy of it to live in."""
    return Path(shutil.copy(built, tmp_path / "crm.db"))


@pytest.fixture(scope="module")
def crm_later(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CRM 30 days later, which nobody may change either."""
    path = Path(shutil.copy(built, tmp_path_factory.mktemp("month") / "crm.db"))
    advance(url_of(path), since=AS_OF, until=AS_OF + 30 * DAY)
    return path


@pytest.fixture(scope="module")
def month(crm_later: Path) -> Frames:
    """What it then holds."""
    return read(url_of(crm_later))


@pytest.fixture(scope="module")
def before(built: Path) -> Frames:
    return read(url_of(built))


def of(frames: Frames, table: str, probe: Probe) -> list[dict[str, Any]]:
    return frames[table].filter(customer_id=int(probe)).sort("id").to_dicts()


def one(frames: Frames, table: str, probe: Probe) -> dict[str, Any]:
    (row,) = of(frames, table, probe)
    return row


def days_until(frames: Frames, day: Any, tenant: int, as_of: datetime) -> int:
    """Days from today in the tenant's own zone."""
    zone = frames["tenants"].filter(id=tenant)["time_zone"].item()
    return int((day - as_of.astimezone(ZoneInfo(zone)).date()).days)


@pytest.mark.parametrize("as_of", [pytest.param(AS_OF, id="an ordinary day"), *MOMENTS])
def test_trips_lie_as_many_days_ahead_as_their_probes_say(tmp_path: Path, as_of: datetime) -> None:
    url = url_of(tmp_path / "crm.db")
    build_crm(url, as_of=as_of, customers=70)
    frames = read(url)
    found = {}
    for probe in Probe:
        for trip in of(frames, "bookings", probe):
            ahead = days_until(frames, trip["departure_on"], trip["tenant_id"], as_of)
            back = days_until(frames, trip["return_on"], trip["tenant_id"], as_of)
            found[probe] = (trip["status"], ahead, back)
    assert found == {
        Probe.DEPARTS_IN_30: ("confirmed", 30, 37),
        Probe.DEPARTS_IN_7: ("confirmed", 7, 14),
        Probe.DEPARTS_TOMORROW: ("confirmed", 1, 8),
        Probe.DEPARTS_IN_8: ("confirmed", 8, 15),
        Probe.CANCELLED: ("cancelled", 7, 14),
        Probe.BACK_YESTERDAY: ("completed", -8, -1),
        Probe.REVIEWED: ("completed", -12, -5),
        Probe.PAYMENT_DUE_IN_3: ("confirmed", 33, 40),
        Probe.PAYMENT_OVERDUE: ("confirmed", 28, 35),
        Probe.DOCUMENT_UPLOADED: ("confirmed", 60, 67),
    }
    due = {
        probe: days_until(frames, payment["due_on"], payment["tenant_id"], as_of)
        for probe in Probe
        for payment in of(frames, "payments", probe)
        if payment["status"] == "due"
    }
    assert due == {
        Probe.DEPARTS_IN_30: 0,
        Probe.PAYMENT_DUE_IN_3: 3,
        Probe.PAYMENT_OVERDUE: -2,
        Probe.DOCUMENT_UPLOADED: 30,
    }


def test_probes_of_quotes_and_enquiries_are_what_their_names_say(before: Frames) -> None:
    viewed, accepted = (one(before, "quotes", p) for p in (Probe.QUOTE_VIEWED, Probe.QUOTE_SOON_ACCEPTED))
    assert (viewed["status"], AS_OF - viewed["sent_at"]) == ("viewed", 50 * HOUR)
    assert (viewed["viewed_at"], viewed["expires_at"]) == (AS_OF - 2 * HOUR, AS_OF + 10 * DAY)
    assert (accepted["status"], AS_OF - accepted["sent_at"]) == ("sent", 2 * DAY)
    expired = one(before, "quotes", Probe.QUOTE_EXPIRED)
    assert (expired["status"], AS_OF - expired["expires_at"]) == ("expired", 3 * HOUR)
    unassigned, late = (one(before, "queries", p) for p in (Probe.UNASSIGNED, Probe.UNASSIGNED_LATE))
    assert (unassigned["agent_id"], late["agent_id"]) == (None, None)
    assert (unassigned["sla_due_at"] - AS_OF, AS_OF - late["sla_due_at"]) == (20 * HOUR, 1.5 * HOUR)
    review, paper = one(before, "reviews", Probe.REVIEWED), one(before, "documents", Probe.DOCUMENT_UPLOADED)
    assert (AS_OF - review["submitted_at"], AS_OF - paper["uploaded_at"]) == (2 * DAY, 2 * HOUR)
    assert of(before, "reviews", Probe.BACK_YESTERDAY) == []


def test_probes_among_customers_are_what_their_names_say(before: Frames) -> None:
    rows = {row["id"]: row for row in before["customers"].to_dicts()}
    ages = {probe: AS_OF - rows[probe]["created_at"] for probe in (50, 51, 52, 53)}
    assert ages == {50: 2 * HOUR, 51: 6 * DAY, 52: 8 * DAY, 53: DAY}
    assert rows[Probe.NEW_COMPANY]["company_name"] == "Fernweh Consulting"
    assert not rows[Probe.NEW_PHONE_ONLY]["email"]
    assert rows[Probe.NEW_PHONE_ONLY]["phone"].startswith("+")
    days = {
        p: local_days_in_stage(before, rows[p])
        for p in (Probe.STAGE_DAY_1, Probe.STAGE_LEFT, Probe.STAGE_DAY_45)
    }
    assert days == {Probe.STAGE_DAY_1: 1, Probe.STAGE_LEFT: 3, Probe.STAGE_DAY_45: 45}
    assert rows[Probe.STAGE_WON]["pipeline_stage"] == "won"
    family = [rows[p] for p in (Probe.SAME_ADDRESS, Probe.SAME_ADDRESS_TOO, Probe.MERGED)]
    assert len({(row["email"], row["tenant_id"]) for row in family}) == 1
    assert [row["merged_into"] for row in family] == [None, None, Probe.SAME_ADDRESS]


def local_days_in_stage(frames: Frames, row: dict[str, Any]) -> int:
    """Day 1 is the local day of entry."""
    zone = ZoneInfo(frames["tenants"].filter(id=row["tenant_id"])["time_zone"].item())
    entered, today = (moment.astimezone(zone).date() for moment in (row["stage_entered_at"], AS_OF))
    return int((today - entered).days) + 1


def test_probes_of_passes_and_consents_are_what_their_names_say(before: Frames) -> None:
    passes = {
        p: one(before, "wallet_passes", p)
        for p in (Probe.WALLET_SILENT, Probe.WALLET_USED, Probe.WALLET_REMOVED)
    }
    assert [(p["active"], (AS_OF - p["updated_at"]).days) for p in passes.values()] == [
        (True, 10),
        (True, 1),
        (False, 10),
    ]
    silent = before["customers"].filter(pl.col("id").is_in([int(probe) for probe in passes]))
    assert set(silent["last_activity_at"]) == {AS_OF - 10 * DAY}
    assert silent["tenant_id"].n_unique() == 1
    states = {p: [(c["topic"], c["state"]) for c in of(before, "consents", p)] for p in Probe}
    assert {p: said for p, said in states.items() if said} == {
        Probe.OPTED_OUT: [("", "opted_out")],
        Probe.OPTED_OUT_OF_PROMOTIONS: [("promotions", "opted_out")],
        Probe.UNCONFIRMED: [("", "pending")],
        Probe.OPTED_IN_AGAIN: [("", "opted_out"), ("", "opted_in")],
    }


def test_contracts_end_when_their_accounts_say(before: Frames) -> None:
    ends = {
        AccountProbe(row["id"]): days_until(before, row["contract_ends_on"], row["tenant_id"], AS_OF)
        for row in before["accounts"].filter(pl.col("id") <= len(AccountProbe)).to_dicts()
    }
    assert {probe: days for probe, days in ends.items() if days < 100} == {
        AccountProbe.ENDS_IN_90: 90,
        AccountProbe.ENDS_IN_30: 30,
        AccountProbe.ENDS_IN_7: 7,
        AccountProbe.ENDS_IN_91: 91,
    }


# (account, days later) → health score, churn risk, status.
STANDINGS = [
    (AccountProbe.HEALTH_DROPS, 0, (75, 20, "active")),
    (AccountProbe.HEALTH_DROPS, 2, (55, 20, "active")),
    (AccountProbe.HEALTH_DROPS, 11, (72, 20, "active")),
    (AccountProbe.HEALTH_DIPS, 11, (62, 20, "active")),
    (AccountProbe.HEALTH_LOW, 0, (50, 45, "active")),
    (AccountProbe.HEALTH_LOW, 11, (45, 45, "active")),
    (AccountProbe.CHURN_RISES, 2, (80, 40, "active")),
    (AccountProbe.CHURN_RISES, 11, (80, 80, "active")),
    (AccountProbe.CHURN_HIGH, 11, (65, 85, "active")),
    (AccountProbe.TRIAL, 0, (80, 20, "trial")),
    (AccountProbe.TRIAL, 2, (80, 20, "onboarding")),
    (AccountProbe.ACTIVE, 11, (80, 20, "at_risk")),
]


@pytest.fixture(scope="module")
def accounts_later(built: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, pl.DataFrame]:
    path = Path(shutil.copy(built, tmp_path_factory.mktemp("later") / "crm.db"))
    found = {}
    for days in (0, 2, 11):
        advance(url_of(path), since=AS_OF, until=AS_OF + days * DAY)
        found[days] = read(url_of(path))["accounts"]
    return found


@pytest.mark.parametrize(("probe", "days", "expected"), STANDINGS)
def test_the_story_of_an_account(
    accounts_later: dict[int, pl.DataFrame], probe: AccountProbe, days: int, expected: tuple[int, int, str]
) -> None:
    found = accounts_later[days].filter(id=int(probe))
    assert found.select("health_score", "churn_risk", "status").row(0) == expected


def test_the_stories_end_as_told(month: Frames) -> None:
    quote = one(month, "quotes", Probe.QUOTE_SOON_ACCEPTED)
    assert (quote["status"], quote["decided_at"]) == ("accepted", AS_OF + 2 * DAY)
    assert one(month, "bookings", Probe.QUOTE_SOON_ACCEPTED)["booked_at"] == quote["decided_at"]
    moved = month["customers"].filter(id=int(Probe.STAGE_LEFT)).to_dicts()[0]
    assert (moved["pipeline_stage"], moved["stage_entered_at"]) == ("contacted", AS_OF + 5 * DAY)
    said = one(month, "consents", Probe.SOON_OPTED_OUT)
    assert (said["state"], said["at"]) == ("opted_out", AS_OF + 3 * DAY)
    talks = {row["id"]: (row["status"], row["outcome"]) for row in month["engagements"].to_dicts()}
    assert talks[AccountProbe.MEETING_MISSED] == ("missed", None)
    assert talks[AccountProbe.CALL_NEGATIVE] == ("completed", "negative")
    goals = {row["id"]: row["status"] for row in month["goals"].to_dicts()}
    told = [
        AccountProbe.GOAL_ACHIEVED,
        AccountProbe.GOAL_MISSED,
        AccountProbe.GOAL_AT_RISK,
        AccountProbe.GOAL_NEW,
    ]
    assert [goals[probe] for probe in told] == ["achieved", "missed", "at_risk", "active"]


def test_a_span_cut_into_pieces_and_repeated_leaves_the_same_rows(
    built: Path, crm: Path, tmp_path: Path
) -> None:
    once = Path(shutil.copy(built, tmp_path / "once.db"))
    advance(url_of(once), since=AS_OF, until=AS_OF + 4 * DAY)
    for step in range(16):
        start = AS_OF + step * 6 * HOUR
        advance(url_of(crm), since=start, until=start + 6 * HOUR)
        advance(url_of(crm), since=start - DAY, until=start + 3 * HOUR)
    whole, pieces = read(url_of(once)), read(url_of(crm))
    for name in CRM_SOURCES:
        assert whole[name].sort("id").equals(pieces[name].sort("id")), name


def test_time_passes_alike_in_both_databases(crm: Path, postgres_url: str) -> None:
    build_crm(postgres_url, as_of=AS_OF, customers=CUSTOMERS)
    for url in (postgres_url, url_of(crm)):
        advance(url, since=AS_OF, until=AS_OF + 3 * DAY)
    postgres, sqlite = read(postgres_url), read(url_of(crm))
    for name in CRM_SOURCES:
        assert postgres[name].sort("id").equals(sqlite[name].sort("id")), name


def test_a_month_later_the_crm_still_keeps_every_contract(crm_later: Path) -> None:
    with open_crm(url_of(crm_later)) as opened:
        assert [str(violation) for violation in check(opened, SqlFiles()).violations] == []
    with sqlite3.connect(crm_later) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_month_later_money_still_adds_up_and_dates_are_in_order(month: Frames) -> None:
    paid = month["payments"].filter(status="paid").group_by("customer_id").agg(paid=pl.col("amount").sum())
    customers = month["customers"].join(paid, left_on="id", right_on="customer_id", how="left")
    assert customers.filter(pl.col("lifetime_value") != pl.col("paid").fill_null(0)).is_empty()
    quotes = month["quotes"]
    looked_at = quotes.filter(pl.col("status").is_in(["viewed", "accepted", "rejected"]))
    assert looked_at["viewed_at"].null_count() == 0
    for earlier, later in (
        ("sent_at", "viewed_at"),
        ("viewed_at", "decided_at"),
        ("decided_at", "expires_at"),
    ):
        assert quotes.filter(pl.col(earlier) > pl.col(later)).is_empty(), (earlier, later)
    for name, frame in month.items():
        if "updated_at" in frame.columns:
            assert frame.filter(pl.col("updated_at") > AS_OF + 30 * DAY).is_empty(), name


def test_in_a_month_everything_happens_that_campaigns_wait_for(before: Frames, month: Frames) -> None:
    lately = [
        ("customers", "created_at"),
        ("queries", "created_at"),
        ("queries", "resolved_at"),
        ("quotes", "sent_at"),
        ("quotes", "viewed_at"),
        ("quotes", "decided_at"),
        ("bookings", "booked_at"),
        ("payments", "paid_at"),
        ("events", "at"),
        ("documents", "uploaded_at"),
        ("reviews", "submitted_at"),
        ("wallet_passes", "updated_at"),
        ("consents", "at"),
        ("customers", "stage_entered_at"),
        ("accounts", "created_at"),
        ("leads", "created_at"),
        ("engagements", "at"),
        ("goals", "created_at"),
    ]
    happened = {(name, column): month[name].filter(pl.col(column) > AS_OF).height for name, column in lately}
    assert [key for key, count in happened.items() if count == 0] == []
    changed = before["accounts"].join(month["accounts"], on="id", suffix="_then")
    assert changed.filter(pl.col("health_score") >= 60, pl.col("health_score_then") < 60).height > 0
    assert changed.filter(pl.col("status") != pl.col("status_then")).height > 0
    assert (
        month["quotes"]
        .filter(pl.col("expires_at").is_between(AS_OF, AS_OF + 20 * DAY), status="expired")
        .height
        > 0
    )


def test_what_a_campaign_wrote_back_stays(crm: Path) -> None:
    with sqlite3.connect(crm) as connection:
        (query,) = connection.execute(
            "SELECT max(id) FROM queries WHERE status = 'open' AND agent_id IS NOT NULL AND id < 500000000"
        ).fetchone()
        connection.execute("UPDATE queries SET escalation_level = 3, agent_id = NULL WHERE id = ?", (query,))
        connection.execute(
            "INSERT INTO tasks (tenant_id, title, status, created_at) "
            "VALUES (1, 'Call', 'open', '2026-11-21')"
        )
    advance(url_of(crm), since=AS_OF, until=AS_OF + 5 * DAY)
    after = read(url_of(crm))
    assert after["queries"].filter(id=query).select("escalation_level", "agent_id").row(0) == (3, None)
    assert after["tasks"].filter(title="Call").height == 1


def test_every_setting_of_a_tenant_is_one_there_is_with_a_value_it_allows(before: Frames) -> None:
    settings = before["tenant_settings"].to_dicts()
    read_values = [TENANT_SETTINGS[row["name"]].value(row["value"]) for row in settings]
    assert len(read_values) > len(set(before["tenant_settings"]["tenant_id"])) > 1


def numbers(frames: Frames) -> Iterator[tuple[str, str]]:
    yield from frames["customers"].drop_nulls("phone").select("country", "phone").iter_rows()


def test_phone_numbers_are_of_their_country_but_for_a_few(before: Frames) -> None:
    def sound(country: str, phone: str) -> bool:
        code, trunk, start, digits = PHONES[country]
        rest = phone.removeprefix(f"{code} ") if phone.startswith("+") else phone.removeprefix(trunk)
        return rest.startswith(start) and len(rest) == len(start) + digits

    judged = [sound(country, phone) for country, phone in numbers(before)]
    assert 0.97 < sum(judged) / len(judged) < 1


def test_some_customers_share_an_address_and_some_were_merged(before: Frames) -> None:
    customers = before["customers"].filter(pl.col("id") > max(Probe))
    shared = (
        customers.filter(pl.col("email") != "").group_by("tenant_id", "email").len().filter(pl.col("len") > 1)
    )
    assert not shared.is_empty()
    merged = customers.drop_nulls("merged_into")
    targets = merged.join(customers, left_on="merged_into", right_on="id", suffix="_target")
    assert targets.height == merged.height
    assert targets.filter(pl.col("tenant_id") != pl.col("tenant_id_target")).is_empty()
    assert targets["merged_into_target"].null_count() == targets.height


def test_a_crm_that_the_demo_did_not_build_is_not_lived_in(tmp_path: Path, postgres_url: str) -> None:
    for url in (url_of(tmp_path / "new.db"), postgres_url):
        with pytest.raises(ConfigurationError, match=r"build it anew with `automation demo --force`"):
            advance(url, since=AS_OF, until=AS_OF + DAY)


# These start from what the ledger keeps.
RECORDED = {"messages_sent", "started_customers"}
CHANGES = {name for name in AUDIENCES if name.endswith("_changes")}


@pytest.mark.parametrize("audience", sorted(AUDIENCES.keys() - RECORDED - CHANGES))
def test_there_is_always_somebody_in_an_audience(built: Path, tmp_path: Path, audience: str) -> None:
    installation = Installation.open(Settings(home=tmp_path, crm_url=url_of(built)))
    installation.initialise(AS_OF)
    around = 3 * DAY if AUDIENCES[audience].anchor is Anchor.INSTANT else 31 * DAY
    need = Need(audience, ((AS_OF - around, AS_OF + around),))
    with open_engine() as engine:
        engine.add(**known(installation, read_frames(installation, demands([need]))))
        _, found = select(engine, installation.sqlfiles, need, as_of=AS_OF, leap_day="02-28")
    assert found > 0


HEALTH_ALERT = {
    "id": "health-alert",
    "title": "Health below 60",
    "kind": "workflow",
    "audience": "health_score_changes",
    "purpose": "internal",
    "conditions": {
        "all": [
            {"field": "before", "operator": "greater_than", "value": 59},
            {"field": "after", "operator": "less_than", "value": 60},
        ]
    },
    "steps": [
        {
            "id": "tell",
            "offset": "0 minutes",
            "channel": "email",
            "recipient": "success_manager",
            "template": "hello",
        }
    ],
}


def test_of_all_told_stories_one_is_a_health_that_drops_below_60(crm: Path, tmp_path: Path) -> None:
    installation = Installation.open(Settings(home=tmp_path / "home", crm_url=url_of(crm)))
    installation.initialise(AS_OF)
    world = World(installation, sa.create_engine(url_of(crm)), {})
    world.apply(HEALTH_ALERT, start=AS_OF.isoformat())
    for days in range(5):
        advance(url_of(crm), since=AS_OF, until=AS_OF + days * DAY)
        world.tick((AS_OF + days * DAY).isoformat())
    told = {(subject, due) for _, subject, _, due in world.sent() if subject <= len(AccountProbe)}
    assert told == {(AccountProbe.HEALTH_DROPS, f"{AS_OF + DAY + 3 * HOUR:%Y-%m-%dT%H:%M}")}
    world.close()
