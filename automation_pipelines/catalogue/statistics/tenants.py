"""Tenants: names for the numbers."""

from automation_pipelines.catalogue.types import Column, Statistic, Type

TENANTS = Statistic(
    "tenants",
    "a tenant as the latest tick saw it: names for the numbers",
    (
        Column("tenant_id", Type.ID, "Key of the tenant in the CRM.", required=True),
        Column("name", Type.TEXT, "Name shown to customers."),
        Column("time_zone", Type.TEXT, "IANA zone."),
        Column("currency", Type.TEXT, "ISO 4217 code."),
    ),
    key=("tenant_id",),
    daily=False,
    inputs=("profiles",),
)
