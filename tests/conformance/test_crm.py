"""What is particular to write-backs: markers, transactions, and which databases there are any for."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from automation_pipelines.channels import build_channels, unavailable, written
from automation_pipelines.channels.crm import CrmChannel
from automation_pipelines.channels.outbox import OutboxChannel
from automation_pipelines.demo.storage import schema
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Reject, Retry, Sent, WriteBack
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


def markers(post: CrmPost) -> list[str]:
    """What has been marked as done."""
    with post.engine.connect() as connection:
        return list(connection.scalars(sa.text("SELECT identity FROM automation_markers ORDER BY job_id")))


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


def test_the_registry_follows_the_settings(tmp_path: Path) -> None:
    embedded = build_channels(Settings(home=tmp_path))
    assert all(channel.repeatable for channel in embedded.values())
    served = build_channels(
        Settings(home=tmp_path, smtp_url="smtps://mail.example.com", crm_url=str(tmp_path))
    )
    assert [name for name, channel in served.items() if not channel.repeatable] == ["email"]
    assert {"crm", "phone", "in_app", "interaction", "sms"} <= embedded.keys()
    assert not {"crm", "phone", "interaction", "sms"} & served.keys()
    assert "in_app" in served
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


def test_the_crm_is_asked_beforehand_whether_an_action_can_run(post: CrmPost) -> None:
    assert post.channel.refusal("raise_level") is None
    assert "no_such_table" in str(post.channel.refusal("wrong"))
    assert post.level() == 0
    with post.engine.connect() as connection:
        assert not sa.inspect(connection).has_table("automation_markers")


def test_a_role_that_may_only_read_is_told_so_beforehand(postgres_url: str, tmp_path: Path) -> None:
    post = CrmPost(postgres_url, tmp_path / "sql")
    post.channel.send([write_back(1)])
    role = f"reader_{uuid.uuid4().hex[:8]}"
    with post.engine.begin() as connection:
        connection.execute(sa.text(f"CREATE ROLE {role} LOGIN PASSWORD 'right-horse'"))
        connection.execute(sa.text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    url = sa.make_url(postgres_url).set(username=role, password="right-horse")
    reader = CrmChannel(url.render_as_string(hide_password=False), SqlFiles(tmp_path / "sql"))
    try:
        refusal = str(reader.refusal("raise_level"))
        assert "permission denied" in refusal
        assert "right-horse" not in refusal
    finally:
        reader.close()
        post.channel.close()


def test_a_crm_that_cannot_be_asked_refuses_nothing(tmp_path: Path) -> None:
    assert CrmChannel(f"sqlite:///{tmp_path / 'nowhere.db'}", SqlFiles()).refusal("create_task") is None
    assert not (tmp_path / "nowhere.db").exists()
    away = CrmChannel("postgresql://someone:right-horse@127.0.0.1:1/crm", SqlFiles())
    assert away.refusal("create_task") is None


def test_every_shipped_action_can_run_on_the_demos_tables(crm_url: str) -> None:
    engine = sa.create_engine(crm_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in schema(engine.dialect.name):
            connection.execute(sa.text(statement))
    channel = CrmChannel(crm_url, SqlFiles())
    names = SqlFiles().names("actions")
    assert {name: channel.refusal(name) for name in names} == dict.fromkeys(names)
    channel.close()
    engine.dispose()


def test_a_channel_that_writes_to_the_crm_is_refused_or_filed_where_it_cannot_be_written(
    tmp_path: Path,
) -> None:
    def settings(**given: str) -> Settings:
        return Settings(home=tmp_path, smtp_url="smtps://mail.example.com", **given)

    files = str(tmp_path)
    assert written(settings()) == {"phone": "create_call"}
    assert written(settings(crm_url=files)) == written(settings(filed_channels="phone")) == {}
    assert "AUTOMATION_FILED_CHANNELS" in unavailable(settings(crm_url=files))["phone"]
    assert "phone" not in unavailable(settings(crm_url=files, filed_channels="phone"))
    assert isinstance(build_channels(settings(filed_channels="phone"))["phone"], OutboxChannel)
