"""Any database SQLAlchemy knows, row by row in batches: the reader of last resort, several times slower."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from automation_pipelines.errors import SourceError
from automation_pipelines.extraction.crm import Crm, said, shown
from automation_pipelines.extraction.statements import Form

_BATCH = 50_000


class RowsCrm(Crm):
    """A SQLAlchemy engine, streamed."""

    def __init__(self, url: str) -> None:
        self.place = shown(url)
        self.url = url

    def open(self) -> None:
        """Connect with the URL's own driver."""
        try:
            self.engine = sa.create_engine(self.url, hide_parameters=True)
            self.connection = self.engine.connect()
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            msg = f"the CRM at {self.place} cannot be opened: {said(error, self.url)}"
            raise SourceError(msg) from None

    def close(self) -> None:
        """Disconnect; whatever a statement may have done is rolled back."""
        self.connection.close()
        self.engine.dispose()

    def has(self, table: str) -> bool:
        """Ask the dialect."""
        return sa.inspect(self.connection).has_table(table)

    def forms(self, statement: sa.Select[Any]) -> dict[str, Form]:
        """Drivers do not agree on how to tell, so only SQLite's are known."""
        form = Form.DYNAMIC if self.engine.dialect.name == "sqlite" else Form.UNKNOWN
        return dict.fromkeys(self.read(statement).column_names, form)

    def read(self, statement: sa.Select[Any]) -> pa.Table:
        """Run a statement; rows become columns batch by batch."""
        try:
            result = self.connection.execution_options(yield_per=_BATCH).execute(statement)
            names = list(result.keys())
            batches = [_batch(names, rows) for rows in result.partitions()]
        except sa.exc.SQLAlchemyError as error:
            self.connection.rollback()
            raise SourceError(said(error, self.url)) from None
        return _concatenated(names, batches)


def _batch(names: list[str], rows: Sequence[sa.Row[Any]]) -> pa.Table:
    return pa.table([_array(values) for values in zip(*rows, strict=True)], names=names)


def _array(values: tuple[Any, ...]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):  # mixed or unknown types: their text
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _concatenated(names: list[str], batches: list[pa.Table]) -> pa.Table:
    if not batches:
        return pa.table({name: pa.nulls(0) for name in names})
    try:
        return pa.concat_tables(batches, promote_options="permissive")
    except pa.ArrowException:
        texts = pa.schema([(name, pa.string()) for name in names])
        return pa.concat_tables([batch.cast(texts) for batch in batches])
