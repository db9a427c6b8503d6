"""A message that its channel rejects goes by the next one of its step: planned, delivered, and told."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.delivery import Delivered, deliver
from automation_pipelines.ledger import operations, past, suppressions
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.fallbacks import Way, text_of
from automation_pipelines.ledger.operations import JobFilter, JobStory
from automation_pipelines.ledger.suppressions import Suppression, address_hash
from automation_pipelines.ledger.tables import job_payloads, jobs
from automation_pipelines.messages import TemplateSource
from automation_pipelines.messages.tokens import LinkKeys, Valid
from automation_pipelines.model import Email, Note, Outcome, Reject, Retry, Sent
from automation_pipelines.preview import preview
from automation_pipelines.settings import Settings
from tests.conformance.twilio_post import twilio_post
from tests.ledger.planned import count_statements
from tests.mailroom import LINKS, NOON, PROFILE, Mailroom
from tests.mailserver import Behaviour, mail_server
from tests.test_delivery import Told
from tests.world import World, at

BORN, NINE = "1990-03-10", "2026-03-10T09:00"
PHONE, KIM = "+15550100", "kim1@mail.example.com"


# --- planning


@pytest.fixture
def shop(world: World) -> World:
    """Customers who can be reached in several ways, in one, or in some no more; and a greeting for them."""
    world.add("tenants", id=1, sender_email="hello@acme.example.com")
    world.add("customers", id=2, birthday=BORN, phone="+1 555 0102", email=" Two@mail.example.com")
    world.add("customers", id=3, birthday=BORN)
    world.add("customers", id=4, birthday=BORN, phone="+1 555 0104", email=None)
    world.add("customers", id=5, birthday=BORN, phone="+1 555 0105")
    world.add("customers", id=6, birthday=BORN, phone="+1 555 0106", email_opt_out=True)
    world.add(
        "consents", id=1, customer_id=5, channel="sms", topic="", state="opted_out", at="2026-01-01T00:00"
    )
    greet(world, "marketing")
    return world


def greet(world: World, purpose: str, channels: tuple[str, ...] = ("email", "sms", "in_app")) -> None:
    step = {"id": "hello", "channels": list(channels), "template": "t"}
    spec = {"id": "wish", "title": "Wish", "audience": "birthdays", "purpose": purpose, "steps": [step]}
    world.apply(spec, start="2026-01-01T00:00")


def written(world: World) -> dict[str, tuple[str, str | None]]:
    """Channel and fall-backs of each subject's job, as the ledger has them."""
    rows = world.installation.database.read(
        sa.select(job_payloads.c.subject_text, jobs.c.channel, job_payloads.c.fallbacks).join(jobs)
    )
    return {subject: (channel, left) for subject, channel, left in rows.iter_rows()}


def test_planning_says_where_a_message_goes_next_and_the_preview_says_the_same(shop: World) -> None:
    seen = preview(shop.installation, since=at("2026-03-10T08:00"), until=at("2026-03-10T10:00"))
    shop.tick(NINE)
    found = written(shop)
    assert {row["subject_text"]: (row["channel"], row["fallbacks"]) for row in seen.to_dicts()} == found
    ways = {
        subject: (channel, [(way["channel"], way["address"]) for way in json.loads(left or "[]")])
        for subject, (channel, left) in found.items()
    }
    assert ways == {
        "2": ("email", [("sms", "+1 555 0102"), ("in_app", "customer:2")]),
        "3": ("email", [("in_app", "customer:3")]),
        "4": ("sms", [("in_app", "customer:4")]),
        "5": ("email", [("in_app", "customer:5")]),
        "6": ("sms", [("in_app", "customer:6")]),
    }
    (sms, _) = json.loads(found["2"][1] or "")
    assert sms["address_hash"] == address_hash(shop.installation.database.salt, "sms", "+15550102")


