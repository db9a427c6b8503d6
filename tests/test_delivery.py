"""Delivery against real channels and ledgers; workers are real processes, killed for real."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from email import message_from_bytes
from functools import partial
from mailbox import Maildir
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from automation_pipelines.channels import build_test_channels
from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.maildir import MaildirChannel
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.delivery import Delivered
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import claims, interventions
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import Suppression, add, address_hash
from automation_pipelines.ledger.tables import consents
from automation_pipelines.model import (
    Call,
    Command,
    Email,
    Handoff,
    Note,
    Outcome,
    Reject,
    Retry,
    Sent,
    Wait,
    WriteBack,
)
from automation_pipelines.settings import Settings
from tests.conformance.posts import CrmPost
from tests.mailroom import LINKS, NOON, PROFILE, Mailroom
from tests.mailserver import Behaviour, mail_server

LEASE = timedelta(seconds=300)


class Told:
    """A channel that answers as it is told and remembers what it got."""

    name = "email"
    repeatable = False

    def __init__(self, answer: Callable[[Handoff], Outcome | None] = lambda _: Sent()) -> None:
        self.answer = answer
        self.got: list[Handoff] = []

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        self.got += handoffs
        return [self.answer(handoff) for handoff in handoffs]

    def close(self) -> None:
        pass


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an installation with nothing set."""
    return Settings(home=tmp_path)


@pytest.fixture
def room(database: Database, settings: Settings) -> Mailroom:
    """A ledger with a running campaign."""
    made = Mailroom(database, settings)
    made.apply()
    return made


# --- what becomes of a job


def test_due_jobs_are_rendered_sent_and_completed(room: Mailroom, tmp_path: Path) -> None:
    room.plan(3)
    assert room.deliver({"email": MaildirChannel(tmp_path / "out")}) == Delivered(completed=3)
    subjects = sorted(message["Subject"] for message in Maildir(tmp_path / "out"))
    assert subjects == ["Hello Kim 1", "Hello Kim 2", "Hello Kim 3"]
    assert room.states() == ["completed"] * 3
    assert room.deliver({"email": MaildirChannel(tmp_path / "out")}) == Delivered()


def test_what_is_not_due_stays(room: Mailroom) -> None:
    room.plan(1, due_at=NOON + timedelta(minutes=1))
    assert room.deliver({"email": Told()}) == Delivered()
    assert room.deliver({"email": Told()}, NOON + timedelta(minutes=1)) == Delivered(completed=1)


def test_a_limit_is_kept(room: Mailroom) -> None:
    room.plan(5)
    assert room.deliver({"email": Told()}, limit=3) == Delivered(completed=3)


def test_jobs_of_channels_that_are_not_there_stay(room: Mailroom) -> None:
    room.plan(1, step="level")
    assert room.deliver({"email": Told()}) == Delivered()
    assert room.states() == ["pending"]


def test_a_rejected_job_is_dead_with_its_error(room: Mailroom) -> None:
    [job] = room.plan(1)
    assert room.deliver({"email": Told(lambda _: Reject("550 no"))}) == Delivered(dead=1)
    assert room.jobs()[job]["error"] == "550 no"


def test_a_temporary_failure_is_retried_three_times_with_growing_delays(room: Mailroom) -> None:
    [job] = room.plan(1, expires_at=NOON + timedelta(days=9))
    failing = Told(lambda _: Retry("451 later"))
    at, delays = NOON, []
    for _ in range(3):
        assert room.deliver({"email": failing}, at) == Delivered(delayed=1)
        assert room.deliver({"email": failing}, at) == Delivered()
        delays.append((room.available(job) - at) / timedelta(minutes=1))
        at = room.available(job)
    assert [round(delay / 5.25) for delay in delays] == [1, 2, 4]
    assert room.deliver({"email": failing}, at) == Delivered(dead=1)
    assert room.jobs()[job]["error"] == "451 later (no success in 4 attempts)"
    assert room.jobs()[job]["attempts"] == 4
    assert len({handoff.identity for handoff in failing.got}) == 1


def test_a_retry_after_the_expiry_is_not_waited_for(room: Mailroom) -> None:
    [job] = room.plan(1, expires_at=NOON + timedelta(minutes=4))
    assert room.deliver({"email": Told(lambda _: Retry("451 later"))}) == Delivered(dead=1)
    assert "would expire" in room.jobs()[job]["error"]


