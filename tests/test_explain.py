"""Explain: every gate in its order, with what it saw."""

import pytest

from automation_pipelines.explain import Gate, explain
from automation_pipelines.ledger import stops
from automation_pipelines.ledger.stops import Stop
from automation_pipelines.model import Reason
from tests.world import NewWorld, World, at

LONG_AGO = "2026-01-01T00:00"
GATES = [
    "stale",
    "inactive",
    "waiting",
    "condition",
    "no_recipient",
    "suppressed",
    "duplicate",
    "superseded",
    "holdout",
    "merged",
    "guarded",
    "capped",
    "limited",
]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, new_world_of_module: NewWorld) -> World:
    """Four customers with the same birthday, two of them one person; every test looks at the same."""
    world = new_world_of_module(request.param)
    world.add("tenants", id=1)
    world.add("tenant_settings", id=1, name="caps", value="1 per day")
    for number in (2, 3, 4):
        email = "kim@mail.example.com" if number < 4 else "lee@mail.example.com"
        world.add("customers", id=number, birthday="1990-03-10", email=email)
    world.add("customers", id=5, birthday="1990-03-10", email_opt_out=True)
    for name, policy in (("first", {"priority": 1}), ("second", {"max_executions": 0, "capped": False})):
        step = {"id": "hello", "channel": "email", "template": "t"}
        campaign = {"id": name, "title": name, "audience": "birthdays", "steps": [step]}
        world.apply({**campaign, "policy": policy}, start=LONG_AGO)
    step = {"id": "hello", "channel": "email", "template": "t", "at": "10:00"}
    held = {"holdout": 100, "guard": {"cap": 1}}
    late = {"id": "late", "title": "late", "audience": "birthdays", "steps": [step]}
    world.apply({**late, "policy": {**held, "holdout": 0.0}}, start=LONG_AGO)
    world.apply({**late, "id": "lab", "policy": held}, start=LONG_AGO)
    world.apply({**late, "id": "again"}, start=LONG_AGO)
    world.tick("2026-03-10T09:30")
    return world


def stopped(shop: World, subject: str, campaign: str) -> tuple[str, str]:
    """The gate that stopped a moment, and what it saw; those before let it pass, none was asked after."""
    (told,) = explain(shop.installation, subject=subject, campaign=campaign)
    assert [gate.reason for gate in told.gates] == GATES == [str(reason) for reason in Reason][:-1]
    passed = [gate.passed for gate in told.gates]
    place = passed.index(False)
    assert passed == [True] * place + [False] + [None] * (len(GATES) - place - 1)
    return told.gates[place].reason, told.gates[place].saw


def test_what_went_out_passed_every_gate_and_has_its_job(shop: World) -> None:
    (told,) = explain(shop.installation, subject="2", campaign="first")
    assert all(gate.passed for gate in told.gates)
    assert told.job is not None
    assert told.job["state"] == "pending"
    assert Gate("no_recipient", True, "address usable, channel email") in told.gates


@pytest.mark.parametrize(
    ("subject", "campaign", "expected"),
    [
        ("5", "first", ("suppressed", "suppressed by: opted_out")),
        ("3", "first", ("merged", "said in that of subject 2")),
        ("4", "second", ("limited", "limit reached: 0 executions")),
        ("4", "late", ("guarded", "2 moments on the campaign's day, 1 are let go without approval")),
        ("4", "again", ("capped", "cap reached: 1 per day")),
    ],
)
def test_the_gate_that_stopped_it_says_what_it_saw(
    shop: World, subject: str, campaign: str, expected: tuple[str, str]
) -> None:
    assert stopped(shop, subject, campaign) == expected


def test_who_is_held_out_reads_what_they_drew(shop: World) -> None:
    gate, saw = stopped(shop, "4", "lab")
    assert gate == "holdout"
    assert saw.endswith("below 100 is held out")


def test_what_waits_because_marketing_is_stopped_says_so(shop: World) -> None:
    database, now = shop.installation.database, at("2026-03-10T09:40")
    stops.stop(database, [Stop(1, "email", "3 of 1,000 complained", now)], by="automation: watch")
    (told,) = explain(shop.installation, subject="2", campaign="first")
    stops.release(database, 1, "email", because="looked at", by="ann", at=now)
    (since,) = explain(shop.installation, subject="2", campaign="first")
    assert told.job is not None
    assert since.job is not None
    assert told.job["stopped"].startswith(
        "marketing by email of tenant 1 is stopped since 2026-03-10 09:40 UTC: 3 of 1,000 complained"
    )
    assert since.job["stopped"] is None
