"""Jobs nobody heard back about, over a provider that can be asked: found, sent once, or left in doubt."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines.cli.jobs import jobs as jobs_command
from automation_pipelines.delivery import Delivered
from automation_pipelines.ledger import operations
from automation_pipelines.ledger.conversations import Inbound, Party, open_among, record
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import address_hash, of_address
from automation_pipelines.ledger.tables import jobs
from automation_pipelines.messages import TemplateSource
from automation_pipelines.model import State
from automation_pipelines.settings import Settings
from tests.conformance.twilio_post import TEMPLATE, Behaviour, TwilioPost, error, twilio_post
from tests.mailroom import NOON, Mailroom

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LEASE = 5 * MINUTE
LATER = NOON + LEASE + MINUTE
"""When the lease of what was claimed at noon is over."""
TEXTS = TemplateSource(notes={"sms": "{{ word }} from {{ tenant.name }}", "whatsapp": "{{ word }}"})


@pytest.fixture
def sms() -> Iterator[TwilioPost]:
    with twilio_post("sms") as made:
        made.server.now = NOON
        yield made


@pytest.fixture(params=["marketing", "transactional"])
def purpose(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Mailroom:
    """A campaign of text messages to customers."""
    return opened(database, tmp_path, "transactional")


def opened(database: Database, tmp_path: Path, purpose: str, source: TemplateSource = TEXTS) -> Mailroom:
    settings = Settings(home=tmp_path, job_max_retries=2, lease_seconds=int(LEASE.total_seconds()))
    office = Mailroom(database, settings, purpose, template=source)
    office.apply(steps=[{"id": "letter", "channels": ["sms", "whatsapp"], "template": "letter"}])
    return office


def plan(office: Mailroom, number: int = 100, channel: str = "sms", **row: Any) -> int:
    """One message to that number; its job."""
    address = f"+15550{number}"
    hashed = address_hash(office.database.salt, channel, address)
    [job] = office.plan(1, channel=channel, address=address, address_hash=hashed, **row)
    return job


def deliver(office: Mailroom, post: TwilioPost, at: datetime) -> Delivered:
    return office.deliver({post.channel.name: post.channel}, at)


def end_leases(office: Mailroom) -> None:
    """On a server they are told by its clock."""
    with office.database.begin() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.state == "processing").values(lease_until=NOON))


def in_doubt(office: Mailroom, post: TwilioPost, **behaviour: Any) -> None:
    """Hand off at noon without an answer, and give it up when the lease is over."""
    post.server.behaviour = Behaviour(**behaviour)
    assert deliver(office, post, NOON).unanswered
    post.server.behaviour = Behaviour()
    end_leases(office)
    assert deliver(office, post, LATER).unknown
    assert set(office.states()) == {"unknown"}


def test_what_was_taken_is_found_and_not_sent_again(
    database: Database, tmp_path: Path, sms: TwilioPost, purpose: str
) -> None:
    office = opened(database, tmp_path, purpose)
    job = plan(office)
    in_doubt(office, sms, hang_up=True)
    delivered = deliver(office, sms, LATER + MINUTE)
    assert (delivered.found, delivered.completed) == (1, 0)
    [message] = sms.server.messages
    told = office.jobs()[job]
    assert (told["state"], told["provider_id"], told["attempts"]) == ("completed", message["sid"], 1)
    [action] = database.read("SELECT action, detail FROM audit WHERE action = 'jobs resolve'").rows()
    assert action == ("jobs resolve", '{"completed":1}')


def test_what_was_never_taken_is_sent_once(
    database: Database, tmp_path: Path, sms: TwilioPost, purpose: str
) -> None:
    office = opened(database, tmp_path, purpose)
    job = plan(office)
    in_doubt(office, sms, status=500, body=error(20500, "Internal", 500))
    assert sms.server.messages == []
    delivered = deliver(office, sms, LATER + MINUTE)
    assert (delivered.returned, delivered.completed) == (1, 1)
    assert len(sms.server.messages) == 1
    assert office.jobs()[job]["attempts"] == 2


def test_nobody_is_asked_before_a_minute_has_passed(office: Mailroom, sms: TwilioPost) -> None:
    plan(office)
    in_doubt(office, sms, status=500)
    assert deliver(office, sms, LATER + MINUTE - timedelta(seconds=1)) == Delivered()
    assert office.states() == ["unknown"]


def test_what_a_provider_never_takes_is_dead_when_its_attempts_are_used_up(
    office: Mailroom, sms: TwilioPost
) -> None:
    job = plan(office)
    for round_ in range(3):
        sms.server.behaviour = Behaviour(500)
        deliver(office, sms, NOON + round_ * 10 * MINUTE)
        end_leases(office)
        deliver(office, sms, LATER + round_ * 10 * MINUTE)
    assert deliver(office, sms, NOON + 30 * MINUTE).dead == 1
    told = office.jobs()[job]
    assert (told["state"], told["attempts"]) == ("dead", 3)
    assert told["error"] == ("the provider did not answer, and does not have it (no success in 3 attempts)")


def test_a_message_that_says_something_else_proves_nothing(office: Mailroom, sms: TwilioPost) -> None:
    plan(office)
    sms.server.add("+15550100", "From another system")
    in_doubt(office, sms, status=500)
    assert deliver(office, sms, LATER + MINUTE) == Delivered()
    assert office.states() == ["unknown"]


def test_a_message_that_is_another_jobs_is_not_this_ones(office: Mailroom, sms: TwilioPost) -> None:
    known = plan(office)
    deliver(office, sms, NOON)
    job = plan(office)
    sms.server.behaviour = Behaviour(500)
    deliver(office, sms, NOON)
    sms.server.behaviour = Behaviour()
    end_leases(office)
    deliver(office, sms, LATER)
    assert office.states() == ["completed", "unknown"]
    assert deliver(office, sms, LATER + MINUTE).returned == 1
    told = office.jobs()
    assert {told[known]["provider_id"], told[job]["provider_id"]} == {
        row["sid"] for row in sms.server.messages
    }


@pytest.mark.parametrize("words", [("One", "Two"), ("Same", "Same")])
def test_of_two_to_the_same_number_each_is_told_its_own(
    office: Mailroom, sms: TwilioPost, words: tuple[str, str]
) -> None:
    both = [plan(office, variables=f'{{"word": "{word}", "recipient": {{}}}}') for word in words]
    in_doubt(office, sms, body="[]")
    assert deliver(office, sms, LATER + MINUTE).found == 2
    told = office.jobs()
    bodies = {row["sid"]: row["body"] for row in sms.server.messages}
    assert [bodies[told[job]["provider_id"]] for job in both] == [
        f"{word} from Acme Travel" for word in words
    ]


def test_a_provider_that_does_not_tell_changes_nothing(office: Mailroom, sms: TwilioPost) -> None:
    plan(office)
    in_doubt(office, sms, hang_up=True)
    sms.server.close()
    assert deliver(office, sms, LATER + MINUTE) == Delivered()
    sms.server.open()
    assert deliver(office, sms, LATER + 2 * MINUTE).found == 1


def test_people_may_have_providers_asked_about_what_is_older_and_are_told_what_cannot_be_asked(
    office: Mailroom, sms: TwilioPost, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = plan(office)
    in_doubt(office, sms, hang_up=True)
    letter = plan(office, channel="email")
    with office.database.begin() as connection:
        unknown = {"state": "unknown", "handed_off_at": NOON, "finished_at": NOON}
        connection.execute(jobs.update().where(jobs.c.id == letter).values(**unknown))
    monkeypatch.setattr("automation_pipelines.cli.jobs.build_channels", lambda _: {"sms": sms.channel})
    front = SimpleNamespace(
        database=office.database,
        settings=office.settings,
        installation=office,
        user="ann",
        now=NOON + 9 * DAY,
    )

    def said(*arguments: str) -> str:
        return CliRunner().invoke(jobs_command, ["resolve", *arguments], obj=front).output

    assert said(str(letter)).startswith("1 unknown job cannot be asked about (email)")
    assert said("--channel", "sms") == "asked about 1 job: 1 found with the provider\n"
    assert office.jobs()[job]["state"] == "completed"
    assert said("--channel", "sms") == "nothing to do: none of these jobs is unknown\n"
    told = office.database.read("SELECT \"by\", detail FROM audit WHERE action = 'jobs resolve'").rows()
    assert told == [("ann", '{"completed":1}')]


def test_what_is_unknown_for_days_is_left_to_people(office: Mailroom, sms: TwilioPost) -> None:
    plan(office)
    in_doubt(office, sms, hang_up=True)
    assert deliver(office, sms, LATER + timedelta(days=1)) == Delivered()
    assert office.states() == ["unknown"]


def test_a_number_that_stopped_is_suppressed(office: Mailroom, sms: TwilioPost) -> None:
    job = plan(office)
    sms.server.behaviour = Behaviour(400, error(21610, "Attempt to send to unsubscribed recipient"))
    deliver(office, sms, NOON)
    hashed = address_hash(office.database.salt, "sms", "+15550100")
    assert office.jobs()[job]["state"] == "dead"
    found = of_address(office.database, 1, "sms", hashed, NOON)
    assert found["reason"].to_list() == ["unsubscribed"]


APPROVED = TemplateSource(
    notes={
        "whatsapp": "Any words, {{ word }}",
        "approved": f'{{"content_sid": "{TEMPLATE}", "variables": {{"1": "{{{{ word }}}}"}}}}',
    }
)


@pytest.mark.parametrize(
    ("wrote", "source", "key"),
    [
        (None, APPROVED, "ContentSid"),
        (25 * 60, APPROVED, "ContentSid"),
        (24 * 60 - 1, APPROVED, "Body"),
        (24 * 60 - 1, TEXTS, "Body"),
        (25 * 60, TEXTS, None),
        (-10, TEXTS, None),
    ],
)
def test_whatsapp_says_anything_for_a_day_after_somebody_wrote_and_then_what_is_approved(
    database: Database, tmp_path: Path, wrote: int | None, source: TemplateSource, key: str | None
) -> None:
    office = opened(database, tmp_path, "transactional", source)
    job = plan(office, channel="whatsapp", variables='{"word": "a \\"quote\\"\\n!", "recipient": {}}')
    if wrote is not None:
        hashed = address_hash(database.salt, "whatsapp", "+15550100")
        record(database, [Inbound(1, "whatsapp", hashed, NOON - wrote * MINUTE)])
    with twilio_post("whatsapp") as post:
        deliver(office, post, NOON)
        told = office.jobs()[job]
        if key is None:
            assert told["state"] == "dead"
            assert "24 hours" in told["error"]
            assert post.server.requests == []
        else:
            assert told["state"] == "completed"
            [said] = post.server.requests
            assert key in said
            assert key == "Body" or said["ContentVariables"] == '{"1": "a \\"quote\\" !"}'


def test_the_latest_of_what_somebody_wrote_counts_whatever_comes_in_last(database: Database) -> None:
    ada, other = Party(1, "whatsapp", "a"), Party(2, "whatsapp", "a")
    record(database, [])
    record(database, [Inbound(*ada, NOON), Inbound(*ada, NOON - 30 * 60 * MINUTE)])
    record(database, [Inbound(*ada, NOON - 60 * 60 * MINUTE), Inbound(*other, NOON - 60 * 60 * MINUTE)])
    assert open_among(database, {ada, other, Party(1, "whatsapp", "b")}, NOON) == {ada}
    assert open_among(database, {ada}, NOON + timedelta(hours=24)) == set()
    assert open_among(database, {Party(1, "sms", "a")}, NOON) == set()


def test_a_job_settled_meanwhile_stays_as_it_is(office: Mailroom, sms: TwilioPost) -> None:
    job = plan(office)
    in_doubt(office, sms, hang_up=True)
    wanted = operations.JobFilter(ids=(job,))
    trace = type(sms.channel).trace

    def slow(doubts: Any) -> Any:
        operations.retry(office.database, wanted, by="somebody", now=LATER)
        return trace(sms.channel, doubts)

    sms.channel.trace = slow  # type: ignore[method-assign]
    assert deliver(office, sms, LATER + MINUTE).found == 0
    assert operations.count_by_state(office.database) == {State.COMPLETED: 1}
    assert len(sms.server.messages) == 2
