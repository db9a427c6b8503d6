"""What the planner must get right, told as given → expected, with a virtual clock."""

import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from automation_pipelines import decisions
from automation_pipelines.errors import LockedError
from automation_pipelines.ledger import operations, plans
from automation_pipelines.ledger.claims import Claim, claim
from automation_pipelines.preview import preview
from automation_pipelines.tick import run_tick
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"

SLA = """
id: sla
title: SLA escalation
kind: sla_escalation
audience: open_queries
purpose: internal
steps:
  - {id: level-1, offset: 60 minutes, channel: email, template: t, recipient: agent_manager}
  - {id: level-2, offset: 120 minutes, channel: email, template: t, recipient: department_manager}
  - {id: level-3, offset: 240 minutes, channel: email, template: t, recipient: senior_management}
  - id: level-4
    offset: 480 minutes
    channel: email
    template: t
    recipient: [department_manager, executives]
"""
BIRTHDAY = """
id: birthday
title: Birthday
kind: birthday
audience: birthdays
steps: [{id: greeting, channel: email, template: t}]
"""
FOLLOW_UP = """
id: follow-up
title: Follow-up
audience: open_quotes
steps:
  - {id: day-3, offset: 3 days, at: "10:00", channel: email, template: t}
  - {id: day-7, offset: 7 days, at: "10:00", channel: email, template: t}
  - {id: day-14, offset: 14 days, at: "10:00", channel: email, template: t}
"""
RE_ENGAGEMENT = """
id: we-miss-you
title: We miss you
audience: inactive_customers
policy: {repeat_after: "{inactivity_days} days"}
steps: [{id: hello, offset: "{inactivity_days} days", channel: email, template: t}]
"""
WELCOME = """
id: welcome
title: Welcome
audience: new_customers
steps:
  - {id: at-once, channel: email, template: t}
  - {id: day-3, offset: 3 days, channel: email, template: t}
"""


@pytest.fixture
def office(world: World) -> World:
    """One tenant with an agent, the agent's manager, a department manager, seniors and executives."""
    world.add("tenants", id=1)
    world.add("users", id=10, manager_id=11)
    world.add("users", id=11, role="manager", manager_id=12)
    world.add("users", id=12, role="department_manager")
    world.add("users", id=13, role="senior_management")
    for executive in (14, 15, 16):
        world.add("users", id=executive, role="executive")
    world.add("customers", id=1)
    return world


def test_a_level_due_just_before_midnight_is_sent_by_the_next_tick_and_filed_under_its_day(
    office: World,
) -> None:
    office.add("queries", id=5, agent_id=10, sla_due_at="2026-03-09T22:47")
    office.apply(SLA, start=LONG_AGO)
    office.tick_through("2026-03-09T23:00", "2026-03-10T00:00")
    assert office.sent() == [("level-1", 5, 11, "2026-03-09T23:47")]
    assert office.decisions([date(2026, 3, 9)])["step"].to_list() == ["level-1"]
    assert office.decisions([date(2026, 3, 10)]).is_empty()


def test_a_level_due_before_midnight_survives_a_failed_tick_and_a_late_row(office: World) -> None:
    office.apply(SLA, start=LONG_AGO)
    office.tick("2026-03-09T23:00")  # the tick of 23:30 never happens
    office.add("queries", id=5, agent_id=10, sla_due_at="2026-03-09T22:47")
    office.tick("2026-03-10T00:20")
    assert office.sent() == [("level-1", 5, 11, "2026-03-09T23:47")]


def test_a_birthday_seen_by_many_ticks_is_one_job_and_one_record(office: World) -> None:
    office.add("customers", id=2, birthday="1990-03-10")
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.tick_through("2026-03-10T08:30", "2026-03-10T10:00")
    assert office.sent() == [("greeting", 2, 0, "2026-03-10T09:00")]
    assert office.decisions()["reason"].to_list() == ["planned"]


def test_nine_o_clock_is_planned_before_nine(office: World) -> None:
    office.add("customers", id=2, birthday="1990-03-10")
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.tick("2026-03-10T08:30")
    assert office.sent() == [("greeting", 2, 0, "2026-03-10T09:00")]