def test_a_message_that_cannot_be_made_is_dead_and_the_others_go(room: Mailroom) -> None:
    [bad] = room.plan(1, variables='{"recipient": {"name": "Kim"}}')
    [broken] = room.plan(1, variables="{")
    [nobody] = room.plan(1, address="nobody")
    [other] = room.plan(1, campaign_version=7)
    [good] = room.plan(1)
    channel = Told()
    assert room.deliver({"email": channel}) == Delivered(completed=1, dead=4)
    jobs = room.jobs()
    assert "'word' is undefined" in jobs[bad]["error"]
    assert "JSONDecodeError" in jobs[broken]["error"]
    assert "address cannot be used" in jobs[nobody]["error"]
    assert "no version 7" in jobs[other]["error"]
    assert [handoff.job_id for handoff in channel.got] == [good]
    assert jobs[bad]["attempts"] == 0


def test_a_job_renders_the_version_it_was_planned_with(room: Mailroom) -> None:
    room.plan(1)
    room.apply(title="Letters, renamed", steps=[{"id": "other", "channel": "email", "template": "letter"}])
    assert room.deliver({"email": Told()}) == Delivered(completed=1)


# --- what is asked again just before hand-off


def test_expired_jobs_are_skipped(room: Mailroom) -> None:
    [job] = room.plan(1)
    channel = Told()
    assert room.deliver({"email": channel}, NOON + timedelta(days=1)) == Delivered(skipped=1)
    assert (room.jobs()[job]["state"], room.jobs()[job]["reason"]) == ("skipped", "expired")
    assert channel.got == []


@pytest.mark.parametrize(
    ("purpose", "reason", "topic", "state"),
    [
        ("marketing", "unsubscribed", "", "skipped"),
        ("marketing", "complained", "general", "skipped"),
        ("marketing", "unsubscribed", "other-topic", "completed"),
        ("transactional", "unsubscribed", "", "completed"),
        ("transactional", "bounced", "", "skipped"),
        ("internal", "manual", "", "skipped"),
    ],
)
def test_an_address_suppressed_since_planning_is_not_written_to(
    room: Mailroom, purpose: str, reason: str, topic: str, state: str
) -> None:
    room.purpose = purpose
    room.plan(1)
    hashed = address_hash(room.database.salt, "email", "KIM1@mail.example.com ")
    add(room.database, [Suppression(1, "email", hashed, reason, NOON, topic=topic)])
    room.deliver({"email": Told()})
    assert room.states() == [state]


@pytest.mark.parametrize(
    ("purpose", "said", "state"),
    [
        ("marketing", "opted_out", "skipped"),
        ("marketing", "pending", "skipped"),
        ("marketing", "opted_in", "completed"),
        ("transactional", "opted_out", "completed"),
    ],
)
def test_who_took_consent_back_since_planning_gets_no_marketing(
    room: Mailroom, purpose: str, said: str, state: str
) -> None:
    room.purpose = purpose
    room.plan(1)
    hashed = address_hash(room.database.salt, "email", "KIM1@mail.example.com ")
    word = {"tenant_id": 1, "channel": "email", "address_hash": hashed, "topic": "", "origin": "phone"}
    with room.database.begin() as connection:
        connection.execute(consents.insert().values(**word, state=said, at=NOON))
    room.deliver({"email": Told()})
    assert room.states() == [state]


def test_a_paused_campaign_waits_and_an_ended_one_is_over(room: Mailroom) -> None:
    room.plan(2)
    room.campaigns.pause("letters", "t", NOON)
    assert room.deliver({"email": Told()}) == Delivered()
    room.campaigns.resume("letters", "t", NOON)
    room.campaigns.delete("letters", "t", NOON)
    assert room.deliver({"email": Told()}) == Delivered()
    assert room.states() == ["cancelled"] * 2


def test_who_is_paused_by_hand_waits_for_what_was_planned_already(room: Mailroom) -> None:
    room.plan(2)
    tell = partial(interventions.give, room.database, campaign="letters", by_hand=False, by="ops")
    first = interventions.Subject(tenant_id=1, subject_id=1, text="1")
    tell("pause", subject=first, at=NOON)
    assert room.deliver({"email": Told()}) == Delivered(moved=1, completed=1)
    tell("resume", subject=first, at=NOON + timedelta(minutes=4))
    assert room.deliver({"email": Told()}, NOON + timedelta(minutes=5)) == Delivered(completed=1)


