"""A person is forgotten: nothing of them is left in any file or table, and they hear nothing any more."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from automation_pipelines.channels import build_channels
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.delivery import deliver
from automation_pipelines.ledger import conversations, suppressions
from automation_pipelines.ledger.claims import Claim, claim, unlimited
from automation_pipelines.ledger.tables import (
    audit,
    breakers,
    changes,
    consents,
    events,
    interventions,
    job_payloads,
    jobs,
    metadata,
    notifications,
    past_sends,
    tracked_values,
)
from tests.world import World, at

NAME, ADDRESS, PHONE = "Kim Q. Public", "Kim.Public@private.example.com", "+15550001234"
START, TICK, LATER = "2026-03-01T00:00", "2026-03-04T09:00", "2026-03-05T09:00"
HELLO = """\
id: hello
title: Hello
audience: customers
schedule: {every: day, start: 2026-03-04, at: "09:00"}
steps:
  - {id: hello, channel: email, template: a/hello}
"""
QUOTES = """\
id: quotes
title: Quotes
audience: quotes_sent
purpose: transactional
policy: {max_lateness: 60 days}
steps:
  - {id: sent, channel: email, template: a/sent}
  - {id: later, offset: 5 days, channel: email, template: a/later}
"""
STAFF = """\
id: staff
title: Staff
audience: quotes_sent
purpose: internal
digest: true
policy: {max_lateness: 60 days}
steps:
  - {id: told, channel: email, template: a/told, recipient: agent}
