"""What came back is looked at: what is paused and stopped for it, what is told, and what is not."""

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from automation_pipelines import watch
from automation_pipelines.campaign import Campaign
from automation_pipelines.channels import build_channels, closing
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.errors import RefusedError
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import audits, claims, columnar, jobs, plans, stops
from automation_pipelines.ledger import database as ledger_database
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.claims import Claim
from automation_pipelines.ledger.columnar import Query, raw
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.events import TOLD, record
from automation_pipelines.ledger.jobs import Answer, Completed, Dead, Settlement
from automation_pipelines.ledger.tables import tenants
from automation_pipelines.messages.mailboxes import MAILBOXES, mailbox_of
from automation_pipelines.metrics import Figures
from automation_pipelines.orchestration import build_definitions
from automation_pipelines.orchestration.watching import CHECK
from automation_pipelines.settings import Settings
from automation_pipelines.settings.watching import Watch
from automation_pipelines.watch import Seen
from automation_pipelines.watch.rates import Count, excesses, too_much, verdict
from tests.ledger.planned import LEASE, NOW, TENANTS, count_statements, moments, tick, url_of
from tests.mailroom import PROFILE, Mailroom

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMITS = Watch()
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
TEXT = {"channel": "sms", "template": "letter"}
SPRING = Campaign.model_validate(
    {
        "id": "spring",
        "title": "Spring",
        "audience": "birthdays",
        "steps": [{"id": "greeting", "channel": "email", "template": "birthday"}],
    }
)


def started(database: Database, name: str = "spring", at: datetime = NOW - 60 * DAY) -> CampaignStore:
    store = CampaignStore(database)
    store.apply(SPRING.model_copy(update={"id": name}), "source", {}, "ann", at)
    store.start(name, "ann", at)
    return store


def sent(
    database: Database,
    count: int,
    *,
    at: datetime = NOW - 2 * HOUR,
    refused: int = 0,
    mailbox: str = "gmail",
    **changes: Any,
) -> list[int]:
    """So many messages that left at a time, the first `refused` of them refused at the door; their jobs."""
    start = database.read("SELECT count(*) AS n FROM jobs").item()
    numbers = pl.int_range(start, start + count, dtype=pl.Int64)
    values: dict[str, Any] = {
        "campaign": "spring",
        "subject_id": numbers,
        "address_hash": pl.format("{}", numbers),
        "due_at": at,
        "expires_at": None,
    }
    rows = moments(database, count, **(values | changes))
    plans.write_plan(database, tick(f"run-{start}"), rows, TENANTS)
    claim = Claim(owner="worker", now=at, limit=count, lease=LEASE)
    taken = [job.id for job in claims.claim(database, claim)]
    answers: list[Answer] = [Dead("550 no such user", suppress="bounced")] * refused
    answers += [Completed(None, "news.acme.example", mailbox)] * (count - refused)
    settled = [Settlement(*one) for one in zip(taken, answers, strict=True)]
    assert len(jobs.settle(database, "worker", settled, at)) == count
    return taken


def told(
    database: Database,
    type_: str,
    about: Sequence[int],
    *,
    at: datetime = NOW - HOUR,
    again: str = "",
    **more: Any,
) -> None:
    """That something came back about jobs; `again`: told once more, under another identity."""
    rows = [
        {"identity": f"{type_}:{job}:{again}", "type": type_, "told_at": at, "job_id": job} | more
        for job in about
    ]
    frame = pl.DataFrame(
        rows, schema_overrides={name: kind for name, kind in TOLD.items() if name in rows[0]}
    )
    nothing = [pl.lit(None, kind).alias(name) for name, kind in TOLD.items() if name not in frame.columns]
    record(database, frame.with_columns(nothing), now=max(at, NOW))


def look(database: Database, now: datetime = NOW, **limits: Any) -> Seen:
    return watch.look(database, now, Watch(**limits))


def kinds(seen: Seen) -> list[tuple[str, str]]:
    return [(one.kind, one.about) for one in seen.news]


