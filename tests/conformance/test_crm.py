"""What is particular to write-backs: actions, parameters, markers, the shipped statements."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from automation_pipelines.channels import build_channels
from automation_pipelines.channels.crm import CrmChannel, action_parameters
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Reject, Retry, Scalar, Sent, WriteBack
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from tests.conformance.posts import CrmPost, write_back


@pytest.fixture
def crm_url(database_url: str, tmp_path: Path) -> str:
    """An empty CRM, once in SQLite and once in PostgreSQL."""
    (tmp_path / "automation.db").touch()
    return database_url


@pytest.fixture
def post(crm_url: str, tmp_path: Path) -> Iterator[CrmPost]:
    """A CRM with one query."""
    made = CrmPost(crm_url, tmp_path / "sql")
    yield made
    made.channel.close()


@pytest.fixture
def shipped(crm_url: str) -> Iterator[sa.Engine]:
    """The shipped actions over a CRM with queries and quotes."""
    engine = sa.create_engine(crm_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for table, column in (("queries", "escalation_level INTEGER"), ("quotes", "status TEXT")):
            connection.execute(
                sa.text(f"CREATE TABLE {table} (id BIGINT, tenant_id BIGINT, {column}, updated_at TIMESTAMP)")
            )
    yield engine
    engine.dispose()


def run(url: str, action: str, job: int = 1, **values: Scalar) -> object:
    """Run one shipped action on row 5 of tenant 1."""
    channel = CrmChannel(url, SqlFiles())
    bound = {"subject_id": 5, "subject_text": "5", "tenant_id": 1, **values}
    try:
        return channel.send([WriteBack(job, 1, f"{job}.test", action, bound)])[0]
    finally:
        channel.close()


def markers(post: CrmPost) -> list[str]:
    """What has been marked as done."""
    with post.engine.connect() as connection:
        return list(connection.scalars(sa.text("SELECT identity FROM automation_markers ORDER BY job_id")))


def test_the_parameters_of_an_action_are_those_a_campaign_must_give(tmp_path: Path) -> None:
    assert action_parameters(SqlFiles(), "set_query_escalation_level") == {"level"}
    assert action_parameters(SqlFiles(), "set_quote_status") == {"status"}
    (tmp_path / "actions").mkdir()
    own = "-- x :y\nUPDATE t SET a = :a, b = '2026-01-01'::date WHERE k = :subject_text"
    (tmp_path / "actions" / "own.sql").write_text(own)
    assert action_parameters(SqlFiles(tmp_path), "own") == {"a"}


def test_one_write_back_that_fails_takes_no_other_down(post: CrmPost) -> None:
    batch = [write_back(1), write_back(2, "wrong"), write_back(3)]
    answers = post.channel.send(batch)
    assert [type(answer) for answer in answers] == [Sent, Reject, Sent]
    assert "no_such_table" in str(answers[1])
    assert post.level() == 2
    assert markers(post) == ["1.test", "3.test"]


def test_the_same_job_twice_in_a_batch_is_done_once(post: CrmPost) -> None:
    assert post.channel.send([write_back(1), write_back(1)]) == [Sent(), Sent()]
    assert post.level() == 1


def test_a_subject_that_is_gone_is_refused_and_not_marked(post: CrmPost) -> None:
    gone = WriteBack(1, 1, "1.test", "raise_level", {"subject_id": 99, "subject_text": "99", "tenant_id": 1})
    [answer] = post.channel.send([gone])
    assert isinstance(answer, Reject)
    assert "gone from the CRM" in answer.error
    assert markers(post) == []


def test_another_tenants_row_is_never_touched(post: CrmPost) -> None:
    other = WriteBack(1, 2, "1.test", "raise_level", {"subject_id": 1, "subject_text": "1", "tenant_id": 2})
    assert isinstance(post.channel.send([other])[0], Reject)
    assert post.level() == 0


def test_an_unknown_action_or_a_missing_value_is_refused_by_name(post: CrmPost, tmp_path: Path) -> None:
    (tmp_path / "sql" / "actions" / "needy.sql").write_text("UPDATE queries SET escalation_level = :level")
    answers = post.channel.send([write_back(1, "unheard_of"), write_back(2, "needy")])
    assert [type(answer) for answer in answers] == [Reject, Reject]
    assert "actions/unheard_of" in str(answers[0])
    assert "lacks level" in str(answers[1])


def test_a_crm_that_cannot_be_reached_is_tried_again(tmp_path: Path) -> None:
    missing = CrmChannel(f"sqlite:///{tmp_path / 'nowhere.db'}", SqlFiles())
    assert isinstance(missing.send([write_back(1)])[0], Retry)
    assert not (tmp_path / "nowhere.db").exists()
    refused = CrmChannel("postgresql://someone:right-horse@127.0.0.1:1/crm", SqlFiles())
    [answer] = refused.send([write_back(1)])
    assert isinstance(answer, Retry)
    assert "right-horse" not in answer.error


@pytest.mark.parametrize(("before", "after"), [("NULL", 2), ("0", 2), ("2", 2), ("3", 3)])
def test_an_escalation_level_is_raised_and_never_lowered(
    shipped: sa.Engine, crm_url: str, before: str, after: int
) -> None:
    with shipped.begin() as connection:
        connection.execute(sa.text(f"INSERT INTO queries VALUES (5, 1, {before}, NULL), (5, 2, 0, NULL)"))
    assert run(crm_url, "set_query_escalation_level", level=2) == Sent()
    with shipped.connect() as connection:
        columns = "escalation_level, updated_at IS NOT NULL"
        rows = connection.execute(sa.text(f"SELECT {columns} FROM queries ORDER BY tenant_id"))
        assert [tuple(row) for row in rows] == [(after, str(after) != before), (0, False)]


@pytest.mark.parametrize(
    ("before", "after"),
    [("sent", "expired"), ("viewed", "expired"), ("accepted", "accepted"), ("rejected", "rejected")],
)
def test_a_quote_expires_only_while_it_is_open(
    shipped: sa.Engine, crm_url: str, before: str, after: str
) -> None:
    with shipped.begin() as connection:
        connection.execute(sa.text(f"INSERT INTO quotes VALUES (5, 1, '{before}', NULL)"))
    assert run(crm_url, "set_quote_status", status="expired") == Sent()
    with shipped.connect() as connection:
        assert connection.scalar(sa.text("SELECT status FROM quotes")) == after


def test_hostile_values_are_only_ever_values(shipped: sa.Engine, crm_url: str) -> None:
    with shipped.begin() as connection:
        connection.execute(sa.text("INSERT INTO quotes VALUES (5, 1, 'sent', NULL)"))
    hostile = "x'; DROP TABLE quotes; --"
    assert run(crm_url, "set_quote_status", status=hostile) == Sent()
    with shipped.connect() as connection:
        assert connection.scalar(sa.text("SELECT status FROM quotes")) == hostile


def test_the_registry_follows_the_settings(tmp_path: Path) -> None:
    embedded = build_channels(Settings(home=tmp_path))
    assert all(channel.repeatable for channel in embedded.values())
    served = build_channels(
        Settings(home=tmp_path, smtp_url="smtps://mail.example.com", crm_url=str(tmp_path))
    )
    assert [name for name, channel in served.items() if not channel.repeatable] == ["email"]
    assert embedded.keys() - served.keys() == {"crm"}
    with pytest.raises(ConfigurationError):
        build_channels(Settings(home=tmp_path, smtp_url="mail.example.com"))


@pytest.mark.parametrize(
    ("url", "writable"),
    [
        ("postgres://db/crm", True),
        ("postgresql+psycopg://db/crm", True),
        ("mysql://db/crm", False),
        ("file:///crm", False),
    ],
)
def test_write_backs_go_to_the_databases_we_can_mark(url: str, tmp_path: Path, *, writable: bool) -> None:
    assert ("crm" in build_channels(Settings(home=tmp_path, crm_url=url))) is writable
