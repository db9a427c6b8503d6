"""The source of what campaigns are for: conversions."""

from automation_pipelines.catalogue.shared import CURRENCY, CUSTOMER, TENANT, UPDATED, key
from automation_pipelines.catalogue.types import Column, Source, Type

CONVERSIONS = Source(
    "conversions",
    "one conversion: what a business wants its messages to lead to; as shipped, a confirmed booking",
    (
        key("id"),
        TENANT,
        CUSTOMER,
        Column("converted_at", Type.INSTANT, "When it happened.", required=True),
        Column("amount", Type.MONEY, "What it brings, minor units; null: nothing is known of it."),
        CURRENCY,
        Column(
            "cancelled_at",
            Type.INSTANT,
            "When it was undone; null: it holds. What is undone counts for no campaign, whenever that was.",
        ),
        UPDATED,
    ),
    watermark="updated_at",
    optional=True,
    table="bookings",
)
