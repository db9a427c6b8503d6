"""A ledger restored from a backup: nothing leaves until the providers' logs have said what was sent since."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines.channels import build_channels, closing
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.delivery import Delivered, deliver
from automation_pipelines.installation import Installation
from automation_pipelines.settings import Settings
from tests.mailroom import LINKS
from tests.mailserver import Behaviour, mail_server
from tests.world import World, at

BIRTHDAY = """
id: birthday
title: Birthday
audience: birthdays
steps:
  - {id: wish, channel: email, template: hello, at: "10:20"}
"""
QUOTES = """
id: quotes
title: Quotes
audience: open_quotes
purpose: transactional
steps:
  - {id: one, channel: email, template: hello}
  - {id: two, channel: email, template: hello, after: one, offset: 60 minutes}
"""
SENT_AT = {1: "09:50", 2: "09:55", 3: "10:10", 4: "10:25", 5: "11:05"}
EVERYTHING = 1 + 2 * len(SENT_AT)
"""One birthday, two steps for each quote."""
DAY = "2026-03-10T"


@dataclass
class Company:
    """It writes to its customers through a mail server, which keeps a log of its own."""

    world: World
    server: Behaviour
    settings: dict[str, Any]
    copied: Callable[[Installation], str]
    lines: list[str] = field(default_factory=list)

    def tick(self, time: str) -> Any:
        return self.world.tick(f"{DAY}{time}")

    def deliver(self, time: str) -> Delivered:
        """Send what is due, and let the server's log tell of it."""
        it, moment, before = self.world.installation, at(f"{DAY}{time}"), len(self.server.log)
        channels = build_channels(it.settings)
        with closing(channels):
            done = deliver(
                it.database, channels, it.campaigns, it.settings, clock=lambda: moment, owner="worker"
            )
        for number, message in enumerate(self.server.log[before:], before):
            head = f"{moment:%b %d %H:%M:%S} mail postfix/cleanup[7]: 4F1A2B{number:02d}:"
            self.lines += [
                f"{head} message-id={message['Message-ID']}",
                f"{head} to=<x>, status=sent (250 Ok)",
            ]
        return done

    def both(self, time: str) -> None:
        self.tick(time)
        self.deliver(time)

    def backup(self) -> str:
        """Copy the ledger; its URL."""
        self.world.installation.database.close()
        return self.copied(self.world.installation)

    def restore(self, backup: str) -> None:
        """Go on with the copy, beside the same files."""
        self.world.installation.database.close()
        self.world.installation = Installation.open(Settings(**self.settings, database_url=backup))

    def run(self, time: str, *arguments: str) -> str:
        front = Front(self.world.installation, at(f"{DAY}{time}"), "ann")
        result = CliRunner().invoke(automation, list(arguments), obj=front)
        return result.output if result.exception is None else f"{result.output}{result.exception}"

    def log(self, directory: Path) -> str:
        path = directory / "mail.log"
        path.write_text("\n".join(self.lines) + "\n")
        return str(path)

    @property
    def received(self) -> Counter[str]:
        """How often each message reached the server."""
        return Counter(message["Message-ID"] for message in self.server.log)


def _copied_file(installation: Installation) -> str:
    file = installation.database.file
    assert file is not None
    copy = file.with_name("backup.db")
    with sqlite3.connect(file) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    return f"sqlite:///{copy}"


@pytest.fixture(params=["sqlite", "postgres"])
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Company]:
    crm = f"sqlite:///{tmp_path / 'crm.db'}"
    if request.param == "sqlite":
        url, copied = f"sqlite:///{tmp_path / 'ledger.db'}", _copied_file
    else:
        new: Callable[..., str] = request.getfixturevalue("new_postgres")
        url = new(request.getfixturevalue("migrated_template"))

        def copied(installation: Installation) -> str:
            return new(sa.make_url(installation.settings.database).database)

    server = Behaviour()
    with mail_server(server) as port:
        settings = {
            **LINKS,
            "home": tmp_path / "home",
            "crm_url": crm,
            "smtp_url": f"smtp://127.0.0.1:{port}?tls=none",
        }
        given = {name: value for name, value in settings.items() if name not in {"home", "crm_url"}}
        world = World.create(tmp_path / "home", url, crm, **given)
        world.add("tenants", id=1, postal_address="1 Harbour Street, Port Example")
        world.add("customers", id=9, birthday="1990-03-10")
        for number, time in SENT_AT.items():
            world.add("customers", id=number)
            world.add("quotes", id=number, customer_id=number, sent_at=f"{DAY}{time}")
        world.apply(BIRTHDAY, start="2026-01-01T00:00")
        world.apply(QUOTES, start="2026-03-10T00:00")
        yield Company(world, server, settings, copied)
        world.close()


def lost_hour(company: Company) -> None:
    """A backup at 10:05, an hour of work that it does not know, and a restore at 11:10."""
    company.both("10:00")
    assert len(company.received) == 2
    backup = company.backup()
    company.deliver("10:21")
    company.both("10:30")
    company.both("11:00")
    assert len(company.received) == 7  # the birthday, two first steps, two second ones
    company.restore(backup)


def test_after_a_restore_nobody_gets_anything_twice_and_nobody_is_left_out(
    company: Company, tmp_path: Path
) -> None:
    lost_hour(company)
    company.deliver("11:10")
    assert "older than its files" in company.run("11:10", "deliver")
    assert "no tick has run since" in company.run("11:10", "reconcile", "--release")
    assert company.tick("11:10").notices[0].startswith("delivery is held")
    company.deliver("11:11")
    assert len(company.received) == 7
    refused = company.run("11:12", "reconcile", "--release")
    # All but the second steps of 3 and 4; and the first one of 5, which nobody had sent.
    assert "email: 6 may have been sent already, and no log of it was read" in refused

    log = company.log(tmp_path)
    looked = company.run("11:13", "reconcile", log)
    assert company.run("11:13", "reconcile", log) == looked  # nothing is changed by looking
    assert "5 jobs completed" in company.run("11:13", "reconcile", log, "--apply")
    assert "0 jobs completed" in company.run("11:13", "reconcile", log, "--apply")
    assert "delivery is no longer held" in company.run("11:14", "reconcile", "--release")
    for time in ("11:15", "11:30", "12:00", "12:30"):
        company.both(time)
    assert set(company.received.values()) == {1}
    assert len(company.received) == EVERYTHING


def test_a_log_that_is_read_before_the_tick_settles_what_the_tick_plans_again(
    company: Company, tmp_path: Path
) -> None:
    lost_hour(company)
    # Files are as old as the ledger, or there are none: somebody has to say it.
    assert "delivery is held" in company.run("11:10", "reconcile", "--start", "--because", "disk failure")
    said = company.run("11:10", "reconcile", company.log(tmp_path), "--apply")
    assert "4 hand-offs of no job yet" in said
    assert "1 job completed" in said
    for time in ("11:15", "11:30"):  # the second one brings the second steps
        company.both(time)
    states = (
        company.world.jobs()
        .filter(pl.col("step") != "")
        .group_by("step", "state")
        .len()
        .sort("step", "state")
        .rows()
    )
    assert states == [
        ("one", "completed", 4),
        ("one", "pending", 1),
        ("two", "completed", 2),
        ("two", "pending", 2),
        ("wish", "completed", 1),
    ]
    assert "delivery is no longer held" in company.run("11:31", "reconcile", "--release")
    for time in ("11:32", "12:00", "12:40"):
        company.both(time)
    assert set(company.received.values()) == {1}
    assert len(company.received) == EVERYTHING
