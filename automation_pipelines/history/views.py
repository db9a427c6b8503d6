"""Runs a statement of `sql/history/` over the frames it names."""

import polars as pl

from automation_pipelines.engine import open_engine
from automation_pipelines.installation import Installation


def view(
    installation: Installation, name: str, frames: dict[str, pl.DataFrame], **values: object
) -> pl.DataFrame:
    """Run `sql/history/<name>.sql`; whole numbers come back as 64 bits."""
    file = installation.sqlfiles.find("history", name)
    with open_engine() as engine:
        engine.add(**frames)
        found = engine.query(file.text, values)
    # Sums are wider than what they add up.
    return found.with_columns((pl.selectors.integer() | pl.selectors.decimal()).cast(pl.Int64))
