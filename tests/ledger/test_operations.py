"""What operators see and order, in code and on the command line."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from automation_pipelines.cli.jobs import dlq, jobs
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import operations
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.figures import figures
from automation_pipelines.ledger.jobs import Completed, Dead, Delayed, start_handoff
from automation_pipelines.ledger.operations import JobFilter
from automation_pipelines.ledger.tables import events, job_payloads
from automation_pipelines.model import State
from tests.ledger.planned import NOW, claim, ids, plan, settle, states

LATER = NOW + timedelta(hours=1)
EVERYTHING = JobFilter()


@pytest.fixture
def mixed(database: Database) -> Database:
    """Ten jobs, subjects 0 to 9: two dead, one completed, one delayed, two skipped, four waiting."""
    reason = pl.when(pl.int_range(10) >= 8).then(pl.lit("stale")).otherwise(pl.lit("planned"))
    plan(database, 10, reason=reason, tenant_id=pl.int_range(10) % 2 + 1)
    claimed = sorted(claim(database, 4), key=lambda job: job.id)
    start_handoff(database, ids(claimed), "worker", NOW)
    settle(database, claimed[:2], Dead("550 no such user"))
    settle(database, claimed[2:3], Completed("p"))
    settle(database, claimed[3:], Delayed(LATER, "451 busy"))
    return database


def audited(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    rows = database.read(
        'SELECT by_who, action, detail FROM (SELECT "by" AS by_who, * FROM audit) AS a ORDER BY id'
    )
    return [(by, action, json.loads(detail)) for by, action, detail in rows.rows()]


class TestLooking:
    def test_status_counts_per_channel_and_tenant(self, mixed: Database) -> None:
        found = figures(mixed, NOW, LATER).rows
        counts = pl.selectors.integer().exclude("tenant_id")
        sums = found.select(counts).sum().row(0, named=True)
        assert {name: count for name, count in sums.items() if count} == {
            "waiting": 4, "delayed": 1, "completed": 1, "dead": 2, "failed": 2, "skipped": 2,
        }  # fmt: skip
        assert found.height == 2
        assert found["oldest_waiting"].to_list() == [NOW, NOW]

    def test_an_empty_record_has_an_empty_status(self, database: Database) -> None:
        assert figures(database, NOW, LATER).rows.is_empty()
        assert operations.count_by_state(database) == {}

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            (EVERYTHING, 10),
            (JobFilter(states=(State.DEAD, State.COMPLETED)), 3),
            (JobFilter(campaign="birthday"), 10),
            (JobFilter(campaign="other"), 0),
            (JobFilter(tenant=2), 5),
            (JobFilter(channel="crm"), 0),
            (JobFilter(reason="stale"), 2),
            (JobFilter(ids=(1, 2, 999)), 2),
            (JobFilter(since=NOW, until=LATER), 10),
            (JobFilter(until=NOW), 0),
            (JobFilter(since=LATER), 0),
        ],
    )
    def test_filters(self, mixed: Database, wanted: JobFilter, expected: int) -> None:
        assert sum(operations.count_by_state(mixed, wanted).values()) == expected
        assert operations.find(mixed, wanted, 100).height == expected

    def test_the_newest_come_first_with_their_last_error(self, mixed: Database) -> None:
        found = operations.find(mixed, JobFilter(states=(State.DEAD,)), 1)
        assert found.select("campaign", "step", "error").row(0) == (
            "birthday",
            "greeting",
            "550 no such user",
        )

    def test_one_job_tells_its_story(self, mixed: Database) -> None:
        job = operations.find(mixed, JobFilter(states=(State.COMPLETED,)), 1)["id"].item()
        with mixed.begin() as connection:
            row = {"identity": "e1", "type": "delivered", "at": LATER, "received_at": LATER, "job_id": job}
            connection.execute(events.insert().values(**row))
        story = operations.show(mixed, job)
        assert (story.state, story.provider_id, story.run_id, story.attempts) == (
            "completed",
            "p",
            "run-1",
            1,
        )
        assert [(event.type, event.at) for event in story.events] == [("delivered", LATER)]

    def test_an_unknown_job_is_refused(self, database: Database) -> None:
        with pytest.raises(RefusedError, match="no job 7"):
            operations.show(database, 7)


class TestOrdering:
    def test_dead_jobs_are_put_back_with_all_their_attempts(self, mixed: Database) -> None:
        assert operations.retry(mixed, EVERYTHING, by="kim", now=LATER) == 2
        again = claim(mixed, 100, now=LATER)
        assert sorted(job.attempts for job in again) == [0, 0, 0, 0, 0, 0, 1]
        assert audited(mixed) == [("kim", "jobs retry", {"filter": {}, "jobs": 2})]

    def test_ordering_twice_changes_nothing_and_is_not_audited(self, mixed: Database) -> None:
        operations.retry(mixed, EVERYTHING, by="kim", now=LATER)
        assert operations.retry(mixed, EVERYTHING, by="kim", now=LATER) == 0
        assert len(audited(mixed)) == 1

    def test_a_job_without_its_payload_stays_dead(self, mixed: Database) -> None:
        with mixed.begin() as connection:
            connection.execute(job_payloads.delete())
        assert operations.retry(mixed, EVERYTHING, by="kim", now=LATER) == 0

    def test_only_pending_jobs_are_cancelled(self, mixed: Database) -> None:
        assert operations.cancel(mixed, JobFilter(tenant=1), by="kim", now=LATER) == 2
        assert operations.cancel(mixed, EVERYTHING, by="kim", now=LATER) == 3
        assert states(mixed) == {"cancelled": 5, "completed": 1, "dead": 2, "skipped": 2}
        assert [detail for *_, detail in audited(mixed)] == [
            {"filter": {"tenant": 1}, "jobs": 2},
            {"filter": {}, "jobs": 3},
        ]

    def test_clearing_the_dead_keeps_them_in_the_record(self, mixed: Database) -> None:
        assert operations.clear(mixed, EVERYTHING, by="kim", now=LATER) == 2
        assert states(mixed)["cancelled"] == 2
        assert audited(mixed)[0][1] == "dlq clear"

    def test_a_filter_on_other_states_orders_nothing(self, mixed: Database) -> None:
        assert operations.retry(mixed, JobFilter(states=(State.COMPLETED,)), by="kim", now=LATER) == 0


@dataclass(frozen=True)
class Caller:
    """What the commands ask of their context."""

    database: Database
    now: datetime = LATER
    user: str = "kim"


def run(database: Database, group: Any, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(group, arguments, obj=Caller(database), input=answer)


class TestCommands:
    def test_lists_are_json_lines_on_request(self, mixed: Database) -> None:
        rows = [json.loads(line) for line in run(mixed, dlq, "list", "--json").stdout.splitlines()]
        assert [(row["state"], row["error"]) for row in rows] == [("dead", "550 no such user")] * 2
        status = [json.loads(line) for line in run(mixed, jobs, "status", "--json").stdout.splitlines()]
        assert sum(row["dead"] for row in status) == 2

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("status",), "delayed"),
            (("list", "--state", "dead", "--state", "completed", "--limit", "1"), "1 of 3 jobs"),
            (("list", "--reason", "stale"), "2 of 2 jobs"),
            (("show", "1"), "birthday"),
            (("show", "1", "--json"), '"campaign":"birthday"'),
        ],
    )
    def test_looking(self, mixed: Database, arguments: tuple[str, ...], told: str) -> None:
        result = run(mixed, jobs, *arguments)
        assert result.exit_code == 0, result.output
        assert told in result.stdout

    def test_an_order_counts_first_and_does_nothing_without_consent(self, mixed: Database) -> None:
        result = run(mixed, dlq, "retry", "--all", answer="n\n")
        assert result.exit_code == 1
        assert "will put back in the queue: 2 dead" in result.stdout
        assert states(mixed)["dead"] == 2

    def test_an_order_is_carried_out_with_consent(self, mixed: Database) -> None:
        result = run(mixed, jobs, "cancel", "--campaign", "birthday", answer="y\n")
        assert "5 jobs cancelled" in result.stdout
        assert audited(mixed) == [
            ("kim", "jobs cancel", {"filter": {"states": ["pending"], "campaign": "birthday"}, "jobs": 5})
        ]

    def test_an_order_by_number_without_asking(self, mixed: Database) -> None:
        dead = operations.find(mixed, JobFilter(states=(State.DEAD,)), 1)["id"].item()
        assert "1 job put back in the queue" in run(mixed, jobs, "retry", str(dead), "--yes").stdout
        assert states(mixed)["dead"] == 1

    def test_an_order_that_names_no_jobs_is_refused(self, mixed: Database) -> None:
        result = run(mixed, jobs, "cancel", "--yes")
        assert isinstance(result.exception, RefusedError)
        assert states(mixed)["pending"] == 5

    def test_an_order_that_meets_nothing_says_so(self, mixed: Database) -> None:
        assert "is pending (1 dead, 1 not meant" in run(mixed, jobs, "cancel", "1", "99").stdout
        slip = run(mixed, jobs, "cancel", "--campaign", "birthdya").exception
        assert isinstance(slip, RefusedError)
        assert "no campaign 'birthdya'" in str(slip)
        run(mixed, dlq, "clear", "--all", "--yes")
        assert "nothing to do" in run(mixed, dlq, "clear", "--all", "--yes").stdout