@pytest.mark.parametrize(
    ("move", "result"), [("pause", Delivered(released=1)), ("delete", Delivered(cancelled=1))]
)
def test_a_campaign_stopped_while_its_job_was_claimed_sends_nothing(
    room: Mailroom, monkeypatch: pytest.MonkeyPatch, move: str, result: Delivered
) -> None:
    room.plan(1)
    claim = claims.claim

    def claim_then_stop(*args: object, **options: object) -> object:
        claimed = claim(*args, **options)  # type: ignore[arg-type]
        if claimed:
            getattr(room.campaigns, move)("letters", "t", NOON)
        return claimed

    monkeypatch.setattr(claims, "claim", claim_then_stop)
    channel = Told()
    assert room.deliver({"email": channel}) == result
    assert channel.got == []


def test_nothing_is_sent_for_a_tenant_that_was_switched_off(
    room: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROFILE, "active", False)
    room.plan(1)
    assert room.deliver({"email": Told()}) == Delivered(moved=1)
    assert room.deliver({"email": Told()}, NOON + timedelta(days=1)) == Delivered(skipped=1)


def window(**hours: object) -> dict[str, object]:
    """A campaign's window on working days."""
    return {"window": {"days": ["mon", "tue", "wed", "thu", "fri"], **hours}}


def test_a_shut_window_moves_a_job_to_the_next_opening(room: Mailroom) -> None:
    room.apply(**window(start="09:00", end="11:00"))
    [job] = room.plan(1, campaign_version=2)
    assert room.deliver({"email": Told()}) == Delivered(moved=1)
    opening = datetime.fromisoformat("2026-03-05T09:00+00:00")
    assert room.available(job) == opening
    assert room.deliver({"email": Told()}, opening) == Delivered(completed=1)


def test_a_job_that_expires_before_the_window_opens_is_skipped(room: Mailroom) -> None:
    room.apply(**window(start="09:00", end="11:00"))
    room.plan(1, campaign_version=2, expires_at=datetime.fromisoformat("2026-03-05T09:00+00:00"))
    assert room.deliver({"email": Told()}) == Delivered(skipped=1)


def test_windows_are_in_the_tenants_zone(room: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILE, "time_zone", "Asia/Kathmandu")  # noon UTC is 17:45 there
    room.apply(**window(start="09:00", end="17:30"))
    [job] = room.plan(1, campaign_version=2)
    assert room.deliver({"email": Told()}) == Delivered(moved=1)
    assert room.available(job) == datetime.fromisoformat("2026-03-05T09:00+05:45")


def test_a_window_in_the_recipients_zone_is_judged_there(room: Mailroom) -> None:
    room.apply(**window(start="09:00", end="17:30", zone="recipient"))
    there = '{"word": "Dear", "recipient": {"name": "Kim", "time_zone": "Asia/Kathmandu"}}'
    [job] = room.plan(1, campaign_version=2, variables=there)
    room.plan(1, campaign_version=2)
    room.plan(1, campaign_version=2, variables="{")
    assert room.deliver({"email": Told()}) == Delivered(completed=1, moved=1, dead=1)
    assert room.available(job) == datetime.fromisoformat("2026-03-05T09:00+05:45")


# --- tests of campaigns


def test_the_jobs_of_a_test_go_to_the_channels_of_a_test_and_leave_the_real_ones_alone(
    room: Mailroom, tmp_path: Path
) -> None:
    room.plan(2)
    room.plan(3, mode="test")
    room.campaigns.pause("letters", "t", NOON)
    channels = build_test_channels(Settings(home=tmp_path))
    assert room.deliver(channels, mode="test") == Delivered(completed=3)
    assert len(list((tmp_path / "test-outbox" / "email").glob("*.eml"))) == 3
    room.campaigns.resume("letters", "t", NOON)
    told = Told()
    assert room.deliver({"email": told}) == Delivered(completed=2)
    tested = {path.stem for path in (tmp_path / "test-outbox" / "email").glob("*.eml")}
    assert tested.isdisjoint(mail.identity for mail in told.got)


