"""The columns that many sources have, each worded once. No sources."""

from automation_pipelines.catalogue.types import Column, Type


def key(name: str, references: str | None = None, *, required: bool = True, doc: str = "") -> Column:
    """A key of the CRM, or with `references` the key of a row there."""
    text = doc or (f"The row of `{references}` this belongs to." if references else "Key of the row.")
    return Column(name, Type.ID, text, required=required, references=references)


TENANT = key("tenant_id", "tenants")
CUSTOMER = key("customer_id", "customers")
AGENT = key("agent_id", "users", required=False, doc="The member of staff in charge.")
CURRENCY = Column("currency", Type.TEXT, "ISO 4217 code of the amount.", required=True)
UPDATED = Column("updated_at", Type.INSTANT, "When the CRM last wrote the row.")
