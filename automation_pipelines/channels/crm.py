"""Write-backs: `sql/actions/<action>.sql` run in the CRM, exactly once.

The hand-off's identity goes into a marker table of the CRM in the same transaction as the action. So
whether a worker dies before or after the CRM's commit, a repeat does what is missing and no more.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from automation_pipelines.catalogue.actions import Action, action
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Handoff, Outcome, Reject, Retry, Sent, WriteBack
from automation_pipelines.sqlfiles import SqlFiles

markers = sa.Table(
    "automation_markers",
    sa.MetaData(),
    sa.Column("identity", sa.String(120), primary_key=True),
    sa.Column("job_id", sa.BigInteger, nullable=False),
    sa.Column("action", sa.String(80), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.current_timestamp()),
)

_CONNECT_SECONDS = 10
_BUSY_SECONDS = 20.0  # how long to wait for others' locks
# SQLite's primary result codes and PostgreSQL's SQLSTATE classes of what passes by itself.
_SQLITE_PASSING = frozenset({5, 6, 9, 10, 13, 14, 15})  # busy, locked, interrupt, I/O, full, cannot open
_POSTGRESQL_PASSING = ("08", "25", "40", "53", "55", "57", "58")
_SQLITE_LOCKED, _POSTGRESQL_LOCKED = frozenset({5, 6, 9}), ("40", "55")
_READ_ONLY = "25006"  # of a standby it passes when that takes over


class CrmChannel:
    """Channel `crm` over the SQLite or PostgreSQL database that the sources are read from."""

    name = "crm"
    repeatable = True

    def __init__(self, url: str, sqlfiles: SqlFiles) -> None:
        """Remember where; connects to nothing yet."""
        self._url = sa.make_url(url)
        self._sqlfiles = sqlfiles
        self._actions: dict[str, Action] = {}

    @cached_property
    def _engine(self) -> sa.Engine:
        if self._url.get_backend_name() == "sqlite":
            engine = sa.create_engine(self._url, hide_parameters=True)
            sa.event.listen(engine, "connect", _prepare_sqlite)
            sa.event.listen(engine, "begin", _begin_sqlite)
            return engine
        url = self._url.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(
            url, hide_parameters=True, pool_pre_ping=True, connect_args={"connect_timeout": _CONNECT_SECONDS}
        )
        sa.event.listen(engine, "begin", _begin_postgresql)
        return engine

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Run all of them in one transaction; where one breaks it, each in a transaction of its own."""
        try:
            with self._transaction() as connection:
                return [self._run(connection, handoff) for handoff in handoffs]
        except OSError as error:
            return [Retry(str(error), provider=True)] * len(handoffs)
        except Exception as error:  # noqa: BLE001 - which of them it was shows when each runs alone
            if isinstance(error, sa.exc.DBAPIError) and _passes(error):
                return [self._failure(error)] * len(handoffs)
            return [self._alone(handoff) for handoff in handoffs]

    def refusal(self, name: str) -> str | None:
        """Say why the CRM would refuse an action whatever its values: rights, tables, columns.

        Nothing is changed. `None`: it would not, or it cannot be asked at present.
        """
        try:
            self._present()
            with self._engine.connect() as connection, connection.begin() as transaction:
                markers.create(connection, checkfirst=True)
                for one in self._prepared(name).line:
                    nothing = dict.fromkeys(one.bound)
                    connection.execute(sa.text(f"EXPLAIN {one.statement.text}"), nothing)
                transaction.rollback()
        except (OSError, ConfigurationError):
            return None
        except sa.exc.DBAPIError as error:
            lasting = getattr(error.orig, "sqlstate", None) == _READ_ONLY or not _passes(error)
            return self._redacted(f"the CRM says: {error.orig}") if lasting else None
        return None

    def marked(self, since: datetime) -> list[tuple[str, datetime]]:
        """The identities of what was done since then, with the CRM's times."""
        self._present()
        plain = self._url.get_backend_name() == "sqlite"  # there instants have no zone
        begin = since.replace(tzinfo=None) if plain else since
        wanted = sa.select(markers.c.identity, markers.c.at).where(markers.c.at >= begin)
        with self._engine.connect() as connection:
            if not sa.inspect(connection).has_table(markers.name):
                return []
            return [
                (identity, at.replace(tzinfo=UTC) if plain else at)
                for identity, at in connection.execute(wanted)
            ]

    def close(self) -> None:
        """Give back the connections."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
            del self._engine

    def _alone(self, handoff: Handoff) -> Outcome:
        try:
            with self._transaction() as connection:
                return self._run(connection, handoff)
        except sa.exc.DBAPIError as error:
            return self._failure(error)
        except ConfigurationError as error:
            return Reject(str(error))
        except Exception as error:  # noqa: BLE001 - a bug with one write-back must not stop the others
            return Reject(self._redacted(f"cannot be run: {type(error).__name__}: {error}"))

    def _present(self) -> None:
        # Connecting would make an empty file.
        if self._url.get_backend_name() == "sqlite" and not Path(str(self._url.database)).is_file():
            msg = f"there is no CRM at {self._url.database}: check AUTOMATION_CRM_URL"
            raise FileNotFoundError(msg)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        """One CRM transaction in which the marker table exists."""
        self._present()
        if "_marked" not in self.__dict__:
            with self._engine.begin() as connection:
                markers.create(connection, checkfirst=True)
            self._marked = True
        with self._engine.begin() as connection:
            yield connection

    def _run(self, connection: sa.Connection, handoff: Handoff) -> Outcome:
        if not isinstance(handoff, WriteBack):
            return Reject(f"{type(handoff).__name__} is no write-back")
        prepared = self._prepared(handoff.action)
        missing = {name for one in prepared.line for name in one.bound} - handoff.values.keys()
        if missing:
            return Reject(f"action {handoff.action} lacks {', '.join(sorted(missing))}")
        if not self._mark(connection, handoff):
            return Sent()
        found = [_execute(connection, one, handoff) for one in prepared.line][-1]
        if not found:
            connection.execute(sa.delete(markers).where(markers.c.identity == handoff.identity))
            return Reject(f"action {handoff.action} found no row: subject or assignee is gone from the CRM")
        return Sent()

    def _mark(self, connection: sa.Connection, handoff: WriteBack) -> bool:
        """Claim the hand-off for this transaction; `False` when it was done before.

        Another worker with the same one waits here until the first has committed or given up.
        """
        mark = {"identity": handoff.identity, "job_id": handoff.job_id, "action": handoff.action}
        insert = sqlite.insert if self._engine.dialect.name == "sqlite" else postgresql.insert
        claim = insert(markers).values(mark).on_conflict_do_nothing().returning(markers.c.identity)
        return connection.scalar(claim) is not None

    def _prepared(self, name: str) -> Action:
        if name not in self._actions:
            self._actions[name] = action(self._sqlfiles, name)
        return self._actions[name]

    def _failure(self, error: sa.exc.DBAPIError) -> Outcome:
        text = self._redacted(f"the CRM says: {error.orig}")
        return Retry(text, provider=not _locked(error)) if _passes(error) else Reject(text)

    def _redacted(self, text: str) -> str:
        return text.replace(str(self._url.password), "***") if self._url.password else text


def _execute(connection: sa.Connection, action: Action, handoff: WriteBack) -> int:
    """Run one statement; how many rows it found."""
    values = {name: handoff.values[name] for name in action.bound}
    if connection.dialect.name == "sqlite" and isinstance(now := values.get("now"), str):
        values["now"] = now.removesuffix("+00:00")  # there instants are texts without a zone
    options = {"preserve_rowcount": True}
    return connection.execute(action.statement, values, execution_options=options).rowcount


def _passes(error: sa.exc.DBAPIError) -> bool:
    """Whether trying again later can help: locks, lost connections, a server that is full or starting."""
    if error.connection_invalidated:
        return True
    if isinstance(code := getattr(error.orig, "sqlite_errorcode", None), int):
        return code & 0xFF in _SQLITE_PASSING
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(_POSTGRESQL_PASSING)


def _locked(error: sa.exc.DBAPIError) -> bool:
    """Whether somebody else was at the same rows: the next ones may be free."""
    if isinstance(code := getattr(error.orig, "sqlite_errorcode", None), int):
        return code & 0xFF in _SQLITE_LOCKED
    return (getattr(error.orig, "sqlstate", None) or "").startswith(_POSTGRESQL_LOCKED)


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000:.0f}")


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_postgresql(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_BUSY_SECONDS * 1000:.0f}")
