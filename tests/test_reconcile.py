"""A ledger restored from a backup: nothing leaves until the providers' logs have said what was sent since."""

import gzip
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines.channels import build_channels, build_test_channels, closing
from automation_pipelines.channels.crm import CrmChannel, markers
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.delivery import Delivered, deliver
from automation_pipelines.errors import RefusedError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import claims, holds, identity, operations, sightings
from automation_pipelines.ledger.claims import Claim
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.holds import Hold
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.reconciliation import asking, logs, matching
from automation_pipelines.reconciliation.release import release
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from tests.conformance.twilio_post import twilio_post
from tests.ledger.planned import count_statements
from tests.mailroom import LINKS, NOON, Mailroom
from tests.mailserver import Behaviour, mail_server
from tests.test_orchestration import Stage, stage  # noqa: F401 - a fixture
from tests.test_tracing import opened
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
    for time in ("11:15", "11:30", "12:30"):
        company.both(time)
    assert set(company.received.values()) == {1}
    assert len(company.received) == EVERYTHING


@pytest.mark.parametrize("company", ["sqlite"], indirect=True)
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
    for time in ("11:32", "12:40"):
        company.both(time)
    assert set(company.received.values()) == {1}
    assert len(company.received) == EVERYTHING


MINUTE = timedelta(minutes=1)
LATER = NOON + 30 * MINUTE


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Mailroom:
    """Transactional letters to a maildir."""
    made = Mailroom(database, Settings(home=tmp_path), "transactional")
    made.apply()
    return made


def hold(room: Mailroom) -> Hold:
    """As of noon: a backup of eleven."""
    return holds.start(room.database, "restored", by="ann", now=NOON, since=NOON - 60 * MINUTE)


def identities(room: Mailroom) -> dict[int, str]:
    """The name of each job's hand-off."""
    return dict(sightings.candidates(room.database, NOON - 60 * MINUTE).select("job_id", "identity").rows())


def reconciled(room: Mailroom, *lines: tuple[str, datetime | None], held: Hold | None) -> int:
    frame = pl.DataFrame([(*line, True) for line in lines], schema=logs.LINES, orient="row")
    found = matching.match(room.database, frame, held, LATER)
    return matching.settle(room.database, found, ["email"], ["log"], by="ann", now=LATER)


class TestNotByAccident:
    def test_without_notes_nothing_is_held(self, room: Mailroom) -> None:
        room.plan(2)
        assert room.deliver(build_channels(room.settings)).completed == 2
        assert room.deliver(build_channels(room.settings)).completed == 0
        assert holds.current(room.database) is None

    @pytest.mark.parametrize("note", ["", "[]", '{"ledger": "another", "holds": 0, "job": 77}', "{"])
    def test_notes_that_are_of_another_ledger_or_unreadable_say_nothing(
        self, room: Mailroom, note: str
    ) -> None:
        room.settings.files.mkdir()
        (room.settings.files / "ledger.delivery.json").write_text(note)
        room.plan(1)
        assert room.deliver(build_channels(room.settings)).completed == 1

    def test_tests_leave_while_all_else_is_held(self, room: Mailroom) -> None:
        hold(room)
        test, real = room.plan(1, mode="test")[0], room.plan(1)[0]
        channels = build_test_channels(room.settings)
        assert room.deliver(channels, mode="test").completed == 1
        room.deliver(build_channels(room.settings))
        assert (room.jobs()[test]["state"], room.jobs()[real]["state"]) == ("completed", "pending")
        assert claims.claim(room.database, Claim(owner="w", now=LATER, limit=9, lease=MINUTE)) == []


def test_numbers_of_the_lost_time_are_not_given_again(room: Mailroom) -> None:
    [before] = room.plan(1)
    hold(room)
    hold(room)  # the second one is the first
    [after] = room.plan(1)
    assert before + 10_000_000 <= after < before + 20_000_000
    assert set(operations.count_by_state(room.database)) == {"pending"}


def test_a_log_proves_what_is_open_or_skipped_and_nothing_that_was_refused(room: Mailroom) -> None:
    ids = room.plan(6)
    states = {
        "processing": {"lease_owner": "gone", "lease_until": NOON, "handed_off_at": NOON - 90 * MINUTE},
        "unknown": {"finished_at": NOON},
        "skipped": {"finished_at": NOON, "reason": "expired"},
        "dead": {"finished_at": NOON},
        "pending": {},
    }
    with room.database.begin() as connection:
        for job, (state, more) in zip(ids, states.items(), strict=False):
            connection.execute(sa.update(jobs).where(jobs.c.id == job).values(state=state, **more))
    names, held = identities(room), hold(room)
    before = [(names[job], NOON - 90 * MINUTE) for job in (ids[0], ids[4])]
    lines = [*before, (names[ids[1]], None), *((names[job], NOON - MINUTE) for job in ids[2:4])]
    # The line from before the backup proves nothing about the one that waits.
    assert reconciled(room, *lines, held=held) == 3
    assert [room.jobs()[job]["state"] for job in ids] == [*["completed"] * 3, "dead", "pending", "pending"]
    told = room.database.read("SELECT type, job_id, provider FROM events ORDER BY job_id").rows()
    assert told == [("sent", job, "log") for job in ids[:3]]