def test_the_command_delivers_tests_as_files_when_asked(room: Mailroom, tmp_path: Path) -> None:
    room.plan(2, mode="test", expires_at=None)
    [live] = room.plan(1, expires_at=None)
    url = room.database.engine.url.render_as_string(hide_password=False)
    installation = Installation.open(Settings(home=tmp_path, database_url=url.replace("+psycopg", "")))
    front = Front(installation, NOON, "ann")
    done = CliRunner().invoke(automation, ["deliver", "--test"], obj=front)
    assert done.output == "completed 2\n"
    assert len(list((tmp_path / "test-outbox" / "email").glob("*.eml"))) == 2
    assert room.jobs()[live]["state"] == "pending"
    installation.database.close()


# --- workers that die, and answers that never come


def test_an_answer_that_never_came_is_left_to_the_end_of_the_lease(room: Mailroom) -> None:
    room.settings = Settings(home=room.settings.home, lease_seconds=1)
    [job] = room.plan(1)
    assert room.deliver({"email": Told(lambda _: None)}) == Delivered(unanswered=1)
    assert room.jobs()[job]["state"] == "processing"
    assert rescued(room, {"email": Told()}) == Delivered(unknown=1)


def rescued(room: Mailroom, channels: dict[str, Told | EmailChannel | MaildirChannel]) -> Delivered:
    """Deliver once the leases of a dead worker have ended, whoever's clock counts."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done = room.deliver(channels, NOON + timedelta(seconds=2), owner="successor")  # type: ignore[arg-type]
        if done.returned or done.unknown:
            return done
        time.sleep(0.1)
    pytest.fail("the leases never ended")


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def behaviour() -> Behaviour:
    """What the mail server does."""
    return Behaviour()


@pytest.fixture
def served(room: Mailroom, behaviour: Behaviour) -> Iterator[Mailroom]:
    """The same over a real mail server, with short leases."""
    with mail_server(behaviour) as port:
        room.settings = Settings(
            home=room.settings.home,
            database_url=room.database.engine.url.render_as_string(hide_password=False),
            smtp_url=f"smtp://127.0.0.1:{port}?tls=none",
            lease_seconds=1,
            claim_batch=40,
            **LINKS,
        )
        yield room


def channel_of(room: Mailroom) -> dict[str, Told | EmailChannel | MaildirChannel]:
    """A channel to the room's mail server."""
    assert room.settings.smtp_url is not None
    return {"email": EmailChannel(room.settings.smtp_url.get_secret_value())}


def test_a_worker_killed_before_hand_off_loses_nothing_and_repeats_nothing(
    served: Mailroom, behaviour: Behaviour
) -> None:
    ids = served.plan(10)
    worker = served.hanging("start_handoff")
    worker.kill()
    worker.join()
    assert behaviour.jobs == {}
    assert rescued(served, channel_of(served)) == Delivered(completed=10, returned=10)
    assert behaviour.jobs == {str(job): 1 for job in ids}


@pytest.mark.parametrize(("purpose", "times"), [("marketing", 1), ("transactional", 2), ("internal", 2)])
def test_a_worker_killed_before_the_answer_repeats_by_purpose_under_the_same_id(
    served: Mailroom, behaviour: Behaviour, purpose: str, times: int
) -> None:
    served.purpose = purpose
    behaviour.slow_answer = 60
    ids = served.plan(5)
    worker = served.process()
    wait_for(lambda: len(behaviour.log) == 5)
    worker.kill()
    worker.join()
    behaviour.slow_answer = 0
    done = rescued(served, channel_of(served))
    assert done == (Delivered(unknown=5) if purpose == "marketing" else Delivered(completed=5, returned=5))
    assert behaviour.jobs == {str(job): times for job in ids}
    assert len({message["Message-ID"] for message in behaviour.log}) == 5
    assert set(served.states()) == {"unknown" if purpose == "marketing" else "completed"}


def test_a_worker_killed_before_settling_leaves_no_second_copy_in_a_maildir(
    served: Mailroom,
) -> None:
    served.settings = served.settings.model_copy(update={"smtp_url": None})
    served.plan(10)
    worker = served.hanging("settle")
    worker.kill()
    worker.join()
    assert len(Maildir(served.settings.outbox)) == 10
    done = rescued(served, {"email": MaildirChannel(served.settings.outbox)})
    assert done == Delivered(completed=10, returned=10)
    assert len(Maildir(served.settings.outbox)) == 10


