"""The tables refuse what cannot happen."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import UtcDateTime, events, identities, jobs, suppressions
from tests.ledger.planned import NOW, plan

PROCESSING = {"state": "processing", "lease_owner": "w", "lease_until": NOW}
REFUSED: dict[str, dict[str, Any]] = {
    "a state that does not exist": {"state": "sent"},
    "a purpose that does not exist": {"purpose": "spam"},
    "skipped without a reason": {"state": "skipped", "finished_at": NOW},
    "skipped for a reason that does not exist": {"state": "skipped", "finished_at": NOW, "reason": "why not"},
    "skipped because it was planned": {"state": "skipped", "finished_at": NOW, "reason": "planned"},
    "a reason without being skipped": {"reason": "stale"},
    "completed without an end": {"state": "completed"},
    "pending with an end": {"finished_at": NOW},
    "processing without a lease": {"state": "processing"},
    "processing with half a lease": {**PROCESSING, "lease_until": None},
    "a lease without processing": {"lease_owner": "w", "lease_until": NOW},
    "processing with an end": {**PROCESSING, "finished_at": NOW},
    "a provider's id without completion": {"provider_id": "x"},
    "dead with a provider's id": {"state": "dead", "finished_at": NOW, "provider_id": "x"},
    "a negative number of attempts": {"attempts": -1},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_a_job_cannot_be(database: Database, change: dict[str, Any]) -> None:
    plan(database, 1)
    with pytest.raises(sa.exc.IntegrityError), database.begin() as connection:
        connection.execute(jobs.update().values(**change))


ALLOWED: dict[str, dict[str, Any]] = {
    "processing under a lease": PROCESSING,
    "completed with a provider's id": {"state": "completed", "finished_at": NOW, "provider_id": "x"},
    "skipped as expired": {"state": "skipped", "finished_at": NOW, "reason": "expired"},
    "unknown": {"state": "unknown", "finished_at": NOW, "handed_off_at": NOW},
}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED.keys())
def test_a_job_can_be(database: Database, change: dict[str, Any]) -> None:
    plan(database, 1)
    with database.begin() as connection:
        assert connection.execute(jobs.update().values(**change)).rowcount == 1


def test_two_jobs_cannot_have_one_key(database: Database) -> None:
    plan(database, 2)
    with pytest.raises(sa.exc.IntegrityError), database.begin() as connection:
        connection.execute(jobs.update().values(subject_id=7))


OTHERS: dict[str, tuple[sa.Table, dict[str, Any]]] = {
    "an event outside the vocabulary": (
        events,
        {"identity": "1", "type": "seen", "at": NOW, "received_at": NOW},
    ),
    "an identity of an unknown mode": (identities, {"campaign": "a", "step": "", "mode": "dry"}),
    "a suppression for no known reason": (
        suppressions,
        {"tenant_id": 1, "channel": "email", "address_hash": "x", "topic": "", "reason": "mood", "at": NOW},
    ),
}


@pytest.mark.parametrize(("table", "row"), OTHERS.values(), ids=OTHERS.keys())
def test_there_cannot_be(database: Database, table: sa.Table, row: dict[str, Any]) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.begin() as connection:
        connection.execute(table.insert().values(**row))


def test_instants_keep_their_microseconds_and_lose_their_zone(database: Database) -> None:
    local = datetime(2026, 3, 29, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    with database.begin() as connection:
        statement = sa.select(sa.cast(sa.literal(local, UtcDateTime), UtcDateTime))
        stored = connection.scalar(statement)
    assert stored == local
    assert stored is not None
    assert stored.utcoffset() == timedelta(0)