@pytest.mark.parametrize("channels", [("email",), ("sms", "email")])
def test_who_can_be_reached_in_one_way_has_no_other(world: World, channels: tuple[str, ...]) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=2, birthday=BORN)
    greet(world, "marketing", channels)
    world.tick(NINE)
    assert written(world) == {"2": ("email", None)}


def test_who_says_no_to_a_channel_in_the_crm_since_is_not_written_to_there(shop: World) -> None:
    shop.tick(NINE)
    shop.add(
        "consents", id=2, customer_id=2, channel="sms", topic="", state="opted_out", at="2026-03-10T09:10"
    )
    shop.change("customers", 3, email_opt_out=True)
    shop.tick("2026-03-10T09:30")
    ways = written(shop)
    assert [way["channel"] for way in json.loads(ways["2"][1] or "")] == ["in_app"]
    assert len(json.loads(ways["5"][1] or "")) == 1
    rows = operations.find(shop.installation.database, JobFilter(), 10)
    skipped = rows.filter(pl.col("state") == "skipped")["subject_text"].to_list()
    assert skipped == ["3"]


# --- delivery by real servers


def test_a_bounced_email_arrives_as_a_text(world: World) -> None:
    world.add("tenants", id=1)
    world.add("customers", id=2, birthday=BORN, phone=PHONE, email="two@mail.example.com")
    world.add("customers", id=3, birthday=BORN, phone="+15550103", email="three@mail.example.com")
    greet(world, "transactional", ("email", "sms"))
    world.tick(NINE)
    server = Behaviour(refused=frozenset({"two@mail.example.com"}))
    database = world.installation.database
    with mail_server(server) as port, twilio_post("sms") as sms:
        email = EmailChannel(f"smtp://127.0.0.1:{port}?tls=none")
        done = deliver(
            database,
            {"email": email, "sms": sms.channel},
            world.installation.campaigns,
            world.installation.settings,
            clock=lambda: at(NINE),
            owner="worker",
        )
        email.close()
        texts = [(row["to"], row["body"]) for row in sms.server.messages]
    assert done == Delivered(fell_back=1, completed=2)
    assert str(done) == "completed 2, fell_back 1"
    assert [message["To"] for message in server.log] == ["Kim Doe <three@mail.example.com>"]
    assert texts == [(PHONE, "Hello")]
    (job,) = operations.find(database, JobFilter(channel="sms"), 10).to_dicts()
    assert (job["subject_text"], job["state"], job["attempts"]) == ("2", "completed", 1)
    bounced = suppressions.active(database, at(NINE)).select("channel", "address_hash", "reason").rows()
    assert bounced == [("email", address_hash(database.salt, "email", "two@mail.example.com"), "bounced")]
    told = run(world, "explain", "2")
    assert f"job {job['id']}: completed, 1 attempts" in told
    assert "rejected  email: 550 5.1.1 no such user\n  fell back on sms\n" in told
    assert "falls back on sms, if email rejects it" not in run(world, "explain", "3")


def run(world: World, *arguments: str) -> str:
    front = Front(world.installation, at("2026-03-10T08:00"), "ann")
    result = CliRunner().invoke(automation, arguments, obj=front)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_preview_names_the_channels_and_no_address(shop: World) -> None:
    told = run(shop, "preview", "--to", "2026-03-10T10:00", "--json")
    rows = [json.loads(line) for line in told.splitlines()]
    assert {row["subject_text"]: row["fallbacks"] for row in rows}["2"] == "sms, in_app"
    assert "+1 555" not in told


# --- delivery


ADDRESSES = {"email": KIM, "sms": PHONE, "push": "token-1"}


def ways(database: Database, *channels: str) -> str | None:
    made = [
        Way(name, ADDRESSES[name], address_hash(database.salt, name, ADDRESSES[name])) for name in channels
    ]
    return text_of(made)


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Mailroom:
    """A ledger whose one job goes by e-mail, else by text, else by push."""
    made = Mailroom(database, Settings(home=tmp_path, **LINKS))
    made.apply(steps=[{"id": "letter", "channels": list(ADDRESSES), "template": "letter"}])
    return made


