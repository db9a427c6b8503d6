"""One installation, assembled: what every front door opens first. No stage logic, no clock."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from automation_pipelines.errors import ConfigurationError
from automation_pipelines.extraction import Crm, open_crm
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles


@dataclass(frozen=True)
class Installation:
    """The parts of one installation. Opening it connects to nothing."""

    settings: Settings
    database: Database
    files: FileStore
    sqlfiles: SqlFiles

    @classmethod
    def open(cls, settings: Settings) -> "Installation":
        """Assemble from settings; `ConfigurationError` when the directory of own SQL files is not there."""
        if settings.sql_dir is not None and not settings.sql_dir.is_dir():
            msg = f"AUTOMATION_SQL_DIR {settings.sql_dir} is no directory: correct it, or unset it"
            raise ConfigurationError(msg)
        return cls(
            settings,
            Database.open(settings.database),
            FileStore(settings.files),
            SqlFiles(settings.sql_dir),
        )

    @cached_property
    def campaigns(self) -> CampaignStore:
        """The campaigns of the automation database."""
        return CampaignStore(self.database)

    @cached_property
    def crm(self) -> Crm:
        """The company's CRM, read only."""
        return open_crm(self.settings.crm)

    def initialise(self, now: datetime) -> None:
        """Create what is missing: the home directory and the tables. Doing it again changes nothing."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        self.database.migrate(now)
