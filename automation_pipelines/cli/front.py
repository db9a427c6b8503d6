"""What every command is handed: the installation, the time it was called at, and who called."""

import getpass
import os
import socket
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from pydantic import AliasChoices, ValidationError

from automation_pipelines.errors import ConfigurationError, RefusedError
from automation_pipelines.files import FileStore
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles


def variable(setting: str) -> str:
    """The environment variable a setting is read from."""
    alias = Settings.model_fields[setting].validation_alias
    return str(alias.choices[-1]) if isinstance(alias, AliasChoices) else f"AUTOMATION_{setting.upper()}"


@dataclass(frozen=True)
class Front:
    """The context object of the command line."""

    installation: Installation
    now: datetime
    user: str

    @classmethod
    def open(cls) -> "Front":
        """From the environment; `ConfigurationError` names every setting that cannot be used."""
        try:
            settings = Settings()
        except ValidationError as error:
            wrong = "; ".join(f"{_named(*e['loc'])}: {e['msg']}" for e in error.errors(include_input=False))
            msg = f"settings cannot be used: {wrong}"
            raise ConfigurationError(msg) from None
        return cls(Installation.open(settings), datetime.now(UTC), _user())

    @property
    def settings(self) -> Settings:
        """The installation's settings."""
        return self.installation.settings

    @property
    def database(self) -> Database:
        """The automation database, checked to have this version's schema."""
        return self.ready.database

    @property
    def ready(self) -> Installation:
        """The installation, once its database is known to have this version's schema."""
        self.installation.database.require_current()
        return self.installation

    @property
    def files(self) -> FileStore:
        """The Parquet files."""
        return self.installation.files

    @property
    def sqlfiles(self) -> SqlFiles:
        """The SQL of this installation."""
        return self.installation.sqlfiles


class Moment(click.ParamType[datetime]):
    """An instant on the command line, ISO 8601; without a zone it is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse, or say how to write it."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"'{value}' is no time: write 2026-03-01T09:00 (UTC) or 2026-03-01T09:00+01:00", param, ctx
            )


class Number(click.types.IntParamType):
    """A number that a database can hold."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        """Parse, and refuse what is longer than any key."""
        number: int = super().convert(value, param, ctx)
        if not -(2**63) <= number < 2**63:
            self.fail(f"{number} is longer than any key", param, ctx)
        return number


MOMENT = Moment()
NUMBER = Number()
DAY = click.DateTime(formats=["%Y-%m-%d"])
ROWS = click.IntRange(min=1)
"""How many rows a command lists."""


def worker() -> str:
    """A name for this process that no other has: who holds the jobs it delivers."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _named(setting: str | int, *part: str | int) -> str:
    """What a setting, or a part of one, is called in the environment."""
    return "__".join((variable(str(setting)), *(str(word).upper() for word in part)))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return f"uid {os.getuid()}"


def lines_of(file: Path) -> list[str]:
    """The lines of a file that say something; `RefusedError` if it is no text."""
    try:
        text = file.read_text(encoding="utf-8-sig")  # spreadsheets write a mark in front
    except UnicodeDecodeError:
        msg = f"{file} is no text in UTF-8: save it as such, one to a line"
        raise RefusedError(msg) from None
    return [line.strip() for line in text.splitlines() if line.strip()]
