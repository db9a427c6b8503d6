"""A month under all ready campaigns: who gets what and why not, and what must hold of all of it."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
import sqlalchemy as sa

from automation_pipelines.engine import open_engine
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.tables import identities, jobs
from automation_pipelines.model import SETTLED
from automation_pipelines.preview import preview
from automation_pipelines.reconstruction import decide_past, find_past_work
from automation_pipelines.tick import read_sources
from tests.month.conftest import FROZEN, REPEATED, Month
from tests.month.expected import ESCALATIONS, FAMILIES, MONDAYS, SEASON, at
from tests.month.life import AS_OF, END, STARTED, TICK, Life

pytestmark = pytest.mark.timeout(900)

_SETTLED = [str(reason) for reason in SETTLED]
CAMPAIGNS = [(name, people) for family in FAMILIES.values() for name, people in family.items()]


@pytest.fixture(scope="module")
def decided(month: Month) -> pl.DataFrame:
    """One row per moment of the month: its last due time and channel, and all its reasons in order."""
    keys = [*KEY, "campaign", "step", "who", "source"]
    return (
        month.life.decisions()
        .group_by(keys, maintain_order=True)
        .agg(
            pl.col("due_at").last(),
            pl.col("channel").last(),
            pl.col("purpose").last(),
            pl.col("reason").str.join(" > ").alias("outcome"),
            pl.col("reason").last(),
        )
    )


def ledger(life: Life) -> pl.DataFrame:
    """The ledger, whole."""
    return life.installation.database.read(sa.select(jobs).order_by(jobs.c.id))


def rows(life: Life, query: str) -> list[Any]:
    """What the CRM says."""
    with closing(sqlite3.connect(life.home / "crm.db")) as connection:
        return connection.execute(query).fetchall()


class TestEverybodyGetsWhatIsTheirs:
    """Hand-checked customers and accounts, exactly."""

    @pytest.mark.parametrize(("campaign", "people"), CAMPAIGNS, ids=[name for name, _ in CAMPAIGNS])
    def test_of(self, decided: pl.DataFrame, campaign: str, people: dict[int, Any]) -> None:
        theirs = decided.filter(
            pl.col("campaign") == campaign, pl.col("who").is_in([int(who) for who in people])
        )
        found = Counter(theirs.select("who", "step", "due_at", "channel", "outcome").iter_rows())
        expected: Counter[tuple[Any, ...]] = Counter()
        for who, their_rows in people.items():
            for row in their_rows:
                expected[int(who), row.step, row.due, row.channel, row.outcome] += row.times
        assert {"missing": expected - found, "unexpected": found - expected} == {
            "missing": Counter(),
            "unexpected": Counter(),
        }

    def test_the_season_begins_in_the_morning_of_each(self, decided: pl.DataFrame) -> None:
        theirs = decided.filter(pl.col("campaign") == "seasonal-escapes")
        known = theirs.filter(pl.col("who") <= 68)
        found = {row["who"]: row for row in known.to_dicts() if row["who"] > 34}
        assert {who: row["outcome"] for who, row in found.items()} == {
            int(who): outcome for who, (_, outcome) in SEASON.items()
        }
        for who, (zone, _) in SEASON.items():
            ten = at("03-01 10:00", zone)
            assert ten <= found[int(who)]["due_at"] < ten + timedelta(hours=2), who
        assert theirs["due_at"].n_unique() > 20  # spread: not all at the same minute

    def test_each_monday_a_list_of_those_below_60(self, month: Month, decided: pl.DataFrame) -> None:
        lists = decided.filter(pl.col("campaign") == "weekly-health-review")
        found = {
            probe: sorted(lists.filter(pl.col("who") == int(probe))["due_at"].to_list()) for probe in MONDAYS
        }
        assert found == MONDAYS
        recorded = month.life.decisions().filter(campaign="weekly-health-review", reason="planned")
        assert recorded.filter(pl.col("as_of") > pl.col("due_at") + timedelta(hours=12)).is_empty()
        # One list for each success manager and Monday.
        letters = lists.filter(outcome="planned")
        assert letters.select("recipient_id", pl.col("due_at").dt.date()).is_duplicated().sum() == 0

    def test_enquiries_climb_level_by_level(self, decided: pl.DataFrame) -> None:
        climbed = decided.filter(
            pl.col("campaign") == "sla-escalation", pl.col("step").str.ends_with("record")
        )
        for probe, times in ESCALATIONS.items():
            theirs = climbed.filter(pl.col("who") == int(probe)).sort("step")
            assert theirs["due_at"].to_list() == times
            assert set(theirs["outcome"]) == {"planned"}

    def test_a_tenant_that_leaves_silent_customers_alone_does(self, decided: pl.DataFrame) -> None:
        silent = decided.filter(pl.col("campaign").str.starts_with("re-engagement"))
        assert 4 not in set(silent["tenant_id"])
        assert set(silent.filter(campaign="re-engagement-everywhere")["tenant_id"]) == {3}

    def test_a_tenth_of_one_tenant_is_held_out(self, decided: pl.DataFrame) -> None:
        reached = pl.col("reason").is_in(["planned", "holdout", "capped", "merged"])
        marketing = decided.filter(reached, tenant_id=12, purpose="marketing")
        with open_engine() as engine:
            engine.add(people=marketing.select("who").unique())
            out = engine.query("SELECT who FROM people WHERE draw01('holdout', '12:' || who) < 0.1")
        assert set(marketing.filter(reason="holdout")["who"]) == set(out["who"]) != set()
        assert set(decided.filter(reason="holdout")["tenant_id"]) == {12}

    def test_nobody_of_a_capped_tenant_gets_more_than_it_allows(
        self, month: Month, decided: pl.DataFrame
    ) -> None:
        mails = decided.filter(pl.col("channel") != "crm", purpose="marketing", reason="planned")
        zones = dict(rows(month.life, "SELECT id, time_zone FROM customers"))
        for tenant, own in ((1, "Europe/London"), (9, "Europe/Paris")):
            theirs = mails.filter(tenant_id=tenant).select("who", "due_at")
            days = Counter((who, local_day(due, zones[who] or own)) for who, due in theirs.iter_rows())
            assert len(days) > 3
            assert set(days.values()) == {1}, tenant
        paris = mails.filter(tenant_id=9, channel="email").sort("due_at")
        assert paris.rolling("due_at", period="6d", group_by="who").agg(pl.len())["len"].max() == 3

    def test_marketing_leaves_while_the_windows_of_tenants_are_open(self, month: Month) -> None:
        sent = ledger(month.life).filter(pl.col("channel") != "crm", purpose="marketing", state="completed")
        zones = dict(rows(month.life, "SELECT id, time_zone FROM customers"))
        people = dict(month.life.installation.database.read(_CUSTOMER_OF_JOB).iter_rows())
        # Mondays are 0: the first tenant sends on five days of the week, the other on six.
        for tenant, own, days, hours, texts in (
            (10, "Europe/Berlin", 5, (9, 18), (9, 18)),
            (16, "Asia/Dubai", 6, (10, 20), (11, 19)),
        ):
            theirs = sent.filter(tenant_id=tenant).select("id", "channel", "finished_at")
            assert len(theirs) > 3
            for job, channel, left in theirs.iter_rows():
                local = left.astimezone(ZoneInfo(zones[people[job]] or own))
                opens, closes = texts if channel == "sms" else hours
                assert local.weekday() < days, (tenant, local)
                assert opens <= local.hour < closes, (tenant, channel, local)


_CUSTOMER_OF_JOB = sa.text("SELECT id AS job_id, customer_id FROM jobs WHERE customer_id IS NOT NULL")


def local_day(moment: datetime, zone: str) -> date:
    """The day it is there then."""
    return moment.astimezone(ZoneInfo(zone)).date()


class TestNobodyIsLeftOut:
    """Against the CRM itself, row by row and without any of our statements."""

    def test_every_birthday_of_the_month_was_decided(self, month: Month, decided: pl.DataFrame) -> None:
        zones = dict(rows(month.life, "SELECT id, time_zone FROM tenants WHERE active"))
        clocks = {10: (time(7, 30), None), 11: (time(12), "America/Chicago")}
        expected = set()
        for id_, tenant, born, created in rows(
            month.life,
            "SELECT id, tenant_id, birthday, created_at FROM customers "
            "WHERE birthday IS NOT NULL AND merged_into IS NULL",
        ):
            clock, zone = clocks.get(tenant, (time(9), None))
            day = date.fromisoformat(born)
            day = date(2026, 2, 28) if (day.month, day.day) == (2, 29) else day.replace(year=2026)
            if tenant not in zones:
                continue
            due = datetime.combine(day, clock, ZoneInfo(zone or zones[tenant])).astimezone(UTC)
            joined = datetime.fromisoformat(created).replace(tzinfo=UTC)
            if AS_OF - timedelta(days=1) <= due <= END + TICK and joined < due:
                expected.add(id_)
        found = set(decided.filter(campaign="birthday")["who"])
        assert found == expected
        assert len(found) > 20

    def test_every_departure_of_the_month_was_confirmed(self, month: Month, decided: pl.DataFrame) -> None:
        tenants = {
            id_: (ZoneInfo(zone), time.fromisoformat(clock))
            for id_, zone, clock in rows(
                month.life, "SELECT id, time_zone, send_time FROM tenants WHERE active"
            )
        }
        expected = set()
        for id_, tenant, departs, booked in rows(
            month.life,
            "SELECT id, tenant_id, departure_on, booked_at FROM bookings WHERE status <> 'cancelled'",
        ):
            if tenant not in tenants:
                continue
            zone, clock = tenants[tenant]
            day = date.fromisoformat(departs) - timedelta(days=1)
            due = datetime.combine(day, clock, zone).astimezone(UTC)
            if STARTED <= due <= END + TICK and datetime.fromisoformat(booked).replace(tzinfo=UTC) < due:
                expected.add(id_)
        found = set(decided.filter(campaign="booking-reminder", step="confirmation")["subject_id"])
        assert found == expected
        assert len(found) > 10

    def test_every_enquiry_of_the_month_was_answered(self, month: Month, decided: pl.DataFrame) -> None:
        # Half a day is how long this message waits, and so long before the first tick it looks back.
        first = AS_OF - timedelta(hours=12)
        expected = {
            (id_, datetime.fromisoformat(created).replace(tzinfo=UTC).replace(second=0))
            for id_, created in rows(
                month.life,
                "SELECT q.id, q.created_at FROM queries q JOIN tenants t ON q.tenant_id = t.id "
                f"WHERE t.active AND q.created_at >= '{first:%Y-%m-%d %H:%M:%S}'",
            )
        }
        answers = decided.filter(campaign="query-received")
        found = {
            (id_, due.replace(second=0)) for id_, due in answers.select("subject_id", "due_at").iter_rows()
        }
        assert found == expected
        assert len(found) > 20

    def test_the_ledger_and_the_decisions_tell_the_same(self, month: Month, decided: pl.DataFrame) -> None:
        keys = ledger(month.life).select(KEY)
        settled = decided.filter(pl.col("reason").is_in(_SETTLED)).select(KEY)
        assert keys.is_duplicated().sum() == 0
        assert set(settled.iter_rows()) == set(keys.iter_rows())
        seen = {row for result in month.life.results for row in result.plan.rows.select(KEY).iter_rows()}
        assert seen == set(decided.select(KEY).iter_rows())

    def test_whoever_belongs_and_is_due_is_counted(self, month: Month) -> None:
        for result in month.life.results:
            moments = result.plan.rows.group_by("campaign").agg(
                pl.col("subject_id").n_unique().alias("subjects")
            )
            counted = moments.join(result.plan.scope, on="campaign", how="left")
            assert counted.filter(pl.col("subjects") > pl.col("belonging")).is_empty()
            assert counted["belonging"].null_count() == 0

    def test_every_message_could_be_made(self, month: Month) -> None:
        dead = ledger(month.life).filter(state="dead")
        errors = month.life.installation.database.read(
            sa.text(
                "SELECT p.error FROM job_payloads p JOIN jobs j ON p.job_id = j.id WHERE j.state = 'dead'"
            )
        )
        assert (len(dead), errors["error"].to_list()) == (0, [])
        assert set(ledger(month.life)["state"]) == {"completed", "skipped", "pending"}


class TestDoingItAgain:
    """What is done twice, late, or looked back at changes nothing."""

    def test_a_tick_that_is_run_twice_finds_nothing_new(self, month: Month) -> None:
        assert [(again.planned, again.settled, again.decisions) for again in month.again] == [
            (0, 0, 0) for _ in REPEATED
        ]

    def test_looking_back_at_a_day_leaves_the_ledger_alone(self, month: Month) -> None:
        installation = month.life.installation
        before = ledger(month.life), installation.database.read(sa.select(identities))
        day = date(2026, 3, 2)
        work = find_past_work(installation, day, day, now=END)
        seen = decide_past(installation, read_sources(installation, work), work)
        assert len(seen) > 20
        assert set(seen["due_at"].dt.date()) == {day}
        after = ledger(month.life), installation.database.read(sa.select(identities))
        assert all(was.equals(now) for was, now in zip(before, after, strict=True))

    def test_a_month_with_gaps_loses_nothing_but_what_came_too_late(
        self, month: Month, tmp_path: Path
    ) -> None:
        gaps = month.beginning.copy(tmp_path / "gaps")
        # Eight hours too late, a whole day left out, and at the end as the others.
        moments = [AS_OF + timedelta(hours=hours) for hours in (0, 20, 48, 84)]
        for now, following in pairwise([*moments, moments[-1]]):
            gaps.live(now, following)
        until = moments[-1]
        lived = month.life.decisions().filter(pl.col("as_of") <= until)
        regular = _reasons(lived.filter(pl.col("due_at") <= until))
        late = _reasons(gaps.decisions().filter(pl.col("due_at") <= until))
        both = regular.keys() & late.keys()
        otherwise = {key for key in both if regular[key][1] != late[key][1]}
        assert {late[key][1] for key in otherwise} == {"stale", "superseded"}
        # What follows a message does not follow one that came too late; and quotes that ran out in a gap
        # are still open when it ends: nobody was there to mark them.
        assert {regular[key][0] for key in regular.keys() - both} <= {"message-follow-up"}
        assert {late[key][0] for key in late.keys() - both} <= {"quote-follow-up"}
        assert len(both) > 500
        gaps.installation.database.close()


def _reasons(decisions: pl.DataFrame) -> dict[tuple[Any, ...], tuple[str, str]]:
    """Of every key that is settled the campaign and the reason."""
    settled = decisions.filter(pl.col("reason").is_in(_SETTLED)).select(*KEY, "campaign", "reason")
    return {row[:-2]: (row[-2], row[-1]) for row in settled.iter_rows()}


class TestLookingAhead:
    """A preview on data that does not change is what then happens."""

    def test_a_day_goes_as_it_was_foreseen(self, month: Month, tmp_path: Path) -> None:
        life = month.frozen.copy(tmp_path / "frozen")
        until = FROZEN + timedelta(days=1)
        first = FROZEN + TICK
        foreseen = preview(life.installation, since=first, until=until)
        now = first
        while now <= until:
            life.tick(now)
            now += TICK
        lived = pl.concat([result.plan.rows for result in life.results]).unique(
            KEY, keep="last", maintain_order=True
        )
        columns = [*KEY, "due_at", "channel", "variant", "reason"]
        happened = lived.filter(pl.col("due_at") <= until).select(columns).sort(columns)
        assert foreseen.select(columns).sort(columns).rows() == happened.rows()
        assert happened["reason"].n_unique() > 3
        life.installation.database.close()