def test_without_a_hold_a_log_proves_only_what_is_unknown(room: Mailroom) -> None:
    waiting, unknown = room.plan(2)
    with room.database.begin() as connection:
        gone = {"state": "unknown", "finished_at": NOON}
        connection.execute(sa.update(jobs).where(jobs.c.id == unknown).values(**gone))
    names = identities(room)
    lines = [(names[job], NOON) for job in (waiting, unknown)]
    assert reconciled(room, *lines, (f"{'0' * 32}.{names[unknown][33:]}", NOON), held=None) == 1
    assert [room.jobs()[job]["state"] for job in (waiting, unknown)] == ["pending", "completed"]
    assert room.database.read("SELECT * FROM sightings").is_empty()


def test_what_no_job_is_known_for_is_settled_when_it_is_planned(room: Mailroom) -> None:
    held, installation = hold(room), identity.installation_name(room.database.salt)
    lost = [(1, 1, "letters", "letter", number, number) for number in (1, 3)]
    lines = [(identity.identity_of(key, "live", installation), NOON - MINUTE) for key in lost]
    assert reconciled(room, *lines, (f"{'0' * 32}.{installation}", NOON), held=held) == 0
    ids = room.plan(3)
    with room.database.begin() as connection:
        [tick] = connection.execute(sa.select(jobs.c.tick_id).where(jobs.c.id == ids[0])).one()
        assert sightings.settle_planned(room.database, connection, tick, 3, now=LATER) == 2
    assert [room.jobs()[job]["state"] for job in ids] == ["completed", "pending", "completed"]
    assert len(room.database.read("SELECT * FROM sightings")) == 1


def test_statements_do_not_grow_with_the_log(room: Mailroom) -> None:
    held = hold(room)
    for _ in range(2):
        room.plan(500)
    names = list(identities(room).values())
    counts = [
        count_statements(room.database, lambda part=part: reconciled(room, *part, held=held))
        for part in ([(names[0], NOON)], [(name, NOON) for name in names])
    ]
    assert counts[0] == counts[1]
    assert room.states().count("completed") == 1000


class TestRelease:
    """What is in doubt keeps the hold, unless somebody says what shall become of it."""

    @pytest.fixture
    def held(self, room: Mailroom) -> Hold:
        made = hold(room)
        room.plan(2)
        room.plan(3, purpose="marketing")
        return made

    def test_a_channel_that_recognises_repeats_needs_no_log(self, room: Mailroom, held: Hold) -> None:
        release(room.database, held, ["email"], by="ann", now=LATER)
        assert room.deliver(build_channels(room.settings), LATER).completed == 5

    def test_marketing_may_be_given_up(self, room: Mailroom, held: Hold) -> None:
        with pytest.raises(RefusedError, match="email: 2 may have been sent already"):
            release(room.database, held, [], by="ann", now=LATER, marketing_unknown=True)
        [left] = release(room.database, held, [], by="ann", now=LATER, accept_unknown=True)
        assert left.jobs == 2
        assert room.states().count("unknown") == 3
        assert holds.current(room.database) is None
        actions = room.database.read("SELECT action FROM audit ORDER BY id")["action"].to_list()
        assert [one for one in actions if one.startswith("reconcile")] == [
            "reconcile start",
            "reconcile give up",
            "reconcile release",
        ]


def test_a_provider_that_can_be_asked_is(database: Database, tmp_path: Path) -> None:
    with twilio_post("sms") as post:
        office = opened(database, tmp_path, "transactional")
        held = hold(office)
        taken, other, never = (_text(office, number) for number in (100, 101, 102))
        post.server.now = NOON - 10 * MINUTE
        post.server.add("+15550100", "Dear from Acme Travel")
        post.server.add("+15550101", "something else of that time")

        def asked() -> asking.Asked:
            return asking.ask(
                database, {"sms": post.channel}, office.campaigns, office.settings, held, now=LATER
            )

        told = asked()
        assert told.proved["job_id"].to_list() == [taken]
        assert (told.not_taken, told.untold) == ({"sms": 1}, {"sms": 1})
        assert asking.settle(database, told, by="ann", now=LATER) == 1
        with pytest.raises(RefusedError, match="sms: 2 may have been sent already"):
            release(database, held, [], by="ann", now=LATER)
        operations.cancel(database, operations.JobFilter(ids=(other,)), by="ann", now=LATER)
        asking.settle(database, asked(), by="ann", now=LATER)
        release(database, held, [], by="ann", now=LATER)
        assert [office.jobs()[job]["state"] for job in (taken, other, never)] == [
            "completed",
            "cancelled",
            "pending",
        ]


