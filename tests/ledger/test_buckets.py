"""Rate limits, counted for all workers together."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from automation_pipelines.ledger import buckets, claims
from automation_pipelines.ledger.claims import Claim
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings.limits import Daily, Rate
from tests.ledger.planned import LEASE, NOW, claim, plan, url_of
from tests.processes import PROCESSES

SECOND = timedelta(seconds=1)
FAST, SLOW = Rate(100, 1), Rate(10, 1)


def channelwide(_tenant: int, channel: str) -> Mapping[str, Rate]:
    return {f"channel:{channel}": FAST}


def each(tenant: int, channel: str) -> Mapping[str, Rate]:
    return {f"channel:{channel}": FAST, f"tenant:{tenant}:{channel}": SLOW}


class TestBuckets:
    def test_a_bucket_is_full_at_first_and_fills_with_time(self, database: Database) -> None:
        def take(count: int, at: float) -> int:
            return buckets.take(database, "channel:email", FAST, count, NOW + at * SECOND)

        assert take(50, 0) == 10
        assert take(50, 0) == 0
        assert take(50, 0.05) == 5
        assert take(50, 60) == 10

    def test_a_clock_that_steps_back_gives_nothing_twice(self, database: Database) -> None:
        assert buckets.take(database, "a", FAST, 50, NOW) == 10
        assert buckets.take(database, "a", FAST, 50, NOW - 60 * SECOND) == 0

    def test_a_days_cap_begins_anew_with_the_utc_day(self, database: Database) -> None:
        def take(count: int, hours: float) -> int:
            return buckets.take(database, "warm-up:a", Daily(50), count, NOW + timedelta(hours=hours))

        assert [take(30, 0), take(30, 1), take(30, 14.9), take(30, 15)] == [30, 20, 0, 30]

    def test_what_was_not_used_is_given_back_but_never_more_than_full(self, database: Database) -> None:
        assert buckets.take(database, "a", FAST, 10, NOW) == 10
        buckets.give_back(database, {"a": FAST}, {"a": 4}, NOW)
        assert buckets.take(database, "a", FAST, 10, NOW) == 4
        buckets.give_back(database, {"a": FAST}, {"a": 400}, NOW)
        assert buckets.take(database, "a", FAST, 100, NOW) == 10


class TestClaimingUnderLimits:
    def test_no_more_is_claimed_than_may_go_and_the_rest_is_not_touched(self, database: Database) -> None:
        plan(database, 30)
        assert len(claim(database, 100, scopes=channelwide)) == 10
        assert claim(database, 100, scopes=channelwide) == []
        assert len(claim(database, 100, now=NOW + 0.05 * SECOND, scopes=channelwide)) == 5
        assert database.read("SELECT DISTINCT available_at FROM jobs").height == 1

    def test_when_more_may_go_is_known(self, database: Database) -> None:
        plan(database, 30)
        wanted = Claim(owner="w", now=NOW, limit=100, lease=LEASE, scopes=channelwide)
        assert claims.ready_at(database, wanted) == NOW
        claims.claim(database, wanted)
        assert claims.ready_at(database, wanted) == NOW + 0.01 * SECOND

    def test_one_tenants_limit_is_not_anothers(self, database: Database) -> None:
        plan(database, 40, tenant_id=pl.int_range(40) % 4)
        taken = Counter(job.tenant_id for job in claim(database, 100, scopes=each))
        assert taken == {0: 1, 1: 1, 2: 1, 3: 1}

    def test_what_is_scarce_is_shared_in_turn_however_much_one_has(self, database: Database) -> None:
        number = pl.int_range(1_000)
        plan(database, 1_000, tenant_id=pl.when(number < 975).then(0).otherwise(number))
        served: Counter[int] = Counter()
        for tenth in range(12):
            at = NOW + tenth * 0.1 * SECOND
            served.update(job.tenant_id for job in claim(database, 100, now=at, scopes=channelwide))
        assert 110 <= sum(served.values()) <= 120
        assert len(served) == 26

    def test_workers_together_do_not_exceed_it(self, database: Database) -> None:
        plan(database, 500)
        done = PROCESSES.Queue()
        workers = [PROCESSES.Process(target=hurry, args=(url_of(database), f"w{n}", done)) for n in range(3)]
        for worker in workers:
            worker.start()
        counts = [done.get(timeout=120) for _ in workers]
        for worker in workers:
            worker.join()
        assert sum(counts) == 10 + 5 * 10


def hurry(url: str, owner: str, done: Any) -> None:
    """Claim as much as possible in half a second of a clock that all workers share."""
    database, count = Database.open(url), 0
    for tenth in range(6):
        for _ in range(5):
            count += len(claim(database, 100, owner, now=NOW + tenth * 0.1 * SECOND, scopes=channelwide))
    done.put(count)
