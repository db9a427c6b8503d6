"""Claims, hand-off, settlement and rescue, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from automation_pipelines.ledger import jobs as delivery
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.jobs import (
    Answer,
    Completed,
    Dead,
    Delayed,
    Moved,
    Released,
    Rescued,
    Settlement,
    Skipped,
)
from automation_pipelines.ledger.tables import campaigns, job_payloads
from tests.ledger.planned import (
    LEASE,
    NOW,
    claim,
    claim_and_stop,
    count_statements,
    drain,
    ids,
    plan,
    settle,
    states,
    url_of,
)
from tests.processes import PROCESSES

# Long past for either clock: PostgreSQL judges leases by its own.
EXPIRED = {"now": NOW, "lease": timedelta(0)}
MUCH_LATER = datetime(2200, 1, 1, tzinfo=UTC)


def pause(database: Database, campaign: str, state: str = "paused") -> None:
    row = {"campaign": campaign, "version": 1, "state": state, "changed_at": NOW, "changed_by": "a"}
    with database.begin() as connection:
        connection.execute(campaigns.delete().where(campaigns.c.campaign == campaign))
        connection.execute(campaigns.insert().values(**row))


def column(database: Database, name: str) -> Any:
    return database.read(sa.text(f"SELECT {name} FROM jobs ORDER BY id"))[name].to_list()


class TestClaiming:
    def test_only_due_jobs_are_claimed_and_only_once(self, database: Database) -> None:
        plan(database, 10, due_at=pl.lit(NOW) + pl.duration(minutes=pl.int_range(10)))
        later = NOW + timedelta(minutes=4)
        assert len(claim(database, 100, now=later)) == 5
        assert claim(database, 100, now=later) == []
        assert states(database) == {"pending": 5, "processing": 5}

    def test_no_more_than_asked_the_most_important_first_then_the_oldest(self, database: Database) -> None:
        hours, priority = pl.int_range(6) // 2, pl.int_range(6) % 2
        plan(database, 6, due_at=pl.lit(NOW) - pl.duration(hours=hours), priority=9 - priority)
        assert [job.subject_id for job in claim(database, 4)] == [5, 3, 1, 4]

    def test_marketing_goes_after_everything_else_whatever_its_priority(self, database: Database) -> None:
        number, purposes = pl.int_range(9), ["marketing", "transactional", "internal"]
        purpose = pl.lit(pl.Series(purposes)).gather(number % 3)
        plan(
            database,
            9,
            purpose=purpose,
            priority=number % 3,
            due_at=pl.lit(NOW) - pl.duration(hours=9 - number),
        )
        assert [job.purpose for job in claim(database, 8)] == ["transactional"] * 3 + ["internal"] * 3 + [
            "marketing"
        ] * 2

    def test_tenants_take_turns_however_much_one_has(self, database: Database) -> None:
        number = pl.int_range(1_000)
        plan(database, 1_000, tenant_id=pl.when(number < 990).then(1).otherwise(number), due_at=NOW)
        tenants = [job.tenant_id for job in claim(database, 22)]
        assert tenants.count(1) == 2
        assert sorted(set(tenants)) == [1, *range(990, 1_000)]
        assert len(claim(database, 22)) == 22

    def test_of_more_tenants_than_the_batch_everyone_has_a_turn_soon(self, database: Database) -> None:
        number = pl.int_range(1_000)
        # The last tenant's only job is the youngest of all, and the others never run out.
        tenant, age = pl.when(number < 999).then(number % 20).otherwise(20), 1_000 - number
        plan(database, 1_000, tenant_id=tenant, due_at=pl.lit(NOW) - pl.duration(seconds=age))
        served: list[int] = []
        for second in range(60):
            served += [job.tenant_id for job in claim(database, 5, now=NOW + timedelta(seconds=second))]
        assert 20 in served
        assert len(set(served)) == 21

    def test_the_urgent_jobs_of_one_tenant_do_not_wait_for_the_turns_of_others(
        self, database: Database
    ) -> None:
        plan(database, 100, tenant_id=pl.int_range(100))
        plan(database, 1, "run-2", tenant_id=100, purpose="transactional")
        assert claim(database, 3)[0].tenant_id == 100

    def test_paused_campaigns_stay_until_resumed(self, database: Database) -> None:
        plan(database, 3, campaign="paused-one")
        plan(database, 2, "run-2", campaign="other")
        pause(database, "paused-one")
        assert {job.campaign for job in claim(database)} == {"other"}
        pause(database, "paused-one", "running")
        assert len(claim(database)) == 3

    def test_only_the_channels_asked_for(self, database: Database) -> None:
        channel = pl.when(pl.int_range(4) < 3).then(pl.lit("email")).otherwise(pl.lit("crm"))
        plan(database, 4, channel=channel)
        assert claim(database, channels=[]) == []
        assert [job.channel for job in claim(database, channels=["crm"])] == ["crm"]

    def test_a_payload_gone_by_retention_does_not_block_the_queue(self, database: Database) -> None:
        plan(database, 1)
        with database.begin() as connection:
            connection.execute(job_payloads.delete())
        (job,) = claim(database)
        assert (job.address, job.variables) == (None, "{}")

    def test_two_processes_never_have_the_same_job(self, database: Database) -> None:
        plan(database, 20_000, tenant_id=pl.int_range(20_000) % 7)
        done = PROCESSES.Queue()
        workers = [
            PROCESSES.Process(target=drain, args=(url_of(database), f"w{n}", 1_000, done)) for n in range(2)
        ]
        for worker in workers:
            worker.start()
        had = [done.get(timeout=120) for _ in workers]
        for worker in workers:
            worker.join()
        assert sum(len(part) for part in had) == len(set(had[0]) | set(had[1])) == 20_000
        assert all(had)
        assert states(database) == {"completed": 20_000}

    def test_statements_do_not_grow_with_the_batch(self, database: Database) -> None:
        plan(database, 3_000)

        def batch(size: int) -> None:
            claimed = claim(database, size)
            delivery.start_handoff(database, ids(claimed), "worker", NOW)
            delivery.renew(database, ids(claimed), "worker", NOW, LEASE)
            settle(database, claimed, Delayed(NOW + LEASE, "busy"))

        small = count_statements(database, lambda: batch(2))
        assert count_statements(database, lambda: batch(2_500)) == small <= 9


class TestHandingOff:
    def test_attempts_count_from_the_hand_off(self, database: Database) -> None:
        plan(database, 2)
        claimed = claim(database)
        assert delivery.start_handoff(database, ids(claimed)[:1], "worker", NOW) == {claimed[0].id}
        assert column(database, "attempts") == [1, 0]

    def test_another_workers_job_is_not_handed_off(self, database: Database) -> None:
        plan(database, 1)
        claimed = ids(claim(database))
        assert delivery.start_handoff(database, claimed, "thief", NOW) == set()
        assert column(database, "attempts") == [0]

    def test_a_job_whose_lease_has_ended_is_not_handed_off(self, database: Database) -> None:
        plan(database, 1)
        assert delivery.start_handoff(database, ids(claim(database, **EXPIRED)), "worker", NOW) == set()

    def test_a_renewed_lease_is_not_rescued(self, database: Database) -> None:
        plan(database, 1)
        claimed = ids(claim(database))
        assert delivery.renew(database, claimed, "thief", NOW, timedelta(0)) == set()
        assert delivery.renew(database, claimed, "worker", NOW, LEASE) == set(claimed)
        assert delivery.rescue(database, NOW, [], 10) == Rescued(0, 0)

    def test_a_lease_that_has_ended_cannot_be_renewed(self, database: Database) -> None:
        plan(database, 1)
        assert delivery.renew(database, ids(claim(database, **EXPIRED)), "worker", NOW, LEASE) == set()


ANSWERS: list[tuple[Answer, dict[str, Any]]] = [
    (Completed("provider-1"), {"state": "completed", "finished_at": NOW, "provider_id": "provider-1"}),
    (Completed(), {"state": "completed", "finished_at": NOW, "provider_id": None}),
    (Delayed(NOW + LEASE, "busy"), {"state": "pending", "available_at": NOW + LEASE, "handed_off_at": None}),
    (Dead("no such user"), {"state": "dead", "finished_at": NOW}),
    (Skipped("expired"), {"state": "skipped", "reason": "expired", "finished_at": NOW}),
    (Skipped("suppressed"), {"state": "skipped", "reason": "suppressed", "finished_at": NOW}),
    (Moved(NOW + LEASE), {"state": "pending", "available_at": NOW + LEASE}),
    (Released(), {"state": "pending", "available_at": NOW, "handed_off_at": None}),
]


class TestSettling:
    @pytest.mark.parametrize(("answer", "expected"), ANSWERS, ids=lambda value: type(value).__name__)
    def test_each_answer_leads_to_its_state(
        self, database: Database, answer: Answer, expected: dict[str, Any]
    ) -> None:
        plan(database, 1)
        claimed = claim(database)
        delivery.start_handoff(database, ids(claimed), "worker", NOW)
        assert settle(database, claimed, answer) == set(ids(claimed))
        row = database.read(sa.select(delivery.jobs, job_payloads.c.error).join(job_payloads)).row(
            0, named=True
        )
        assert {name: row[name] for name in expected} == expected
        assert (row["lease_owner"], row["lease_until"], row["due_at"], row["attempts"]) == (
            None,
            None,
            NOW,
            1,
        )
        assert row["error"] == getattr(answer, "error", None)

    def test_all_answers_at_once_take_two_statements(self, database: Database) -> None:
        plan(database, len(ANSWERS))
        claimed = claim(database)
        settlements = [Settlement(job.id, answer) for job, (answer, _) in zip(claimed, ANSWERS, strict=True)]
        assert count_statements(database, lambda: delivery.settle(database, "worker", settlements, NOW)) == 2
        assert states(database) == {"completed": 2, "dead": 1, "pending": 3, "skipped": 2}

    def test_another_workers_job_is_not_settled(self, database: Database) -> None:
        plan(database, 1)
        claimed = claim(database)
        assert settle(database, claimed, Dead("x"), owner="thief") == set()
        assert database.read(sa.select(job_payloads.c.error)).item() is None
        assert states(database) == {"processing": 1}

    def test_a_settled_job_is_not_settled_again(self, database: Database) -> None:
        plan(database, 1)
        claimed = claim(database)
        settle(database, claimed, Completed())
        assert settle(database, claimed, Dead("x")) == set()
        assert states(database) == {"completed": 1}

    def test_nothing_to_settle_is_nothing_done(self, database: Database) -> None:
        assert delivery.settle(database, "worker", [], NOW) == set()

    def test_a_hostile_error_is_kept_as_it_is(self, database: Database) -> None:
        plan(database, 1)
        error = "550 'quoted' \"twice\" \\N {} % :x \r\n é"
        settle(database, claim(database), Dead(error))
        assert database.read(sa.select(job_payloads.c.error)).item() == error


class TestRescue:
    def test_a_living_lease_is_left_alone(self, database: Database) -> None:
        plan(database, 1)
        claim(database)
        assert delivery.rescue(database, NOW, [], 10) == Rescued(0, 0)

    def test_a_job_not_handed_off_goes_back_and_is_claimed_again(self, database: Database) -> None:
        plan(database, 2)
        claim(database, owner="dead", **EXPIRED)
        assert delivery.rescue(database, NOW, [], 10) == Rescued(returned=2, unknown=0)
        assert len(claim(database)) == 2

    @pytest.mark.parametrize(
        ("purpose", "channel", "state"),
        [
            ("marketing", "email", "unknown"),
            ("marketing", "maildir", "pending"),
            ("transactional", "email", "pending"),
            ("internal", "email", "pending"),
        ],
    )
    def test_a_job_handed_off_follows_its_purpose(
        self, database: Database, purpose: str, channel: str, state: str
    ) -> None:
        plan(database, 1, purpose=purpose, channel=channel)
        lost(database)
        rescued = delivery.rescue(database, NOW, ["maildir"], 10)
        assert states(database) == {state: 1}
        assert rescued == (Rescued(0, 1) if state == "unknown" else Rescued(1, 0))

    def test_no_more_than_asked(self, database: Database) -> None:
        plan(database, 5)
        claim(database, **EXPIRED)
        assert delivery.rescue(database, NOW, [], 3).returned == 3
        assert delivery.rescue(database, NOW, [], 3).returned == 2

    def test_the_dead_worker_cannot_settle_what_was_rescued(self, database: Database) -> None:
        plan(database, 1)
        claimed = claim(database, owner="dead", **EXPIRED)
        delivery.rescue(database, NOW, [], 10)
        claim(database, owner="living")
        assert settle(database, claimed, Completed(), owner="dead") == set()

    def test_a_process_killed_between_hand_offs(self, database: Database) -> None:
        plan(database, 10)
        reached = PROCESSES.Event()
        process = PROCESSES.Process(target=claim_and_stop, args=(url_of(database), 4, reached))
        process.start()
        assert reached.wait(60)
        process.kill()
        process.join()
        lapse(database)
        assert delivery.rescue(database, MUCH_LATER, [], 100) == Rescued(returned=6, unknown=4)


def lapse(database: Database) -> None:
    """End all leases."""
    with database.begin() as connection:
        connection.execute(
            delivery.jobs.update().where(delivery.jobs.c.state == "processing").values(lease_until=NOW)
        )


def lost(database: Database) -> None:
    """Hand all jobs off and let their leases end."""
    delivery.start_handoff(database, ids(claim(database, owner="dead")), "dead", NOW)
    lapse(database)


class TestNextDue:
    def test_nothing_pending_is_never(self, database: Database) -> None:
        plan(database, 1, reason="stale")
        assert delivery.next_due(database) is None

    def test_the_earliest_of_all_tenants(self, database: Database) -> None:
        plan(database, 5, tenant_id=pl.int_range(5), due_at=pl.lit(NOW) - pl.duration(hours=pl.int_range(5)))
        assert delivery.next_due(database) == NOW - timedelta(hours=4)

    def test_paused_campaigns_do_not_count(self, database: Database) -> None:
        plan(database, 1, campaign="one", due_at=NOW)
        plan(database, 1, "run-2", campaign="two", due_at=NOW + LEASE)
        pause(database, "one")
        assert delivery.next_due(database) == NOW + LEASE

    def test_the_end_of_a_lease_counts(self, database: Database) -> None:
        plan(database, 1)
        claim(database)
        lapse(database)
        assert delivery.next_due(database) == NOW

    def test_it_does_not_read_the_queue(self, tmp_path: Any) -> None:
        database = Database.open(f"sqlite:///{tmp_path / 'a.db'}")
        database.migrate(NOW)
        plan(database, 2)
        seen: list[tuple[str, Any]] = []
        sa.event.listen(
            database.engine, "before_cursor_execute", lambda *told: seen.append((told[2], told[3]))
        )
        delivery.next_due(database)
        statement, values = next(each for each in seen if "hops" in each[0])
        with database.reading() as connection:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        # The first lane is the first entry of the index; all others are sought.
        assert [step[3] for step in steps if step[3].startswith("SCAN") and "jobs" in step[3]] == [
            "SCAN jobs USING INDEX ix_jobs_claim"
        ]
        assert [step for step in steps if "ix_jobs_claim" in step[3]]