def test_the_crm_says_what_it_has_marked(room: Mailroom, tmp_path: Path) -> None:
    crm = f"sqlite:///{tmp_path / 'crm.db'}"
    sqlite3.connect(tmp_path / "crm.db").close()
    held, [job] = hold(room), room.plan(1, step="level")
    channels = {"crm": CrmChannel(crm, SqlFiles(None))}
    marks = asking.marks(channels, held)
    assert marks is not None
    assert marks.is_empty()
    engine = sa.create_engine(crm)
    markers.create(engine)
    with engine.begin() as connection:
        mark = {"identity": identities(room)[job], "job_id": 1, "action": "raise_level"}
        connection.execute(markers.insert().values(at=(NOON - MINUTE).replace(tzinfo=None), **mark))
    engine.dispose()
    marks = asking.marks(channels, held)
    channels["crm"].close()
    assert marks is not None
    assert reconciled(room, *marks.select("identity", "at").rows(), held=held) == 1


ONE, TWO = f"{'a' * 32}.{'b' * 16}", f"{'c' * 32}.{'b' * 16}"
LOGS = {
    "ids.txt": (f"{ONE}\n<{TWO}@acme.example.com>\n\nhello\n", [(ONE, None, True), (TWO, None, True)]),
    "mail.log": (
        f"""Mar  3 13:55:01 mail postfix/cleanup[1]: 4F1A2B3C: message-id=<{ONE}@acme.example.com>
Dec 31 23:00:00 mail postfix/cleanup[1]: 4F1A2B3D: message-id=<{TWO}@acme.example.com>
Dec 31 23:00:00 mail postfix/cleanup[1]: 4F1A2B3D: milter-reject: END-OF-MESSAGE from x[192.0.2.1]
2026-03-03 13:55:02 1uXYZ-000 <= hello@acme.example.com P=esmtps id={TWO}@acme.example.com
""",
        [
            (ONE, "2026-03-03 12:55:01", True),
            (TWO, "2025-12-31 22:00:00", False),
            (TWO, "2026-03-03 12:55:02", True),
        ],
    ),
    "sent.csv": (
        f"""Message-ID,Sent at,Status
<{ONE}@x>,2026-03-03T10:00:00Z,delivered
{TWO},2026-03-03 10:00:00,Rejected
""",
        [(ONE, "2026-03-03 10:00:00", True), (TWO, "2026-03-03 09:00:00", False)],
    ),
    "sent.jsonl": (
        json.dumps({"headers": {"message-id": f"<{ONE}@x>"}, "timestamp": 1772532000, "to": ["a", "b"]}),
        [(ONE, "2026-03-03 10:00:00", True)],
    ),
    "empty.log": ("", []),
}


@pytest.mark.parametrize("name", LOGS)
def test_logs_of_any_make_are_read(tmp_path: Path, name: str) -> None:
    text, expected = LOGS[name]
    (tmp_path / name).write_text(text)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    files = [tmp_path / name, *([tmp_path / f"{name}.gz"] if name == "mail.log" else [])]
    read = logs.read(files, ZoneInfo("Europe/Berlin"), NOON)
    rows = read.with_columns(pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S")).rows()
    assert rows == expected * len(files)


def test_a_directory_of_hand_offs_is_a_log(tmp_path: Path) -> None:
    for name in (f"new/{ONE}", f"cur/{TWO}:2,S", "tmp/else"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert set(logs.read([tmp_path], ZoneInfo("UTC"), NOON)["identity"]) == {ONE, TWO}


def test_dagster_says_that_delivery_is_held(stage: Stage) -> None:  # noqa: F811
    stage.tick()
    stage.now = at("2026-03-10T09:00:30")
    holds.start(stage.world.installation.database, "restored", by="ann", now=stage.now)
    assert "delivery is held" in stage.sensor("deliver_when_due").skip_message
    assert stage.run("deliver").success
    assert "delivery is held" in stage.metadata("deliveries")["held"]
    assert stage.world.jobs().filter(pl.col("state") == "completed").is_empty()


def _text(office: Mailroom, number: int) -> int:
    [job] = office.plan(1, channel="sms", address=f"+15550{number}")
    return job
