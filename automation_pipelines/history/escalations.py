"""Enquiries that campaigns of kind `sla_escalation` escalated, with what the CRM says of them now."""

import re
from collections.abc import Iterator

import polars as pl

from automation_pipelines.campaign import Campaign, Step
from automation_pipelines.extraction import Demand, Keys, Selection, extract
from automation_pipelines.history.views import view
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import ran

_IN_ID = re.compile(r"\blevel-(\d+)\b")
_KIND = '"sla_escalation"'
GONE = "gone"
"""The status of an enquiry that the CRM does not have any more."""


def escalations(
    installation: Installation,
    *,
    level: int | None = None,
    status: str | None = None,
    tenant: int | None = None,
) -> pl.DataFrame:
    """The enquiries that were escalated, the latest first; `page` looks up the words for people.

    (tenant_id, subject_id, level, escalated_at, told, job_id, status, subject_text): the highest level
    reached, since when, how many people were told in all, and the enquiry's status in the CRM.
    """
    found = _escalated(installation, tenant)
    if level is not None:
        found = found.filter(pl.col("level") == level)
    found = found.join(
        _present(installation, found), on=["tenant_id", "subject_id"], how="left", maintain_order="left"
    ).with_columns(pl.col("status").fill_null(GONE))
    return found if status is None else found.filter(pl.col("status") == status)


def _escalated(installation: Installation, tenant: int | None) -> pl.DataFrame:
    levels = _levels(installation)
    names = levels["campaign"].unique().to_list()
    done = ran.completed(installation.database, names, tenant=tenant)
    return view(installation, "escalated", {"done": done, "levels": levels})


def _levels(installation: Installation) -> pl.DataFrame:
    """(campaign, step, level) of every step of every escalation."""
    rows = [
        (name, part.id, level)
        for name, _, text in ran.specs(installation.database).iter_rows()
        if _KIND in text
        for spec in [Campaign.model_validate_json(text)]
        if spec.kind == "sla_escalation"
        for part in spec.parts
        for level in level_of(part)
    ]
    schema = {"campaign": pl.String, "step": pl.String, "level": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def level_of(step: Step) -> Iterator[int]:
    """The level a step stands for: what its action records, else what its id says."""
    declared = step.values.get("level")
    if step.action is not None and isinstance(declared, int):
        yield declared
    elif said := _IN_ID.search(step.id):
        yield int(said[1])


def _present(installation: Installation, found: pl.DataFrame) -> pl.DataFrame:
    """(tenant_id, subject_id, status, subject_text) of these enquiries in the CRM, and of no others."""
    keys = frozenset(found["subject_id"].to_list())
    columns = frozenset({"id", "tenant_id", "status"})
    demand = Demand("queries", columns, (Selection((Keys("id", keys),)),))
    rows = extract(installation.crm, installation.sqlfiles, [demand])["queries"]
    return rows.select("tenant_id", pl.col("id").alias("subject_id"), "status", subject_text="id_text")