def test_a_deadline_moved_the_same_day_is_escalated_again_level_by_level(office: World) -> None:
    office.add("queries", id=5, agent_id=10, sla_due_at="2026-03-10T09:00")
    office.apply(SLA, start=LONG_AGO)
    office.tick_through("2026-03-10T09:00", "2026-03-10T10:00")
    office.change("queries", 5, sla_due_at="2026-03-10T15:00")
    office.tick_through("2026-03-10T11:00", "2026-03-10T17:00", minutes=60)
    assert office.sent() == [
        ("level-1", 5, 11, "2026-03-10T10:00"),
        ("level-1", 5, 11, "2026-03-10T16:00"),
        ("level-2", 5, 12, "2026-03-10T17:00"),
    ]


def test_two_payments_of_one_customer_on_one_day_give_two_receipts(office: World) -> None:
    office.add("payments", id=1, paid_at="2026-03-10T09:10")
    office.add("payments", id=2, paid_at="2026-03-10T09:10")
    office.apply(
        """
        id: receipt
        title: Receipt
        audience: payments_received
        purpose: transactional
        steps: [{id: receipt, channel: email, template: t}]
        """,
        start=LONG_AGO,
    )
    office.tick_through("2026-03-10T09:00", "2026-03-10T10:00")
    assert [subject for _, subject, _, _ in office.sent()] == [1, 2]


def test_a_corrected_birthday_is_greeted_once_a_year(office: World) -> None:
    office.add("customers", id=2, birthday="1990-03-10")
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.tick_through("2026-03-10T08:30", "2026-03-10T09:30")
    office.change("customers", 2, birthday="1990-03-12")
    office.tick_through("2026-03-12T08:00", "2026-03-12T10:00")
    assert len(office.sent()) == 1
    office.tick_through("2027-03-12T08:30", "2027-03-12T09:00")
    assert len(office.sent()) == 2


def test_29_february_is_greeted_once_though_the_setting_changes_that_day(
    tmp_path: Path, database_url: str
) -> None:
    urls = database_url, f"sqlite:///{tmp_path / 'crm.db'}"
    world = World.create(tmp_path / "home", *urls, leap_day="02-28")
    world.add("tenants", id=1)
    world.add("customers", id=2, birthday="1992-02-29")
    world.apply(BIRTHDAY, start=LONG_AGO)
    world.tick("2026-02-28T08:45")
    changed = world.installation.settings.model_copy(update={"leap_day": "03-01"})
    world.installation = type(world.installation).open(changed)
    world.tick_through("2026-02-28T09:30", "2026-03-01T10:00", minutes=480)
    assert world.sent() == [("greeting", 2, 0, "2026-02-28T09:00")]
    world.close()


def test_an_import_that_touches_created_at_does_not_restart_the_welcome(office: World) -> None:
    office.add("customers", id=2, created_at="2026-03-09T10:00")
    office.apply(WELCOME, start=LONG_AGO)
    office.tick_through("2026-03-09T10:00", "2026-03-09T10:30")
    office.change("customers", 2, created_at="2026-03-10T10:00")
    office.tick_through("2026-03-10T10:00", "2026-03-10T11:00")
    assert [step for step, *_ in office.sent()] == ["at-once"]


class TestReEngagement:
    """Seven days of silence at this tenant."""

    @pytest.fixture
    def quiet(self, world: World) -> World:
        world.add("tenants", id=1, inactivity_days=7)
        world.add("customers", id=2, last_activity_at="2026-01-01T12:00")
        world.apply(RE_ENGAGEMENT, start=LONG_AGO)
        world.tick("2026-01-08T08:30")
        world.tick("2026-01-08T09:00")
        assert world.sent() == [("hello", 2, 0, "2026-01-08T09:00")]
        return world

    def test_a_corrected_last_activity_is_not_written_to_again_before_the_threshold(
        self, quiet: World
    ) -> None:
        quiet.change("customers", 2, last_activity_at="2026-01-02T12:00")
        quiet.tick_through("2026-01-09T08:30", "2026-01-09T09:30")
        assert len(quiet.sent()) == 1
        assert quiet.decisions()["reason"].to_list() == ["planned", "duplicate"]

    def test_active_again_and_then_silent_is_written_to_again(self, quiet: World) -> None:
        quiet.change("customers", 2, last_activity_at="2026-01-10T12:00")
        quiet.tick_through("2026-01-17T08:30", "2026-01-17T09:30")
        assert len(quiet.sent()) == 2


