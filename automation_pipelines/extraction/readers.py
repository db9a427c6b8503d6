"""Which reader a CRM's URL asks for."""

from pathlib import Path

from automation_pipelines.extraction.adbc import PostgresCrm, SqliteCrm
from automation_pipelines.extraction.crm import Crm
from automation_pipelines.extraction.directory import DirectoryCrm
from automation_pipelines.extraction.rows import RowsCrm


def open_crm(place: str) -> Crm:
    """Find the reader for a URL or a directory of Parquet/CSV files; entering it connects.

    `sqlite:///file` and `postgresql://…` are read through ADBC, directories (also as `file://…`)
    through DuckDB, every other SQLAlchemy URL (also one that names a driver, such as
    `postgresql+psycopg://…`) in batches of rows, several times slower.
    """
    scheme, separator, rest = place.partition("://")
    match scheme if separator else "file":
        case "sqlite":
            return SqliteCrm(Path(rest.removeprefix("/").partition("?")[0]))
        case "postgresql" | "postgres":
            return PostgresCrm(place)
        case "file":
            return DirectoryCrm(Path(rest if separator else place))
        case _:
            return RowsCrm(place)