"""


@pytest.fixture
def company(world: World) -> World:
    world.add("tenants", id=1)
    world.add("users", id=7)
    world.add("customers", id=17, name=NAME, first_name="Kim", email=ADDRESS, phone=PHONE)
    world.add("customers", id=18, name="Lee Other")
    for number, customer in ((901, 18), (902, 17)):
        world.add(
            "quotes", id=number, customer_id=customer, agent_id=7, number=f"Q-{number}", sent_at="2026-03-04T08:00"
        )
    for campaign in (HELLO, QUOTES, STAFF):
        world.apply(campaign, start=START)
    return world


def front(world: World, moment: str = LATER) -> Front:
    return Front(world.installation, at(moment), "ann")


def run(world: World, *arguments: str, moment: str = LATER) -> Result:
    return CliRunner().invoke(automation, list(arguments), obj=front(world, moment))


def forget(world: World, *more: str, customer: str = "17") -> Result:
    return run(world, "forget", "--customer", customer, *more)


def send(world: World, moment: str) -> None:
    channels = build_channels(world.installation.settings)
    deliver(
        world.installation.database, channels, world.installation.campaigns, world.installation.settings,
        clock=lambda: at(moment), owner="worker",
    )  # fmt: skip


def everything(world: World) -> Iterator[tuple[str, bytes]]:
    """Every table, and every file under the home, with what is in them."""
    database = world.installation.database
    for table in metadata.sorted_tables:
        rows = database.read(f'SELECT * FROM "{table.name}"')
        yield f"table {table.name}", rows.write_ndjson().encode()
    kept = [path for path in world.installation.settings.home.rglob("*") if path.is_file()]
    for path in [*kept, *([database.file, Path(f"{database.file}-wal")] if database.file else [])]:
        if path.suffix == ".parquet":
            yield str(path), pl.read_parquet(path).write_ndjson().encode()
        elif path.exists():
            yield str(path), path.read_bytes()


def places(world: World, *texts: str) -> set[str]:
    """Where any of these texts can be read."""
    wanted = [text.lower().encode() for text in texts]
    return {place for place, content in everything(world) if any(text in content.lower() for text in wanted)}


def litter(world: World) -> None:
    """What else there can be of somebody, in every table and in files."""
    installation, moment = world.installation, at(LATER)
    database, hashed = installation.database, suppressions.address_hash
    digest = hashed(database.salt, "email", ADDRESS)
    mine = world.jobs().filter(pl.col("subject_id") == 901)["id"][0]
    when = {"at": moment, "received_at": moment}
    here = {"tenant_id": 1, "channel": "email", "address_hash": digest}
    told = {"identity": "x", "type": "bounced", "job_id": mine, "detail": json.dumps({"to": ADDRESS}), **when}
    rows: list[tuple[sa.Table, dict[str, Any]]] = [
        (events, told),
        (events, {**told, "identity": "stranger", "job_id": None}),
        (notifications, {"identity": "n", "tenant_id": 1, "recipient": "customer:17", "title": NAME,
                         "text": ADDRESS, "created_at": moment}),
        (changes, {"tenant_id": 1, "source": "customers", "row_id": 17, "column": "email", "old": ADDRESS,
                   "new": None, "at": moment}),
        (tracked_values, {"tenant_id": 1, "source": "customers", "row_id": 17, "column": "email",
                          "value": ADDRESS, "seen_at": moment}),
        (consents, {**here, "topic": "", "state": "opted_in", "at": moment, "origin": "shop"}),
        (past_sends, {**here, "campaign": "old", "step": "a", "subject_id": 17, "sent_at": moment}),
        (breakers, {"tenant_id": 1, "channel": "email", "provider": "", "failures": 1, "trips": 0,
                    "error": f"550 {ADDRESS} unknown"}),
    ]  # fmt: skip
    with database.begin() as connection:
        for table, row in rows:
            connection.execute(table.insert().values(row))
    conversations.record(database, [conversations.Inbound(1, "whatsapp", hashed(database.salt, "sms", PHONE), moment)])
    filed = pl.DataFrame({"tenant_id": [1, 1], "customer_id": [17, 18], "customer_name": [NAME, "Lee Other"]})
    installation.files.publish("audiences/customers", filed, day=moment.date(), run="run")
    frames = installation.settings.files / "frames" / "run"
    frames.mkdir(parents=True)
    pl.DataFrame({"id": [17, 18], "tenant_id": [1, 1], "email": [ADDRESS, "o@x.example"]}).write_parquet(
        frames / "customers.parquet"
    )
    done = installation.settings.feedback / "done"
    done.mkdir(parents=True)
    (done / "a.jsonl").write_text(f'{{"id": "a", "to": "{ADDRESS}"}}\n{{"id": "b"}}\n', encoding="utf-8")


@pytest.fixture
def served(company: World) -> World:
    """They had a message, staff was told of them, more is waiting, and somebody gave orders about them."""
    company.tick("2026-03-04T00:00")
    company.tick(TICK)
    send(company, TICK)
    company.tick("2026-03-09T08:00")  # day 5 of the quote waits
    assert run(company, "campaign", "hold", "hello", "--subject", "17").exit_code == 0
    litter(company)
    return company


class TestEverything:
    def test_nothing_of_them_can_be_read_anywhere_and_nobody_else_loses_anything(self, served: World) -> None:
        before = places(served, ADDRESS, NAME, PHONE)
        assert {"table job_payloads", "table events", "table notifications"} < before
        keys = served.jobs().select("id", "occurrence", "campaign", "step", "subject_id", "recipient_id")
        others = served.installation.database.read(
            sa.select(job_payloads).join(jobs).where(jobs.c.customer_id == 18)
        )

        result = forget(served, "--yes")

        assert result.exit_code == 0, result.output
        assert places(served, ADDRESS, NAME, PHONE) == set()
        left = served.jobs()
        assert left.select(keys.columns).equals(keys)
        assert set(left.filter(pl.col("customer_id") == 17)["state"]) == {"completed", "cancelled"}
        assert served.installation.database.read(
            sa.select(job_payloads).join(jobs).where(jobs.c.customer_id == 18)
        ).height == len(others)
        assert "forgotten" in str(served.decisions().filter(pl.col("subject_id") == 17)["subject_text"][0])


def test_x(served: World) -> None:
    print(forget(served, "--dry-run").output)
    print(forget(served, "--yes").output)
    print(forget(served, "--yes").output)
    print(run(served, "explain", "17").output)
    print(places(served, ADDRESS, NAME, PHONE))
    assert 0
