"""Tests of campaigns: everything happens, nothing leaves or counts, and the real send still comes once."""

from datetime import date
from email import message_from_bytes
from email.headerregistry import Address
from email.message import Message
from email.policy import default
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines import history, stats
from automation_pipelines.channels import build_channels
from automation_pipelines.channels.proof import proof
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.delivery import deliver
from automation_pipelines.ledger import daily, events, operations, plans
from automation_pipelines.ledger.figures import figures
from automation_pipelines.ledger.operations import JobFilter
from automation_pipelines.ledger.tables import jobs, suppressions
from automation_pipelines.manual import ManualRun, Request, deliver_test, run
from automation_pipelines.model import Email
from automation_pipelines.tick import run_tick
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
MONDAY = "2026-03-09T14:00"
TUESDAY = "2026-03-10T09:00"

BIRTHDAY: dict[str, Any] = {
    "id": "birthday",
    "title": "Happy birthday",
    "audience": "birthdays",
    "steps": [{"id": "wish", "channel": "email", "template": "wish"}],
}


@pytest.fixture
def office(world: World) -> World:
    world.add("tenants", id=1)
    for number in (1, 2, 3):
        world.add("customers", id=number, birthday="1990-03-10")
    return world


def try_out(world: World, moment: str, *subjects: str, campaign: str = "birthday", **asked: Any) -> ManualRun:
    """Run a test and deliver it."""
    world.ticks += 1
    request = Request(campaign=campaign, subjects=subjects, test=True, **asked)
    made = run(world.installation, request, as_of=at(moment), run_id=f"test-{world.ticks}", by="kim")
    assert made.done is not None
    deliver_test(world.installation, made.done, clock=lambda: at(moment), owner="test")
    return made


def outbox(world: World) -> list[Message]:
    """The e-mails of all tests."""
    folder = world.installation.settings.home / "test-outbox" / "email"
    return [message_from_bytes(path.read_bytes(), policy=default) for path in sorted(folder.glob("*.eml"))]


def real(world: World) -> list[tuple[Any, ...]]:
    """(subject, state) of the jobs that are no test's."""
    rows = operations.find(world.installation.database, JobFilter(), 100)
    return sorted(rows.select("subject_text", "state").rows())


def test_a_draft_is_tested_into_files(office: World) -> None:
    office.apply(BIRTHDAY)
    made = try_out(office, MONDAY, "1", "2")
    assert made.outcomes["decision"].to_list() == ["planned", "planned"]
    assert sorted(mail["To"] for mail in outbox(office)) == [
        "Kim Doe <customer1@mail.example.com>",
        "Kim Doe <customer2@mail.example.com>",
    ]
    found = operations.find(office.installation.database, JobFilter(tests=True), 10)
    assert found["mode"].unique().to_list() == ["test"]
    assert found["state"].unique().to_list() == ["completed"]


