"""Feedback in a bucket is read as from a directory: once, whole, and without telling anybody's keys."""

import importlib
import importlib.util
import json
import sys
import traceback
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from fsspec.core import url_to_fs

from automation_pipelines import feedback
from automation_pipelines.errors import ConfigurationError, FeedbackError
from automation_pipelines.feedback import Ingested, inbox_of, open_inbox
from automation_pipelines.feedback.bucket import Bucket
from automation_pipelines.forgetting.files import feedback as forget
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import events
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from tests.past import NOON, plan

S3 = all(importlib.util.find_spec(name) for name in ("s3fs", "moto", "flask"))
SENDGRID = [{"email": "jane@x.example", "timestamp": 1777636800, "event": "open", "sg_event_id": "e"}]
MAIL = b"Subject: unsubscribe\nFrom: jane@x.example\n\n"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Something that speaks S3, over HTTP."""
    running = importlib.import_module("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(
    params=["memory", pytest.param("s3", marks=pytest.mark.skipif(not S3, reason="s3fs or moto is missing"))]
)
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of a bucket of the test's own."""
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    if request.param == "s3":
        monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("server"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    fs, path = url_to_fs(f"{request.param}://{name}")
    fs.mkdir(path)
    return f"{request.param}://{name}/inbox"


def put(url: str, **contents: bytes | str | object) -> Bucket:
    bucket = Bucket.at(url)
    for name, content in contents.items():
        text = content if isinstance(content, bytes | str) else json.dumps(content)
        bucket.write(name, text if isinstance(text, bytes) else text.encode())
    return bucket


def names(bucket: Bucket) -> set[str]:
    bucket.fs.invalidate_cache()
    return {path.partition("/inbox/")[2] for path in bucket.fs.find(bucket.root)}


def ingest(db: Database, url: str) -> Ingested:
    settings = Settings.model_validate({"feedback_inbox": url})
    return feedback.ingest(db, SqlFiles(), settings, now=NOON)


def test_a_bucket_is_read_as_a_directory_is(database: Database, url: str) -> None:
    assert ingest(database, url) == Ingested()  # nothing was ever put there
    (job,) = plan(database, {})
    line = json.dumps({"id": "e1", "type": "delivered", "at": NOON.isoformat(), "job_id": job})
    told = {
        "a[1].jsonl": f"{line}\nnonsense\n",
        ".b.jsonl": line,
        "c.part": line,
        "sendgrid/1.json": SENDGRID,
        "sendgrid/2.jsonl": b"[\n",
        "sendgrid/": b"",  # as consoles leave it
        "mail/3.eml": MAIL,
        "elsewhere/4.json": SENDGRID,
    }
    bucket = put(
        url, **{name: content for name, content in told.items() if url[:2] == "s3" or name[-1] != "/"}
    )
    waiting = feedback.waiting(bucket)
    assert [one.name for one in waiting] == [
        "a[1].jsonl",
        "mail/3.eml",
        "sendgrid/1.json",
        "sendgrid/2.jsonl",
    ]
    assert ingest(database, url) == Ingested(files=4, events=3, rejected=2)
    left = {".b.jsonl", "c.part", "elsewhere/4.json"}
    read = {"done/a[1].jsonl", "sendgrid/done/1.json", "sendgrid/rejected/2.jsonl", "mail/done/3.eml"}
    why = {"rejected/a[1].jsonl", "sendgrid/rejected/2.jsonl.reasons.txt"}
    assert {name for name in names(bucket) if name[-1:] not in ("", "/")} == left | read | why
    (rejected,) = (bucket.read("rejected/a[1].jsonl") or b"").splitlines()
    assert json.loads(rejected) == {"line": 2, "reason": "not JSON", "text": "nonsense"}
    assert ingest(database, url) == Ingested()
    put(url, **{"a[1].jsonl": line})
    assert ingest(database, url) == Ingested(files=1, duplicates=1)
    assert "done/a[1].2.jsonl" in names(bucket)
    assert database.read(sa.select(sa.func.count()).select_from(events)).item() == 3


def test_looking_opens_nothing_and_sees_what_is_new(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = put(url, **{"a.jsonl": "1", "sendgrid/b.json": "2"})

    def opened(*_: Any, **__: Any) -> None:
        raise AssertionError

    with monkeypatch.context() as patch:
        for name in ("cat_file", "open", "cat"):
            patch.setattr(bucket.fs, name, opened, raising=False)
        before = feedback.waiting(bucket)
        assert feedback.waiting(bucket) == before
    put(url, **{"c.jsonl": "3", "a.jsonl": "other"})  # by another process
    after = feedback.waiting(bucket)
    assert [one.name for one in after] == ["a.jsonl", "c.jsonl", "sendgrid/b.json"]
    assert after[0].version != before[0].version
    assert after[2].version == before[1].version


def test_what_another_process_took_is_gone_and_nothing_more(url: str) -> None:
    bucket = put(url, **{"a.jsonl": "1"})
    assert bucket.read("b.jsonl") is bucket.read("b.jsonl", 10) is None
    assert bucket.move("b.jsonl", "done/b.jsonl") is False
    bucket.remove("b.jsonl")
    assert names(bucket) == {"a.jsonl"}
    assert bucket.read("a.jsonl", 10) == b"1"


def test_who_is_forgotten_goes_from_a_bucket_too(url: str) -> None:
    theirs = {"sendgrid/done/1.json": "To: Jane@x.example", "mail/rejected/2.eml": "jane@x.example"}
    others = {"mail/done/3.eml": "bob@x.example", "done/a.jsonl": "jane@x.example\nbob@x.example\n"}
    bucket = put(url, **theirs, **others)
    assert forget(bucket, ["jane@x.example"], dry_run=True) == 3
    assert forget(bucket, ["jane@x.example"], dry_run=False) == 3
    assert names(bucket) == set(others)
    assert bucket.read("done/a.jsonl") == b"bob@x.example\n"


@pytest.mark.parametrize(("scheme", "driver"), [("s3", "s3fs"), ("gs", "gcsfs"), ("az", "adlfs")])
def test_a_missing_driver_is_named(scheme: str, driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    registry = importlib.import_module("fsspec.registry")
    monkeypatch.delitem(registry._registry, scheme, raising=False)
    with pytest.raises(ConfigurationError, match=r"pip install 'automation-pipelines\[buckets\]'"):
        open_inbox(f"{scheme}://key:secret@acme/inbox")
    with pytest.raises(ConfigurationError, match="s3://bucket/folder"):
        open_inbox("teleport://acme/inbox")


def test_no_key_is_told(url: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = put(url)

    def refuse(*_: Any, **__: Any) -> None:
        msg = "key AKIA123 with SECRET is not known"
        raise OSError(msg)

    monkeypatch.setattr(bucket.fs, "ls", refuse, raising=False)
    with pytest.raises(FeedbackError, match="OSError; see AUTOMATION_FEEDBACK_INBOX") as caught:
        ingest(database, url)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    assert "hidden" not in repr(Settings.model_validate({"feedback_inbox": "s3://hidden:hidden@acme"}))


def test_a_bucket_that_is_not_there_is_told(url: str, database: Database) -> None:
    with pytest.raises(FeedbackError, match="there is no bucket nowhere"):
        ingest(database, f"{url.partition('://')[0]}://nowhere/inbox")


def test_a_directory_may_be_named_too(tmp_path: Any) -> None:
    for said in (str(tmp_path), f"file://{tmp_path}"):
        assert str(inbox_of(Settings.model_validate({"feedback_inbox": said}))) == str(tmp_path)
    assert str(inbox_of(Settings(home=tmp_path))) == str(tmp_path / "feedback")