def test_a_worker_killed_between_the_crms_commit_and_settling_changes_nothing_on_repeat(
    served: Mailroom, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "automation.db").touch()
    post = CrmPost(database_url, tmp_path / "own")
    served.settings = served.settings.model_copy(
        update={"sql_dir": tmp_path / "own", "crm_url": type(served.settings.smtp_url)(database_url)}
    )
    served.plan(4, step="level")
    worker = served.hanging("settle")
    worker.kill()
    worker.join()
    assert post.level() == 4
    assert served.states() == ["processing"] * 4
    assert rescued(served, {"crm": post.channel}) == Delivered(completed=4, returned=4)  # type: ignore[dict-item]
    assert post.level() == 4
    post.channel.close()


def test_two_workers_over_one_ledger_send_each_job_once(served: Mailroom, behaviour: Behaviour) -> None:
    served.settings = served.settings.model_copy(update={"lease_seconds": 60})
    ids = served.plan(400)
    workers = [served.process() for _ in range(2)]
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert behaviour.jobs == {str(job): 1 for job in ids}
    assert set(served.states()) == {"completed"}


def test_a_slow_server_does_not_cost_the_lease(served: Mailroom, behaviour: Behaviour) -> None:
    served.settings = served.settings.model_copy(update={"lease_seconds": 3})
    behaviour.slow_answer = 6
    served.plan(1)
    worker = served.process()
    wait_for(lambda: behaviour.log)
    time.sleep(4)
    assert served.deliver({"email": Told()}, NOON, owner="other") == Delivered()
    worker.join(60)
    assert worker.exitcode == 0
    assert served.states() == ["completed"]
    assert len(behaviour.log) == 1


def test_a_worker_told_to_stop_gives_back_what_it_has_not_handed_off(room: Mailroom) -> None:
    room.plan(100)
    channel = Told()
    done = room.deliver({"email": channel}, stop=lambda: len(channel.got) >= 32)
    assert done == Delivered(completed=32, released=68)
    assert room.deliver({"email": Told()}) == Delivered(completed=68)


# --- the other ways out


def sent_by(room: Mailroom, channel: str, step: dict[str, Any], **row: Any) -> Handoff:
    """What that step hands over for one job."""
    room.apply(steps=[{"id": "one", **step}])
    room.plan(1, step="one", campaign_version=2, channel=channel, **row)
    told = Told()
    assert room.deliver({channel: told}) == Delivered(completed=1)
    [handoff] = told.got
    return handoff


def refused_by(room: Mailroom, channel: str, step: dict[str, Any], **row: Any) -> str:
    """Why that step cannot hand over one job."""
    room.apply(steps=[{"id": "one", **step}])
    [job] = room.plan(1, step="one", campaign_version=2, channel=channel, **row)
    assert room.deliver({channel: Told()}) == Delivered(dead=1)
    return str(room.jobs()[job]["error"])


def given(**variables: Any) -> str:
    """The variables of a job."""
    return json.dumps({"word": "Dear", "recipient": {"name": "Kim"}, **variables})


def test_a_short_channel_gets_title_and_text_of_the_template(room: Mailroom) -> None:
    note = sent_by(room, "sms", {"channel": "sms", "template": "letter"}, address="+15550100")
    assert isinstance(note, Note)
    assert (note.to, note.title, note.text) == ("+15550100", "Hello Kim 1", "Dear from Acme Travel")


def test_the_channel_that_planning_chose_is_the_one_that_gets_it(room: Mailroom) -> None:
    step = {"channels": ["wallet", "sms"], "template": "letter"}
    note = sent_by(room, "wallet", step, address="serial-1")
    assert isinstance(note, Note)
    assert note.to == "serial-1"


def test_a_request_is_filled_in_and_whole_expressions_keep_their_type(room: Mailroom) -> None:
    request = {
        "url": "https://hooks.example.com/{{ word|lower }}",
        "method": "PUT",
        "headers": {"X-Word": "{{ word }}"},
        "body": {"count": "{{ count }}", "list": ["{{ word }}!", 1, None], "no": "{{ nothing }}"},
    }
    variables = given(count=3, nothing=None)
    call = sent_by(room, "webhook", {"request": request}, address=None, variables=variables)
    assert isinstance(call, Call)
    assert (call.method, call.url) == ("PUT", "https://hooks.example.com/dear")
    assert call.headers == {"X-Word": "Dear"}
    assert call.body == {"count": 3, "list": ["Dear!", 1, None], "no": None}