def test_a_burst_of_hard_bounces_pauses_the_campaign_and_says_why(database: Database) -> None:
    store = started(database)
    mine = sent(database, 400, refused=10)
    told(database, "bounced", mine[10:35], kind="hard")
    told(database, "bounced", mine[50:250], kind="soft")
    found = look(database)
    assert kinds(found) == [("paused", "campaign spring")]
    assert "hard bounces of campaign spring by email: 35 of 400 (8.75 %)" in found.news[0].words
    assert store.states()["spring"] == "paused"
    (entry,) = audits.entries(database, action="campaign.pause", limit=5)
    assert entry.by == "automation: watch"
    assert "35 of 400" in entry.detail["because"]
    again = look(database, NOW + HOUR)
    assert again.news == ()
    assert again.findings == found.news


@pytest.mark.planner
@pytest.mark.parametrize(
    ("count", "type_", "cases"),
    [
        (3, "bounced", 1),  # one of three
        (99, "bounced", 30),  # too few to say anything
        (400, "bounced", 24),  # 6 %, which chance alone may make of 5 %
        (400, "complained", 4),  # four people are nobody's judgement
        (1000, "unsubscribed", 25),
    ],
)
def test_what_chance_explains_pauses_nothing(database: Database, count: int, type_: str, cases: int) -> None:
    started(database)
    told(database, type_, sent(database, count, mailbox="other")[:cases], kind="hard")
    assert look(database) == Seen()


@pytest.mark.planner
@pytest.mark.parametrize(
    ("type_", "cases", "words"),
    [
        ("complained", 12, "complaints of campaign spring by email: 12 of 900 (1.33 %)"),
        ("unsubscribed", 40, "unsubscribes of campaign spring by email: 40 of 900 (4.44 %)"),
    ],
)
def test_complaints_and_unsubscribes_pause_too(
    database: Database, type_: str, cases: int, words: str
) -> None:
    started(database)
    told(database, type_, sent(database, 900)[:cases])
    assert words in look(database).news[0].words


def test_a_job_counts_once_however_often_and_by_whomever_it_is_told(database: Database) -> None:
    started(database)
    mine = sent(database, 1000)
    for number in range(40):
        told(database, "complained", mine[:1], again=str(number))
    told(database, "unsubscribed", mine[:500], machine=True)
    told(database, "complained", [10**9 + number for number in range(50)])  # no jobs of ours
    told(database, "bounced", mine[:200], kind="hard", channel="sms")  # a way that was left
    assert kinds(look(database)) == [("warning", "complaints of gmail about tenant 1 from news.acme.example")]


def test_late_complaints_are_held_against_the_mail_they_are_about(database: Database) -> None:
    started(database)
    old = sent(database, 1000, at=NOW - 4 * DAY)
    sent(database, 150)
    told(database, "complained", old[:20], at=NOW - HOUR)
    assert (
        "complaints of campaign spring by email: 20 of 1,150 (1.74 %) of what it sent in the last 7 days"
        in (look(database).news[0].words)
    )
    assert look(database, NOW + 8 * DAY).news == ()


@pytest.mark.planner
def test_a_campaign_is_compared_with_itself(database: Database) -> None:
    """Seven in a hundred leave a campaign that always lost as many: told, once a day, and not paused."""
    store = started(database)
    before = sent(database, 2000, at=NOW - 10 * DAY)
    told(database, "unsubscribed", before[:64], at=NOW - 9 * DAY)
    told(database, "unsubscribed", sent(database, 1000)[:35])
    found = look(database)
    assert kinds(found) == [("warning", "unsubscribes of campaign spring by email")]
    assert "before that 64 of 2,000 (3.2 %), as it used to be" in found.news[0].words
    assert look(database, NOW + HOUR).news == ()
    assert look(database, NOW + HOUR).findings == found.findings
    assert store.states()["spring"] == "running"
    told(database, "unsubscribed", sent(database, 1000)[:100])  # more than twice the limit is never usual
    assert kinds(look(database)) == [("paused", "campaign spring")]


