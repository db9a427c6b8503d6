"""When delivery tries again, as data."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation_pipelines.retry import LONGEST, Again, GiveUp, Policy, delay, jitter_of, next_attempt

FIRST = timedelta(minutes=5)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = Policy(max_retries=3, first=FIRST)


@pytest.mark.parametrize(
    ("attempt", "after", "jitter", "expected"),
    [
        (1, None, 0.0, timedelta(minutes=5)),
        (2, None, 0.0, timedelta(minutes=10)),
        (3, None, 0.0, timedelta(minutes=20)),
        (1, None, 0.5, timedelta(minutes=5, seconds=15)),
        (1, timedelta(hours=1), 0.9, timedelta(hours=1)),
        (3, timedelta(seconds=1), 0.0, timedelta(minutes=20)),
        (1, timedelta(days=2), 0.0, timedelta(days=2)),
        (1000, None, 0.0, LONGEST),
    ],
)
def test_delays_double_are_bounded_and_respect_the_provider(
    attempt: int, after: timedelta | None, jitter: float, expected: timedelta
) -> None:
    assert delay(attempt, FIRST, after, jitter) == expected


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_jitter_is_a_share_and_always_the_same(job_id: int) -> None:
    assert 0 <= jitter_of(job_id) < 1
    assert jitter_of(job_id) == jitter_of(job_id)


def test_jobs_that_failed_together_spread() -> None:
    assert len({jitter_of(job_id) for job_id in range(1000)}) > 300


def test_three_retries_after_the_first_attempt_and_no_more() -> None:
    answers = [
        next_attempt(POLICY, job_id=1, attempts=attempts, now=NOW, expires_at=None, after=None)
        for attempts in (1, 2, 3, 4)
    ]
    assert [type(answer) for answer in answers] == [Again, Again, Again, GiveUp]
    assert answers[3] == GiveUp("no success in 4 attempts")


def test_a_job_is_given_up_when_it_would_expire_before_the_next_attempt() -> None:
    soon = NOW + FIRST
    answer = next_attempt(POLICY, job_id=1, attempts=1, now=NOW, expires_at=soon, after=None)
    assert isinstance(answer, GiveUp)
    assert "2026-03-01T12:05:00+00:00" in answer.why


def test_without_retries_the_first_failure_is_final() -> None:
    policy = Policy(max_retries=0, first=FIRST)
    assert isinstance(
        next_attempt(policy, job_id=1, attempts=1, now=NOW, expires_at=None, after=None), GiveUp
    )
