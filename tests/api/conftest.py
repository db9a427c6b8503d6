"""One service for all files of tests, on each database: to start it takes longer than to ask it."""

import shutil
from collections.abc import Callable, Iterator

import pytest

from automation_pipelines.ledger.database import Database
from tests.api.served import Site, serving


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service over a ledger of its own: once SQLite, once PostgreSQL. Each test has people of its own."""
    home = tmp_path_factory.mktemp("served")
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_templates") / "ledger.db", home)
        url = f"sqlite:///{home / 'ledger.db'}"
    else:
        new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
        url = new_postgres(request.getfixturevalue("migrated_template"))
    database = Database.open(url)
    with serving(database, home) as made:
        made.room.apply(topic="offers")
        yield made
    database.close()