@pytest.mark.parametrize(
    ("first", "second"), [("UTC", "America/New_York"), ("America/New_York", "Asia/Tokyo")]
)
def test_a_tenant_that_moves_during_the_day_gets_todays_message_once(
    office: World, first: str, second: str
) -> None:
    office.change("tenants", 1, time_zone=first)
    office.add("customers", id=2, birthday="1990-03-10")
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.tick_through("2026-03-10T00:00", "2026-03-10T14:00", minutes=210)
    office.change("tenants", 1, time_zone=second, send_time="15:00")
    office.tick_through("2026-03-10T15:00", "2026-03-11T09:00", minutes=270)
    assert len(office.sent()) == 1


def test_text_keys_are_distinct_subjects_and_shown_as_they_are(tmp_path: Path, database_url: str) -> None:
    own = tmp_path / "sql" / "sources"
    own.mkdir(parents=True)
    (own / "customers.sql").write_text(
        "-- One customer.\n-- text ids: id, tenant_id, agent_id, merged_into\nSELECT * FROM customers"
    )
    (own / "tenants.sql").write_text("-- One tenant.\n-- text ids: id\nSELECT * FROM tenants")
    (own / "users.sql").write_text(
        "-- One user.\n-- text ids: id, tenant_id, manager_id\nSELECT * FROM users"
    )
    crm = f"sqlite:///{tmp_path / 'crm.db'}"
    world = World.create(tmp_path / "home", database_url, crm, text_ids=True, sql_dir=tmp_path / "sql")
    world.add("tenants", id="T1")
    for key in ("00001", "1", "1C1I7A6R"):
        world.add("customers", id=key, tenant_id="T1", birthday="1990-03-10")
    world.apply(BIRTHDAY, start=LONG_AGO)
    world.tick_through("2026-03-10T08:30", "2026-03-10T09:30")
    jobs = world.jobs()
    assert sorted(jobs["subject_text"]) == ["00001", "1", "1C1I7A6R"]
    assert jobs["subject_id"].n_unique() == 3
    assert sorted(world.decisions()["subject_text"]) == ["00001", "1", "1C1I7A6R"]
    world.close()


class TestSeveralRecipients:
    """Level 4 goes to three executives and the department manager."""

    @pytest.fixture
    def escalated(self, office: World) -> World:
        office.change("users", 12, role="executive")  # the department manager is one of the executives now
        office.add("users", id=17, role="department_manager")
        office.add("queries", id=5, agent_id=10, sla_due_at="2026-03-10T00:50")
        office.apply(SLA, start="2026-03-10T08:00")
        return office

    def test_two_roles_on_one_person_are_one_message(self, escalated: World) -> None:
        escalated.change("users", 17, active=False)
        escalated.tick("2026-03-10T09:00")
        assert [recipient for step, _, recipient, _ in escalated.sent() if step == "level-4"] == [
            0,
            12,
            14,
            15,
            16,
        ][1:]

    def test_who_is_appointed_later_does_not_get_it_again(self, escalated: World) -> None:
        escalated.tick("2026-03-10T09:00")
        escalated.add("users", id=18, role="executive")
        escalated.tick("2026-03-10T09:30")
        assert [recipient for *_, recipient, _ in escalated.sent()] == [12, 14, 15, 16, 17]


def test_a_quote_that_names_another_tenants_customer_reaches_nobody(office: World) -> None:
    office.add("tenants", id=2, name="Other Travel")
    office.add("quotes", id=7, tenant_id=2, customer_id=1, agent_id=10, sent_at="2026-03-07T08:00")
    office.apply(FOLLOW_UP, start=LONG_AGO)
    office.tick("2026-03-10T10:00")
    assert office.sent() == []
    assert office.decisions()["reason"].to_list() == ["no_recipient"]