def story(room: Mailroom, job: int) -> JobStory:
    return operations.show(room.database, job)


def answering(**answers: Outcome | None) -> dict[str, Told]:
    """Channels that give these answers; the others take what they get."""
    return {name: Told(lambda _, name=name: answers.get(name, Sent())) for name in ADDRESSES}  # type: ignore[misc]


NEVER = Reject("550 5.1.1\r\nno such user", "bounced")


def test_each_channel_is_tried_once_in_order_and_the_last_one_ends_it(room: Mailroom) -> None:
    [job] = room.plan(1, fallbacks=ways(room.database, "sms", "push"))
    channels = answering(email=NEVER, sms=Reject("21610 they said STOP", "unsubscribed"), push=Reject("gone"))
    assert room.deliver(channels) == Delivered(fell_back=2, dead=1)
    assert [len(channel.got) for channel in channels.values()] == [1, 1, 1]
    ended = story(room, job)
    assert (ended.state, ended.channel, ended.address, ended.attempts) == ("dead", "push", "token-1", 1)
    assert (ended.error, ended.falls_back_on) == ("gone", None)
    assert ended.rejections == "email: 550 5.1.1 no such user\nsms: 21610 they said STOP"
    barred = suppressions.active(room.database, NOON).sort("channel")
    assert barred.select("channel", "address_hash", "reason").rows() == [
        ("email", address_hash(room.database.salt, "email", KIM), "bounced"),
        ("sms", address_hash(room.database.salt, "sms", PHONE), "unsubscribed"),
    ]
    # Put back by hand it stays where it was last.
    assert operations.retry(room.database, JobFilter(ids=(job,)), by="ann", now=NOON) == 1
    assert room.deliver(answering()) == Delivered(completed=1)
    assert story(room, job).channel == "push"


@pytest.mark.parametrize(
    ("answer", "counted", "state"),
    [
        (Retry("451 4.2.1 busy"), "delayed", "pending"),
        (Retry("no connection", provider=True), "postponed", "pending"),
        (None, "unanswered", "processing"),
        (Sent(), "completed", "completed"),
    ],
)
def test_only_a_rejection_is_a_reason_to_go_elsewhere(
    room: Mailroom, answer: Outcome | None, counted: str, state: str
) -> None:
    [job] = room.plan(1, fallbacks=ways(room.database, "sms"))
    channels = answering(email=answer)
    assert room.deliver(channels) == Delivered(**{counted: 1})
    assert channels["sms"].got == []
    left = story(room, job)
    assert (left.state, left.channel, left.falls_back_on) == (state, "email", "sms")


def test_retries_that_are_used_up_end_it_where_it_is(room: Mailroom) -> None:
    room.settings = room.settings.model_copy(update={"job_max_retries": 1})
    [job] = room.plan(1, fallbacks=ways(room.database, "sms"))
    channels = answering(email=Retry("452 4.2.2 mailbox full"))
    assert room.deliver(channels) == Delivered(delayed=1)
    assert room.deliver(channels, NOON + timedelta(hours=1)) == Delivered(dead=1)
    assert channels["sms"].got == []
    # Put back by hand, it may be rejected, and then it does fall back.
    operations.retry(room.database, JobFilter(ids=(job,)), by="ann", now=NOON)
    assert room.deliver(answering(email=NEVER)) == Delivered(fell_back=1, completed=1)


def test_the_new_channel_has_all_its_attempts_and_one_of_a_dead_worker_stays_in_doubt(
    room: Mailroom,
) -> None:
    [job] = room.plan(1, fallbacks=ways(room.database, "sms"))
    busy = Retry("451 4.2.1 busy")
    assert room.deliver(answering(email=busy)) == Delivered(delayed=1)
    later = NOON + timedelta(hours=1)
    assert room.deliver(answering(email=NEVER, sms=busy), later) == Delivered(fell_back=1, delayed=1)
    waits = story(room, job)
    assert (waits.state, waits.channel, waits.attempts, waits.error) == ("pending", "sms", 1, busy.error)
    assert waits.rejections == "email: 550 5.1.1 no such user"
    assert (waits.handed_off_at, waits.provider_id, waits.lease_owner) == (None, None, None)


