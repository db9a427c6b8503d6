"""Columns that many statistics have."""

from automation_pipelines.catalogue.types import Column, Type


def count(name: str, doc: str) -> Column:
    """A number of moments, jobs, people or enquiries; never null."""
    return Column(name, Type.INTEGER, doc, required=True)


DAY = Column("day", Type.DATE, "UTC day of `due_at`; the partition.", required=True)
TENANT = Column("tenant_id", Type.ID, "The tenant; join `tenants` for its name.", required=True)
CHANNEL = Column("channel", Type.TEXT, "How it went out: email, crm, ….", required=True)
CAMPAIGN = Column("campaign", Type.TEXT, "Id of the campaign.", required=True)
STEP = Column("step", Type.TEXT, "Id of the step.", required=True)
OF_A_STEP = (TENANT, CAMPAIGN, STEP, CHANNEL)