class TestIdentity:
    """Ids are identities; everything else about a campaign may change."""

    @pytest.fixture
    def sent(self, office: World) -> World:
        office.add("customers", id=2, birthday="1990-03-10")
        office.add("quotes", id=7, customer_id=1, sent_at="2026-03-07T08:00", expires_at="2026-12-01T00:00")
        office.apply(BIRTHDAY, start=LONG_AGO)
        office.apply(FOLLOW_UP, start=LONG_AGO)
        office.tick_through("2026-03-10T08:30", "2026-03-10T10:00", minutes=90)
        assert len(office.sent()) == 2
        return office

    def after(self, world: World) -> int:
        world.tick_through("2026-03-10T10:30", "2026-03-10T12:00", minutes=90)
        return len(world.sent())

    def test_deleted_and_applied_again_sends_nothing_again(self, sent: World) -> None:
        sent.installation.campaigns.delete("birthday", "test", at("2026-03-10T10:05"))
        sent.apply(BIRTHDAY.replace("steps:", "policy: {backlog: all}\nsteps:"), start="2026-03-10T10:10")
        assert self.after(sent) == 2

    def test_a_changed_title_and_a_renamed_file_send_nothing_again(self, sent: World) -> None:
        sent.apply(BIRTHDAY.replace("title: Birthday", "title: Happy birthday!"), on="2026-03-10T10:05")
        assert self.after(sent) == 2

    def test_a_step_inserted_at_the_top_and_reordering_send_nothing_again(self, sent: World) -> None:
        head, *steps = FOLLOW_UP.split("  - ")
        fresh = '{id: day-2, offset: 2 days, at: "10:00", channel: email, template: t}\n'
        sent.apply(head + "  - ".join(["", fresh, *reversed(steps)]), on="2026-03-10T10:05")
        assert self.after(sent) == 2

    def test_a_renamed_step_title_sends_nothing_again(self, sent: World) -> None:
        sent.apply(FOLLOW_UP.replace("{id: day-3,", "{id: day-3, title: Third day,"), on="2026-03-10T10:05")
        assert self.after(sent) == 2


class TestOutage:
    """Nothing ran for eight hours."""

    def test_each_subject_gets_the_latest_step_only(self, office: World) -> None:
        office.apply(SLA, start=LONG_AGO)
        office.tick("2026-03-10T08:00")
        office.add("queries", id=5, agent_id=10, sla_due_at="2026-03-10T07:30", created_at="2026-03-10T07:00")
        result = office.tick("2026-03-10T16:00")
        assert [step for step, *_ in office.sent()] == ["level-4"] * 4
        assert result.notices == ("sla: 3 gave way to a later step",)
        assert office.skipped() == [
            ("level-1", 5, "superseded"),
            ("level-2", 5, "superseded"),
            ("level-3", 5, "superseded"),
        ]

    def test_marketing_older_than_its_lateness_is_stale_and_counted(self, office: World) -> None:
        office.add("customers", id=2, birthday="1990-03-10")
        office.apply(BIRTHDAY, start=LONG_AGO)
        office.tick("2026-03-10T06:00")
        result = office.tick("2026-03-11T10:00")
        assert office.sent() == []
        assert office.skipped() == [("greeting", 2, "stale")]
        assert result.plan.by_reason() == {"stale": 1}
        assert result.notices == ("birthday: 1 too late to be planned",)

    def test_steps_that_are_on_time_are_never_superseded(self, office: World) -> None:
        office.apply(SLA.replace("120 minutes", "75 minutes"), start=LONG_AGO)
        office.add("queries", id=5, agent_id=10, sla_due_at="2026-03-10T09:02")
        office.tick_through("2026-03-10T09:30", "2026-03-10T10:30")
        assert [step for step, *_ in office.sent()] == ["level-1", "level-2"]

    def test_late_all_sends_every_step(self, office: World) -> None:
        office.apply(SLA.replace("steps:", "policy: {late: all}\nsteps:", 1), start=LONG_AGO)
        office.tick("2026-03-10T08:00")
        office.add("queries", id=5, agent_id=10, sla_due_at="2026-03-10T09:00", created_at="2026-03-10T07:00")
        office.tick("2026-03-10T14:00")
        assert [step for step, *_ in office.sent()] == ["level-1", "level-2", "level-3"]


