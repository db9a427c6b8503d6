"""Planning writes in one piece and never twice."""

from datetime import timedelta

import polars as pl
import pytest

from automation_pipelines.ledger import plans
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import Written
from tests.ledger.planned import (
    NOW,
    TENANTS,
    claim,
    count_statements,
    moments,
    plan,
    states,
    tick,
    url_of,
    write_slowly,
)
from tests.processes import PROCESSES

MIXED = pl.when(pl.int_range(10) % 5 == 0).then(pl.lit("stale")).otherwise(pl.lit("planned"))


class TestWriting:
    def test_planned_moments_wait_and_settled_ones_are_skipped_with_their_reason(
        self, database: Database
    ) -> None:
        assert plan(database, 10, reason=MIXED) == Written(tick_id=1, planned=8, settled=2)
        rows = database.read("SELECT state, reason, count(*) AS n FROM jobs GROUP BY state, reason").rows()
        assert set(rows) == {("pending", None, 8), ("skipped", "stale", 2)}

    def test_only_planned_moments_keep_personal_data(self, database: Database) -> None:
        plan(database, 10, reason=MIXED)
        assert database.read("SELECT count(*) AS n FROM job_payloads").item() == 8

    def test_everything_of_a_job_reaches_its_worker(self, database: Database) -> None:
        due, late = NOW - timedelta(hours=1), NOW + timedelta(hours=3)
        plan(
            database, 1, variant="b", priority=3, due_at=due, expires_at=late, purpose="internal",
            occurrence=-5, tenant_id=2**62, subject_id=2**63 - 1, recipient_id=9, campaign_version=4,
            subject_text="00001", customer_id=77, variables='{"first_name":"O\'Neil, \\"Zoë\\""}',
        )  # fmt: skip
        (job,) = claim(database)
        assert (job.occurrence, job.tenant_id, job.subject_id, job.recipient_id) == (-5, 2**62, 2**63 - 1, 9)
        assert (job.campaign, job.step, job.mode, job.campaign_version) == ("birthday", "greeting", "live", 4)
        assert (job.due_at, job.expires_at, job.available_at, job.attempts) == (due, late, due, 0)
        assert (job.variant, job.priority, job.purpose, job.channel) == ("b", 3, "internal", "email")
        assert (job.subject_text, job.customer_id, job.address) == ("00001", 77, "customer0@example.com")
        assert job.variables == '{"first_name":"O\'Neil, \\"Zoë\\""}'

    def test_a_run_written_twice_adds_nothing_and_answers_the_same(self, database: Database) -> None:
        first = plan(database, 10, reason=MIXED)
        assert plan(database, 12) == first
        assert sum(states(database).values()) == 10

    def test_another_run_adds_only_new_keys(self, database: Database) -> None:
        plan(database, 10, reason=MIXED)
        assert plan(database, 12, "run-2") == Written(tick_id=2, planned=2, settled=0)
        assert states(database) == {"pending": 10, "skipped": 2}

    def test_a_key_given_twice_in_one_run_is_one_job(self, database: Database) -> None:
        assert plan(database, 3, subject_id=1).planned == 1

    def test_an_empty_plan_still_moves_the_cursor(self, database: Database) -> None:
        assert plan(database, 0) == Written(tick_id=1, planned=0, settled=0)
        assert plans.planned_through(database) == NOW

    def test_it_takes_a_handful_of_statements_whatever_its_size(self, database: Database) -> None:
        small, large = moments(database, 3), moments(database, 20_000)
        few = count_statements(database, lambda: plans.write_plan(database, tick("a"), small, TENANTS))
        many = count_statements(database, lambda: plans.write_plan(database, tick("b"), large, TENANTS))
        assert few == many < 10

    def test_a_process_killed_in_the_middle_leaves_nothing(self, database: Database) -> None:
        reached = PROCESSES.Event()
        process = PROCESSES.Process(target=write_slowly, args=(url_of(database), 5_000, reached))
        process.start()
        assert reached.wait(60)
        process.kill()
        process.join()
        assert states(database) == {}
        assert plans.planned_through(database) is None
        assert plan(database, 5_000).planned == 5_000

    def test_tenants_keep_the_newest_profile(self, database: Database) -> None:
        changed = pl.DataFrame({"tenant_id": [1], "profile": ['{"name":"C"}']})
        none = moments(database, 0)
        plans.write_plan(database, tick("1"), none, TENANTS)
        plans.write_plan(database, tick("2", as_of=NOW + timedelta(1)), none, changed)
        plans.write_plan(database, tick("3", as_of=NOW), none, TENANTS)
        rows = database.read("SELECT tenant_id, profile FROM tenants ORDER BY tenant_id").rows()
        assert rows == [(1, '{"name":"C"}'), (2, '{"name":"B"}')]


