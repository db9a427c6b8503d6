"""Feedback files: nothing is lost, nothing counts twice, and the order of arrival does not matter."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation_pipelines import feedback
from automation_pipelines.feedback import Ingested, open_inbox
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import events, jobs, suppressions
from automation_pipelines.settings import Settings as Environment
from automation_pipelines.sqlfiles import SqlFiles
from tests.past import NOON, plan, settle, states

SQL = SqlFiles()


def event(
    identity: str, type_: str, job_id: int | None = None, *, minute: int = 0, **more: Any
) -> dict[str, Any]:
    at = (NOON + timedelta(minutes=minute)).isoformat()
    return {"id": identity, "type": type_, "at": at, "job_id": job_id, **more}


def hard(identity: str, job_id: int, minute: int = 0) -> dict[str, Any]:
    return event(identity, "bounced", job_id, minute=minute, detail={"kind": "hard"})


def drop(inbox: Path, *told: dict[str, Any] | str | bytes, name: str = "a.jsonl") -> Path:
    inbox.mkdir(exist_ok=True)
    lines = [
        line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
        for line in told
    ]
    path = inbox / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def ingest(db: Database, inbox: Path) -> Ingested:
    return feedback.ingest(db, SQL, Environment(), open_inbox(str(inbox)), now=NOON)


def recorded(db: Database) -> set[tuple[Any, ...]]:
    e = events.c
    return set(db.read(sa.select(e.identity, e.type, e.at, e.job_id, e.detail)).iter_rows())


def suppressed(db: Database) -> set[tuple[Any, ...]]:
    s = suppressions.c
    return set(
        db.read(sa.select(s.tenant_id, s.channel, s.address_hash, s.topic, s.reason, s.at)).iter_rows()
    )


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "feedback"


def test_events_are_recorded_and_their_file_is_filed_away(database: Database, inbox: Path) -> None:
    (job,) = plan(database, {})
    drop(inbox, event("e1", "delivered", job), event("e2", "opened", job, provider_id="px-1"))
    assert ingest(database, inbox) == Ingested(files=1, events=2)
    assert recorded(database) == {
        ("e1", "delivered", NOON, job, None),
        ("e2", "opened", NOON, job, '{"provider_id":"px-1"}'),
    }
    assert [path.relative_to(inbox).as_posix() for path in inbox.rglob("*.jsonl")] == ["done/a.jsonl"]
    assert ingest(database, inbox) == Ingested()


def test_a_bad_line_is_kept_with_its_number_and_reason_and_the_others_count(
    database: Database, inbox: Path
) -> None:
    (job,) = plan(database, {})
    bad = {
        2: ("{nonsense", "not JSON"),
        3: ("[1]", "not a JSON object"),
        4: (event("x", "delivred", job), "type: one of sent, "),
        5: ({**event("x", "opened", job), "id": 7}, "id: a text"),
        6: ({**event("x", "opened", job), "id": "a\x00b"}, "id: 1 to 200"),
        7: ({**event("x", "opened", job), "at": "2026-05-01T09:00:00"}, "at: an ISO 8601"),
        8: ({**event("x", "opened", job), "at": "2026-13-01T09:00:00Z"}, "at: an ISO 8601"),
        9: ({**event("x", "opened"), "job_id": str(job)}, "job_id: an integer"),
        10: ({**event("x", "opened"), "job_id": 2**64 - 1}, "job_id: too large"),
        11: ({**event("x", "opened", job), "detail": "text"}, "detail: a JSON object"),
        12: ({**event("x", "opened", job), "detail": {"why": "y" * 4001}}, "detail: more than"),
        13: (b'{"id":"\xff","type":"opened","at":"2026-05-01T09:00:00Z"}', "not UTF-8"),
    }
    drop(
        inbox,
        event("good-1", "delivered", job),
        *(line for line, _ in bad.values()),
        "",
        event("good-2", "opened", job),
    )
    assert ingest(database, inbox) == Ingested(files=1, events=2, rejected=len(bad))
    assert {row[0] for row in recorded(database)} == {"good-1", "good-2"}
    kept = [
        json.loads(line) for line in (inbox / "rejected" / "a.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [row["line"] for row in kept] == list(bad)
    for row, (_, reason) in zip(kept, bad.values(), strict=True):
        assert row["reason"].startswith(reason)
    assert kept[0]["text"] == "{nonsense"


def test_a_file_of_a_name_seen_before_loses_neither(database: Database, inbox: Path) -> None:
    drop(inbox, event("e1", "delivered"), "bad")
    ingest(database, inbox)
    drop(inbox, event("e2", "delivered"), "worse")
    ingest(database, inbox)
    assert sorted(path.name for path in (inbox / "done").iterdir()) == ["a.2.jsonl", "a.jsonl"]
    assert "worse" in (inbox / "rejected" / "a.2.jsonl").read_text(encoding="utf-8")
    assert {row[0] for row in recorded(database)} == {"e1", "e2"}


def test_a_file_still_being_written_is_left_alone(database: Database, inbox: Path) -> None:
    drop(inbox, event("e1", "delivered"), name=".a.jsonl")
    drop(inbox, event("e1", "delivered"), name="a.jsonl.part")
    assert ingest(database, inbox) == Ingested()


def test_reading_a_file_again_changes_nothing(database: Database, inbox: Path) -> None:
    """What a crash between the commit and the move leads to."""
    (job,) = plan(database, {})
    told = (hard("e1", job), event("e2", "opened", job), "bad")
    drop(inbox, *told)
    ingest(database, inbox)
    before = recorded(database), suppressed(database), states(database)
    drop(inbox, *told)
    assert ingest(database, inbox) == Ingested(files=1, duplicates=2, rejected=1)
    assert (recorded(database), suppressed(database), states(database)) == before


def test_a_file_may_tell_of_machines(database: Database, inbox: Path) -> None:
    (job,) = plan(database, {})
    drop(
        inbox,
        event("e1", "clicked", job, detail={"machine": True}),
        event("e2", "clicked", job, detail={"machine": False}),
        event("e3", "opened", job),
        event("e4", "opened", job, detail={"machine": "perhaps"}),
    )
    ingest(database, inbox)
    told = database.read(sa.select(events.c.identity, events.c.machine)).rows()
    assert dict(told) == {"e1": True, "e2": False, "e3": None, "e4": None}


def test_what_was_lifted_by_hand_is_not_suppressed_again_by_the_same_event(
    database: Database, inbox: Path
) -> None:
    (job,) = plan(database, {})
    drop(inbox, event("e1", "unsubscribed", job))
    ingest(database, inbox)
    with database.begin() as connection:
        connection.execute(sa.delete(suppressions))
    drop(inbox, event("e1", "unsubscribed", job))
    ingest(database, inbox)
    assert suppressed(database) == set()


def test_who_must_not_be_contacted_again(database: Database, inbox: Path) -> None:
    bounced, soft, complained, gone, other = plan(
        database, {}, {}, {}, {}, {"tenant_id": 2, "address_hash": "hash-1"}
    )
    drop(
        inbox,
        hard("e1", bounced, minute=3),
        hard("e1-again", bounced, minute=1),
        event("e2", "bounced", soft, detail={"kind": "soft"}),
        event("e3", "complained", complained),
        event("e4", "unsubscribed", gone),
        event("e5", "delivered", other),
    )
    ingest(database, inbox)
    assert suppressed(database) == {
        (1, "email", "hash-1", "", "bounced", NOON + timedelta(minutes=1)),
        (1, "email", "hash-3", "", "complained", NOON),
        (1, "email", "hash-4", "", "unsubscribed", NOON),
    }


def test_an_event_of_a_job_we_do_not_know_is_kept_with_the_number_it_named(
    database: Database, inbox: Path
) -> None:
    drop(inbox, event("e1", "opened", 4711, detail={"kind": "web"}), event("e2", "unsubscribed"))
    ingest(database, inbox)
    assert recorded(database) == {
        ("e1", "opened", NOON, None, '{"kind":"web","job_id":4711}'),
        ("e2", "unsubscribed", NOON, None, None),
    }
    assert suppressed(database) == set()


@pytest.mark.parametrize(
    ("type_", "state"),
    [("sent", "completed"), ("delivered", "completed"), ("clicked", "completed"), ("bounced", "completed"),
     ("failed", "unknown"), ("unknown", "unknown")],
)  # fmt: skip
def test_an_unknown_job_is_proved_by_what_only_a_sent_one_can_cause(
    database: Database, inbox: Path, type_: str, state: str
) -> None:
    job, untold = plan(database, {}, {})
    settle(database, job, "unknown")
    settle(database, untold, "unknown")
    drop(inbox, event("e1", type_, job))
    assert ingest(database, inbox).proved == (state == "completed")
    assert states(database) == {job: state, untold: "unknown"}


def test_the_proof_may_come_before_the_doubt(database: Database, inbox: Path) -> None:
    (job,) = plan(database, {})
    settle(database, job, "processing")
    drop(inbox, event("e1", "delivered", job))
    ingest(database, inbox)
    assert states(database) == {job: "processing"}
    settle(database, job, "unknown")
    drop(inbox, event("e2", "deferred"))
    assert ingest(database, inbox).proved == 1
    assert states(database) == {job: "completed"}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_disorder_duplicates_and_the_cut_into_files_change_nothing(
    database: Database, inbox: Path, data: st.DataObject
) -> None:
    with database.begin() as connection:
        for table in (events, suppressions):
            connection.execute(sa.delete(table))
    lost, bounced, read = plan(database, {}, {}, {})
    settle(database, lost, "unknown")
    told = [
        event("e1", "sent", lost),
        event("e2", "bounced", bounced, minute=2, detail={"kind": "soft"}),
        hard("e3", bounced, minute=5),
        hard("e4", bounced, minute=4),
        event("e5", "opened", read, minute=9),
        event("e6", "delivered", read, minute=1),
        event("e7", "unsubscribed", read, minute=7),
        event("e8", "clicked", 4711),
    ]
    again = data.draw(st.lists(st.sampled_from(told), max_size=6))
    order = data.draw(st.permutations(told + again))
    cut = data.draw(st.integers(0, len(order)))
    total = Ingested()
    for name, part in (("b.jsonl", order[:cut]), ("a.jsonl", order[cut:])):
        drop(inbox, *part, name=name)
        total += ingest(database, inbox)
    assert (total.events, total.duplicates, total.rejected, total.proved) == (8, len(again), 0, 1)
    assert {(row[0], row[3]) for row in recorded(database)} == {
        ("e1", lost), ("e2", bounced), ("e3", bounced), ("e4", bounced),
        ("e5", read), ("e6", read), ("e7", read), ("e8", None),
    }  # fmt: skip
    assert suppressed(database) == {
        (1, "email", "hash-2", "", "bounced", NOON + timedelta(minutes=4)),
        (1, "email", "hash-3", "", "unsubscribed", NOON + timedelta(minutes=7)),
    }
    assert states(database)[lost] == "completed"


def test_two_readers_of_one_directory_count_everything_once(database: Database, inbox: Path) -> None:
    work = plan(database, *({} for _ in range(40)))
    told = [event(f"e{n}", "unsubscribed", job) for n, job in enumerate(work)]
    for number in range(6):
        drop(inbox, *told[number:], *told[:number], name=f"{number}.jsonl")
    other = Database(database.engine)
    with ThreadPoolExecutor(2) as pool:
        passes = list(pool.map(lambda db: ingest(db, inbox), (database, other)))
    assert sum(done.events for done in passes) == len(told)
    assert len(recorded(database)) == len(suppressed(database)) == len(told)
    assert len(list((inbox / "done").iterdir())) == 6
    assert list(inbox.glob("*.jsonl")) == []


def test_the_number_of_statements_does_not_depend_on_the_number_of_events(
    database: Database, inbox: Path
) -> None:
    def statements(count: int) -> int:
        drop(inbox, *(event(f"{count}-{n}", "delivered", n) for n in range(count)))
        seen: list[str] = []
        listen = (database.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
        sa.event.listen(*listen)
        ingest(database, inbox)
        sa.event.remove(*listen)
        return len(seen)

    assert statements(2) == statements(2000)
    assert database.read(sa.select(sa.func.count()).select_from(events)).item() == 2002
    assert database.read(sa.select(sa.func.count()).select_from(jobs)).item() == 0
