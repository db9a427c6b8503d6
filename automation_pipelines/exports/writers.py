"""Frames one after another into a file of a format. What is in them is not known here."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Protocol

import polars as pl
import pyarrow.parquet as pq


class Writer(Protocol):
    """Appends frames of one schema to a file."""

    def write(self, frame: pl.DataFrame) -> None:
        """Append."""

    def close(self) -> None:
        """Finish the file."""


class CsvWriter:
    """CSV with a header; a text that a spreadsheet would calculate has an apostrophe in front."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._begun = False

    def write(self, frame: pl.DataFrame) -> None:
        """Append. Texts are quoted: no other separator a spreadsheet may use begins a new cell."""
        harmless(frame).write_csv(
            self._file,
            include_header=not self._begun,
            quote_style="non_numeric",
            datetime_format="%Y-%m-%dT%H:%M:%S%.fZ",
        )
        self._begun = True

    def close(self) -> None:
        """Nothing is left to be written."""


class JsonLinesWriter:
    """One JSON object a line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, frame: pl.DataFrame) -> None:
        """Append."""
        frame.with_columns(
            pl.col(pl.Datetime("us", "UTC")).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")
        ).write_ndjson(self._file)

    def close(self) -> None:
        """Nothing is left to be written."""


class ParquetWriter:
    """Parquet, a row group for each frame."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._parquet: pq.ParquetWriter | None = None

    def write(self, frame: pl.DataFrame) -> None:
        """Append."""
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self._file, table.schema, compression="zstd")
        self._parquet.write_table(table)

    def close(self) -> None:
        """Write the footer."""
        if self._parquet is not None:
            self._parquet.close()


FORMATS: Mapping[str, type[CsvWriter] | type[JsonLinesWriter] | type[ParquetWriter]] = {
    ".csv": CsvWriter,
    ".jsonl": JsonLinesWriter,
    ".parquet": ParquetWriter,
}
"""By the end of a file's name."""


def write(path: Path, frames: Iterable[pl.DataFrame]) -> int:
    """Write frames of one schema, at least one; how many rows. The file is there whole or not at all."""
    beside = path.with_name(f".{path.name}.part")
    beside.touch(mode=0o600)
    rows = 0
    try:
        with beside.open("wb") as file:
            writer: Writer = FORMATS[path.suffix](file)
            for frame in frames:
                writer.write(frame)
                rows += len(frame)
            writer.close()
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return rows


def harmless(frame: pl.DataFrame) -> pl.DataFrame:
    """The same, with no text in it that a spreadsheet takes for a formula."""
    text = pl.col(pl.String)
    # Those of full width, too.
    formula = text.str.contains(r"^[\s\x00]*[=+\-@\t\r\n\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]")
    return frame.with_columns(pl.when(formula).then(pl.lit("'") + text).otherwise(text).name.keep())
