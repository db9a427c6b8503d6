"""A CRM as the other side of channel `phone`: the demo's tables, in which calls to be made are tasks."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from automation_pipelines.channels import phone
from automation_pipelines.channels.phone import PhoneChannel
from automation_pipelines.demo.storage import schema
from automation_pipelines.model import Note, Scalar
from automation_pipelines.settings import Settings
from tests.conformance.posts import AT


@dataclass
class PhonePost:
    """A CRM that another program may hold, and whose tables may be others."""

    settings: Settings
    channel: PhoneChannel = field(init=False)
    lock: sa.Connection | None = None

    def __post_init__(self) -> None:
        self.channel = phone.build("phone", self.settings)
        with self.engine.begin() as connection:
            for statement in schema("sqlite"):
                connection.execute(sa.text(statement))

    @property
    def engine(self) -> sa.Engine:
        return sa.create_engine(self.settings.crm, poolclass=sa.NullPool)

    def handoff(self, job: int) -> Note:
        keys: dict[str, Scalar] = {
            "subject_id": 7,
            "subject_text": "7",
            "tenant_id": 1,
            "customer_id": 7,
            "account_id": None,
            "new_id": job,
            "now": f"{AT:%Y-%m-%d %H:%M:%S}+00:00",
            "today": "2026-03-01",
        }
        return Note(job, 1, f"{job}.test", "+15550100", f"Offer {job}", "Say hello", keys=keys)

    def effects(self, job: int) -> int:
        found = sa.text("SELECT count(*) FROM tasks WHERE title = :title")
        with self.engine.connect() as connection:
            return connection.scalar(found, {"title": f"Offer {job}"}) or 0

    def misbehave(self, how: str) -> bool:
        match how:
            case "permanent":
                self._rename("due_on", "elsewhere")
            case "temporary":
                self.lock = self.engine.connect()
                self.lock.execute(sa.text("DELETE FROM tasks"))
            case _:
                return False
        return True

    def behave(self) -> None:
        if self.lock is not None:
            self.lock.rollback()
            self.lock.close()
        with self.engine.connect() as connection:
            columns = {column["name"] for column in sa.inspect(connection).get_columns("tasks")}
        if "elsewhere" in columns:
            self._rename("elsewhere", "due_on")

    def _rename(self, old: str, new: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(f"ALTER TABLE tasks RENAME COLUMN {old} TO {new}"))


@contextmanager
def phone_post() -> Iterator[PhonePost]:
    """The channel to a CRM of its own."""
    with tempfile.TemporaryDirectory() as directory:
        post = PhonePost(Settings(home=Path(directory)))
        yield post
        post.behave()
        post.channel.close()
