"""What a planned message is rendered with: the audience's columns and the recipient, as JSON."""

import polars as pl

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Audience, Type
from automation_pipelines.engine import Engine
from automation_pipelines.model import Reason
from automation_pipelines.selection import audience_table


def with_variables(engine: Engine, decided: pl.DataFrame) -> pl.DataFrame:
    """Add `variables`, a JSON object, to the planned rows of `decided`; null for the others."""
    used = (
        "moment_id",
        "audience",
        "row_id",
        "address",
        "recipient_name",
        "recipient_first_name",
        "window_zone",
    )
    planned = decided.lazy().filter(pl.col("reason") == Reason.PLANNED).select(used).collect()
    engine.add(planned=planned)
    parts = [
        engine.query(_variables_statement(AUDIENCES[name]), {"audience": name})
        for name in planned["audience"].unique().sort()
    ]
    none = pl.DataFrame(schema={"moment_id": pl.Int64, "variables": pl.String})
    return decided.join(pl.concat([none, *parts]), on="moment_id", how="left", maintain_order="left")


def _variables_statement(audience: Audience) -> str:
    columns = "".join(
        f', "{column.name}" := {_json_value(column.name, column.type)}' for column in audience.columns
    )
    recipient = (
        "recipient := struct_pack(name := p.recipient_name, first_name := p.recipient_first_name, "
        "email := p.address, time_zone := p.window_zone)"
    )
    return (
        f"SELECT p.moment_id, CAST(to_json(struct_pack({recipient}{columns})) AS VARCHAR) AS variables "
        f"FROM planned AS p INNER JOIN {audience_table(audience.name)} AS a ON p.row_id = a.row_id "
        "WHERE p.audience = $audience"
    )


def _json_value(name: str, type_: Type) -> str:
    if type_ is Type.INSTANT:
        return f"strftime(timezone('UTC', a.\"{name}\"), '%Y-%m-%dT%H:%M:%SZ')"
    return f'a."{name}"'
