"""Small inputs on the people steps go to: fixed addresses, and whose record was merged into whose.

Who holds a role is `sql/planning/recipients.sql`'s; how a person can be reached is a matter of the gates.
"""

from collections.abc import Iterable

import polars as pl

from automation_pipelines.engine import Engine, shape
from automation_pipelines.ledger.suppressions import EVERYWHERE
from automation_pipelines.planning.steps import Place
from automation_pipelines.sqlfiles import SqlFiles

_ADDRESSES = pl.Schema({"place": pl.Int64(), "address": pl.String()})
_FIXED = pl.Schema({"place": pl.Int64(), "address": pl.String(), "recipient_id": pl.Int64()})
_KEEPERS = frozenset({"account_owner", "success_manager"})
_NOT_OF_AGENTS = _KEEPERS | {"subject", "customer", "contacts"}
_FORGOTTEN = pl.Schema({"tenant_id": pl.Int64(), "customer_id": pl.Int64()})
_SURVIVORS = pl.Schema(dict.fromkeys(("tenant_id", "id", "survivor_id"), pl.Int64()))
_MERGERS = 10
"""How many mergers of one person are followed; records that were merged in a circle end there too."""


def keep_people(engine: Engine, places: Iterable[Place]) -> None:
    """Make known `fixed_addresses` (place, address, recipient_id) and `survivors`."""
    rows = [(place.number, address) for place in places for address in place.step.to]
    merged = engine.frame("customers").filter(pl.col("merged_into").is_not_null())
    engine.add(survivors=survivors(merged.select("tenant_id", "id", "merged_into")))
    if not rows:
        engine.add(fixed_addresses=pl.DataFrame(schema=_FIXED))
        return
    engine.add(named_addresses=pl.DataFrame(rows, schema=_ADDRESSES, orient="row"))
    engine.keep(
        "fixed_addresses",
        "SELECT place, min(address) AS address, hash63('to:' || normal_email(address)) AS recipient_id "
        "FROM named_addresses GROUP BY place, hash63('to:' || normal_email(address))",
    )


def keep_recipients(engine: Engine, files: SqlFiles) -> None:
    """Keep table `recipients` for those of table `entered`; only roles that are asked for are looked up."""
    asked = frozenset(engine.frame("step_roles")["role"])
    statement = shape(
        files.find("planning", "recipients").text,
        staff=bool(asked - _NOT_OF_AGENTS),
        keepers=bool(asked & _KEEPERS),
        contacts="contacts" in asked,
        fixed=bool(engine.count("fixed_addresses")),
    )
    engine.keep("recipients", statement)


def keep_forgotten(engine: Engine, files: SqlFiles, salt: str) -> None:
    """Keep table `forgotten`: of those of table `everybody` the customers who were forgotten."""
    if (engine.frame("suppressions")["channel"] == EVERYWHERE).any():
        engine.keep("forgotten", files.find("planning", "forgotten").text, {"salt": salt})
    else:
        engine.add(forgotten=pl.DataFrame(schema=_FORGOTTEN))


def survivors(merged: pl.DataFrame) -> pl.DataFrame:
    """`tenant_id, id, survivor_id` of customers whose record was merged, at last, into that one."""
    onward = merged.select(
        "tenant_id", pl.col("id").alias("survivor_id"), pl.col("merged_into").alias("next")
    )
    last = merged.select("tenant_id", "id", pl.col("merged_into").alias("survivor_id"))
    for _ in range(_MERGERS):
        further = last.join(onward, on=["tenant_id", "survivor_id"], how="left", maintain_order="left")
        if further["next"].null_count() == len(further):
            break
        last = further.select("tenant_id", "id", pl.coalesce("next", "survivor_id").alias("survivor_id"))
    return last.select(pl.col(name).cast(dtype) for name, dtype in _SURVIVORS.items())
