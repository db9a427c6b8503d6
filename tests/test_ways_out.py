"""One campaign over every way out: planned by ticks, delivered for real, looked at on the other side."""

import json
from email import message_from_bytes
from typing import Any

import sqlalchemy as sa

from automation_pipelines.channels import build_channels
from automation_pipelines.delivery import Delivered, deliver
from tests.world import World, at

STEPS: list[dict[str, Any]] = [
    {
        "id": "mail",
        "channel": "email",
        "template": "hello",
        "cc": ["agent"],
        "bcc": ["audit@acme.example.com"],
    },
    {"id": "sms", "channel": "sms", "template": "hello"},
    {"id": "reach", "channels": ["wallet", "phone"], "template": "hello"},
    {"id": "wait", "channel": "wait"},
    {
        "id": "hook",
        "request": {"url": "https://hooks.example.com/new", "body": {"name": "{{ customer_name }}"}},
    },
    {
        "id": "deal",
        "integration": {
            "target": "slack",
            "action": "post-message",
            "parameters": {"text": "{{ first_name }}"},
        },
    },
    {
        "id": "task",
        "action": "create_task",
        "with": {"title": "Call {{ customer_name }}", "due_on": "+3d"},
        "assign": {"strategy": "user", "user": 2},
    },
    {"id": "mark", "action": "update_customer_field", "with": {"field": "segment", "value": "new"}},
]


def delivered(world: World, moment: str) -> Delivered:
    """Deliver what is due at that time."""
    opened = world.installation
    channels = build_channels(opened.settings)
    try:
        return deliver(
            opened.database,
            channels,
            opened.campaigns,
            opened.settings,
            clock=lambda: at(moment),
            owner="worker",
        )
    finally:
        for channel in channels.values():
            channel.close()


def filed(world: World, channel: str) -> dict[str, Any]:
    """The one file in the outbox of a channel."""
    [path] = (world.installation.settings.outbox / channel).glob("*.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def rows(world: World, table: str) -> list[dict[str, Any]]:
    """All rows of a table of the CRM."""
    with world.crm.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(world.tables[table])).mappings()]


def test_every_way_out_is_planned_and_arrives(world: World) -> None:
    world.add("tenants", id=1)
    for number in (1, 2):
        world.add("users", id=number)
    world.add("customers", id=7, phone="+15550100", created_at="2026-03-01T08:10", agent_id=1)
    campaign = {"id": "all", "title": "All", "audience": "new_customers", "purpose": "transactional"}
    world.apply({**campaign, "steps": STEPS}, start="2026-03-01T00:00")
    world.tick("2026-03-01T08:30")
    assert delivered(world, "2026-03-01T08:31") == Delivered(completed=len(STEPS))
    world.tick("2026-03-01T08:30")
    assert delivered(world, "2026-03-01T09:00") == Delivered()
    [mail] = (world.installation.settings.outbox / "new").iterdir()
    message = message_from_bytes(mail.read_bytes())
    assert (message["To"], message["Cc"]) == (
        '"Kim Doe" <customer7@mail.example.com>',
        "<user1@staff.example.com>",
    )
    assert filed(world, "sms")["to"] == "+15550100"
    assert filed(world, "webhook")["body"] == {"name": "Kim Doe"}
    assert filed(world, "slack")["parameters"] == {"text": "Kim"}
    call, task = sorted(rows(world, "tasks"), key=lambda row: row["title"] == "Call Kim Doe")
    told = call["description"].partition(":")[0]
    assert (told, call["assignee_id"], call["customer_id"]) == ("+15550100", 1, 7)
    assert str(call["due_on"]) == "2026-03-01"
    assert (task["title"], task["assignee_id"], task["customer_id"]) == ("Call Kim Doe", 2, 7)
    assert str(task["due_on"]) == "2026-03-04"
    assert rows(world, "customers")[0]["segment"] == "new"


def test_an_adjustment_is_taken_back_when_its_time_is_over(world: World) -> None:
    world.add("tenants", id=1)
    world.add("accounts", id=9, health_score=50, created_at="2026-03-01T08:10")
    step = {"id": "boost", "action": "adjust_health_score", "with": {"points": 15}, "undo_after": "2 days"}
    campaign = {"id": "boost", "title": "Boost", "audience": "accounts_created", "purpose": "internal"}
    world.apply({**campaign, "steps": [step]}, start="2026-03-01T00:00")
    scores = []
    for day in range(1, 6):
        world.tick(f"2026-03-0{day}T12:00")
        delivered(world, f"2026-03-0{day}T12:01")
        scores.append(rows(world, "accounts")[0]["health_score"])
    assert scores == [65, 65, 50, 50, 50]
