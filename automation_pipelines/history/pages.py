"""One page of a view, and the words for people that only the rows shown need."""

from dataclasses import dataclass

import polars as pl

from automation_pipelines.installation import Installation
from automation_pipelines.ledger import ran


@dataclass(frozen=True, slots=True)
class Page:
    """Rows `number`·`size` and following of a view that has `total`; the first page is 1."""

    rows: pl.DataFrame
    number: int
    size: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // self.size))


def page(installation: Installation, view: pl.DataFrame, number: int = 1, size: int = 50) -> Page:
    """Cut a page out of a view; its `job_id` and `failed_job` become `subject` and `error`.

    A view is computed whole, because its states and order follow from all of a campaign: a page costs
    what the view costs, and only what is shown is looked up.
    """
    rows = view.slice((number - 1) * size, size)
    return Page(_worded(installation, rows), number, size, view.height)


def _worded(installation: Installation, rows: pl.DataFrame) -> pl.DataFrame:
    named = [name for name in ("job_id", "failed_job") if name in rows.columns]
    numbers = {number for name in named for number in rows[name].drop_nulls()}
    known = ran.told(installation.database, numbers)
    if "job_id" in named:
        texts = known.select("job_id", said="subject_text")
        rows = rows.join(texts, on="job_id", how="left", maintain_order="left").drop("job_id")
        kept = [pl.col("subject_text")] if "subject_text" in rows.columns else []
        number = pl.col("subject_id").cast(pl.String)
        rows = rows.with_columns(pl.coalesce("said", *kept, number).alias("subject"))
        rows = rows.drop("said", "subject_text", strict=False)
    if "failed_job" in named:
        errors = known.select(pl.col("job_id").alias("failed_job"), "error")
        rows = rows.join(errors, on="failed_job", how="left", maintain_order="left").drop("failed_job")
    return rows