@pytest.mark.planner
def test_what_somebody_resumed_is_not_paused_for_what_was_before(database: Database) -> None:
    store = started(database)
    told(database, "bounced", sent(database, 400)[:60], kind="hard")
    look(database)
    store.resume("spring", "ann", NOW + HOUR)
    assert look(database, NOW + 2 * HOUR) == Seen()
    told(database, "bounced", sent(database, 400, at=NOW + 2 * HOUR)[:60], kind="hard", at=NOW + 3 * HOUR)
    assert kinds(look(database, NOW + 4 * HOUR)) == [("paused", "campaign spring")]


@pytest.mark.planner
def test_a_message_people_wait_for_is_never_paused(database: Database) -> None:
    store = started(database)
    told(database, "bounced", sent(database, 400, purpose="transactional")[:100], kind="hard")
    found = look(database)
    assert kinds(found) == [("warning", "hard bounces of campaign spring by email")]
    assert found.news[0].words.endswith("It is transactional and goes on")
    assert store.states()["spring"] == "running"


@pytest.mark.planner
def test_one_tenants_rotten_list_stops_that_tenant_and_not_the_campaign(database: Database) -> None:
    store = started(database)
    sent(database, 900, tenant_id=1)
    told(database, "bounced", sent(database, 300, tenant_id=2)[:60], kind="hard")
    assert kinds(look(database)) == [("stopped", "tenant 2 by email")]
    assert store.states()["spring"] == "running"
    stops.release(database, 2, "email", because="list cleaned", by="ann", at=NOW + HOUR)
    assert look(database, NOW + HOUR) == Seen()
    told(database, "bounced", sent(database, 300, tenant_id=1)[:200], kind="hard")
    assert kinds(look(database, NOW + HOUR)) == [("paused", "campaign spring")]


def complained(database: Database, count: int, delivered: int, **changes: Any) -> list[int]:
    mine = sent(database, delivered, campaign="other", **changes)
    told(database, "complained", mine[:count], at=changes.get("at", NOW) + HOUR)
    return mine


def test_a_providers_complaints_warn_and_then_stop_the_tenants_marketing(database: Database) -> None:
    mine = complained(database, 1, 1000)
    complained(database, 3, 999, mailbox="gmx")
    complained(database, 3, 1000, mailbox="yahoo", purpose="transactional")
    warned = look(database)
    assert [one.words for one in warned.news] == [
        (
            "tenant 1: complaints about what news.acme.example sent to gmail in the last 7 days: "
            "1 of 1,000 (0.1 %); the limit is 0.1 %"
        )
    ]
    assert look(database, NOW + HOUR).news == ()
    assert look(database, NOW + 25 * HOUR).news == warned.news
    told(database, "complained", mine[1:3])
    found = look(database, NOW + 2 * HOUR)
    assert kinds(found) == [("stopped", "tenant 1 by email")]
    (stop,) = stops.in_force(database)
    assert "3 of 1,000 (0.3 %); the limit is 0.3 %" in stop.because
    assert look(database, NOW + 3 * HOUR) == Seen(found.findings)


def test_a_released_stop_takes_what_has_happened_since(database: Database) -> None:
    complained(database, 9, 1000)
    look(database)
    stops.release(database, 1, "email", because="the sign-up form was repaired", by="ann", at=NOW + HOUR)
    told(database, "complained", sent(database, 500, campaign="other", at=NOW)[:400], at=NOW + 2 * HOUR)
    assert look(database, NOW + 2 * HOUR) == Seen()
    complained(database, 3, 1000, at=NOW + 2 * HOUR)
    assert kinds(look(database, NOW + 4 * HOUR)) == [("stopped", "tenant 1 by email")]
    actions = [(one.action, one.by) for one in audits.entries(database, action="stops", limit=9)]
    assert actions == [
        ("stops.stop", "automation: watch"),
        ("stops.release", "ann"),
        ("stops.stop", "automation: watch"),
    ]
    assert stops.listed(database, limit=9)["released_by"].to_list() == [None, "ann"]
    with pytest.raises(RefusedError, match="is not stopped"):
        stops.release(database, 1, "sms", because="", by="ann", at=NOW)


