"""What the CRM answers when statistics ask it for conversions."""

from datetime import timedelta
from typing import Any

import polars as pl

from automation_pipelines.catalogue.statistics import CONVERSION_FACTS
from automation_pipelines.engine import FRAME_TYPES
from tests.past import NOON


def conversions(*rows: dict[str, Any]) -> dict[str, pl.DataFrame]:
    """What the CRM answers: conversions of customer 1, of 100.00 rupees the day after the messages."""
    usual = {
        "tenant_id": 1,
        "customer_id": 1,
        "converted_at": NOON + timedelta(days=1),
        "amount": 10_000,
        "currency": "NPR",
    }
    never = {"cancelled_at": None, "updated_at": None}
    columns = {each.name: FRAME_TYPES[each.type] for each in CONVERSION_FACTS.columns}
    types = {"id": pl.Int64(), **{name: columns[name] for name in (*usual, *never)}}
    made = [{"id": number, **usual, **never, **row} for number, row in enumerate(rows, start=1)]
    settings = pl.DataFrame(schema=dict.fromkeys(("name", "value"), pl.String()) | {"tenant_id": pl.Int64()})
    return {"conversions": pl.DataFrame(made, schema=types, orient="row"), "tenant_settings": settings}
