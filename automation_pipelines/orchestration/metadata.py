"""What a materialisation shows: counts that are plotted, previews with personal data masked, tables.

Nothing here reads or computes anything but the frames it is given.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import dagster as dg
import polars as pl

from automation_pipelines.catalogue.types import Column

ROWS = "dagster/row_count"
OPEN = "open"
"""How many moments a tick left open: its run tells, a check adds up."""
PREVIEW_ROWS = 10
MASK = "•••"

Metadata = dict[str, dg.MetadataValue]


def counted(frame: pl.DataFrame, columns: Iterable[Column]) -> Metadata:
    """The row count and a preview."""
    return {ROWS: dg.MetadataValue.int(len(frame)), "preview": preview(frame, columns)}


def preview(frame: pl.DataFrame, columns: Iterable[Column]) -> dg.MetadataValue:
    """The first rows. Columns the catalogue does not describe are left out, personal ones masked."""
    known = {column.name: column for column in columns if column.name in frame.columns}
    rows = frame.head(PREVIEW_ROWS).select(list(known)).iter_rows(named=True)
    return _table(
        {name: MASK if known[name].personal and value is not None else value for name, value in row.items()}
        for row in rows
    )


def table(frame: pl.DataFrame) -> dg.MetadataValue:
    """All rows of a small frame without personal data."""
    return _table(frame.iter_rows(named=True))


def markdown(frame: pl.DataFrame) -> dg.MetadataValue:
    """A small frame as Markdown; the UI shows less than 1,000 characters of it without a click."""
    rule = ["---:" if kind.is_numeric() else "---" for kind in frame.dtypes]
    lines = [[name.replace("_", " ") for name in frame.columns], rule, *frame.iter_rows()]
    return dg.MetadataValue.md("\n".join(f"|{'|'.join(str(_cell(one)) for one in line)}|" for line in lines))


def counts(words: Mapping[str, int], what: str) -> pl.DataFrame:
    """Counts by word, the largest first."""
    frame = pl.DataFrame({what: list(words), "count": list(words.values())})
    return frame.cast({what: pl.String, "count": pl.Int64}).sort("count", what, descending=[True, False])


def _table(rows: Iterable[Mapping[str, object]]) -> dg.MetadataValue:
    records = [dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows]
    if not records:
        return dg.MetadataValue.text("no rows")
    return dg.MetadataValue.table(records)


def _cell(value: object) -> str | int | float | bool:
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
        case str() | bool() | int() | float():
            return value
        case _:
            return str(value)
