"""Lists of jobs as people read them: whom, by which step, of what type, when, and what went wrong."""

import polars as pl

from automation_pipelines.campaign import Campaign
from automation_pipelines.ledger import operations, ran
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.operations import JobFilter

MASK = "•••"


def listing(db: Database, wanted: JobFilter, limit: int, *, addresses: bool = False) -> pl.DataFrame:
    """The newest `limit` jobs that match, with `type` (the action, else the channel) and `contact`.

    `contact` is masked unless `addresses`; null for an action, and once the payload is gone.
    """
    found = operations.find(db, wanted, limit)
    campaigns = found["campaign"].unique().to_list()
    found = found.join(_actions(db, campaigns), on=["campaign", "step"], how="left", maintain_order="left")
    contact = pl.col("address") if addresses else pl.col("address").map_elements(masked, pl.String)
    return found.with_columns(pl.coalesce("action", "channel").alias("type"), contact.alias("contact")).drop(
        "action", "address"
    )


def masked(address: str) -> str:
    """An address that can be recognised by who knows it, and by nobody else."""
    name, at, domain = address.rpartition("@")
    if at:
        return f"{name[:1]}{MASK}@{domain}"
    return f"{MASK}{address[-2:]}" if len(address) > 4 else MASK  # noqa: PLR2004 - of fewer, two are too many


def _actions(db: Database, campaigns: list[str]) -> pl.DataFrame:
    rows = [
        (name, part.id, part.action)
        for name, _, text in (ran.specs(db, campaigns).iter_rows() if campaigns else ())
        for part in Campaign.model_validate_json(text).parts
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("campaign", "step", "action"), pl.String), orient="row")
