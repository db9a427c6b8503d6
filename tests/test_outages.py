"""Delivery while providers misbehave: breakers, limits, warm-up, what is dropped and what is late."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.delivery import Delivered, deliver
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import breakers, suppressions
from automation_pipelines.ledger.breakers import Key
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.lateness import lateness
from automation_pipelines.ledger.suppressions import Contact, address_hash
from automation_pipelines.ledger.tables import audit
from automation_pipelines.model import Call, Handoff, Outcome, Reject, Retry, Sent
from automation_pipelines.settings import Settings
from tests.ledger.planned import count_statements
from tests.mailroom import NOON, PROFILE, Mailroom

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
DOWN = Retry("no route to host", provider=True)
MAIL = Key(1, "email")


class Provider:
    """A channel that answers as it is told, and counts."""

    name = "email"

    def __init__(
        self, answer: Callable[[Handoff], Outcome | None] = lambda _: Sent(), *, repeatable: bool = False
    ) -> None:
        self.answer = answer
        self.repeatable = repeatable
        self.got: list[Handoff] = []

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        self.got += handoffs
        return [self.answer(handoff) for handoff in handoffs]

    def close(self) -> None:
        pass

    @property
    def tenants(self) -> Counter[int]:
        return Counter(one.tenant_id for one in self.got)


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Mailroom:
    """A ledger with a running campaign."""
    made = Mailroom(database, Settings(home=tmp_path))
    made.apply()
    return made


def attempts(room: Mailroom) -> set[int]:
    return {job["attempts"] for job in room.jobs().values()}


def opens(room: Mailroom, key: Key = MAIL) -> datetime:
    retry_at = breakers.known(room.database)[key].retry_at
    assert retry_at is not None
    return retry_at


class TestBreakers:
    def test_a_provider_that_is_down_is_left_alone_and_costs_no_attempts(self, room: Mailroom) -> None:
        room.plan(200)
        provider = Provider(lambda _: DOWN)
        assert room.deliver({"email": provider}) == Delivered(postponed=32, released=168)
        assert attempts(room) == {0}
        assert room.deliver({"email": provider}, NOON + 10 * SECOND) == Delivered()
        assert len(provider.got) == 32

    def test_an_outage_of_hours_kills_no_job_and_asks_but_a_few_times(self, room: Mailroom) -> None:
        room.plan(200)
        provider = Provider(lambda _: DOWN)
        for minutes in range(360):
            room.deliver({"email": provider}, NOON + minutes * MINUTE)
        assert set(room.states()) == {"pending"}
        assert attempts(room) == {0}
        assert len(provider.got) < 32 + 35 * breakers.PROBES
        provider.answer = lambda _: Sent()
        assert room.deliver({"email": provider}, NOON + 7 * HOUR) == Delivered(completed=200)
        assert breakers.known(room.database) == {}

    def test_when_it_is_back_a_few_are_sent_first(self, room: Mailroom) -> None:
        room.plan(50)
        room.deliver({"email": Provider(lambda _: DOWN)})
        at, sizes = opens(room), []

        class Watched(Provider):
            def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
                sizes.append(len(handoffs))
                return super().send(handoffs)

        assert room.deliver({"email": Watched()}, at) == Delivered(completed=50)
        assert sizes[0] == breakers.PROBES

    def test_other_tenants_and_channels_keep_going(self, room: Mailroom) -> None:
        for tenant in (1, 2):
            room.plan(40, tenant=tenant)
        room.plan(5, channel="sms")
        mail = Provider(lambda one: DOWN if one.tenant_id == 1 else Sent())
        done = room.deliver({"email": mail, "sms": Provider()})
        assert done.completed == 45
        assert mail.tenants[2] == 40
        assert set(breakers.known(room.database)) == {MAIL}

    def test_what_the_provider_asks_for_is_waited_for(self, room: Mailroom) -> None:
        room.plan(60)
        busy = Retry("429 slow down", 2 * HOUR, provider=True)
        provider = Provider(lambda _: busy)
        room.deliver({"email": provider})
        assert NOON + 2 * HOUR <= opens(room) <= NOON + 2.2 * HOUR
        room.deliver({"email": provider}, NOON + HOUR)
        assert len(provider.got) == 32

    def test_a_message_that_fails_says_nothing_of_the_provider(self, room: Mailroom) -> None:
        room.plan(60)
        answers: itertools.cycle[Outcome] = itertools.cycle(
            [Retry("451 greylisted"), Reject("550 no such user")]
        )
        done = room.deliver({"email": Provider(lambda _: next(answers))})
        assert done == Delivered(delayed=30, dead=30)
        assert breakers.known(room.database) == {}

    def test_a_provider_that_never_answers_leaves_no_more_in_doubt_than_one_chunk(
        self, room: Mailroom
    ) -> None:
        room.plan(200)
        assert room.deliver({"email": Provider(lambda _: None)}) == Delivered(unanswered=32, released=168)

    def test_failures_add_up_over_chunks_and_answers_end_them(self, room: Mailroom) -> None:
        settings = {"breaker_failures": 40}
        room.settings = room.settings.model_copy(update=settings)
        room.plan(100)
        assert room.deliver({"email": Provider(lambda _: DOWN)}) == Delivered(postponed=64, released=36)

    def test_behind_a_breaker_jobs_still_expire(self, room: Mailroom) -> None:
        room.plan(100, expires_at=NOON + HOUR)
        provider = Provider(lambda _: DOWN)
        room.deliver({"email": provider})
        done = room.deliver({"email": provider}, NOON + 2 * HOUR)
        assert done == Delivered(skipped=100)
        assert done.expired == 100
        assert len(provider.got) == 32

    def test_probes_that_never_left_do_not_keep_it_shut(self, room: Mailroom) -> None:
        room.plan(32)
        bad = room.plan(5, variables="{", due_at=NOON - HOUR)
        room.plan(2)
        room.deliver({"email": Provider(lambda _: DOWN)}, limit=0)
        breakers.record(
            room.database,
            [breakers.Tally(MAIL, 1, alive=False, after=MINUTE)],
            breakers.Policy(1, MINUTE),
            NOON - HOUR,
        )
        done = room.deliver({"email": Provider()})
        assert done == Delivered(dead=len(bad), completed=34)

    def test_each_server_that_is_called_stands_for_itself(self, room: Mailroom) -> None:
        request = {"url": "https://{{ word }}.example.com/in"}
        room.apply(steps=[{"id": "one", "request": request}])

        def plan(word: str, count: int) -> list[int]:
            variables = f'{{"word": "{word}", "recipient": {{"name": "Kim"}}}}'
            row: dict[str, Any] = {
                "channel": "webhook",
                "address": None,
                "address_hash": None,
                "campaign_version": 2,
            }
            return room.plan(count, step="one", variables=variables, **row)

        down, up = plan("down", 60), plan("up", 60)

        def answer(one: Handoff) -> Outcome:
            return DOWN if isinstance(one, Call) and "down" in one.url else Sent()

        hooks = Provider(answer)
        done = room.deliver({"webhook": hooks})
        assert (done.completed, done.dead) == (60, 0)
        assert {room.jobs()[job]["state"] for job in up} == {"completed"}
        asked = sum("down" in one.url for one in hooks.got if isinstance(one, Call))
        assert asked <= 32
        key = Key(1, "webhook", "down.example.com")
        assert set(breakers.known(room.database)) == {key}
        hooks.answer, later = (lambda _: Sent()), opens(room, key) + MINUTE
        assert sum(room.deliver({"webhook": hooks}, later + n * HOUR).completed for n in range(2)) == 60
        assert {room.jobs()[job]["attempts"] for job in down} == {1}
        assert breakers.known(room.database) == {}

    def test_what_is_delivered_as_a_test_opens_nothing(self, room: Mailroom) -> None:
        room.plan(10, mode="test")
        room.deliver({"email": Provider(lambda _: DOWN)}, mode="test", tick_id=1)
        assert breakers.known(room.database) == {}


class Clock:
    """A clock that moves when somebody naps."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def nap(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def run(room: Mailroom, provider: Provider, clock: Clock, **options: Any) -> Delivered:
    return deliver(
        room.database,
        {"email": provider},
        room.campaigns,
        room.settings,
        clock=clock,
        owner="w",
        nap=clock.nap,
        **options,
    )


