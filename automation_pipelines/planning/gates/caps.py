"""Frequency caps: no more marketing for one person than the tenant's setting `caps` allows.

What was sent and planned counts, and of the rest of the recipient's day what passes every gate now; the
more important go first, whenever they are due. So the length of a tick makes no difference.
"""

from datetime import datetime, timedelta

import polars as pl

from automation_pipelines.catalogue.caps import Cap, read_caps
from automation_pipelines.catalogue.tenant_settings import CHANNELS
from automation_pipelines.model import Purpose, Reason
from automation_pipelines.planning.gates.desk import Desk, judge, passing

_CAPS = pl.Schema(
    {
        "cap_id": pl.Int64(),
        "tenant_id": pl.Int64(),
        "text": pl.String(),
        "count": pl.Int64(),
        "minutes": pl.Int64(),
        "calendar": pl.Boolean(),
        "channel": pl.String(),
        "topic": pl.String(),
    }
)
_ZONES = timedelta(days=2)
"""How far the calendar of a person may lie beside UTC, rounded up."""


def cap(desk: Desk, rows: pl.DataFrame) -> pl.DataFrame:
    """Settle `capped` what is one message too many."""
    caps = _caps(desk)
    if caps.is_empty():
        return rows
    tenants = caps["tenant_id"].unique().to_list()
    wanted = passing(rows, pl.col("purpose") == str(Purpose.MARKETING), pl.col("tenant_id").is_in(tenants))
    bids = desk.ask("bids", wanted, caps=caps)
    if bids.is_empty():
        return rows
    refused = _in_turn(desk, bids, _taken(desk, wanted, bids, caps))
    verdicts = refused.join(caps.select("cap_id", "text"), on="cap_id").select(
        "moment_id", capped_by="text", reason=pl.lit(str(Reason.CAPPED))
    )
    return judge(rows, verdicts)


def _caps(desk: Desk) -> pl.DataFrame:
    texts = desk.engine.query("SELECT tenant_id, caps FROM settings WHERE caps IS NOT NULL")
    each = [(tenant, one) for tenant, text in texts.iter_rows() for one in read_caps(text, CHANNELS)]
    rows = [_cap_row(number, tenant, one) for number, (tenant, one) in enumerate(each)]
    return pl.DataFrame(rows, schema=_CAPS, orient="row")


def _cap_row(number: int, tenant: int, one: Cap) -> tuple[object, ...]:
    return number, tenant, one.text, one.count, one.minutes, one.calendar, one.channel, one.topic


def _taken(desk: Desk, wanted: pl.DataFrame, bids: pl.DataFrame, caps: pl.DataFrame) -> pl.DataFrame:
    """The places that are taken: what these people got or will get, as far back as a cap looks."""
    earliest: datetime = wanted.select(pl.col("due_at").min()).item()
    longest: int = caps.select(pl.col("minutes").max()).item()
    since = earliest - timedelta(minutes=longest) - _ZONES
    had = desk.past.contacts(wanted.select("tenant_id", "address_hash", "customer_id").unique(), since)
    declared = desk.engine.query("SELECT campaign_id, topic, capped FROM policies")
    others = set(had["campaign_id"]) - set(declared["campaign_id"])
    declared = pl.concat([declared, desk.past.declared(others)])
    return desk.ask("taken", wanted, bids=bids, had=had, declared=declared)


def _in_turn(desk: Desk, bids: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """Let everybody's next moment pass or not, until all have had their turn; returns those refused."""
    refused = []
    while len(bids):
        desk.engine.add(bids=bids, taken=taken)
        said = desk.engine.query(desk.files.find("gates", "turns").text)
        refused.append(said.drop_nulls("cap_id"))
        passed = said.filter(pl.col("cap_id").is_null())
        won = bids.join(passed, on="moment_id", how="semi").select(taken.columns)
        taken = pl.concat([taken, won])
        bids = bids.join(said, on="moment_id", how="anti")
    return pl.concat(refused)