class TestFirstActivation:
    """Quotes on day 5, 9 and 100 when the follow-up is started."""

    @pytest.fixture
    def quotes(self, office: World) -> World:
        for number, sent_at in ((5, "2026-03-05T08:00"), (9, "2026-03-01T08:00"), (100, "2025-11-30T08:00")):
            office.add(
                "quotes", id=number, number=f"Q-{number}", sent_at=sent_at, expires_at="2026-12-01T00:00"
            )
        return office

    def activated(self, world: World, backlog: str) -> list[tuple]:
        world.apply(
            FOLLOW_UP.replace("steps:", f"policy: {{backlog: {backlog}}}\nsteps:", 1),
            start="2026-03-10T12:00",
        )
        world.tick_through("2026-03-10T12:00", "2026-03-11T12:00", minutes=360)
        return world.sent()

    def test_without_backlog_nobody_is_written_to_retroactively(self, quotes: World) -> None:
        assert self.activated(quotes, "none") == []

    def test_with_all_each_gets_the_latest_passed_step_once(self, quotes: World) -> None:
        assert self.activated(quotes, "all") == [
            ("day-14", 100, 0, "2026-03-10T12:00"),
            ("day-3", 5, 0, "2026-03-10T12:00"),
            ("day-7", 9, 0, "2026-03-10T12:00"),
        ]

    def test_with_seven_days_only_what_passed_in_that_time(self, quotes: World) -> None:
        assert self.activated(quotes, "7 days") == [
            ("day-3", 5, 0, "2026-03-10T12:00"),
            ("day-7", 9, 0, "2026-03-10T12:00"),
        ]


def test_a_row_committed_after_the_extraction_is_found_by_the_next_tick(office: World) -> None:
    office.apply(WELCOME, start=LONG_AGO)
    office.tick("2026-03-10T10:00:30")
    office.add("customers", id=2, created_at="2026-03-10T10:00")  # stamped earlier, committed later
    office.tick("2026-03-10T10:30")
    assert office.sent() == [("at-once", 2, 0, "2026-03-10T10:00")]


class TestWindow:
    """Messages leave Monday to Friday from 9 to 18; 2026-03-14 is a Saturday."""

    WINDOW = 'window: {days: [mon, tue, wed, thu, fri], start: "09:00", end: "18:00"}\nsteps:'

    def test_a_warning_that_could_only_leave_after_the_expiry_is_stale(self, office: World) -> None:
        office.add("quotes", id=7, sent_at="2026-03-01T08:00", expires_at="2026-03-15T09:00")
        office.apply(
            f"""
id: warning
title: Warning
audience: expiring_quotes
purpose: transactional
{self.WINDOW} [{{id: day-before, offset: -24 hours, channel: email, template: t}}]
""",
            start=LONG_AGO,
        )
        office.tick_through("2026-03-14T09:30", "2026-03-16T09:30", minutes=480)
        assert office.sent() == []
        assert office.skipped() == [("day-before", 7, "stale")]

    def test_a_follow_up_waits_for_monday(self, office: World) -> None:
        office.add("quotes", id=7, sent_at="2026-03-11T08:00", expires_at="2026-12-01T00:00")
        office.apply(FOLLOW_UP.replace("steps:", self.WINDOW), start=LONG_AGO)
        office.tick_through("2026-03-14T09:30", "2026-03-16T09:30", minutes=480)
        assert office.sent() == [("day-3", 7, 0, "2026-03-16T09:00")]


