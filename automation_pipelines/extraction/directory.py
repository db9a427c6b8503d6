"""A directory of Parquet and CSV files as a CRM, read through DuckDB."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect

from automation_pipelines.engine import in_memory
from automation_pipelines.errors import ConfigurationError, SourceError
from automation_pipelines.extraction.crm import Crm, compiled, form_of, said, shown
from automation_pipelines.extraction.statements import Form

_READERS = {
    ".parquet": "read_parquet({})",
    # A CSV file has no types: guessing would make 1 of 00001.
    ".csv": "read_csv({}, header = true, all_varchar = true)",
}


class DirectoryCrm(Crm):
    """Every file, and every directory of files, is a table named after its stem.

    All columns of a CSV file are text; the source's SQL casts what is not.
    """

    # DuckDB takes PostgreSQL's spelling of everything we build, and $1 parameters.
    dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self.path = path

    def open(self) -> None:
        """Make the views."""
        tables = _tables(self.path)
        self.connection = duckdb.connect(":memory:", config=in_memory())
        try:
            self.connection.execute("SET TimeZone = 'UTC'")
            for name, reader in tables.items():
                self.connection.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {reader}')
        except duckdb.Error as error:
            self.close()
            msg = f"the CRM directory {self.path} cannot be read: {said(error)}"
            raise SourceError(msg) from None

    def close(self) -> None:
        """Forget the views."""
        self.connection.close()

    def has(self, table: str) -> bool:
        """Whether a file or directory is called so."""
        views = self.connection.execute("SHOW TABLES").fetchall()
        return table in {name.lower() for (name,) in views}

    def forms(self, statement: sa.Select[Any]) -> dict[str, Form]:
        """As the files declare the columns."""
        return {field.name: form_of(field.type) for field in self.read(statement).schema}

    def read(self, statement: sa.Select[Any]) -> pa.Table:
        """Run a statement over the views."""
        sql, values = compiled(statement, self.dialect)
        try:
            return self.connection.sql(sql, params=values).to_arrow_table()
        except duckdb.Error as error:
            raise SourceError(said(error)) from None


def _tables(path: Path) -> dict[str, str]:
    """Table name → the DuckDB call that reads it."""
    if not path.is_dir():
        # What is no directory may be a mistyped URL with a password.
        msg = (
            f"no CRM directory at {shown(str(path))}: set AUTOMATION_CRM_URL to a database URL or a directory"
        )
        raise ConfigurationError(msg)
    tables: dict[str, str] = {}
    for entry in sorted(path.iterdir()):
        suffix = _suffix(entry)
        if suffix is None:
            continue
        if entry.stem in tables:
            msg = f"{path} holds two tables called {entry.stem}: keep one of the files"
            raise ConfigurationError(msg)
        pattern = str(entry / f"*{suffix}" if entry.is_dir() else entry)
        tables[entry.stem.replace('"', '""')] = _READERS[suffix].format(_literal(pattern))
    if not tables:
        msg = f"{path} holds no *.parquet or *.csv: set AUTOMATION_CRM_URL to the CRM's files"
        raise ConfigurationError(msg)
    return tables


def _literal(text: str) -> str:
    # A view's definition takes no bound values.
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _suffix(entry: Path) -> str | None:
    if entry.is_dir():
        return next((suffix for suffix in _READERS if any(entry.glob(f"*{suffix}"))), None)
    return entry.suffix if entry.suffix in _READERS else None
