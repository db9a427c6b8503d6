"""Who a step goes to: every role, two roles of one person, fixed addresses, and records that were merged."""

import polars as pl
import pytest

from tests.world import World

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"


def addresses(world: World) -> list[str]:
    """Where everything planned goes."""
    return sorted(world.jobs().filter(pl.col("state") == "pending")["address"])


@pytest.fixture
def office(world: World) -> World:
    world.add("tenants", id=1)
    world.add("tenants", id=9, name="Another")
    for user in (
        {"id": 10, "role": "agent", "manager_id": 11},
        {"id": 11, "role": "department_manager"},
        {"id": 12, "role": "executive", "department": "board"},
        {"id": 13, "role": "agent", "active": False},
        {"id": 14, "role": "senior_management", "department": "board"},
        {"id": 15, "role": "agent", "department": "support"},
        {"id": 16, "role": "executive", "tenant_id": 9},
    ):
        world.add("users", **user)
    world.add("customers", id=2, agent_id=10)
    world.add("accounts", id=5, owner_id=10, csm_id=15, customer_id=2, created_at="2026-03-10T09:00")
    world.add("contacts", id=21, account_id=5)
    world.add("contacts", id=22, account_id=5, active=False)
    world.add("contacts", id=23, account_id=5)
    return world


def account_step(**step: object) -> dict[str, object]:
    return {
        "id": "welcome",
        "title": "Welcome",
        "audience": "accounts_created",
        "purpose": "internal",
        "steps": [{"id": "one", "channel": "email", "template": "t", **step}],
    }


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ("customer", ["customer2@mail.example.com"]),
        ("contacts", ["contact21@account.example.com", "contact23@account.example.com"]),
        ("agent", ["user10@staff.example.com"]),
        ("agent_manager", ["user11@staff.example.com"]),
        ("department_manager", ["user11@staff.example.com"]),
        ("senior_management", ["user14@staff.example.com"]),
        ("executives", ["user12@staff.example.com"]),
        ("account_owner", ["user10@staff.example.com"]),
        ("success_manager", ["user15@staff.example.com"]),
        ("team", ["user10@staff.example.com", "user11@staff.example.com"]),
        (["account_owner", "agent", "team"], ["user10@staff.example.com", "user11@staff.example.com"]),
        (["contacts", "success_manager"], None),
    ],
)
def test_a_role_is_these_people(office: World, roles: object, expected: list[str] | None) -> None:
    spec = account_step(recipient=roles)
    if roles == "customer":
        spec["purpose"] = "transactional"
    office.apply(spec, start=LONG_AGO)
    office.tick("2026-03-10T09:00")
    office.tick("2026-03-10T09:30")
    people = ["contact21@account.example.com", "contact23@account.example.com", "user15@staff.example.com"]
    assert addresses(office) == (expected or people)


def test_addresses_named_in_the_file_get_it_once_however_they_are_written(office: World) -> None:
    office.apply(
        account_step(to=["Ops@acme.example.com", "ops@ACME.example.com", "b@c.example"]), start=LONG_AGO
    )
    office.tick("2026-03-10T09:00")
    office.tick("2026-03-10T09:30")
    assert sorted(one.lower() for one in addresses(office)) == ["b@c.example", "ops@acme.example.com"]


def test_nobody_in_the_role_is_no_recipient(office: World) -> None:
    office.change("users", 12, active=False)
    office.apply(account_step(recipient="executives"), start=LONG_AGO)
    office.tick("2026-03-10T09:00")
    assert office.sent() == []
    assert office.decisions()["reason"].to_list() == ["no_recipient"]


def test_what_is_about_a_merged_record_goes_to_the_one_that_remains(world: World) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=4, email="final@mail.example.com")
    world.add("customers", id=3, merged_into=4)
    world.add("customers", id=2, merged_into=3)
    world.add("quotes", id=7, customer_id=2, sent_at="2026-03-10T09:00")
    world.apply(
        {
            "id": "quotes",
            "title": "Quotes",
            "audience": "open_quotes",
            "purpose": "transactional",
            "steps": [{"id": "one", "channel": "email", "template": "t"}],
        },
        start=LONG_AGO,
    )
    world.tick("2026-03-10T09:00")
    assert addresses(world) == ["final@mail.example.com"]
    assert world.sent() == [("one", 7, 0, "2026-03-10T09:00")]


def test_a_contact_is_written_to_in_the_zone_of_their_own(office: World) -> None:
    office.change("contacts", 21, time_zone="Pacific/Kiritimati")
    office.remove("contacts", 23)
    spec = account_step(recipient="contacts", offset="1 days", at="08:00")
    office.apply({**spec, "zone": "recipient"}, start=LONG_AGO)
    office.tick_through("2026-03-10T09:00", "2026-03-11T10:00", minutes=300)
    # 09:00 UTC on the 10th is 23:00 on the island, 14 hours ahead: a day later there, at 08:00.
    assert [due for *_, due in office.sent()] == ["2026-03-10T18:00"]