def test_an_integration_gets_its_parameters(room: Mailroom) -> None:
    parameters = {"amount": "{{ count }}", "title": "{{ campaign.title }}: {{ custom.product }}"}
    integration = {"target": "hubspot", "action": "create-deal", "parameters": parameters}
    step = {"integration": integration, "variables": {"product": "Tours"}}
    command = sent_by(room, "hubspot", step, address=None, variables=given(count=12.5))
    assert isinstance(command, Command)
    assert (command.target, command.action) == ("hubspot", "create-deal")
    assert command.parameters == {"amount": 12.5, "title": "Letters: Tours"}


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"url": "https://{{ nowhere }}"}, "url: UndefinedError: 'nowhere' is undefined"),
        ({"url": "https://x/{{ word }} y"}, "url: what it is filled in to is no http(s) address"),
        (
            {"url": "https://x", "headers": {"X": "{{ lines }}"}},
            "headers.X: what it is filled in to does not",
        ),
        ({"url": "https://x", "body": {"a": ["{{ b }}"]}}, "body.a.0: UndefinedError: 'b' is undefined"),
    ],
)
def test_a_call_that_cannot_be_made_is_dead_and_names_the_text(
    room: Mailroom, request_: dict[str, Any], error: str
) -> None:
    variables = given(lines="secret\nX-Admin: 1")
    found = refused_by(room, "webhook", {"request": request_}, address=None, variables=variables)
    assert found.startswith(error)
    assert "secret" not in found


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (None, 4)])
def test_a_request_has_a_count_of_retries_of_its_own(
    room: Mailroom, retries: int | None, attempts: int
) -> None:
    request = {"url": "https://hooks.example.com", **({} if retries is None else {"retries": retries})}
    room.apply(steps=[{"id": "one", "request": request}])
    soon = {"channel": "webhook", "address": None, "expires_at": NOON + timedelta(days=9)}
    [job] = room.plan(1, step="one", campaign_version=2, **soon)
    failing = Told(lambda _: Retry("503"))
    for _ in range(attempts):
        room.deliver({"webhook": failing}, max(NOON, room.available(job)))
    assert room.jobs()[job]["state"] == "dead"
    assert len(failing.got) == attempts


def test_waiting_completes_at_once_and_hands_nothing_over(room: Mailroom) -> None:
    assert isinstance(sent_by(room, "wait", {"channel": "wait"}, address=None), Wait)


def test_copies_go_with_the_message_and_hidden_ones_are_not_named(room: Mailroom) -> None:
    variables = given(
        cc=["boss@acme.example.com", "KIM1@mail.example.com"],
        bcc=["audit@acme.example.com", "boss@acme.example.com"],
    )
    step = {"channel": "email", "template": "letter"}
    mail = sent_by(room, "email", step, variables=variables)
    assert isinstance(mail, Email)
    assert mail.copies == ("boss@acme.example.com", "audit@acme.example.com")
    message = message_from_bytes(mail.content)
    assert message["Cc"] == "<boss@acme.example.com>"
    assert b"audit@" not in mail.content


def test_a_variant_has_its_own_subject(room: Mailroom) -> None:
    step = {
        "id": "one",
        "channel": "email",
        "template": "letter",
        "variants": {"b": {"subject": "B {{ word }}"}},
    }
    room.apply(steps=[step], variants=[{"id": "a"}, {"id": "b"}])
    for variant in ("a", "b"):
        room.plan(1, step="one", campaign_version=2, variant=variant)
    told = Told()
    room.deliver({"email": told})
    subjects = {message_from_bytes(mail.content)["Subject"] for mail in told.got if isinstance(mail, Email)}
    assert subjects == {"Hello Kim 1", "B Dear"}