def test_stopped_marketing_waits_without_an_attempt_and_expires_as_ever(database: Database) -> None:
    complained(database, 3, 1000)
    look(database)
    later = NOW + HOUR
    rows = [
        moments(database, 3, campaign="spring", expires_at=later, subject_text="late"),
        moments(database, 3, campaign="other", tenant_id=1, occurrence=1, channel="sms"),
        moments(database, 3, campaign="other", tenant_id=2, occurrence=1),
        moments(database, 3, campaign="other", tenant_id=1, occurrence=2, purpose="transactional"),
    ]
    plans.write_plan(database, tick("more"), pl.concat(rows), TENANTS)
    claim = Claim(owner="w", now=NOW, limit=100, lease=LEASE)
    taken = claims.claim(database, claim)
    assert {(job.tenant_id, job.channel, job.purpose) for job in taken} == {
        (1, "sms", "marketing"),
        (2, "email", "marketing"),
        (1, "email", "transactional"),
    }
    assert len(taken) == 9
    jobs.settle(database, "w", [Settlement(job.id, Completed()) for job in taken], NOW)
    assert jobs.next_due(database) is None
    assert claims.ready_at(database, claim) is None
    stops.release(database, 1, "email", because="", by="ann", at=NOW)
    assert jobs.next_due(database) == NOW
    assert jobs.expire(database, later, 100) == 3


def test_two_who_look_at_once_pause_and_stop_once(database: Database) -> None:
    started(database)
    told(database, "bounced", sent(database, 400)[:60], kind="hard")
    mine = complained(database, 3, 1000, tenant_id=2)
    complained(database, 1, 1000, tenant_id=2, mailbox="gmx")
    complained(database, 1, 1000, mailbox="yahoo")
    assert mine
    with ThreadPoolExecutor(4) as crew:
        seen = list(crew.map(lambda _: look(database), range(4)))
    assert sorted(one for each in seen for one in kinds(each)) == [
        ("paused", "campaign spring"),
        ("stopped", "tenant 2 by email"),
        ("warning", "complaints of yahoo about tenant 1 from news.acme.example"),
    ]


@pytest.mark.planner
def test_it_only_tells_where_it_is_asked_to(database: Database) -> None:
    store = started(database)
    told(database, "complained", sent(database, 2000)[:60])
    found = look(database, pauses=False)
    assert {one.kind for one in found.news} == {"warning"}
    assert store.states()["spring"] == "running"
    assert stops.in_force(database) == []


@pytest.mark.planner
def test_of_a_quiet_day_only_what_came_back_is_read(database: Database) -> None:
    started(database)
    told(database, "bounced", sent(database, 300)[:4], kind="hard")
    assert count_statements(database, lambda: look(database)) <= 12


