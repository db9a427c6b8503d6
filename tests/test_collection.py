"""What the ledger knows is read like what the CRM knows, and what belongs to it is asked for by key."""

from typing import Any

import polars as pl
import pytest

from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Among, InRange
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.extraction import Demand, Keys, Selection, collect
from automation_pipelines.extraction import statements as crm_statements
from automation_pipelines.ledger.database import Database
from automation_pipelines.selection import Need, demands, whole
from automation_pipelines.tick import known, read_frames
from tests.happened import happen
from tests.past import plan, settle, tell
from tests.world import World, at

MORNING = ((at("2026-03-01T08:00"), at("2026-03-01T12:00")),)


def demand(source: str, *where: Any, of: Any = None, by: str = "id") -> Demand:
    columns = frozenset(column.name for column in SOURCES[source].columns)
    return Demand(source, columns, (Selection(where, MORNING, of, by),))


def events_of(db: Database, *where: Any) -> list[tuple[Any, ...]]:
    frame = collect(None, None, db, [demand("message_events", *where)])["message_events"]  # type: ignore[arg-type]
    return frame.sort("at", "type").select("type", "customer_id", "step", "machine").rows()


@pytest.mark.parametrize("source", ["changes", "interventions", "message_events"])
def test_sources_of_the_ledger_have_the_catalogues_types(database: Database, source: str) -> None:
    samples: dict[str, dict[str, Any]] = {
        "changes": {"source": "accounts", "row_id": 7, "column": "status", "new": "active"},
        "interventions": {"subject_id": 7, "campaign": "hook", "kind": "start"},
        "message_events": {"customer_id": 7, "type": "opened", "machine": True},
    }
    expected = {column.name: FRAME_TYPES[column.type] for column in SOURCES[source].columns}
    for rows in (0, 1):
        if rows:
            happen(database, source, {**samples[source], "at": "2026-03-01T09:00"})
        frame = collect(None, None, database, [demand(source)])[source]  # type: ignore[arg-type]
        assert (frame.height > 0) == (rows > 0)
        assert dict(frame.drop("id_text").schema) == expected


def test_what_became_of_messages(database: Database) -> None:
    happen(database, "message_events", {"customer_id": 7, "step": "a", "at": "2026-03-01T09:00"})
    opened = {"customer_id": 7, "step": "b", "type": "opened"}
    happen(database, "message_events", {**opened, "at": "2026-03-01T10:00"})
    happen(database, "message_events", {**opened, "at": "2026-03-01T11:00", "machine": True})
    happen(database, "message_events", {**opened, "at": "2026-03-01T11:30", "machine": False})
    assert events_of(database, InRange("at")) == [
        ("sent", 7, "a", False),
        ("opened", 7, "b", False),
        ("opened", 7, "b", True),
        ("opened", 7, "b", False),
    ]
    assert events_of(database, InRange("at"), Among("type", ("sent",))) == [("sent", 7, "a", False)]


def test_a_message_was_sent_once_whatever_its_provider_says(database: Database) -> None:
    (job,) = plan(database, {"customer_id": 7})
    settle(database, job, "completed")
    tell(database, ("x-1", "sent", job), ("x-2", "delivered", job))
    assert sorted(row[0] for row in events_of(database)) == ["delivered", "sent"]


def test_what_was_not_sent_or_was_a_test_is_no_event(database: Database) -> None:
    for state in ("pending", "dead", "unknown", "cancelled"):
        (job,) = plan(database, {"step": state, "customer_id": 7}, run_id=state)
        settle(database, job, state)
    happen(database, "message_events", {"customer_id": 7, "mode": "test", "at": "2026-03-01T09:00"})
    assert events_of(database) == []


def test_only_the_range_asked_for_is_read(database: Database) -> None:
    for hour in ("07:59", "08:00", "12:00", "12:01"):
        row = {"subject_id": 1, "campaign": "hook", "kind": "start", "at": f"2026-03-01T{hour}"}
        happen(database, "interventions", row)
    frame = collect(None, None, database, [demand("interventions", InRange("at"))])["interventions"]  # type: ignore[arg-type]
    assert frame["at"].dt.strftime("%H:%M").sort().to_list() == ["08:00", "12:00"]


def started(kind: str = "start") -> Selection:
    return Selection((Among("kind", (kind,)), InRange("at")), MORNING)