def test_what_a_tenant_does_not_say_of_its_looks_is_the_products(room: Mailroom) -> None:
    room.settings = Settings(home=room.settings.home, brand_website="https://www.example.com")
    step = {"channel": "email", "template": "letter", "subject": "{{ tenant.website }}"}
    mail = sent_by(room, "email", step)
    assert isinstance(mail, Email)
    assert message_from_bytes(mail.content)["Subject"] == "https://www.example.com"


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        ("tenant", ('"Acme" <hello@acme.example.com>', None)),
        ({"name": "Ada", "email": "ada@acme.example.com"}, ('"Ada" <ada@acme.example.com>', None)),
        ("owner", ('"Grace" <grace@acme.example.com>', None)),
    ],
)
def test_a_mail_goes_in_the_name_that_the_campaign_says(
    room: Mailroom, sender: object, headers: tuple[str, str | None]
) -> None:
    room.apply(sender=sender)
    owner = {"name": "Grace", "email": "grace@acme.example.com"}
    room.plan(1, campaign_version=room.campaigns.show("letters").entry.version, variables=given(owner=owner))
    told = Told()
    assert room.deliver({"email": told}) == Delivered(completed=1)
    [mail] = told.got
    assert isinstance(mail, Email)
    message = message_from_bytes(mail.content)
    assert (message["From"], message["Reply-To"]) == headers


ACTION = {"channel": "crm", "address": None}


def test_a_write_back_has_its_values_filled_in_and_the_keys_of_its_row(room: Mailroom) -> None:
    values = {"title": "Call {{ recipient.name }}", "priority": "high", "due_on": "+1w"}
    row = {"subject_id": 1, "variables": given(account_id=9, assignee_id=2), "customer_id": 7}
    done = sent_by(room, "crm", {"action": "create_task", "with": values}, address=None, **row)
    assert isinstance(done, WriteBack)
    new_id = done.values["new_id"]
    assert isinstance(new_id, int)
    assert 0 < new_id < 2**62
    assert done.values == {
        "title": "Call Kim",
        "description": None,
        "assignee_id": 2,
        "priority": "high",
        "due_on": "2026-03-11",
        "tenant_id": 1,
        "subject_id": 1,
        "subject_text": "1",
        "customer_id": 7,
        "account_id": 9,
        "new_id": new_id,
        "now": "2026-03-04 12:00:00+00:00",
        "today": "2026-03-04",
    }


def test_days_count_in_the_tenants_zone_from_the_day_it_was_due(
    room: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROFILE, "time_zone", "Pacific/Kiritimati")  # there the 5th has begun
    step = {"action": "create_task", "with": {"title": "x", "due_on": "+1d"}}
    done = sent_by(room, "crm", step, address=None)
    assert isinstance(done, WriteBack)
    assert done.values["due_on"] == "2026-03-06"


def test_keys_of_a_crm_with_text_keys_are_not_made_up(room: Mailroom) -> None:
    row = {"subject_text": "C-1", "customer_id": 7, "variables": given(account_id=9)}
    done = sent_by(room, "crm", {"action": "create_task", "with": {"title": "x"}}, address=None, **row)
    assert isinstance(done, WriteBack)
    assert (done.values["customer_id"], done.values["account_id"]) == (None, None)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"action": "set_query_status", "with": {"status": "{{ word }}"}}, "'status' must not be 'Dear'"),
        (
            {"action": "create_task", "with": {"title": "{{ word }}", "due_on": "{{ word }}"}},
            "must be a date",
        ),
        ({"action": "assign_query"}, "'assignee_id' must not be null"),
        ({"action": "create_task", "with": {"title": "{{ nowhere }}"}}, "title: UndefinedError"),
    ],
)
def test_a_value_that_turns_out_wrong_is_refused_before_the_crm_is_asked(
    room: Mailroom, step: dict[str, Any], error: str
) -> None:
    assert error in refused_by(room, "crm", step, address=None)


def test_an_action_that_is_undone_has_the_negative_of_its_points(room: Mailroom) -> None:
    step = {"id": "one", "action": "adjust_health_score", "with": {"points": 15}, "undo_after": "14 days"}
    room.apply(steps=[step])
    for part in ("one", "one/undo"):
        room.plan(1, step=part, campaign_version=2, variables=given(account_id=9), **ACTION)
    told = Told()
    assert room.deliver({"crm": told}) == Delivered(completed=2)
    points = [done.values["points"] for done in told.got if isinstance(done, WriteBack)]
    assert sorted(points) == [-15, 15]  # type: ignore[type-var]
    assert len({done.identity for done in told.got}) == 2
