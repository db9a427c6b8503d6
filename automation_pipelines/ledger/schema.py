"""The schema's versions: bring a database to this one, or say why it is not there.

Alembic is imported only when one of these is asked.
"""

import secrets
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from automation_pipelines.ledger.tables import installation

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(connection: sa.Connection, now: datetime) -> None:
    """Run the missing migrations in the caller's transaction; draw the salt the first time."""
    from alembic import command  # noqa: PLC0415 - a quarter of a second that most commands need not pay

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.scalar(sa.select(installation.c.salt)) is None:
        connection.execute(installation.insert().values(id=1, salt=secrets.token_hex(32), created_at=now))


def problem(connection: sa.Connection) -> str | None:
    """What is wrong with the version of this database's schema and what to do; `None` when current."""
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory.from_config(_config())
    known = {script.revision for script in scripts.walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    match current:
        case None:
            return "has no tables yet: run `automation init`"
        case _ if current == scripts.get_current_head():
            return None
        case _ if current in known:
            return f"is of an older version ({current}): run `automation init` to bring it up to date"
        case _:
            return f"was made by a newer version ({current}): update this installation"


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