class TestCursor:
    def test_there_is_none_before_the_first_tick(self, database: Database) -> None:
        assert plans.planned_through(database) is None

    def test_only_live_ticks_move_it_and_never_back(self, database: Database) -> None:
        none = moments(database, 0)
        plans.write_plan(database, tick("1"), none, TENANTS)
        plans.write_plan(database, tick("2", as_of=NOW - timedelta(hours=1)), none, TENANTS)
        plans.write_plan(database, tick("3", as_of=NOW + timedelta(hours=1), mode="manual"), none, TENANTS)
        plans.write_plan(database, tick("4", as_of=NOW + timedelta(hours=1), mode="test"), none, TENANTS)
        assert plans.planned_through(database) == NOW


class TestIdentities:
    def test_a_pair_keeps_its_integer(self, database: Database) -> None:
        first = plans.identify(database, [("a", ""), ("a", "x")], "live")
        again = plans.identify(database, [("a", "x"), ("b", ""), ("a", "")], "live")
        assert again | first == again
        assert len(set(again.values())) == 3

    def test_test_mode_has_integers_of_its_own_and_manual_shares_the_live_ones(
        self, database: Database
    ) -> None:
        live, manual, test = (
            plans.identify(database, [("a", "")], mode) for mode in ("live", "manual", "test")
        )
        assert live == manual
        assert live != test

    def test_none_asked_is_none_given(self, database: Database) -> None:
        assert plans.identify(database, [], "live") == {}


class TestQuestions:
    def test_settled_answers_by_campaign_and_occurrence(self, database: Database) -> None:
        plan(database, 3, occurrence=pl.int_range(3) + 100)
        plan(database, 3, "run-2", campaign="other")
        mine = plans.identify(database, [("birthday", "")], "live")["birthday", ""]
        found = plans.settled(database, [mine], 101, 200)
        assert sorted(found["occurrence"]) == [101, 102]
        assert found["state"].unique().to_list() == ["pending"]
        assert plans.settled(database, [], 0, 10**9).schema == found.schema

    def test_recently_planned_leaves_out_what_was_decided_against(self, database: Database) -> None:
        plan(database, 10, reason=MIXED, due_at=NOW - timedelta(days=1))
        step = plans.identify(database, [("birthday", "greeting")], "live")["birthday", "greeting"]
        found = plans.recently_planned(database, [step], NOW - timedelta(days=1))
        assert sorted(found["subject_id"]) == [1, 2, 3, 4, 6, 7, 8, 9]
        assert plans.recently_planned(database, [step], NOW).is_empty()
        assert plans.recently_planned(database, [step + 1], NOW - timedelta(days=9)).is_empty()


class TestPublishing:
    def test_a_tick_stays_unpublished_until_marked(self, database: Database) -> None:
        plan(database, 10, reason=MIXED)
        (waiting,) = plans.unpublished(database)
        assert (waiting.run_id, waiting.as_of, waiting.planned, waiting.settled) == ("run-1", NOW, 8, 2)
        plans.mark_published(database, waiting.tick_id)
        assert plans.unpublished(database) == []

    @pytest.mark.parametrize("reason", ["expired", "suppressed"])
    def test_lost_decisions_come_back_as_planning_made_them(self, database: Database, reason: str) -> None:
        written = plan(database, 10, reason=MIXED)
        with database.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE jobs SET state = 'skipped', finished_at = due_at, reason = '{reason}'"
                " WHERE subject_id = 1"
            )
        found = plans.jobs_of_tick(database, written.tick_id)
        assert found["reason"].value_counts().sort("reason").rows() == [("planned", 8), ("stale", 2)]
        assert found["campaign"].unique().to_list() == ["birthday"]
        assert found["run_id"].unique().to_list() == ["run-1"]
        assert found.filter(pl.col("reason") == "planned")["subject_text"].null_count() == 0
