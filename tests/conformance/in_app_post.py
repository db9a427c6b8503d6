"""The automation database as the other side: what the product would show."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from automation_pipelines.channels.in_app import InAppChannel
from automation_pipelines.ledger import database as ledger_database
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import notifications
from automation_pipelines.model import Note
from tests.conformance.posts import AT


@dataclass
class InAppPost:
    """A migrated database, which another program may hold."""

    database: Database
    channel: InAppChannel = field(init=False)
    recipient: str = "customer:12"
    lock: sa.Connection | None = None

    def __post_init__(self) -> None:
        url = self.database.engine.url.render_as_string(hide_password=False)
        self.channel = InAppChannel("in_app", url)

    def handoff(self, job: int) -> Note:
        return Note(job, 1, f"{job}.test", self.recipient, f"Offer {job}", "Hello — for 'you'")

    def effects(self, job: int) -> int:
        mine = notifications.c.identity == f"{job}.test"
        with self.database.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(mine)) or 0

    def misbehave(self, how: str) -> bool:
        on_sqlite = self.database.dialect == "sqlite"
        match how:
            case "temporary" if on_sqlite:
                self.lock = self.database.engine.connect()
                self.lock.begin()
            case "temporary":
                self._rename("text", "elsewhere")
            case "permanent" if not on_sqlite:  # SQLite takes a text of any length
                self.recipient = "customer:" + "1" * 100
            case _:
                return False
        return True

    def behave(self) -> None:
        self.recipient = "customer:12"
        if self.lock is not None:
            self.lock.rollback()
            self.lock.close()
        with self.database.reading() as connection:
            columns = {column["name"] for column in sa.inspect(connection).get_columns("notifications")}
        if "elsewhere" in columns:
            self._rename("elsewhere", "text")

    def _rename(self, old: str, new: str) -> None:
        with self.database.begin() as connection:
            connection.execute(sa.text(f"ALTER TABLE notifications RENAME COLUMN {old} TO {new}"))


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A migrated automation database."""
    database = Database.open(url)
    database.migrate(AT)
    yield database
    database.close()


@contextmanager
def in_app_post(url: str) -> Iterator[InAppPost]:
    """The channel over a database that is not kept waiting for long."""
    with opened(url) as database, pytest.MonkeyPatch.context() as patched:
        patched.setattr(ledger_database, "BUSY_SECONDS", 0.2)
        post = InAppPost(database)
        yield post
        post.behave()
        post.channel.close()