class TestRates:
    def limited(self, room: Mailroom, rates: str) -> None:
        room.settings = Settings(home=room.settings.home, rate_limits=rates)

    def test_a_run_goes_as_fast_as_it_may_and_no_faster(self, room: Mailroom) -> None:
        self.limited(room, "email 50/s")
        room.plan(200)
        provider, clock = Provider(), Clock()
        assert run(room, provider, clock) == Delivered(completed=200)
        assert 3.5 <= (clock.now - NOON).total_seconds() <= 4.5

    def test_long_gaps_are_left_to_the_next_run(self, room: Mailroom) -> None:
        self.limited(room, "tenant email 100/day")
        for tenant in (1, 2):
            room.plan(30, tenant=tenant)
        provider, clock = Provider(), Clock()
        assert run(room, provider, clock) == Delivered(completed=20)
        assert provider.tenants == {1: 10, 2: 10}
        clock.now = NOON + 3 * HOUR
        assert run(room, provider, clock) == Delivered(completed=20)

    def test_a_tenant_may_have_another_limit(self, room: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
        self.limited(room, "tenant email 100/day")
        room.plan(30, tenant=1)
        monkeypatch.setitem(PROFILE, "setting", {"rate_limits": "email 200/day"})
        room.plan(30, tenant=2)
        provider = Provider()
        run(room, provider, Clock())
        assert provider.tenants == {1: 10, 2: 20}

    def test_what_was_not_sent_after_all_takes_nothing_from_the_others(self, room: Mailroom) -> None:
        self.limited(room, "email 100/day")
        room.plan(9, variables="{", due_at=NOON - HOUR)
        room.plan(30)
        assert run(room, Provider(), Clock()) == Delivered(dead=9, completed=10)

    def test_a_channel_that_does_not_exist_is_refused(self, room: Mailroom) -> None:
        self.limited(room, "emial 1/s")
        with pytest.raises(ConfigurationError, match="no channel 'emial'"):
            run(room, Provider(), Clock())

    @pytest.mark.parametrize(
        "rates", ["email", "email 0/s", "email 5/week", "tenant 5/s", "email 5/s; email 6/s", "E-Mail 5/s"]
    )
    def test_a_limit_that_cannot_be_read_is_refused(self, rates: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="write parts such as 'email 50/s"):
            Settings(home=tmp_path, rate_limits=rates)


class TestWarmUp:
    def warm(
        self, room: Mailroom, setting: str = "acme.example.com from 2026-03-03: 10 doubling to 80"
    ) -> None:
        room.settings = Settings(home=room.settings.home, warm_up=setting)

    def test_a_young_domain_sends_twice_as_much_every_day(self, room: Mailroom) -> None:
        self.warm(room)
        room.plan(200, expires_at=NOON + 9 * DAY)
        days = [room.deliver({"email": Provider()}, NOON + day * DAY).completed for day in range(4)]
        assert days == [20, 40, 140, 0]

    def test_what_exceeds_waits_for_the_next_day(self, room: Mailroom) -> None:
        self.warm(room)
        room.plan(30, expires_at=NOON + 9 * DAY)
        assert room.deliver({"email": Provider()}) == Delivered(completed=20, moved=10)
        midnight = NOON + 12 * HOUR
        assert {room.available(job) for job in room.jobs()} >= {midnight}
        assert room.deliver({"email": Provider()}, NOON + HOUR) == Delivered()
        assert room.deliver({"email": Provider()}, midnight) == Delivered(completed=10)

    @pytest.mark.parametrize("purpose", ["transactional", "internal"])
    def test_only_marketing_is_kept_back(self, room: Mailroom, purpose: str) -> None:
        self.warm(room)
        room.plan(50, purpose=purpose)
        assert room.deliver({"email": Provider()}) == Delivered(completed=50)

    def test_other_domains_are_not_concerned(self, room: Mailroom) -> None:
        self.warm(room, "other.example.com from 2026-03-03: 1 doubling to 80")
        room.plan(50)
        assert room.deliver({"email": Provider()}) == Delivered(completed=50)

    @pytest.mark.parametrize(
        "setting",
        ["acme from 2026-01-01: 5 doubling to 9", "acme.example.com from 2026-02-30: 5 doubling to 9"],
    )
    def test_a_schedule_that_cannot_be_read_is_refused(self, setting: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="write parts such as 'news"):
            Settings(home=tmp_path, warm_up=setting)


class TestSuppressing:
    def test_an_address_that_takes_nothing_more_is_suppressed_and_audited(self, room: Mailroom) -> None:
        room.plan(3)
        stopped = Reject("21610 STOP", suppress="unsubscribed")

        def answer(one: Handoff) -> Outcome:
            return stopped if "kim2@" in getattr(one, "recipient", "") else Sent()

        assert room.deliver({"email": Provider(answer)}) == Delivered(completed=2, dead=1)
        hashed = address_hash(room.database.salt, "email", "kim2@mail.example.com")
        contact = Contact(1, "email", hashed, "general")
        assert suppressions.among(room.database, [contact], NOON) == {contact: {"unsubscribed"}}
        with room.database.reading() as connection:
            (entry,) = connection.execute(sa.select(audit).where(audit.c.action == "suppression.add"))
        assert entry.by == "worker"
        room.plan(3)
        assert room.deliver({"email": Provider()}) == Delivered(completed=2, skipped=1)

    def test_what_was_lifted_is_in_force_again(self, room: Mailroom) -> None:
        gone = Provider(lambda _: Reject("UNREGISTERED", suppress="bounced"))
        hashed = address_hash(room.database.salt, "email", "kim1@mail.example.com")
        contact = Contact(1, "email", hashed, "general")
        room.plan(1)
        room.deliver({"email": gone})
        suppressions.lift(room.database, 1, "email", hashed, None, by="ann", at=NOON)
        room.plan(1)
        room.deliver({"email": gone}, NOON + HOUR)
        assert suppressions.among(room.database, [contact], NOON + HOUR) == {contact: {"bounced"}}


class TestAnnouncing:
    def test_what_was_dropped_and_what_went_late_is_counted_by_campaign(self, room: Mailroom) -> None:
        room.plan(3, expires_at=NOON + HOUR)
        room.plan(2, expires_at=None)
        at = NOON + 3.5 * HOUR
        done = room.deliver({"email": Provider()}, at)
        assert (done.skipped, done.expired, done.completed, done.late) == (3, 3, 2, 2)
        (found,) = lateness(room.database, NOON, at + SECOND)
        assert (found.campaign, found.expired, found.late, found.longest) == ("letters", 3, 2, 3.5 * HOUR)
        assert str(found) == (
            "letters: 3 expired before they could be sent; 2 sent late, up to 3 h 30 min after they were due"
        )

    def test_the_command_says_so(self, room: Mailroom, tmp_path: Path) -> None:
        room.plan(2)
        url = room.database.engine.url.render_as_string(hide_password=False)
        installation = Installation.open(Settings(home=tmp_path, database_url=url.replace("+psycopg", "")))
        done = CliRunner().invoke(automation, ["deliver"], obj=Front(installation, NOON, "ann"))
        assert done.output == "skipped 2, expired 2\nletters: 2 expired before they could be sent\n"
        installation.database.close()

    def test_what_is_in_time_or_in_another_time_or_a_test_is_not_told_of(self, room: Mailroom) -> None:
        room.plan(3)
        room.plan(3, mode="test")
        room.deliver({"email": Provider()})
        room.deliver({"email": Provider()}, NOON + 2 * HOUR, mode="test")
        assert lateness(room.database, NOON, NOON + DAY) == []


def test_a_batch_takes_a_handful_of_statements_for_each_hundred_jobs(room: Mailroom) -> None:
    room.settings = Settings(home=room.settings.home, rate_limits="email 100000/s; tenant email 90000/s")
    for tenant in range(1, 6):
        room.plan(200, tenant=tenant)
    repeatable = Provider(repeatable=True)
    few = count_statements(room.database, lambda: room.deliver({"email": repeatable}, limit=500))
    assert len(repeatable.got) == 500
    assert few <= 40
    in_doubt = Provider()
    more = count_statements(room.database, lambda: room.deliver({"email": in_doubt}, limit=500))
    assert len(in_doubt.got) == 500
    assert more - few <= 2 * (500 // 32)