def customers_of_starts(world: World) -> list[int]:
    wanted = [
        demand("interventions", InRange("at")),
        demand("customers", of=("interventions", "subject_id", started())),
    ]
    return sorted(read_frames(world.installation, wanted)["customers"]["id"])


def test_only_the_customers_of_what_happened_travel(world: World) -> None:
    world.add("tenants", id=1)
    for key in range(1, 6):
        world.add("customers", id=key)
    assert customers_of_starts(world) == []
    rows = [(2, "start", "09:00"), (3, "pause", "09:00"), (4, "start", "13:00"), (5, "start", "10:00")]
    for key, kind, hour in rows:
        row = {"subject_id": key, "campaign": "hook", "kind": kind, "at": f"2026-03-01T{hour}"}
        happen(world.installation.database, "interventions", row)
    assert customers_of_starts(world) == [2, 5]


def test_and_of_so_many_that_no_database_takes_their_keys_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add("tenants", id=1)
    for key in range(1, 4):
        world.add("customers", id=key)
    monkeypatch.setattr(crm_statements, "_MOST_KEYS", 1)
    row = {"campaign": "hook", "kind": "start", "at": "2026-03-01T09:00"}
    for key in (1, 2):
        happen(world.installation.database, "interventions", {**row, "subject_id": key})
    assert customers_of_starts(world) == [1, 2, 3]


def test_the_goals_of_accounts_travel_by_their_own_key(world: World) -> None:
    world.add("tenants", id=1)
    for key in (1, 2):
        world.add("accounts", id=key)
        world.add("goals", id=10 + key, account_id=key)
    accounts = Selection((Keys("id", frozenset({2})),))
    wanted = [demand("goals", of=("accounts", "id", accounts), by="account_id")]
    assert read_frames(world.installation, wanted)["goals"]["id"].to_list() == [12]


def test_an_onward_range_has_no_end_and_reaches_back_as_far_as_it_says(world: World) -> None:
    world.add("tenants", id=1)
    for key, day in enumerate(("02-20", "02-27", "03-01", "03-10"), start=1):
        world.add("customers", id=key, created_at=f"2026-{day}T09:00")
    for predicate, expected in (
        (InRange("created_at", onwards=True), [3, 4]),
        (InRange("created_at", before=at("2026-03-01T08:00") - at("2026-02-26T08:00")), [2, 3]),
    ):
        frame = read_frames(world.installation, [demand("customers", predicate)])["customers"]
        inner = frame.filter(pl.col("id").is_in([1, 2, 3, 4]))
        assert inner["id"].sort().to_list() == expected


def test_whom_a_record_was_merged_into_travels_too(world: World) -> None:
    world.add("tenants", id=1)
    for key, into in ((1, None), (2, 1), (3, None)):
        world.add("customers", id=key, merged_into=into)
    world.add("quotes", id=9, customer_id=2, sent_at="2026-03-01T09:00")
    frames = read_frames(world.installation, demands([Need("open_quotes", MORNING)]))
    assert sorted(frames["customers"]["id"]) == [1, 2]


def test_nothing_that_is_not_due_travels(world: World) -> None:
    world.add("tenants", id=1)
    world.add("accounts", id=1, created_at="2026-03-01T09:00")
    world.add("accounts", id=2)
    for key in (1, 2):
        world.add("goals", id=key, account_id=key)
        world.add("engagements", id=key, account_id=key)
        world.add("contacts", id=key, account_id=key)
        world.add("customers", id=key)
    frames = read_frames(world.installation, demands([Need("accounts_created", MORNING)]))
    found = {name: frames[name]["id"].to_list() for name in ("accounts", "goals", "engagements", "contacts")}
    assert found == {"accounts": [1], "goals": [1], "engagements": [1], "contacts": [1]}
    assert frames["customers"].is_empty()


def test_signs_of_life_that_nobody_counts_do_not_travel_and_their_columns_do(world: World) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=1)
    world.add("bookings", id=3, booked_at="2026-03-01T09:00")
    world.add("payments", id=4, booking_id=3, paid_at="2026-03-01T09:00")
    needs = [Need("inactive_customers", MORNING), Need("payments_received", MORNING)]
    few = read_frames(world.installation, [whole("tenants"), whole("tenant_settings")])
    settings = known(world.installation, few)["settings"]
    for need, expected in ((needs[:1], []), (needs, [3])):
        frame = read_frames(world.installation, demands(need, settings))["bookings"]
        assert frame["id"].to_list() == expected
        assert {"customer_id", "booked_at"} <= set(frame.columns)