class TestCrash:
    """Between the commit of the ledger and the decision files, and two planners at once."""

    def test_lost_decision_files_are_restored_from_the_ledger(
        self, office: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        office.add("customers", id=2, birthday="1990-03-10")
        office.apply(BIRTHDAY, start=LONG_AGO)
        with monkeypatch.context() as broken:
            broken.setattr(decisions, "append", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
            with pytest.raises(OSError, match="disk full"):
                office.tick("2026-03-10T08:30")
        assert office.decisions().is_empty()
        office.tick("2026-03-10T09:00")
        assert len(office.sent()) == 1
        assert office.decisions()["reason"].to_list() == ["planned"]
        assert plans.unpublished(office.installation.database) == []

    def test_a_second_planner_is_refused_while_one_is_at_work(self, office: World) -> None:
        office.apply(BIRTHDAY, start=LONG_AGO)
        with office.installation.database.planner_lock(), pytest.raises(LockedError):
            office.tick("2026-03-10T08:30")

    def test_two_hosts_with_clocks_six_minutes_apart_are_as_one(self, office: World) -> None:
        office.add("customers", id=2, birthday="1990-03-10")
        office.add("queries", id=5, agent_id=10, sla_due_at="2026-03-10T08:00")
        office.apply(BIRTHDAY, start=LONG_AGO)
        office.apply(SLA, start=LONG_AGO)
        for moment in ("2026-03-10T08:36", "2026-03-10T08:30", "2026-03-10T09:06", "2026-03-10T09:00"):
            office.tick(moment)
        assert office.sent() == [
            ("greeting", 2, 0, "2026-03-10T09:00"),
            ("level-1", 5, 11, "2026-03-10T09:00"),
        ]
        assert plans.planned_through(office.installation.database) == at("2026-03-10T09:06")

    def test_the_same_run_committed_twice_adds_nothing(self, office: World) -> None:
        office.add("customers", id=2, birthday="1990-03-10")
        office.apply(BIRTHDAY, start=LONG_AGO)
        for _ in range(2):
            run_tick(office.installation, as_of=at("2026-03-10T08:30"), run_id="the-same")
        assert len(office.sent()) == 1
        assert len(office.decisions()) == 1


@pytest.mark.parametrize(
    ("zone", "day", "clock", "instant"),
    [
        (
            "America/New_York",
            "2026-03-08",
            "02:30",
            "2026-03-08T07:30",
        ),  # skipped: 03:30 by the offset before
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30"),  # twice: the first
        ("Pacific/Chatham", "2026-01-10", "09:00", "2026-01-09T19:15"),  # +13:45
        ("Australia/Lord_Howe", "2026-04-05", "09:00", "2026-04-04T22:30"),  # a day of 24.5 hours
        ("Pacific/Kiritimati", "2026-05-01", "09:00", "2026-04-30T19:00"),  # +14
        ("Europe/Berlin", "2026-10-25", "09:00", "2026-10-25T08:00"),  # a day of 25 hours
    ],
)
def test_dated_messages_leave_once_at_the_documented_instant(
    office: World, zone: str, day: str, clock: str, instant: str
) -> None:
    office.change("tenants", 1, time_zone=zone, send_time=clock)
    office.add("customers", id=2, birthday=f"1990{day[4:]}")
    office.apply(BIRTHDAY, start=LONG_AGO[:4] + "-01-01T00:00")
    first = at(instant) - timedelta(hours=1)
    office.tick_through(first.isoformat(), (first + timedelta(hours=2)).isoformat(), minutes=60)
    assert office.sent() == [("greeting", 2, 0, instant)]


class TestPreview:
    """A preview of tomorrow on frozen data equals what tomorrow's ticks do."""

    @pytest.fixture
    def busy(self, office: World) -> World:
        office.change("tenants", 1, inactivity_days=7)
        office.add("tenants", id=2, time_zone="Asia/Kathmandu", send_time="13:30")
        office.add("customers", id=2, birthday="1990-03-10")
        office.add("customers", id=3, birthday="1990-03-10", email_opt_out=True)
        office.add("customers", id=4, birthday="1990-03-10", email="broken")
        office.add("customers", id=5, tenant_id=2, birthday="1990-03-10", created_at="2026-03-10T06:10")
        office.add("customers", id=6, last_activity_at="2026-03-03T20:00")
        office.add("queries", id=5, agent_id=10, sla_due_at="2026-03-10T06:40")
        office.add("queries", id=6, sla_due_at="2026-03-10T07:00")
        office.add("quotes", id=7, sent_at="2026-03-03T08:00", expires_at="2026-12-01T00:00")
        for campaign in (SLA, BIRTHDAY, FOLLOW_UP, RE_ENGAGEMENT, WELCOME):
            office.apply(campaign, start=LONG_AGO)
        office.tick("2026-03-10T05:30")
        return office

    def test_it_equals_what_is_then_decided_row_by_row(self, busy: World) -> None:
        window = pl.col("due_at").is_between(at("2026-03-10T06:00"), at("2026-03-10T10:30"), closed="right")
        columns = [
            "campaign",
            "step",
            "subject_id",
            "recipient_id",
            "due_at",
            "expires_at",
            "reason",
            "address",
        ]
        busy.with_ticks(90)
        promised = preview(busy.installation, since=at("2026-03-10T06:00"), until=at("2026-03-10T10:30"))
        happened = pl.concat(
            [result.plan.rows for result in busy.tick_through("2026-03-10T06:00", "2026-03-10T10:30", 90)]
        ).unique(plans.KEY, keep="last")
        order = ["due_at", "campaign", "step", "subject_id", "recipient_id"]
        assert promised.filter(window).select(columns).sort(order).rows() == (
            happened.filter(window).select(columns).sort(order).rows()
        )
        reasons = set(promised["reason"])
        assert {"planned", "suppressed", "no_recipient"} <= reasons

    def test_it_writes_nothing(self, busy: World) -> None:
        before = len(busy.jobs()), len(busy.decisions())
        preview(busy.installation, since=at("2026-03-10T06:00"), until=at("2026-03-10T08:00"))
        assert (len(busy.jobs()), len(busy.decisions())) == before


def test_every_moment_gets_exactly_one_decision_and_open_ones_are_not_repeated(office: World) -> None:
    office.add("customers", id=3, birthday="1990-03-10", email_opt_out=True)
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.tick_through("2026-03-10T08:30", "2026-03-11T10:00", minutes=510)
    told = office.decisions().sort("as_of").select("reason", "held_by").rows()
    assert told == [("suppressed", None), ("stale", "suppressed")]


def test_a_paused_campaign_sends_what_is_not_too_late_once_it_resumes(office: World) -> None:
    office.add("customers", id=2, birthday="1990-03-10")
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.installation.campaigns.pause("birthday", "test", at("2026-03-10T08:00"))
    office.tick_through("2026-03-10T08:30", "2026-03-10T09:30")
    assert office.sent() == []
    office.installation.campaigns.resume("birthday", "test", at("2026-03-10T10:00"))
    office.tick("2026-03-10T10:00")
    assert office.decisions().sort("as_of")["reason"].to_list() == ["inactive", "planned"]
    assert operations.count_by_state(office.installation.database)["pending"] == 1


def test_a_test_on_monday_leaves_tuesdays_real_send_alone(office: World) -> None:
    office.add("customers", id=2, birthday="1990-03-10")
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.tick("2026-03-09T09:00")
    rehearsed = run_tick(office.installation, as_of=at("2026-03-10T09:00"), run_id="test", mode="test")
    assert rehearsed.planned == 1
    database = office.installation.database
    assert plans.planned_through(database) == at("2026-03-09T09:00")
    lease = timedelta(minutes=5)
    assert claim(database, Claim(owner="w", now=at("2026-03-10T10:00"), limit=10, lease=lease)) == []
    assert office.tick("2026-03-10T08:30").planned == 1
    (real,) = claim(database, Claim(owner="w", now=at("2026-03-10T10:00"), limit=10, lease=lease))
    assert (real.mode, real.subject_id) == ("live", 2)


def test_deciding_in_slices_decides_the_same(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2, 30):
        office.add("customers", id=number, birthday="1990-03-10")
    office.add("queries", id=5, agent_id=10, sla_due_at="2026-03-10T00:50", created_at="2026-03-10T00:00")
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.apply(SLA, start=LONG_AGO)
    office.tick("2026-03-10T00:30")
    whole = preview(office.installation, since=at("2026-03-10T09:00"), until=at("2026-03-10T09:30"))
    monkeypatch.setattr(sys.modules["automation_pipelines.planning.plan"], "SLICE", 7)
    sliced = preview(office.installation, since=at("2026-03-10T09:00"), until=at("2026-03-10T09:30"))
    assert len(whole) == 28 + 7
    assert sliced.rows() == whole.rows()


def test_validity_includes_both_of_its_ends(office: World) -> None:
    for day in (9, 10, 11, 12):
        office.add("customers", id=day, birthday=f"1990-03-{day:02}")
    validity = '{valid_from: "2026-03-10T09:00:00Z", valid_until: "2026-03-11T14:45:00+05:45"}'
    office.apply(BIRTHDAY.replace("steps:", f"policy: {validity}\nsteps:"), start=LONG_AGO)
    office.tick_through("2026-03-09T09:00", "2026-03-12T09:00", minutes=1440)
    assert [subject for _, subject, *_ in office.sent()] == [10, 11]
    inactive = office.decisions().filter(pl.col("reason") == "inactive")
    assert sorted(inactive["subject_id"]) == [9, 12]
