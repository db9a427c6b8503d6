"""Marketing that waits for customers who have said no in the CRM since it was planned: it is not sent.

Delivery cannot ask the CRM before each hand-off. It asks the ledger, which knows what we were told; what the
CRM was told is looked up here, by each tick, for the few whose marketing has waited for longer than that.
"""

from datetime import datetime

import polars as pl

from automation_pipelines.extraction.crm import Crm
from automation_pipelines.extraction.demands import Demand, Keys, Selection
from automation_pipelines.extraction.extract import extract
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.fallbacks import shut
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.ledger.waiting import allowed_since, refuse, waiting_marketing
from automation_pipelines.sqlfiles import SqlFiles

_ADDRESS = {"email": "email", "sms": "phone", "whatsapp": "phone", "phone": "phone"} | {
    "push": "push_token",
    "wallet": "wallet_pass",
}
_REFUSING = ("opted_out", "pending")
_WHERE = ["tenant_id", "channel", "address_hash"]


def withdraw(crm: Crm, sqlfiles: SqlFiles, database: Database, *, as_of: datetime) -> int:
    """Skip the waiting marketing of customers who have opted out in the CRM; returns how many jobs.

    An address counts, not a record: whoever else has it is not written to either. Nor does what waits on
    another channel fall back on that one.
    """
    waiting = waiting_marketing(database)
    if waiting.is_empty():
        return 0
    keys = frozenset(waiting["customer_id"].to_list())
    columns = frozenset({"tenant_id", "email_opt_out", *_ADDRESS.values()})
    wanted = [
        Demand("customers", columns, (Selection((Keys("id", keys),)),)),
        Demand(
            "consents",
            frozenset({"tenant_id", "customer_id", "channel", "topic", "state", "at"}),
            (Selection((Keys("customer_id", keys),)),),
        ),
    ]
    frames = extract(crm, sqlfiles, wanted)
    words = pl.concat([_flags(frames["customers"], as_of), _consents(frames["consents"], as_of)])
    refused = _refused(waiting, _hashed(words, frames["customers"], database.salt))
    still = _still(refused, database)
    shut(database, still.filter(~pl.col("first")).select("job_id", "channel").rows())
    return refuse(database, still.filter("first")["job_id"].unique().sort().to_list(), as_of)


_WORDS = ("tenant_id", "customer_id", "channel", "topic", "at")


def _flags(customers: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """A flag has no time: it stands now."""
    return customers.filter("email_opt_out").select(
        "tenant_id",
        pl.col("id").alias("customer_id"),
        pl.lit("email").alias("channel"),
        pl.lit("").alias("topic"),
        pl.lit(as_of).dt.cast_time_unit("us").alias("at"),
    )


def _consents(consents: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The latest words that refuse."""
    whose = ["tenant_id", "customer_id", "channel", "topic"]
    latest = (
        consents.filter(pl.col("at") <= as_of)
        .with_columns(pl.col("topic").fill_null(""))
        .sort("at", "state")
        .group_by(whose)
        .last()
    )
    return latest.filter(pl.col("state").is_in(_REFUSING)).select(_WORDS)


def _hashed(words: pl.DataFrame, customers: pl.DataFrame, salt: str) -> pl.DataFrame:
    """The same words, of addresses: few enough to be hashed one by one."""
    told = words.join(customers.rename({"id": "customer_id"}), on=["tenant_id", "customer_id"])
    rows = [
        (
            row["tenant_id"],
            row["channel"],
            address_hash(salt, row["channel"], address),
            row["topic"],
            row["at"],
        )
        for row in told.iter_rows(named=True)
        if row["channel"] in _ADDRESS and (address := row[_ADDRESS[row["channel"]]])
    ]
    schema = {name: words.schema[name] for name in ("tenant_id", "channel", "topic", "at")}
    ordered = {name: schema.get(name, pl.String) for name in (*_WHERE, "topic", "at")}
    return pl.DataFrame(rows, schema=ordered, orient="row")


def _refused(waiting: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
    joined = waiting.join(words.rename({"topic": "said_of"}), on=_WHERE)
    return joined.filter((pl.col("said_of") == "") | (pl.col("said_of") == pl.col("topic")))


def _still(refused: pl.DataFrame, database: Database) -> pl.DataFrame:
    """Those who have not said yes to us since."""
    if refused.is_empty():
        return refused
    yes = allowed_since(database, refused["address_hash"].unique().to_list()).rename({"topic": "said_of"})
    since = refused.join(yes, on=[*_WHERE, "said_of"], how="left")
    unchanged = pl.col("allowed_at").is_null() | (pl.col("allowed_at") <= pl.col("at"))
    return since.filter(unchanged)