@pytest.mark.parametrize(
    ("forbidding", "expected"),
    [
        ("suppressed", Delivered(fell_back=1, skipped=1)),
        ("window", Delivered(fell_back=1, moved=1)),
        ("nothing", Delivered(fell_back=1, completed=1)),
    ],
)
def test_what_is_asked_before_a_hand_off_is_asked_of_the_new_channel(
    room: Mailroom, monkeypatch: pytest.MonkeyPatch, forbidding: str, expected: Delivered
) -> None:
    hashed = address_hash(room.database.salt, "sms", PHONE)
    if forbidding == "suppressed":
        suppressions.add(room.database, [Suppression(1, "sms", hashed, "unsubscribed", NOON)])
    if forbidding == "window":
        monkeypatch.setitem(PROFILE, "setting", {"send_windows": "sms 14:00-20:00"})
    [job] = room.plan(1, fallbacks=ways(room.database, "sms"))
    channels = answering(email=NEVER)
    assert room.deliver(channels) == expected
    assert len(channels["sms"].got) == expected.completed
    assert story(room, job).channel == "sms"
    if forbidding == "window":
        assert room.available(job) == NOON.replace(hour=14)
        assert room.deliver(channels, NOON.replace(hour=14)) == Delivered(completed=1)


def test_it_says_what_it_would_have_said_there_first_with_the_ways_out_of_that_channel(
    database: Database, tmp_path: Path
) -> None:
    letter = TemplateSource(
        "Hello",
        "<p>{{ unsubscribe_url }}</p>",
        "Stop: {{ unsubscribe_url }}",
        notes={"sms": "Short. {{ unsubscribe_url }}"},
    )
    room = Mailroom(database, Settings(home=tmp_path, **LINKS), template=letter)
    room.apply(steps=[{"id": "letter", "channels": ["sms", "email"], "template": "letter"}])
    text: dict[str, Any] = {
        "channel": "sms",
        "address": PHONE,
        "address_hash": address_hash(database.salt, "sms", PHONE),
    }
    room.plan(1, **text, fallbacks=ways(database, "email"))
    channels = answering(sms=Reject("21614 no mobile"))
    assert room.deliver(channels) == Delivered(fell_back=1, completed=1)
    (note,), (mail,) = channels["sms"].got, channels["email"].got
    assert isinstance(note, Note)
    assert isinstance(mail, Email)
    assert note.text.startswith("Short.")
    assert mail.recipient == KIM
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in mail.content
    token = mail.content.partition(b"/u/")[2].partition(b">")[0].decode()
    said = LinkKeys(LINKS["link_secret"]).verify("unsubscribe", token)
    assert isinstance(said, Valid)
    assert (said.claim.channel, said.claim.address_hash) == (
        "email",
        address_hash(database.salt, "email", KIM),
    )
    # From here on it counts where it is, for frequency caps as well.
    people = pl.DataFrame(
        {"tenant_id": [1], "address_hash": [said.claim.address_hash], "customer_id": [None]}
    )
    had = past.contacts(database, people.cast({"customer_id": pl.Int64}), NOON)
    assert had["channel"].to_list() == ["email"]


def test_the_number_of_statements_does_not_depend_on_the_number_of_jobs(room: Mailroom) -> None:
    def statements(count: int) -> int:
        room.plan(count, tenant=count, fallbacks=ways(room.database, "sms"))
        channels = answering(email=NEVER)
        for channel in channels.values():
            channel.repeatable = True
        return count_statements(room.database, lambda: done.append(room.deliver(channels)))

    done: list[Delivered] = []
    statements(1)  # a worker's first look at a ledger finds other things
    assert statements(3) == statements(150)
    assert [one.fell_back for one in done] == [1, 3, 150]