def test_what_is_tested_on_monday_is_sent_on_tuesday_once(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.tick("2026-03-09T13:30")
    try_out(office, MONDAY, "1")
    assert plans.planned_through(office.installation.database) == at("2026-03-09T13:30")
    for moment in ("2026-03-10T08:30", TUESDAY, "2026-03-10T09:30"):
        office.tick(moment)
    assert real(office) == [("1", "pending"), ("2", "pending"), ("3", "pending")]


def test_a_test_may_be_repeated_at_once(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    try_out(office, "2026-03-09T14:00:01", "1")
    try_out(office, "2026-03-09T14:00:02", "1")
    assert len(outbox(office)) == 2


def test_who_had_the_real_one_is_tested_all_the_same(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.tick(TUESDAY)
    made = try_out(office, "2026-03-10T10:00", "1")
    assert made.outcomes["decision"].to_list() == ["planned"]
    assert len(outbox(office)) == 1


def test_no_number_moves(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.tick(TUESDAY)
    installation = office.installation

    def numbers() -> list[Any]:
        db, as_of = installation.database, at("2026-03-10T12:00")
        told = [
            history.counts(installation),
            history.runs(installation, "birthday", as_of=as_of),
            history.ticks(installation, "birthday", as_of=as_of),
            daily.jobs_due(db, at("2026-03-10T00:00"), at("2026-03-11T00:00")),
            figures(db, at("2026-03-10T00:00"), as_of).rows,
            operations.find(db, JobFilter(), 100),
            *stats.compute_day(
                db, installation.files, installation.sqlfiles, date(2026, 3, 10), as_of=as_of
            ).values(),
        ]
        return [frame.rows() for frame in told] + [operations.count_by_state(db)]

    before = numbers()
    try_out(office, "2026-03-10T10:00", "1", "2")
    run_tick(installation, as_of=at("2026-03-10T10:30"), run_id="whole", mode="test")
    assert numbers() == before


def test_caps_count_no_test(office: World) -> None:
    office.add("tenant_settings", id=1, name="caps", value="1 per day")
    office.apply(BIRTHDAY, start=LONG_AGO)
    try_out(office, "2026-03-10T08:00", "1")
    office.tick(TUESDAY)
    assert real(office) == [("1", "pending"), ("2", "pending"), ("3", "pending")]


def test_executions_count_no_test(office: World) -> None:
    office.apply({**BIRTHDAY, "policy": {"max_executions": 3}}, start=LONG_AGO)
    for second in range(4):
        made = try_out(office, f"2026-03-10T08:00:0{second}", "1")
        assert made.outcomes["decision"].to_list() == ["planned"]
    assert office.tick(TUESDAY).planned == 3


def test_live_delivery_leaves_tests_alone_and_a_test_leaves_other_tests_alone(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    installation = office.installation
    first = run_tick(installation, as_of=at(TUESDAY), run_id="a", mode="test")
    second = run_tick(installation, as_of=at("2026-03-10T09:01"), run_id="b", mode="test")
    assert (first.planned, second.planned) == (3, 3)
    live = deliver(
        installation.database,
        build_channels(installation.settings),
        installation.campaigns,
        installation.settings,
        clock=lambda: at("2026-03-10T12:00"),
        owner="live",
    )
    assert live.completed == 0
    deliver_test(installation, first, clock=lambda: at(TUESDAY), owner="test")
    states = operations.count_by_state(installation.database, JobFilter(tests=True))
    assert states == {"completed": 3, "pending": 3}


def test_a_whole_tick_of_tomorrow_is_delivered_now(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.apply({**BIRTHDAY, "id": "draft"})
    front = Front(office.installation, at(MONDAY), "kim")
    command = ["tick", "--test", "--as-of", TUESDAY]
    done = CliRunner().invoke(automation, command, obj=front)
    assert "completed 3" in done.output
    assert len(outbox(office)) == 3
    assert real(office) == []
    assert office.tick(TUESDAY).planned == 3


def test_what_a_tick_would_not_send_its_test_does_not_send(office: World) -> None:
    office.apply({**BIRTHDAY, "policy": {"guard": {"cap": 2, "at_least": 1}}}, start=LONG_AGO)
    done = run_tick(office.installation, as_of=at(TUESDAY), run_id="whole", mode="test")
    assert done.plan.by_reason() == {"guarded": 3}
    held = office.installation.database.read("SELECT * FROM guards")
    assert held.is_empty()


def test_feedback_on_a_test_suppresses_nobody(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    try_out(office, MONDAY, "1")
    database = office.installation.database
    (job,) = database.read(sa.select(jobs.c.id))["id"]
    told = {"identity": "x", "type": "bounced", "told_at": at(MONDAY), "job_id": job, "suppresses": "bounced"}
    frame = pl.DataFrame([{**dict.fromkeys(events.TOLD), **told}], schema=events.TOLD)
    events.record(database, frame, now=at(MONDAY))
    assert database.read(sa.select(suppressions)).is_empty()


def test_the_commands_send_proofs_to_the_addresses_given(office: World) -> None:
    office.apply({**BIRTHDAY, "steps": [{**BIRTHDAY["steps"][0], "cc": ["boss@acme.example.com"]}]})
    front = Front(office.installation, at(MONDAY), "kim")
    command = ["campaign", "run", "birthday", "--subject", "1", "--test"]
    command += ["--to", "me@example.com", "--to", "boss@example.com"]
    done = CliRunner().invoke(automation, command, obj=front)
    assert "completed 1" in done.output
    (path,) = office.installation.settings.outbox.glob("**/new/*")
    mail = message_from_bytes(path.read_bytes(), policy=default)
    assert (mail["To"], mail["Cc"], mail["Subject"], mail["X-Test"]) == (
        "me@example.com, boss@example.com",
        None,
        "[TEST] Hello",
        "yes",
    )
    listed = CliRunner().invoke(automation, ["jobs", "list", "--json"], obj=front)
    assert listed.output == ""
    tested = CliRunner().invoke(automation, ["jobs", "list", "--test", "--json"], obj=front)
    assert '"mode":"test"' in tested.output


def test_a_proof_keeps_what_the_recipient_would_see() -> None:
    subject = b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n =?utf-8?b?IQ==?="
    head = [
        b"From: <a@b.cz>",
        b"To: <x@y.cz>",
        b"Cc: <p@q.cz>,\r\n <r@q.cz>",
        subject,
        b"List-Unsubscribe: <https://u>",
    ]
    mail = Email(7, 1, "id", "a@b.cz", "x@y.cz", b"\r\n".join(head) + b"\r\n\r\nTo: you\r\n", ("p@q.cz",))
    made = proof(mail, ["me@example.com"])
    parsed = message_from_bytes(made.content, policy=default)
    assert (made.recipient, made.copies, parsed["Subject"]) == ("me@example.com", (), "[TEST] Grüße!")
    assert set(parsed.keys()) == {"From", "To", "Subject", "X-Test"}
    assert parsed.get_content() == "To: you\r\n"


def test_one_proof_goes_to_a_whole_seed_list() -> None:
    mail = Email(7, 1, "id", "a@b.cz", "x@y.cz", b"From: <a@b.cz>\r\nTo: <x@y.cz>\r\n\r\nHello\r\n")
    made = proof(mail, ["me@example.com", "seed@mail.example.com", "seed@post.example.com"])
    assert (made.recipient, made.copies) == (
        "me@example.com",
        ("seed@mail.example.com", "seed@post.example.com"),
    )
    parsed = message_from_bytes(made.content, policy=default)
    assert parsed["To"].addresses == tuple(Address(addr_spec=one) for one in (made.recipient, *made.copies))


def test_what_cannot_be_made_is_said(office: World) -> None:
    office.apply(BIRTHDAY)
    office.change("tenants", 1, sender_email="not an address")
    front = Front(office.installation, at(MONDAY), "kim")
    done = CliRunner().invoke(
        automation, ["campaign", "run", "birthday", "--subject", "1", "--test"], obj=front
    )
    assert "the address cannot be used" in done.output


def test_real_sends_take_no_other_address(office: World) -> None:
    front = Front(office.installation, at(MONDAY), "kim")
    for command in (["campaign", "run", "x", "--subject", "1", "--to", "a@b.cz"], ["tick", "--to", "a@b.cz"]):
        done = CliRunner().invoke(automation, command, obj=front)
        assert "--test" in str(done.exception)
