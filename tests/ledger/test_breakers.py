"""Circuit breakers: when they open and close, and who may look whether a provider is back."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from automation_pipelines.ledger import breakers
from automation_pipelines.ledger import jobs as delivery
from automation_pipelines.ledger.breakers import Breaker, Key, Policy, Tally, judged
from automation_pipelines.ledger.database import Database
from tests.ledger.planned import LEASE, NOW, claim, plan

POLICY = Policy(5, timedelta(seconds=30))
MAIL = Key(1, "email")
MINUTE = timedelta(minutes=1)


def down(failures: int, **changes: object) -> Tally:
    return replace(Tally(MAIL, failures, alive=False, error="no route"), **changes)  # type: ignore[arg-type]


def opened(trips: int = 1, **changes: object) -> Breaker:
    return replace(Breaker(MAIL, 5, trips, NOW, NOW + MINUTE, "x"), **changes)  # type: ignore[arg-type]


class TestJudging:
    @pytest.mark.parametrize(
        ("before", "tally", "open_"),
        [
            (None, down(4), False),
            (None, down(5), True),
            (Breaker(MAIL, 4), down(1), True),
            (Breaker(MAIL, 4), down(1, alive=True), False),
            (None, down(1, after=MINUTE), True),
        ],
    )
    def test_it_opens_after_some_failures_in_a_row_or_when_the_provider_says_so(
        self, before: Breaker | None, tally: Tally, open_: bool
    ) -> None:
        after = judged(before, tally, POLICY, NOW)
        assert after is not None
        assert (after.opened_at is not None) is open_
        assert after.rests(NOW) is open_
        assert after.error == "no route"

    def test_an_answer_ends_a_row_of_failures(self) -> None:
        assert judged(Breaker(MAIL, 4), down(0, alive=True), POLICY, NOW) is None

    def test_each_probe_in_vain_makes_it_rest_for_longer_up_to_a_quarter_of_an_hour(self) -> None:
        rests, breaker = [], judged(None, down(5), POLICY, NOW)
        for _ in range(8):
            assert breaker is not None
            assert breaker.retry_at is not None
            rests.append((breaker.retry_at - NOW).total_seconds())
            breaker = judged(breaker, down(3, probing=True), POLICY, NOW)
        assert all(
            30 * times <= rest <= 33 * times
            for rest, times in zip(rests, [1, 2, 4, 8, 16, 30, 30, 30], strict=True)
        )

    def test_tenants_do_not_come_back_at_the_same_moment(self) -> None:
        tallies = [replace(down(5), key=Key(tenant, "email")) for tenant in range(50)]
        again = {breaker.retry_at for tally in tallies if (breaker := judged(None, tally, POLICY, NOW))}
        assert len(again) > 40

    def test_what_the_provider_asks_for_is_what_it_gets(self) -> None:
        for asked in (timedelta(seconds=2), timedelta(hours=2)):
            breaker = judged(None, down(1, after=asked), POLICY, NOW)
            assert breaker is not None
            assert breaker.retry_at is not None
            assert asked <= breaker.retry_at - NOW <= asked * 1.1
            again = judged(breaker, down(1, after=asked, probing=True), POLICY, NOW)
            assert again is not None
            assert again.retry_at is not None
            assert again.retry_at - NOW >= max(asked, POLICY.rest)

    def test_only_probes_close_it(self) -> None:
        late = down(0, alive=True)
        assert judged(opened(), late, POLICY, NOW) == opened()
        assert judged(opened(), replace(late, probing=True), POLICY, NOW) is None

    def test_late_failures_make_it_no_worse_than_the_provider_says(self) -> None:
        after = judged(opened(), down(3), POLICY, NOW)
        assert after == opened(failures=8, error="no route")
        asked = judged(opened(), down(1, after=5 * MINUTE), POLICY, NOW)
        assert asked is not None
        assert (asked.trips, asked.retry_at) == (1, NOW + 5 * MINUTE)


class TestRecording:
    def test_failures_add_up_over_workers_until_it_opens_and_an_answer_removes_it(
        self, database: Database
    ) -> None:
        for failures in (2, 2):
            breakers.record(database, [down(failures)], POLICY, NOW)
        assert breakers.known(database) == {MAIL: Breaker(MAIL, 4, error="no route")}
        state = breakers.record(database, [down(1)], POLICY, NOW)
        assert breakers.known(database) == state
        assert state[MAIL] is not None
        assert state[MAIL].rests(NOW)  # type: ignore[union-attr]
        breakers.record(database, [down(0, alive=True, probing=True)], POLICY, NOW)
        assert breakers.known(database) == {}

    def test_each_provider_of_each_tenant_stands_for_itself(self, database: Database) -> None:
        keys = [Key(1, "email"), Key(2, "email"), Key(1, "sms"), Key(1, "webhook", "a.example.com")]
        breakers.record(database, [replace(down(5), key=key) for key in keys[::2]], POLICY, NOW)
        breakers.record(database, [replace(down(1), key=key) for key in keys[1::2]], POLICY, NOW)
        found = breakers.known(database)
        assert [found[key].rests(NOW) for key in keys] == [True, False, True, False]


class TestClaimingAround:
    @pytest.fixture(autouse=True)
    def jobs(self, database: Database) -> None:
        """Two tenants with mail and texts."""
        number = pl.int_range(40)
        channel = pl.when(number % 2 == 0).then(pl.lit("email")).otherwise(pl.lit("sms"))
        plan(database, 40, tenant_id=1 + number // 20, channel=channel)

    def trip(self, database: Database) -> None:
        breakers.record(database, [down(1, after=MINUTE)], Policy(5, MINUTE), NOW)

    def test_the_others_keep_going(self, database: Database) -> None:
        self.trip(database)
        ways = {(job.tenant_id, job.channel) for job in claim(database, 100)}
        assert ways == {(1, "sms"), (2, "email"), (2, "sms")}
        assert claim(database, 100) == []

    def test_the_next_job_is_due_when_it_may_be_probed(self, database: Database) -> None:
        self.trip(database)
        claim(database, 100)
        due = delivery.next_due(database)
        assert due is not None
        assert NOW + MINUTE <= due <= NOW + 1.1 * MINUTE

    def test_one_worker_probes_with_a_few_until_its_lease_ends(self, database: Database) -> None:
        self.trip(database)
        later = NOW + 2 * MINUTE
        claim(database, 100)
        probes = claim(database, 100, now=later)
        assert [job.probe for job in probes] == [True] * breakers.PROBES
        assert claim(database, 100, "other", now=later) == []
        assert len(claim(database, 100, "other", now=later + LEASE)) == breakers.PROBES

    def test_a_right_that_was_not_used_goes_to_the_next(self, database: Database) -> None:
        self.trip(database)
        later = NOW + 2 * MINUTE
        claim(database, 100)
        claim(database, 100, now=later)
        breakers.give_back(database, [MAIL], later)
        assert len(claim(database, 100, "other", now=later)) == breakers.PROBES

    def test_a_test_goes_by_files_and_is_not_concerned(self, database: Database) -> None:
        self.trip(database)
        assert claim(database, 100, mode="test") == []
        assert breakers.known(database)[MAIL].rests(NOW)