def test_what_came_back_is_found_by_its_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the opens of millions."""
    found = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    found.migrate(NOW)
    started(found)
    mine = sent(found, 300)
    told(found, "opened", mine)
    told(found, "bounced", mine[:20], kind="hard")
    asked: list[Query] = []
    read = columnar.read_sqlite

    def note(connection: sa.Connection, query: Query) -> pl.DataFrame:
        asked.append(query)
        return read(connection, query)

    monkeypatch.setattr(ledger_database, "read_sqlite", note)
    look(found)
    told_of = [query for query in asked if "'unsubscribed'" in query.text]
    assert len(told_of) == 3
    with found.reading() as connection:
        for query in told_of:
            steps = raw(connection).execute(f"EXPLAIN QUERY PLAN {query.text}", query.values).fetchall()
            assert any("ix_events_trouble" in str(step) for step in steps), steps


class TestRates:
    """The judgement alone."""

    @pytest.mark.parametrize(
        ("now", "before", "found"),
        [
            (Count(40, 500), Count(), "excess"),
            (Count(40, 500), Count(100, 5000), "excess"),  # 8 % after 2 %
            (Count(40, 500), Count(350, 5000), "usual"),  # 8 % after 7 %
            (Count(80, 500), Count(700, 5000), "excess"),  # 16 % after 14 %: no habit excuses that
            (Count(40, 500), Count(40, 50), "excess"),  # too little before to compare with
            (Count(30, 500), Count(), "fine"),
            (Count(4, 5), Count(), "fine"),
        ],
    )
    def test_above_the_limit_and_above_what_is_usual(self, now: Count, before: Count, found: str) -> None:
        assert verdict(now, before, "hard bounces", LIMITS) == found

    @pytest.mark.parametrize(
        ("tenants", "whose"),
        [
            ({1: Count(60, 500)}, [None]),
            ({1: Count(60, 500), 2: Count(5, 5000)}, [1]),
            ({1: Count(60, 500), 2: Count(5, 50)}, [None]),  # too small to speak for the campaign
            ({1: Count(60, 500), 2: Count(60, 500), 3: Count(1, 500)}, [1, 2]),
            ({1: Count(60, 500), 2: Count(60, 500)}, [None]),
            ({number: Count(10, 90) for number in range(9)}, [None]),  # only together enough
            ({1: Count(1, 500)}, []),
        ],
    )
    def test_a_tenants_or_the_campaigns(self, tenants: dict[int, Count], whose: list[int | None]) -> None:
        assert [one.tenant_id for one in excesses(tenants, {}, "hard bounces", LIMITS)] == whose

    @pytest.mark.parametrize(
        ("cases", "of", "level"),
        [(0, 1000, None), (1, 1000, "warn"), (2, 1000, "warn"), (3, 1000, "stop"), (9, 999, None)],
    )
    def test_providers_count_plainly(self, cases: int, of: int, level: str | None) -> None:
        assert too_much(Count(cases, of), LIMITS) == level


@pytest.mark.parametrize(
    ("domain", "word"),
    [
        ("gmail.com", "gmail"),
        ("hotmail.co.uk", "outlook"),
        ("live.com.au", "outlook"),
        ("live.example.com", "other"),
        ("yahoo.fr", "yahoo"),
        ("yahoo.example", "other"),
        ("web.de", "web_de"),
        ("acme.example", "other"),
        ("", "other"),
    ],
)
def test_mailboxes_are_told_by_their_domain(domain: str, word: str) -> None:
    assert mailbox_of(domain) == word
    assert word in MAILBOXES
    assert max(map(len, MAILBOXES)) <= 20, "the column is no wider"


@pytest.mark.planner
def test_what_is_sent_by_mail_is_settled_with_its_domain_and_whose_mailbox_it_went_to(
    database: Database, tmp_path: Path
) -> None:
    room = Mailroom(database, Settings(home=tmp_path))
    room.apply(steps=[{"id": "letter", "channel": "email", "template": "letter"}, {"id": "text", **TEXT}])
    for address in ("kim@HotMail.co.uk", "kim@BÜRO.example", "kim@no_such_address"):
        room.plan(1, address=address)
    room.plan(1, step="text", channel="sms", address="+491700000000")
    profile = json.dumps(PROFILE | {"sender_email": "Hello@News.BÜRO.example"})
    with database.begin() as connection:
        connection.execute(sa.update(tenants).values(profile=profile))
    channels = build_channels(room.settings)
    with closing(channels):
        room.deliver(channels)
    rows = database.read("SELECT state, sender_domain, mailbox FROM jobs ORDER BY id").rows()
    assert rows == [
        ("completed", "news.xn--bro-hoa.example", "outlook"),
        ("completed", "news.xn--bro-hoa.example", "other"),
        ("dead", None, None),
        ("completed", None, None),
    ]


@pytest.fixture
def front(database: Database, tmp_path: Path) -> Iterator[Front]:
    settings = Settings(home=tmp_path, database_url=url_of(database), notify_email="ops@staff.example.com")
    installation = Installation.open(settings)
    yield Front(installation, NOW, "ann")
    installation.database.close()


def run(front: Front, *arguments: str) -> str:
    done = CliRunner().invoke(automation, arguments, obj=front)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


@pytest.mark.planner
def test_the_command_line_looks_tells_by_mail_lists_and_releases(database: Database, front: Front) -> None:
    assert "nothing out of the ordinary" in run(front, "watch")
    assert "no marketing was ever stopped" in run(front, "stops", "list")
    started(database)
    told(database, "bounced", sent(database, 400)[:60], kind="hard")
    complained(database, 3, 1000, tenant_id=2)
    said = run(front, "watch")
    assert "campaign spring is paused since 2026-03-01 09:00 UTC: hard bounces" in said
    assert "told ops@staff.example.com: sent" in said
    assert "told" not in run(front, "watch")
    (mail,) = front.settings.outbox.glob("new/*")
    message = message_from_bytes(mail.read_bytes(), policy=policy.default)
    assert message["Subject"] == "Campaign paused: campaign spring (and 1 more)"
    text = message.get_body(("plain",))
    assert text is not None
    assert "marketing by email of tenant 2 is stopped" in text.get_content()
    assert "hard bounces of campaign spring" in run(front, "campaign", "show", "spring")
    rows = moments(database, 1, campaign="other", tenant_id=2, expires_at=None)
    plans.write_plan(database, tick("waits"), rows, TENANTS)
    assert "marketing by email of tenant 2 is stopped since" in run(front, "jobs", "status")
    assert "3 of 1,000" in run(front, "stops", "list", "--json")
    assert "released" in run(front, "stops", "release", "2", "--because", "list cleaned")
    assert "is stopped" not in run(front, "jobs", "status")
    assert "list cleaned" in run(front, "audit", "--action", "stops.release")
    scraped = {
        (sample.name, *sample.labels.values())
        for family in Figures(database, lambda: NOW).collect()
        for sample in family.samples
    }
    assert ("automation_paused_campaigns", "spring") in scraped
    assert ("automation_stopped_marketing", "email", "2") not in scraped


def test_runs_of_feedback_look_and_a_check_fails_until_somebody_has_seen_to_it(
    tmp_path: Path, sqlite_templates: Path
) -> None:
    shutil.copy(sqlite_templates / "ledger.db", tmp_path)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    settings = Settings(home=tmp_path, database_url=url, notify_email="ops@staff.example.com")
    database = Database.open(url)
    store = started(database)
    bounced = [
        {"id": str(job), "type": "bounced", "detail": {"kind": "hard"}, "job_id": job, "at": NOW.isoformat()}
        for job in sent(database, 400)[:60]
    ]
    settings.feedback.mkdir(parents=True)
    (settings.feedback / "today.jsonl").write_text("\n".join(map(json.dumps, bounced)), encoding="utf-8")
    definitions = build_definitions(settings, clock=lambda: NOW + HOUR)
    with dg.DagsterInstance.ephemeral() as instance:

        def checked(job: str) -> tuple[bool, str, str]:
            done = definitions.resolve_job_def(job).execute_in_process(run_config=QUIET, instance=instance)
            (check,) = [one for one in done.get_asset_check_evaluations() if one.check_name == CHECK]
            return check.passed, check.severity.value, check.description or ""

        def asked(cursor: str | None = None) -> Any:
            resources = {"automation": dict(definitions.resources or {})["automation"]}
            context = dg.build_sensor_context(
                instance=instance,
                cursor=cursor,
                resources=resources,
                repository_def=definitions.get_repository_def(),
            )
            return definitions.resolve_sensor_def("look_at_what_came_back").evaluate_tick(context)

        nothing = asked()
        assert not nothing.run_requests
        passed, severity, words = checked("feedback")
        assert (passed, severity) == (False, "ERROR")
        assert "60 of 400 (15 %)" in words
        wanted = asked(nothing.cursor)
        assert len(wanted.run_requests) == 1
        assert not asked(wanted.cursor).run_requests
        assert not checked("watch")[0]
        assert len(list(settings.outbox.glob("new/*"))) == 1
        store.resume("spring", "ann", NOW + 2 * HOUR)
        assert checked("watch") == (True, "WARN", "nothing out of the ordinary")
    database.close()
